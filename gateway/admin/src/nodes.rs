//! Other nodes: addresses that move between them, and those with which what clients are known is exchanged, as whoever
//! does it tells.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Asked how the tables `[vrrp.NAME]`, the nodes of `[peers]` and `[store]` stand, whenever somebody wants to know.
#[derive(Clone)]
pub struct Nodes {
    vrrp: Ask<Vec<VrrpTable>>,
    peers: Ask<Peers>,
    store: Ask<Option<SharedStore>>,
}

type Ask<T> = Arc<dyn Fn() -> T + Send + Sync>;

/// The nodes with which what clients are known is exchanged, and what of it is here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peers {
    /// The other nodes.
    pub nodes: Vec<Peer>,
    /// The tables that are exchanged.
    pub tables: Vec<PeerTable>,
}

/// Another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// Whether entries are exchanged.
    pub up: bool,
    /// `sekisho` or `haproxy`; none until it has spoken.
    pub kind: Option<&'static str>,
    /// Whether it has told everything it knows.
    pub taught: bool,
    /// The longest that a change waits to be acknowledged.
    pub lag: Duration,
    /// Changes told, and those of the other node by what came of them: [`Peer::RESULTS`].
    pub updates: [u64; 5],
    /// Connections since the start.
    pub connects: u64,
    /// Why it is not there.
    pub error: Option<String>,
    /// What must agree and does not.
    pub differing: Vec<String>,
    /// By how many milliseconds its clock is ahead of that of this node; none until it has said what time it is.
    pub clock_ahead: Option<i64>,
    /// What its tables hold, as it has told.
    pub tables: Vec<TableThere>,
}

/// A table that is exchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerTable {
    /// The persistence domain.
    pub domain: String,
    /// Entries that have not expired.
    pub entries: usize,
    /// The same on nodes that hold the same.
    pub digest: u64,
    /// When something changed in it last; none: nothing has.
    pub changed: Option<SystemTime>,
}

/// A table that is exchanged, on another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableThere {
    /// The persistence domain.
    pub domain: String,
    /// Entries that have not expired there.
    pub entries: u64,
    /// The same on nodes that hold the same.
    pub digest: u64,
    /// When something changed in it last, as that node knows; none: nothing has.
    pub changed: Option<SystemTime>,
    /// How long ago it was last seen to hold the same as here; none: it was not.
    pub alike: Option<Duration>,
}

impl TableThere {
    /// Whether it holds the same as here, as far as can be known of what changes.
    pub fn is_alike(&self) -> bool {
        self.alike.is_some_and(|alike| alike <= LATELY)
    }
}

impl Peer {
    /// What becomes of changes.
    pub const RESULTS: [&'static str; 5] = ["sent", "learned", "known", "older", "refused"];
}

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

/// How the store stands in which gateways share what clients they know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedStore {
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

impl Nodes {
    /// `tables` is called from any thread.
    pub fn new(tables: impl Fn() -> Vec<VrrpTable> + Send + Sync + 'static) -> Self {
        Self { vrrp: Arc::new(tables), peers: Arc::new(Peers::default), store: Arc::new(|| None) }
    }

    /// The same with the nodes of `[peers]`; `peers` is called from any thread.
    #[must_use]
    pub fn with_peers(self, peers: impl Fn() -> Peers + Send + Sync + 'static) -> Self {
        Self { peers: Arc::new(peers), ..self }
    }

    /// With the store; none, if there is none. `store` is called from any thread.
    #[must_use]
    pub fn with_store(self, store: impl Fn() -> Option<SharedStore> + Send + Sync + 'static) -> Self {
        Self { store: Arc::new(store), ..self }
    }

    pub(crate) fn peers(&self) -> Peers {
        (self.peers)()
    }

    pub(crate) fn tables(&self) -> Vec<VrrpTable> {
        let mut tables = (self.vrrp)();
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        tables
    }

    pub(crate) fn store(&self) -> Option<SharedStore> {
        (self.store)()
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

/// Nodes tell each other what they hold a few times in this.
const LATELY: Duration = Duration::from_secs(30);
