//! Failures one after the other.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use sekisho_api::Failure;

/// Failures in a row to connect, and after connecting. Connecting proves nothing about what comes after it.
#[derive(Debug, Default)]
pub(crate) struct Row {
    unconnected: AtomicU32,
    unanswered: AtomicU32,
}

impl Row {
    /// Counts a failure and says how many there are in a row.
    pub(crate) fn failed(&self, failure: Failure) -> u32 {
        let counter = if is_before(failure) { &self.unconnected } else { &self.unanswered };
        counter.fetch_add(1, Relaxed);
        self.length()
    }

    /// Failures in a row.
    pub(crate) fn length(&self) -> u32 {
        self.unconnected.load(Relaxed).saturating_add(self.unanswered.load(Relaxed))
    }

    /// A connection was made.
    pub(crate) fn connected(&self) {
        clear(&self.unconnected);
    }

    /// Nothing that failed before counts any more.
    pub(crate) fn forget(&self) {
        clear(&self.unconnected);
        clear(&self.unanswered);
    }
}

/// Whether it failed before there was a connection.
pub(crate) fn is_before(failure: Failure) -> bool {
    matches!(failure, Failure::Refused | Failure::ConnectTimeout | Failure::Tls)
}

/// Writes only where there is something to clear: the line stays shared among workers.
fn clear(counter: &AtomicU32) {
    if counter.load(Relaxed) != 0 {
        counter.store(0, Relaxed);
    }
}
