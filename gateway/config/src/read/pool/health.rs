//! `probe`, `health` and `outlier`: how a server is found to be up.

use std::collections::BTreeMap;
use std::time::Duration;

use sekisho_api::PoolSettings;
use sekisho_api::settings::{Problem, Section};
use sekisho_scheduler::{FlapSpec, HealthSpec, OutlierSpec, PassiveSpec};

use super::super::context::Context;
use crate::defaults;
use crate::model::ProbeSpec;

/// The probe, if there is one, and how its results and those of traffic count.
pub(super) fn read(
    pool: &mut Section<'_>,
    settings: &BTreeMap<&'static str, PoolSettings>,
    context: &Context<'_>,
) -> (Option<ProbeSpec>, HealthSpec) {
    let (passive, flap) = rules(pool);
    let mut health = HealthSpec {
        active: pool.has("probe"),
        interval: defaults::PROBE_INTERVAL,
        fast_interval: defaults::PROBE_FAST_INTERVAL,
        timeout: defaults::PROBE_TIMEOUT,
        fall: defaults::PROBE_FALL as u32,
        rise: defaults::PROBE_RISE as u32,
        jitter: defaults::PROBE_JITTER as f64 / 100.0,
        passive,
        flap,
        outlier: outlier(pool),
    };
    let probe = probe(pool, &mut health, settings, context);
    (probe, health)
}

fn probe(
    pool: &mut Section<'_>,
    health: &mut HealthSpec,
    settings: &BTreeMap<&'static str, PoolSettings>,
    context: &Context<'_>,
) -> Option<ProbeSpec> {
    let (kind, mut section) = pool.kind("probe")?;
    health.interval = section.duration("interval", health.interval, INTERVALS);
    // A probe more frequent than the default's fast one is its own fast one.
    health.fast_interval =
        section.duration("fast-interval", health.fast_interval.min(health.interval), INTERVALS);
    health.timeout = section.duration("timeout", health.timeout, defaults::DEADLINE);
    health.fall = section.integer("fall", u64::from(health.fall), defaults::PROBE_COUNTS) as u32;
    health.rise = section.integer("rise", u64::from(health.rise), defaults::PROBE_COUNTS) as u32;
    let jitter = section.integer("jitter", defaults::PROBE_JITTER, defaults::PROBE_JITTERS);
    health.jitter = jitter as f64 / 100.0;
    let port = section.optional_integer("port", 1..=65_535).map(|port| port as u16);
    if health.fast_interval > health.interval {
        let place = if section.has("fast-interval") { "fast-interval" } else { "interval" };
        let message = "`fast-interval` is longer than `interval`";
        let problem =
            Problem::new(section.place(place), message, "a suspect server would be probed less often");
        context.error(problem.help("lower `fast-interval`, or raise `interval`"));
    }

    let kinds = context.registry.probes();
    let Some(found) = kinds.iter().find(|known| known.name() == kind.value) else {
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        context.unknown("probe", &kind, "no protocol brings a probe of this name", &names, "probes");
        return None;
    };
    let before = context.errors.len();
    let protocols = context.registry.protocols().iter();
    let mut brings =
        protocols.filter(|protocol| protocol.probes().iter().any(|kind| kind.name() == found.name()));
    let own = brings.find_map(|protocol| settings.get(protocol.descriptor().name));
    let probe = found.configure_for(&mut section, own);
    if probe.is_none() && context.errors.len() == before {
        let message = format!("probe `{}` cannot be used", found.name());
        context.error(Problem::new(section.span(), message, "it gave no reason"));
    }
    section.finish();
    Some(ProbeSpec { kind: found.name(), probe: probe?, port })
}

/// Ten probes a second are a load, one an hour finds nothing out.
const INTERVALS: std::ops::RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);

fn rules(pool: &mut Section<'_>) -> (PassiveSpec, FlapSpec) {
    let place = pool.place("health");
    let problems = pool.problems();
    let mut section = pool.table("health").unwrap_or_else(|| Section::absent(place, problems));
    let mut count = |key, default| section.integer(key, default, defaults::COUNTS) as u32;
    let suspect_after = count("suspect-after", defaults::SUSPECT_AFTER);
    let down_after = count("down-after", defaults::DOWN_AFTER);
    let changes = count("flap-changes", defaults::FLAP_CHANGES);
    let passive = PassiveSpec {
        suspect_after,
        down_after,
        retry_after: section.duration("retry-after", defaults::RETRY_AFTER, defaults::DEADLINE),
    };
    let flap = FlapSpec {
        changes,
        window: section.duration("flap-window", defaults::FLAP_WINDOW, defaults::DEADLINE),
        hold: section.duration("flap-hold", defaults::FLAP_HOLD, defaults::DEADLINE),
    };
    section.finish();
    (passive, flap)
}

/// When a server is taken out for what its traffic says, though it seems well.
fn outlier(pool: &mut Section<'_>) -> Option<OutlierSpec> {
    let mut section = pool.table("outlier")?;
    let share = |percent: u64| percent as f64 / 100.0;
    let base = section.duration("base-ejection", defaults::EJECTION, defaults::EJECTIONS);
    let spec = OutlierSpec {
        consecutive: section.integer("consecutive", defaults::CONSECUTIVE, defaults::COUNTS) as u32,
        failure_share: section.optional_percent("failure-share", defaults::SHARES).map(share),
        min_requests: section.integer("min-requests", defaults::MIN_REQUESTS, 1..=1_000_000) as u32,
        interval: section.duration("interval", defaults::OUTLIER_INTERVAL, defaults::EJECTIONS),
        base,
        longest: section.duration("max-ejection", base.max(defaults::EJECTION_MAX), defaults::EJECTIONS),
        max_ejected: share(section.percent("max-ejected", defaults::MAX_EJECTED, defaults::SHARES)),
        said_so: section.flag("said-so", true),
    };
    if spec.longest < spec.base {
        let message = "`max-ejection` is shorter than `base-ejection`";
        let problem =
            Problem::new(section.place("max-ejection"), message, "no ejection could last this long");
        section.problem(problem.help("raise it, or lower `base-ejection`"));
    }
    if spec.consecutive == 0 && spec.failure_share.is_none() {
        let message = "`outlier` ejects nobody";
        let problem = Problem::new(section.place("consecutive"), message, "no number of failures is enough");
        section.problem(problem.help("set `consecutive` or `failure-share`, or leave the table out"));
    }
    section.finish();
    Some(spec)
}
