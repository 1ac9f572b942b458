//! From a running gateway to a snapshot.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use sekisho_api::{Metric, VipMetric};
use sekisho_config::{Config, Registry, Token};
use sekisho_runtime::{CertificateExpiry, Latencies, LogSender, Status, View, VipStatus};
use sekisho_scheduler::{self as scheduler, ServerState};

use super::names;
use super::snapshot::{Certificate, Domain, Own, Pool, Process, Server, Snapshot, Vip};
use crate::nodes::Nodes;

/// Where the numbers come from.
#[derive(Debug)]
pub(crate) struct Source {
    view: View,
    /// The protocols, which count some things themselves.
    registry: Registry,
    nodes: Nodes,
    started: (SystemTime, Instant),
    /// The gateway's own log, where it goes to a receiver.
    log: OnceLock<LogSender>,
}

impl Source {
    /// The numbers of this gateway. What the process counts from its start, it counts from here.
    pub(crate) fn new(view: View, registry: Registry, nodes: Nodes) -> Self {
        Self { view, registry, nodes, started: (SystemTime::now(), Instant::now()), log: OnceLock::new() }
    }

    /// Counts this log as well, from now on. There is one at the most.
    pub(crate) fn watch_log(&self, log: LogSender) {
        let _ = self.log.set(log);
    }

    /// The numbers now.
    pub(crate) fn take(&self) -> Snapshot {
        let Status { epoch, config, scheduler, connections, vips, certificates, logs } = self.view.status();
        let pools = scheduler.pools();
        let servers = pools
            .iter()
            .flat_map(|pool| pool.servers().iter().map(|server| self::server(pool.name(), server)));
        let mut latencies: BTreeMap<Arc<str>, Latencies> = BTreeMap::new();
        for (pool, of) in vips.iter().flat_map(|vip| &vip.pool_latencies) {
            latencies.entry(pool.clone()).or_default().merge(of);
        }
        Snapshot {
            process: self.process(),
            epoch,
            connections,
            vips: vips.into_iter().map(vip).collect(),
            pools: pools.iter().map(|pool| self::pool(pool, latencies.remove(pool.name()))).collect(),
            servers: servers.collect(),
            domains: scheduler.tables().iter().map(|table| domain(table)).collect(),
            certificates: self::certificates(certificates),
            vrrp: self.nodes.tables(),
            peers: self.nodes.peers(),
            logs,
            log: self.log.get().map(LogSender::counts),
            tokens: tokens(&config),
            store: self.nodes.store(),
            own: own(&self.registry, &config),
        }
    }

    fn process(&self) -> Process {
        let (date, moment) = self.started;
        let used = clock_gettime(ClockId::ProcessCPUTime);
        Process {
            version: env!("CARGO_PKG_VERSION"),
            started: date.duration_since(UNIX_EPOCH).unwrap_or_default(),
            uptime: moment.elapsed(),
            cpu: Duration::try_from(used).unwrap_or_default(),
            resident: std::fs::read_to_string("/proc/self/status").ok().and_then(|status| resident(&status)),
        }
    }
}

/// The resident set in `/proc/PID/status` (proc(5)), whose unit is always kB.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

fn vip(status: VipStatus) -> Vip {
    let VipStatus { name, connections, totals, ends, classes, latencies, known, exchanges, .. } = status;
    Vip { name: name.as_ref().to_owned(), connections, totals, ends, classes, latencies, known, exchanges }
}

/// When operators' tokens expire.
fn tokens(config: &Config) -> Vec<(String, Duration)> {
    let expires = |token: &Token| token.expires?.time().duration_since(UNIX_EPOCH).ok();
    config.admin.tokens.iter().filter_map(|token| Some((token.name.clone(), expires(token)?))).collect()
}

fn pool(pool: &scheduler::Pool, latencies: Option<Latencies>) -> Pool {
    Pool {
        name: pool.name().as_ref().to_owned(),
        queued: pool.queued(),
        queue_capacity: pool.spec().queue.capacity,
        latencies: latencies.unwrap_or_default(),
    }
}

