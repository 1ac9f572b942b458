//! How sharing stands, for whoever wants to know.

use std::sync::Arc;
use std::time::Duration;

pub use super::super::session::Counts as PeerCounts;

/// Another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    /// Its name.
    pub name: Arc<str>,
    /// Whether entries are exchanged.
    pub up: bool,
    /// What it is; none until it has spoken.
    pub kind: Option<NodeKind>,
    /// Whether it has told everything it knows.
    pub taught: bool,
    /// The longest that a change waits to be acknowledged.
    pub lag: Duration,
    /// What was done since the start.
    pub counts: PeerCounts,
    /// Connections since the start.
    pub connects: u64,
    /// Why it is not there.
    pub error: Option<String>,
    /// What must agree and does not, by name.
    pub differing: Vec<String>,
}

/// What another node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A node of this program.
    Sekisho,
    /// A HAProxy, or another program that speaks the protocol.
    Foreign,
}

/// A persistence table that is shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDigest {
    /// Its domain.
    pub domain: Arc<str>,
    /// Entries that have not expired.
    pub entries: usize,
    /// The same on nodes that hold the same.
    pub sum: u64,
}
