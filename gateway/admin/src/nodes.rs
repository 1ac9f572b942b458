//! Addresses that move between nodes, as whoever moves them tells of them.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Asked how the tables `[vrrp.NAME]` stand, whenever somebody wants to know.
#[derive(Clone)]
pub struct Nodes(Arc<dyn Fn() -> Vec<VrrpTable> + Send + Sync>);

/// How a table stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VrrpTable {
    /// Its name.
    pub name: String,
    /// The tables that move with it have the same; none: another program moves its addresses.
    pub group: Option<String>,
    /// One of [`VrrpTable::STATES`].
    pub state: &'static str,
    /// Why it is in it, in words.
    pub why: String,
    /// How long it has been in it.
    pub lasted: Duration,
    /// As it is advertised; none: another program moves its addresses.
    pub priority: Option<u8>,
    /// What the node lacks to be fit to serve, in words.
    pub unfit: Vec<String>,
    /// The other nodes that were heard.
    pub peers: Vec<VrrpPeer>,
    /// How often the state has changed.
    pub transitions: u64,
    /// Adverts sent.
    pub sent: u64,
    /// Adverts heard.
    pub received: u64,
    /// Packets that were not believed.
    pub invalid: u64,
    /// Whether a partner moves other addresses.
    pub differs: bool,
}

/// What was heard last of another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VrrpPeer {
    /// Its own address.
    pub address: IpAddr,
    /// Its priority; 0: it has stopped.
    pub priority: u8,
    /// How long ago.
    pub ago: Duration,
}

impl Nodes {
    /// `tables` is called from any thread.
    pub fn new(tables: impl Fn() -> Vec<VrrpTable> + Send + Sync + 'static) -> Self {
        Self(Arc::new(tables))
    }

    pub(crate) fn tables(&self) -> Vec<VrrpTable> {
        let mut tables = (self.0)();
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        tables
    }
}

impl VrrpTable {
    /// The states of RFC 9568, and one between two of them.
    pub const STATES: [&'static str; 4] = ["initialize", "backup", "active", "handing-over"];
}

impl Default for Nodes {
    /// Nothing moves.
    fn default() -> Self {
        Self::new(Vec::new)
    }
}

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nodes")
    }
}
