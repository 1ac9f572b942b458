//! The store in which gateways share what clients they know.

use serde::Serialize;

use crate::nodes::SharedStore;

#[derive(Serialize)]
pub(super) struct Answer {
    /// None: there is none.
    store: Option<StoreLine>,
}

/// How it stands.
#[derive(Serialize)]
pub(super) struct StoreLine {
    address: String,
    up: bool,
    /// Whether everything that was in it has been read.
    loaded: bool,
    lag_seconds: f64,
    /// Changes that it has not confirmed.
    pending: usize,
    written: u64,
    learned: u64,
    refused: u64,
    connections: u64,
    failures: u64,
    error: Option<String>,
}

/// The store, if there is one.
pub(super) fn answer(store: Option<SharedStore>) -> Answer {
    Answer { store: store.map(line) }
}

/// One line of it.
pub(super) fn line(store: SharedStore) -> StoreLine {
    StoreLine {
        address: store.address,
        up: store.up,
        loaded: store.loaded,
        lag_seconds: store.lag.as_secs_f64(),
        pending: store.pending,
        written: store.written,
        learned: store.learned,
        refused: store.refused,
        connections: store.connects,
        failures: store.failures,
        error: store.error,
    }
}