fn server(pool: &str, server: &ServerState) -> Server {
    Server {
        pool: pool.to_owned(),
        name: server.name().as_ref().to_owned(),
        state: server.state(),
        weight: server.weight(),
        active: server.active(),
        served: server.served(),
        bytes: server.bytes(),
        response: server.response_time(),
        failures: server.failures_by_kind().iter().map(|(kind, count)| (kind.name(), *count)).collect(),
        timeouts: server.timeouts(),
        strays: server.strays(),
        repeats: server.repeats(),
        ejections: server.ejections(),
        probes: server.probe_counts(),
        probe: server.last_probe().map(|probe| probe.result.took),
        certificate: server.certificate_expiry().and_then(|at| at.duration_since(UNIX_EPOCH).ok()),
        notes: server.notes(),
    }
}

fn domain(table: &scheduler::Table) -> Domain {
    Domain {
        name: table.name().as_ref().to_owned(),
        entries: table.len(),
        bytes: table.bytes(),
        counts: table.counts(),
    }
}

fn certificates(found: Vec<(impl AsRef<str>, CertificateExpiry)>) -> Vec<Certificate> {
    let one = |(vip, expiry): (_, CertificateExpiry)| Certificate {
        vip: AsRef::<str>::as_ref(&vip).to_owned(),
        name: expiry.name.into(),
        file: expiry.path.display().to_string(),
        expires: expiry.not_after.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
    };
    let mut certificates: Vec<Certificate> = found.into_iter().map(one).collect();
    certificates.sort_unstable();
    // A file that is listed twice is read twice, and may have been replaced in between.
    certificates.dedup_by(|a, b| (&a.vip, &a.name, &a.file) == (&b.vip, &b.name, &b.file));
    certificates
}

/// What protocols count themselves.
fn own(registry: &Registry, config: &Config) -> Vec<Own> {
    let mut own = Owns::default();
    for pool in &config.pools {
        for (protocol, settings) in &pool.settings {
            let Some(of) = registry.protocol(protocol) else { continue };
            of.metrics(settings, &mut |Metric { name, help, value }| {
                own.add(protocol, name, help, names::POOL, &[&pool.spec.name], value);
            });
        }
    }
    for vip in &config.vips {
        vip.handler.metrics(&mut |VipMetric { metric, help, name, value }| {
            own.add(vip.protocol, metric, help, names::VIP_NAME, &[&vip.name, name], value);
        });
    }
    own.finish()
}

/// What protocols have told so far.
#[derive(Default)]
struct Owns(BTreeMap<String, Told>);

