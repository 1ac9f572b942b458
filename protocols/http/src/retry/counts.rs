//! What came of the wish for another try, for the metrics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Cause;

/// Further tries by their causes, and those that the budget did not allow.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    made: [AtomicU64; Cause::NAMES.len()],
    denied: [AtomicU64; Cause::NAMES.len()],
}

impl Counts {
    /// There is another try.
    pub(super) fn made(&self, cause: Cause) {
        self.made.get(cause.place()).into_iter().for_each(|count| _ = count.fetch_add(1, Relaxed));
    }

    /// There is none, for want of a budget.
    pub(super) fn denied(&self, cause: Cause) {
        self.denied.get(cause.place()).into_iter().for_each(|count| _ = count.fetch_add(1, Relaxed));
    }

    /// By the causes' names: tries made and denied.
    pub(crate) fn read(&self) -> impl Iterator<Item = (&'static str, u64, u64)> + '_ {
        let counts = self.made.iter().zip(&self.denied);
        Cause::NAMES
            .into_iter()
            .zip(counts)
            .map(|(name, (made, denied))| (name, made.load(Relaxed), denied.load(Relaxed)))
    }
}
