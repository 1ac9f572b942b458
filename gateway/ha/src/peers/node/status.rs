//! How sharing stands, for whoever wants to know.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

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
    /// By how many milliseconds its clock is ahead of that of this node; none until it has said what time it is.
    pub clock_ahead: Option<i64>,
    /// What its tables hold, of those that are here; as it has told.
    pub tables: Vec<TableThere>,
}

/// A persistence table on another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableThere {
    /// Its domain.
    pub domain: Arc<str>,
    /// Entries that have not expired there.
    pub entries: u64,
    /// The same on nodes that hold the same.
    pub sum: u64,
    /// When something changed in it last, as that node knows; none: nothing has.
    pub changed: Option<SystemTime>,
    /// How long ago it was last seen to hold the same as here; none: it was not.
    pub alike: Option<Duration>,
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
    /// When something changed in it last; none: nothing has.
    pub changed: Option<SystemTime>,
}
