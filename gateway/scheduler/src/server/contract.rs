//! The server as protocols see it, and as the methods do.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sekisho_api::{Failure, Observation, Server};

use super::ServerState;
use crate::clock::Moment;
use crate::health::{Health, Monitor, Turn};
use crate::spec::{Admin, ResponseSource};

impl Server for ServerState {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn token(&self) -> &str {
        &self.token
    }

    /// Takes an observation into account. One answer is `Answered`, `Regretted` or `Failed`, never two of them.
    fn observe(&self, observation: Observation, now: Instant) {
        let now = self.clock.read(now);
        match observation {
            Observation::Connected(took) => {
                self.connects.record(took, now);
                self.counts.connected();
                self.outlier.connected(self.counts.last_answer().is_some(), now);
                self.well(now);
            }
            Observation::Answered(took) => {
                self.answers.record(took, now);
                self.counts.answered(now);
                self.outlier.answered(now);
                self.well(now);
            }
            Observation::Regretted(took) => {
                self.answers.record(took, now);
                self.counts.answered(now);
                // It is there, which is news of a server that was not.
                if self.status.health() == Health::Down {
                    self.well(now);
                }
                self.unwell(Failure::SaidSo, now);
            }
            Observation::Moved(bytes) => {
                self.counts.moved(bytes);
                self.traffic.add(bytes, now);
            }
            Observation::Failed(failure) => {
                if failure == Failure::ResponseTimeout {
                    self.counts.timed_out();
                }
                self.unwell(failure, now);
            }
            Observation::Strayed => self.counts.strayed(),
            Observation::Repeated => self.counts.repeated(),
            Observation::Unanswered(waited) => {
                self.counts.timed_out();
                // What it was given before it came up says nothing about how it is.
                let signs = [self.counts.last_answer(), self.status.risen()];
                if !signs.into_iter().flatten().any(|sign| sign > now.minus(waited)) {
                    self.unwell(Failure::ResponseTimeout, now);
                }
            }
        }
    }

    fn reusable(&self) -> bool {
        self.status.health() != Health::Down
            && self.status.admin() != Admin::Maintenance
            && !self.status.removed()
    }

    fn release(&self, now: Option<Instant>) {
        if let Some(now) = now {
            self.clock.read(now);
        }
        self.counts.give_back();
        self.queue.freed(self.id);
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl ServerState {
    /// Connections that it got, and bytes that moved, without a lease: what others forward to it is its load as well.
    pub fn carried(&self, connections: u64, bytes: u64, now: Instant) {
        self.counts.came(connections);
        if bytes > 0 {
            self.observe(Observation::Moved(bytes), now);
        }
    }

    /// Whether it takes clients that nothing binds to it.
    pub(crate) fn takes_new(&self, now: Moment) -> bool {
        !self.status.ejected() && self.takes_pardoned(now)
    }

    /// Whether it would, were it not ejected.
    pub(crate) fn takes_pardoned(&self, now: Moment) -> bool {
        let well = self.status.health() != Health::Down || self.status.retry_due(now);
        well && self.status.admin() == Admin::Ready
    }

    /// Whether it takes clients that were on it before.
    pub(crate) fn takes_returning(&self) -> bool {
        !self.status.ejected() && self.takes_back_pardoned()
    }

    /// Whether it would, were it not ejected.
    pub(crate) fn takes_back_pardoned(&self) -> bool {
        self.status.health() != Health::Down && self.status.admin() != Admin::Maintenance
    }

    /// Whether it takes clients when nobody is up.
    pub(crate) fn takes_resort(&self) -> bool {
        self.status.admin() != Admin::Maintenance
    }

    /// Its weight in thousandths, less while it warms up; zero only for weight zero.
    pub(crate) fn warm_weight(&self, slow_start: Duration, now: Moment) -> u64 {
        u64::from(self.status.weight()) * self.status.warmth(slow_start, now)
    }

    /// Whether a place is free.
    pub(crate) fn has_room(&self) -> bool {
        self.counts.active() < self.status.ceiling()
    }

    /// Takes a place; false if the last one went to somebody else. One client at a time tries a server that is
    /// down but due for a trial.
    pub(crate) fn take(&self, now: Moment, resort: bool) -> bool {
        let trial = self.status.health() == Health::Down && !resort;
        (!trial || self.status.claim_retry(now)) && self.counts.take(self.status.ceiling())
    }

    /// When it came up, or came into being.
    pub(crate) fn since(&self) -> Moment {
        self.status.risen().unwrap_or_else(|| self.counts.since())
    }

    /// Bytes over the window.
    pub(crate) fn recent_bytes(&self, now: Moment) -> u64 {
        self.traffic.sum(now)
    }

    /// Its response time in microseconds as the source has it; none before the first measurement.
    pub(crate) fn estimate(&self, source: ResponseSource, now: Moment) -> Option<f64> {
        // Protocols without an answer of their own are measured by how fast they accept.
        let traffic = || self.answers.estimate(now).or_else(|| self.connects.estimate(now));
        match source {
            ResponseSource::Probe => self.probes.estimate(now),
            ResponseSource::Traffic => traffic(),
            ResponseSource::Both => match (self.probes.estimate(now), traffic()) {
                (Some(probe), Some(traffic)) => Some(f64::midpoint(probe, traffic)),
                (one, other) => one.or(other),
            },
        }
    }

    fn well(&self, now: Moment) {
        if self.status.health() == Health::Up || self.counts.in_a_row() > 0 {
            return;
        }
        self.turn_by_traffic(now, |monitor| monitor.succeeded(now));
    }

    fn unwell(&self, failure: Failure, now: Moment) {
        // Whatever the response time is read from is what gets worse.
        let measured = if self.answers.average().is_some() { &self.answers } else { &self.connects };
        measured.penalise(now);
        let count = self.counts.failed(failure);
        self.offended(failure, now);
        self.turn_by_traffic(now, |monitor| monitor.failed(failure, count, now));
    }

    fn turn_by_traffic(&self, now: Moment, decide: impl FnOnce(&mut Monitor) -> Option<Turn>) {
        let mut guarded = self.guarded.lock();
        let turn = decide(&mut guarded.monitor);
        let Some(change) = self.turned(&guarded, turn, now) else { return };
        guarded.report(change);
        drop(guarded);
        self.queue.stir();
    }
}
