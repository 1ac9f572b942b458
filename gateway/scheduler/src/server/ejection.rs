//! A server is taken out for what its traffic says, and comes back by itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sekisho_api::Failure;

use super::{Guarded, ServerState};
use crate::clock::Moment;
use crate::health::{Cause, Change, Health};

impl ServerState {
    /// Whether its traffic failed so often that it gets none for now.
    pub fn ejected(&self) -> bool {
        self.status.ejected()
    }

    /// How much longer it is ejected.
    pub fn ejected_for(&self, now: Instant) -> Option<Duration> {
        let until = self.guarded.lock().ejection.until()?;
        Some(until.since(self.clock.moment(now)))
    }

    /// Ejections since the start.
    pub fn ejections(&self) -> u64 {
        self.counts.ejections()
    }

    /// Its traffic failed: that may be enough.
    pub(super) fn offended(&self, failure: Failure, now: Moment) {
        let answers = self.counts.last_answer().is_some();
        let Some(offence) = self.outlier.failed(failure, answers, now) else { return };
        if self.status.ejected() || self.status.health() == Health::Down {
            return;
        }
        let spec = self.guarded.lock().monitor.spec().outlier;
        let Some(spec) = spec else { return };
        if !self.peers.eject(self, spec.max_ejected, now) {
            return self.outlier.hush(now);
        }
        self.counts.ejected();
        let mut guarded = self.guarded.lock();
        let time = guarded.ejection.begin(&spec, now);
        self.tell(&mut guarded, Cause::Ejected(time, offence));
        drop(guarded);
        self.queue.stir();
    }

    /// Takes it back if it was ejected: for all that is known it is well. The caller stirs the queue.
    pub(super) fn take_back(&self, guarded: &mut Guarded, now: Moment) -> bool {
        if !guarded.ejection.end(now) {
            return false;
        }
        self.outlier.forget();
        self.counts.forget_failures();
        self.status.rise(now);
        self.status.set_ejected(false);
        self.tell(guarded, Cause::Returned);
        true
    }

    fn tell(&self, guarded: &mut Guarded, cause: Cause) {
        let health = guarded.monitor.health();
        guarded.report(Change { server: Arc::clone(&self.name), from: health, to: health, cause });
    }
}
