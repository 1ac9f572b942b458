//! One sample of one subject under one load.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Outcome;
use super::client::{Crew, hold};
use super::cpu::Reading;
use super::dns::{Ground, Over};
use super::load::{Load, Work};
use super::memory::proportional_set;
use super::options::Plan;
use super::run::Running;

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// The figure, in the load's unit.
    pub(super) figure: f64,
    /// Cores kept busy by others meanwhile.
    pub(super) foreign_cores: f64,
    /// Latency, where it was measured.
    pub(super) latency: Option<Latency>,
    /// Units per second.
    pub(super) per_second: Option<f64>,
    /// Units that were not done.
    pub(super) lost: u64,
}

/// Quantiles of latency, in ms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Latency {
    /// The median.
    pub(super) p50: f64,
    /// The 90th percentile.
    pub(super) p90: f64,
    /// The 99th percentile.
    pub(super) p99: f64,
}

/// Takes a sample; again, twice at the most, while others disturb it.
pub(super) async fn undisturbed(load: &Load, running: &mut Running<'_>, plan: &Plan) -> Outcome<Sample> {
    let mut sample = once(load, running, plan).await?;
    for _ in 0..2 {
        if plan.quick || sample.foreign_cores <= DISTURBED {
            break;
        }
        sample = once(load, running, plan).await?;
    }
    Ok(sample)
}

async fn once(load: &Load, running: &mut Running<'_>, plan: &Plan) -> Outcome<Sample> {
    let sample = async {
        match load.work {
            Work::Idle(_) => memory(load, running, plan).await,
            Work::Questions(over) => questions(over, load, running, plan).await,
            _ => cpu(load, running, plan).await,
        }
    };
    let sample = timeout(plan.window + plan.idle_pause + STALLED, sample).await;
    let sample = sample.unwrap_or_else(|_| Err("its clients wait for ever".to_owned()));
    running.alive()?;
    // What the subject does to clean up must not fall into the next sample.
    sleep(plan.warm_up).await;
    sample
}

async fn cpu(load: &Load, running: &Running<'_>, plan: &Plan) -> Outcome<Sample> {
    let crew = Crew::start(load, &running.target).await?;
    sleep(plan.warm_up).await;
    let helpers = running.dns.map(Ground::tree).unwrap_or_default();
    let (before, units_before) = (Reading::take(&running.tree(), &helpers)?, crew.meter.units());
    sleep(plan.window).await;
    let (after, units) = (Reading::take(&running.tree(), &helpers)?, crew.meter.units() - units_before);
    let meter = crew.end().await?;
    let spent = after.since(&before);
    if units == 0 {
        return Err("nothing was done within a sample".to_owned());
    }
    #[expect(clippy::cast_precision_loss, reason = "units of a run are far below 2^52")]
    let (figure, speed) = (spent.subject_micros / units as f64, units as f64 / spent.seconds);
    Ok(Sample {
        figure,
        foreign_cores: spent.foreign_cores,
        latency: quantiles(meter.take_latencies()),
        per_second: load.work.shows_speed().then_some(speed),
        lost: meter.lost(),
    })
}

/// A tool asks; the clocks are read before it starts and after it ended.
async fn questions(over: Over, load: &Load, running: &Running<'_>, plan: &Plan) -> Outcome<Sample> {
    let ground = running.dns.ok_or("there is no DNS server")?;
    let helpers = ground.tree();
    let before = Reading::take(&running.tree(), &helpers)?;
    let answers = ground.ask(over, &running.target, load.clients, plan.window).await?;
    let spent = Reading::take(&running.tree(), &helpers)?.since(&before);
    #[expect(clippy::cast_precision_loss, reason = "questions of a run are far below 2^52")]
    let figure = spent.subject_micros / answers.answered as f64;
    Ok(Sample {
        figure,
        foreign_cores: spent.foreign_cores,
        latency: None,
        per_second: Some(answers.per_second),
        lost: answers.lost,
    })
}

/// What resting connections add to the memory of the subject, which has served some before.
async fn memory(load: &Load, running: &Running<'_>, plan: &Plan) -> Outcome<Sample> {
    drop(hold(load, load.clients, &running.target).await?);
    sleep(plan.warm_up).await;
    let before = proportional_set(&running.tree())?;
    let held = hold(load, plan.idle_connections as usize, &running.target).await?;
    sleep(plan.idle_pause).await;
    let after = proportional_set(&running.tree())?;
    drop(held);
    #[expect(clippy::cast_precision_loss, reason = "memory in KiB is far below 2^52")]
    let figure = (after as f64 - before as f64) / f64::from(plan.idle_connections);
    Ok(Sample { figure, foreign_cores: 0.0, latency: None, per_second: None, lost: 0 })
}

fn quantiles(mut micros: Vec<u32>) -> Option<Latency> {
    micros.sort_unstable();
    let at = |percent: usize| micros.get(micros.len() * percent / 100).map(|&micros| f64::from(micros) / 1e3);
    Some(Latency { p50: at(50)?, p90: at(90)?, p99: at(99)? })
}

/// More foreign load than this, in cores, and a sample counts as disturbed.
pub(super) const DISTURBED: f64 = 0.25;

/// Longer than any client waits for a subject that works.
const STALLED: Duration = Duration::from_secs(60);