/// A metric that a protocol told: its help, its labels, and its numbers by their values.
type Told = (&'static str, &'static [&'static str], BTreeMap<Vec<String>, u64>);

impl Owns {
    /// Adds a number. Prometheus refuses a whole page for one name that is not a name, or comes twice.
    fn add(
        &mut self,
        protocol: &str,
        name: &str,
        help: &'static str,
        labels: &'static [&'static str],
        values: &[&str],
        number: u64,
    ) {
        let whole = format!("sekisho_{}_{name}", protocol.replace(|c| !in_name(c), "_"));
        if !is_name(name) || names::ALL.iter().any(|family| family.name == whole) {
            return;
        }
        let (_, told, numbers) = self.0.entry(whole).or_insert_with(|| (help, labels, BTreeMap::new()));
        if *told == labels {
            numbers.insert(values.iter().map(ToString::to_string).collect(), number);
        }
    }

    fn finish(self) -> Vec<Own> {
        let own = self.0.into_iter();
        own.map(|(name, (help, labels, values))| Own {
            name,
            help,
            labels,
            values: values.into_iter().collect(),
        })
        .collect()
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(in_name)
}

fn in_name(character: char) -> bool {
    matches!(character, 'a'..='z' | '0'..='9' | '_')
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use sekisho_api::settings::Section;
    use sekisho_api::{Descriptor, Handler, PoolContext, PoolSettings, Protocol, Transport, VipContext};

    use super::*;

    #[test]
    fn resident_set_is_read_in_bytes() {
        assert_eq!(resident("Name:\tx\nVmRSS:\t    1234 kB\nThreads:\t1\n"), Some(1234 * 1024));
        for other in ["", "VmRSS: many kB", "VmRSS: 12 MB", "VmRSS: 99999999999999999999 kB"] {
            assert_eq!(resident(other), None, "{other}");
        }
    }

    #[test]
    fn certificate_that_is_listed_twice_is_given_once() {
        let expiry = |path: &str, seconds| CertificateExpiry {
            name: "www.example.org".into(),
            path: path.into(),
            not_after: UNIX_EPOCH + Duration::from_secs(seconds),
        };
        let found = [("web", expiry("a.pem", 7)), ("web", expiry("b.pem", 8)), ("web", expiry("a.pem", 9))];
        let given = certificates(found.to_vec());
        let given: Vec<_> = given.iter().map(|of| (&*of.file, of.expires)).collect();
        assert_eq!(given, [("a.pem", 7), ("b.pem", 8)]);
    }

    /// A protocol that tells of each pool what its table says, under every name that it should not.
    #[derive(Debug)]
    struct Told(&'static str);

    impl Protocol for Told {
        fn descriptor(&self) -> Descriptor {
            Descriptor { name: self.0, summary: "told", transport: Transport::Tcp, keys: &[] }
        }

        fn configure(&self, _: &mut Section<'_>, _: &VipContext<'_>) -> Option<Handler> {
            None
        }

        fn configure_pool(&self, options: &mut Section<'_>, _: &PoolContext<'_>) -> Option<PoolSettings> {
            Some(Arc::new(options.integer("many", 0, 0..=100)))
        }

        fn metrics(&self, settings: &PoolSettings, report: &mut dyn FnMut(Metric)) {
            let value = *settings.downcast_ref::<u64>().unwrap();
            for name in ["many_total", "Many", "many total", "", "queued", "many_total"] {
                report(Metric { name, help: "Many.", value });
            }
        }
    }

    #[test]
    fn protocols_tell_under_their_own_names_and_spoil_no_page() {
        let registry = Registry::new().with(Told("made-up")).with(Told("pool"));
        let text = "[pool.a]\nservers = { s = '127.0.0.1:1' }\nmade-up = { many = 1 }\npool = { many = 3 }\n\
                    [pool.b]\nservers = { s = '127.0.0.1:2' }\nmade-up = { many = 2 }\n\
                    [pool.c]\nservers = { s = '127.0.0.1:3' }\n";
        let config = sekisho_config::parse(text, "told.toml", Path::new(""), &registry).unwrap();
        let given: Vec<_> = own(&registry, &config).into_iter().map(|own| (own.name, own.values)).collect();
        let values =
            |all: &[(&str, u64)]| all.iter().map(|(pool, value)| (vec![pool.to_string()], *value)).collect();
        type Values = Vec<(Vec<String>, u64)>;
        let expected: [(String, Values); 3] = [
            ("sekisho_made_up_many_total".to_owned(), values(&[("a", 1), ("b", 2)])),
            ("sekisho_made_up_queued".to_owned(), values(&[("a", 1), ("b", 2)])),
            // Its `queued` would be the core's `sekisho_pool_queued`.
            ("sekisho_pool_many_total".to_owned(), values(&[("a", 3)])),
        ];
        assert_eq!(given, expected);
    }

    #[test]
    fn only_names_of_metrics_are_names() {
        assert!(is_name("cache_hits_total") && is_name("a1"));
        for other in ["", "Cache", "cache hits", "cache-hits", "hits\n", "é"] {
            assert!(!is_name(other), "{other}");
        }
    }
}
