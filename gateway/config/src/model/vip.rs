//! A VIP, with its limits and deadlines.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sekisho_api::{Handler, Networks, Persist, Transport};

use super::{ClientTls, VipMode};

/// A listening address that the outside sees, ready to serve.
#[derive(Clone, Debug)]
pub struct Vip {
    /// Its name.
    pub name: Arc<str>,
    /// Its addresses, port ranges spread out.
    pub listen: Vec<SocketAddr>,
    /// Who serves it.
    pub mode: VipMode,
    /// The protocol's name.
    pub protocol: &'static str,
    /// How it travels.
    pub transport: Transport,
    /// The protocol, configured for this VIP.
    pub handler: Handler,
    /// Names of the pools it may route to; index 0 is its `pool`. Never empty.
    pub pools: Vec<Arc<str>>,
    /// Its persistence list.
    pub persist: Vec<Persist>,
    /// The persistence domain whose table it shares.
    pub domain: Arc<str>,
    /// TLS that ends here.
    pub tls: Option<ClientTls>,
    /// Its limits.
    pub limits: Limits,
    /// Its deadlines.
    pub timeouts: Timeouts,
    /// Whether it writes to the access log.
    pub access_log: bool,
    /// The proxies that alone may connect, and say in a PROXY header for whom; none: clients connect themselves.
    pub proxies: Option<Networks>,
}

/// The limits of a VIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections (or UDP flows) at once; none: as many as the gateway takes.
    pub max_connections: Option<usize>,
    /// Connections at once from one client address, IPv6 by /64; none: as many as the VIP takes.
    pub max_connections_per_client: Option<usize>,
    /// Connections at once of one user, over all VIPs of its persistence domain; none: no limit.
    pub max_connections_per_user: Option<u32>,
    /// Strikes (wrong passwords) of one client address, IPv6 by /64, from which on it is turned away; none: never.
    pub max_strikes: Option<u32>,
    /// How long after its last strike an address is forgiven.
    pub strike_memory: Duration,
    /// The most bytes of one side kept while a conversation decides.
    pub buffer: usize,
    /// Servers tried for one client.
    pub attempts: u32,
}

/// The deadlines of a VIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the client's TLS handshake.
    pub handshake: Duration,
    /// For what the protocol needs to choose a server, from the connection's first moment.
    pub head: Duration,
    /// For one connection attempt to a server, TLS included.
    pub connect: Duration,
    /// For what a server has to say before anything is committed to it; then another one is tried. None: as `response`.
    pub greeting: Option<Duration>,
    /// For the first byte of a server's answer; none: the protocol's own patience, or that of `idle`.
    pub response: Option<Duration>,
    /// Without a byte either way.
    pub idle: Duration,
    /// For the other side to finish once one has.
    pub half_closed: Duration,
    /// Between TCP keepalive probes, both sides.
    pub keepalive: Duration,
}
