//! What a VIP has served: counted by each worker in a place of its own, added up by whoever asks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

/// What a VIP has served since the gateway began to serve it, over reloads. What still runs is not in it yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Connections, flows or requests that have ended, well or not.
    pub served: u64,
    /// Bytes from clients.
    pub received: u64,
    /// Bytes to clients.
    pub sent: u64,
}

/// The tallies of a VIP's workers, by the worker's index. The lock is taken when a worker begins to serve the VIP
/// and when somebody asks, never for a client.
#[derive(Debug, Default)]
pub(crate) struct Tallies(Mutex<BTreeMap<usize, Arc<Tally>>>);

/// What one worker has served. Aligned so that no two workers write to one cache line, or to two that are fetched
/// together.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Tally {
    served: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
}

impl Tallies {
    /// The tally of a worker, the same one after a reload.
    pub(crate) fn of(&self, worker: usize) -> Arc<Tally> {
        self.0.lock().entry(worker).or_default().clone()
    }

    /// All of them together.
    pub(crate) fn sum(&self) -> Totals {
        self.0.lock().values().fold(Totals::default(), |sum, tally| Totals {
            served: sum.served + tally.served.load(Relaxed),
            received: sum.received + tally.received.load(Relaxed),
            sent: sum.sent + tally.sent.load(Relaxed),
        })
    }
}

impl Tally {
    /// Counts one that has ended. Only the tally's own worker may: adding is not atomic, which saves locking the bus.
    pub(crate) fn count(&self, received: u64, sent: u64) {
        for (counter, more) in [(&self.served, 1), (&self.received, received), (&self.sent, sent)] {
            counter.store(counter.load(Relaxed).wrapping_add(more), Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_count_apart_and_are_added_up() {
        let tallies = Tallies::default();
        tallies.of(0).count(1, 10);
        tallies.of(1).count(2, 20);
        tallies.of(0).count(4, 40);
        assert_eq!(tallies.sum(), Totals { served: 3, received: 7, sent: 70 });
    }
}
