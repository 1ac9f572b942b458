//! What the operator sees of the store.

use std::time::{Duration, Instant};

use super::session::Counts;

/// How the shared store stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreStatus {
    /// Where it is: host and port.
    pub address: String,
    /// Whether changes go to and fro.
    pub up: bool,
    /// Whether everything that was in it at the last connecting has been read.
    pub loaded: bool,
    /// Changes of this gateway that the store has not confirmed.
    pub pending: usize,
    /// For how long what is known here may not be known to others.
    pub lag: Duration,
    /// Entries written that were news to the store.
    pub written: u64,
    /// Entries of others that were news here.
    pub learned: u64,
    /// Entries that the store did not take, and those in it that could not be read.
    pub refused: u64,
    /// How often it was reached.
    pub connects: u64,
    /// How often reaching it failed, or a connection was lost.
    pub failures: u64,
    /// Why it is not up, or does not take entries.
    pub error: Option<String>,
}

/// The same, as the thread keeps it.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) address: String,
    pub(super) up: bool,
    pub(super) loaded: bool,
    pub(super) pending: usize,
    /// Since when this gateway knows what others may not.
    pub(super) behind: Option<Instant>,
    pub(super) counts: Counts,
    pub(super) connects: u64,
    pub(super) failures: u64,
    pub(super) error: Option<String>,
}

impl Standing {
    pub(super) fn status(&self, now: Instant) -> StoreStatus {
        StoreStatus {
            address: self.address.clone(),
            up: self.up,
            loaded: self.loaded,
            pending: self.pending,
            lag: self.behind.map_or(Duration::ZERO, |since| now.saturating_duration_since(since)),
            written: self.counts.written,
            learned: self.counts.learned,
            refused: self.counts.refused,
            connects: self.connects,
            failures: self.failures,
            error: self.error.clone(),
        }
    }
}
