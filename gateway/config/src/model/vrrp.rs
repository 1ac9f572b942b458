//! Addresses that move between nodes.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Addresses that move between nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vrrp {
    /// Its name.
    pub name: Arc<str>,
    /// Who moves them.
    pub mode: VrrpMode,
    /// The interface that they are on; empty only if another program moves them.
    pub interface: String,
    /// The virtual router, 1 to 255, the same on all nodes; 0 only if another program moves them.
    pub router_id: u8,
    /// 1 to 254; the highest has the addresses.
    pub priority: u8,
    /// The addresses with the lengths of their prefixes. Never empty.
    pub addresses: Vec<(IpAddr, u8)>,
    /// How often the active node says that it is there: 10 ms to 40.95 s.
    pub advert_interval: Duration,
    /// Whether a node with a higher priority takes the addresses from one that serves.
    pub preempt: bool,
    /// How long it watches first.
    pub preempt_delay: Duration,
    /// The other nodes' own addresses, with one for each family of `addresses`; empty: multicast.
    pub peers: Vec<IpAddr>,
    /// What the checksum of IPv4 adverts covers.
    pub ipv4_checksum: VrrpChecksum,
    /// The tables of one group are active on the same node. Its own name, if it is alone.
    pub group: Arc<str>,
    /// What the node must have to be fit to serve.
    pub track: Track,
}

/// Who moves addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VrrpMode {
    /// This program.
    #[default]
    BuiltIn,
    /// Another one, such as keepalived: whether they are here is watched.
    External,
}

/// What the checksum of IPv4 adverts covers. Both are accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VrrpChecksum {
    /// The IPv4 addresses as well, as keepalived does.
    #[default]
    PseudoHeader,
    /// The advert alone, as RFC 9568 says.
    Plain,
}

/// What a node must have to be fit to serve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Track {
    /// Interfaces that must be up.
    pub interfaces: Vec<String>,
    /// Pools that must have a server, and the points of priority that are lost without one; none: all.
    pub pools: Vec<(Arc<str>, Option<u8>)>,
    /// VIPs that must be served: they listen, and one of their pools has a server.
    pub vips: Vec<Arc<str>>,
}
