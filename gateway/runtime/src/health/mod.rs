//! The prober: asks every server whether it is well, and says when that changes.

mod probe;

#[cfg(test)]
pub(crate) mod tests;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sekisho_config::{ProbeSpec, ProxyVersion};
use sekisho_scheduler::{Cause, Change, Health, ProbeResult, ServerState};

use crate::events::{Events, Happening};
use crate::tls::Connector;

/// A server to keep an eye on.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) pool: Arc<str>,
    pub(crate) server: Arc<ServerState>,
    /// None: only traffic tells.
    pub(crate) probe: Option<ProbeSpec>,
    /// How long a probe may take.
    pub(crate) timeout: Duration,
    /// TLS as traffic to the pool's servers goes.
    pub(crate) connector: Option<Arc<Connector>>,
    /// TLS begins when the protocol says so.
    pub(crate) start_tls: bool,
    /// Whether traffic to the pool's servers goes over streams alone.
    pub(crate) streams_only: bool,
    /// The PROXY header that the pool's servers expect.
    pub(crate) proxy_protocol: Option<ProxyVersion>,
}

/// Probes what `targets` gives whenever a probe is due. Runs until it is dropped, in a `LocalSet`.
///
/// The scheduler decides when a probe is due and what its outcome means; here is only the work. A server's probe may
/// outlive a reload that removed the server, and then tells nobody.
pub(crate) async fn run(targets: impl Fn() -> Vec<Target>, events: Arc<Events>) {
    let running = Rc::new(Cell::new(0));
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut turn = 0_usize;
    loop {
        ticks.tick().await;
        let now = Instant::now();
        let mut targets = targets();
        // Where more are due than may run, another one is first each time.
        turn = turn.wrapping_add(1);
        let first = turn.checked_rem(targets.len()).unwrap_or(0);
        targets.rotate_left(first);
        for target in targets {
            while let Some(change) = target.server.unreported() {
                report(&target, &change, None);
                tell(&events, &target, change);
            }
            // Asked of every server: for one that only traffic tells of, the time of its next chance passes here.
            let due = target.server.due(now);
            if !due || running.get() >= AT_ONCE {
                continue;
            }
            let Some(spec) = target.probe.clone() else { continue };
            target.server.begin_probe(now);
            running.set(running.get() + 1);
            let run = Run {
                target,
                began: now,
                running: Rc::clone(&running),
                events: events.clone(),
                outcome: None,
            };
            tokio::task::spawn_local(run.carry_out(spec));
        }
    }
}

/// One probe under way. Reports when it is dropped, so that no probe is under way for ever.
struct Run {
    target: Target,
    began: Instant,
    running: Rc<Cell<usize>>,
    events: Arc<Events>,
    outcome: Option<Result<(), String>>,
}

impl Run {
    async fn carry_out(mut self, spec: ProbeSpec) {
        let timeout = self.target.timeout;
        let probe = probe::probe(&spec, &self.target);
        let outcome = match tokio::time::timeout(timeout, probe).await {
            Ok(outcome) => outcome,
            Err(_) => Err(format!("no answer within {timeout:?}")),
        };
        self.outcome = Some(outcome);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.running.set(self.running.get().saturating_sub(1));
        let now = Instant::now();
        let took = now.saturating_duration_since(self.began);
        let ok = self.outcome.take().unwrap_or_else(|| Err("the probe was cut off".to_owned()));
        if let Err(why) = &ok {
            tracing::debug!(pool = %self.target.pool, server = %self.target.server.name(), why, "Probe failed");
        }
        if let Some(change) = self.target.server.probed(ProbeResult { ok, took }, now, random()) {
            report(&self.target, &change, Some(took));
            tell(&self.events, &self.target, change);
        }
    }
}

/// Keeps it, and tells whoever follows.
fn tell(events: &Events, target: &Target, change: Change) {
    target.server.remember(&change, Instant::now());
    events.tell(Happening::Health { pool: target.pool.clone(), change });
}

/// Tells the operator.
fn report(target: &Target, change: &Change, took: Option<Duration>) {
    let (pool, server, address) = (&target.pool, target.server.name(), target.server.address());
    let (why, from) = (&change.cause, change.from.name());
    match change.to {
        _ if matches!(why, Cause::Ejected(..)) => {
            tracing::warn!(%pool, %server, %address, %why, "Server ejected");
        }
        _ if *why == Cause::Returned => tracing::info!(%pool, %server, %address, "Server back from ejection"),
        Health::Up => {
            let took_ms = took.map(|took| took.as_secs_f64() * 1e3);
            tracing::info!(%pool, %server, %address, from, %why, took_ms, "Server up");
        }
        Health::Suspect => tracing::info!(%pool, %server, %address, from, %why, "Server suspect"),
        Health::Down => tracing::warn!(%pool, %server, %address, from, %why, "Server down"),
    }
}

/// Randomness that scatters probes and makes up ids; without the system's it is merely worse scattered.
fn random() -> u64 {
    getrandom::u64().unwrap_or_else(|_| Instant::now().elapsed().as_nanos() as u64)
}

/// Between two looks at what is due: well below the shortest interval that is sensible.
const TICK: Duration = Duration::from_millis(50);

/// Probes under way at once.
const AT_ONCE: usize = 256;
