//! What the clients count together.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use super::super::Outcome;

/// Units done, latencies seen, and the first thing that went wrong.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    units: AtomicU64,
    lost: AtomicU64,
    ready: AtomicUsize,
    stopped: AtomicBool,
    fault: Mutex<Option<String>>,
    latencies: Mutex<Vec<u32>>,
}

impl Meter {
    /// One unit is done.
    pub(crate) fn count(&self) {
        self.units.fetch_add(1, Relaxed);
    }

    /// Units done so far.
    pub(crate) fn units(&self) -> u64 {
        self.units.load(Relaxed)
    }

    /// One unit was not done.
    pub(crate) fn lose(&self) {
        self.lost.fetch_add(1, Relaxed);
    }

    /// Units not done.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    /// One more client is served.
    pub(crate) fn arrive(&self) {
        self.ready.fetch_add(1, Relaxed);
    }

    /// How many clients are served.
    pub(crate) fn ready(&self) -> usize {
        self.ready.load(Relaxed)
    }

    /// Tells clients on threads of their own to end.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }

    /// Whether they shall end.
    pub(crate) fn stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }

    /// Keeps a client's error, unless there is one or all is over.
    pub(crate) fn note(&self, result: Outcome) {
        if let (Err(fault), false) = (result, self.stopped()) {
            self.fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
        }
    }

    /// The first error of a client.
    pub(crate) fn faultless(&self) -> Outcome {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }

    /// Adds latencies, in µs.
    pub(crate) fn add_latencies(&self, micros: &[u32]) {
        self.latencies.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(micros);
    }

    /// All latencies, in µs.
    pub(crate) fn take_latencies(&self) -> Vec<u32> {
        std::mem::take(&mut self.latencies.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
