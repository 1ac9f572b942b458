//! What the gateway tells its speaker, and hears from it: one JSON object a line.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::machine::{State, Why};
use super::packet::{Centiseconds, Checksum};

/// How often each end says something, at least.
pub(crate) const TELL: Duration = Duration::from_millis(500);
/// Who says nothing for so long hangs: a process that is stopped closes no socket.
pub(crate) const SILENCE: Duration = Duration::from_secs(2);

/// What the gateway says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Order {
    /// Be this from now on. Groups in `resume` were active a moment ago, in a speaker that has ended.
    Configure {
        /// What to be.
        plan: Plan,
        /// Names of groups.
        resume: Vec<String>,
    },
    /// So many points of priority are lost in a group.
    Lost {
        /// The group.
        group: String,
        /// How many.
        points: u8,
    },
    /// The gateway lives. Said often enough that a speaker never waits longer than [`SILENCE`] for some order.
    Alive,
    /// Let others take over, then say [`Report::HandedOver`].
    HandOver,
}

/// What the speaker says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Report {
    /// How all tables stand: at every change, and every [`TELL`].
    Status(Vec<TableStatus>),
    /// No address is here any more.
    HandedOver,
}

/// All that a speaker is configured to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) groups: Vec<GroupPlan>,
    pub(crate) watched: Vec<WatchPlan>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.watched.is_empty()
    }
}

/// Voices that move together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupPlan {
    pub(crate) name: String,
    pub(crate) preempt: bool,
    pub(crate) delay: Duration,
    /// Interfaces without which the node is not fit to serve.
    pub(crate) interfaces: Vec<String>,
    pub(crate) voices: Vec<VoicePlan>,
}

/// One virtual router: the addresses of one table and one family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VoicePlan {
    /// The table's name.
    pub(crate) table: String,
    pub(crate) interface: String,
    pub(crate) router: u8,
    pub(crate) priority: u8,
    pub(crate) interval: Centiseconds,
    pub(crate) checksum: Checksum,
    /// The other nodes' own addresses; none: multicast.
    pub(crate) peers: Vec<IpAddr>,
    /// With the lengths of their prefixes; of one family.
    pub(crate) addresses: Vec<(IpAddr, u8)>,
}

impl VoicePlan {
    /// Whether its addresses are of IPv6.
    pub(crate) fn is_ipv6(&self) -> bool {
        self.addresses.first().is_some_and(|(address, _)| address.is_ipv6())
    }

    /// Whether another plan needs other sockets or other addresses.
    pub(crate) fn differs(&self, other: &Self) -> bool {
        (&self.table, &self.interface, self.router, &self.peers, &self.addresses)
            != (&other.table, &other.interface, other.router, &other.peers, &other.addresses)
    }
}

/// Addresses that another program moves, which are only watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WatchPlan {
    /// The table's name.
    pub(crate) table: String,
    pub(crate) addresses: Vec<IpAddr>,
}

/// How a table stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TableStatus {
    /// The table's name.
    pub name: String,
    /// The name that its group goes by; none: its addresses are only watched.
    pub group: Option<String>,
    /// Its state.
    pub state: State,
    /// Why it is in it; none: another program knows.
    pub why: Option<Why>,
    /// How long it has been in it.
    pub lasted: Duration,
    /// Its priority as it advertises it, 1 to 254; none: its addresses are only watched.
    pub priority: Option<u8>,
    /// Interfaces that are down, without which it is not fit to serve.
    pub interfaces_down: Vec<String>,
    /// What else the node lacks to be fit to serve, in words.
    #[serde(default)]
    pub unfit: Vec<String>,
    /// What was heard last of others, by family.
    pub peers: Vec<PeerStatus>,
    /// How often its state has changed.
    pub transitions: u64,
    /// Adverts sent.
    pub sent: u64,
    /// Adverts of others that were heard.
    pub received: u64,
    /// Packets that looked like adverts and were not believed.
    pub invalid: u64,
    /// Whether a partner advertises other addresses than this table has.
    pub differs: bool,
}

/// What was heard last of another node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// Its own address.
    pub address: IpAddr,
    /// Its priority; 0: it has stopped.
    pub priority: u8,
    /// How long ago.
    pub ago: Duration,
}
