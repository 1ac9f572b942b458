//! The configuration as used: only valid values, nothing left to check.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sekisho_api::{Handler, IdentityRules, Networks, Persist, PoolSettings, Probe, Transport};
use sekisho_scheduler::{PoolSpec, TableSpec};

use crate::defaults;

/// A whole configuration. Immutable: a reload builds another one.
#[derive(Clone, Debug)]
pub struct Config {
    /// What concerns the whole process.
    pub gateway: Gateway,
    /// The VIPs, in the order of the file, names unique, no address listed twice.
    pub vips: Vec<Arc<Vip>>,
    /// The pools, in the order of the file, names unique.
    pub pools: Vec<Arc<Pool>>,
    /// The persistence domains; `default` is always there.
    pub domains: Vec<Domain>,
    /// Addresses that move between nodes, in the order of the file, names unique, no address listed twice.
    pub vrrp: Vec<Vrrp>,
    /// How packets to clients' addresses come back.
    pub network: ReturnPath,
    /// Where the servers are, and how their answers reach the gateway.
    pub topology: Topology,
}

impl Config {
    /// Whether an address moves between nodes, so that it may not be here yet.
    pub fn moves(&self, address: IpAddr) -> bool {
        self.vrrp.iter().any(|vrrp| vrrp.addresses.iter().any(|(moving, _)| *moving == address))
    }
}

/// The file of a state directory in which a generated secret is kept.
pub const KEPT_SECRET: &str = "secret";

/// What concerns the whole process.
#[derive(Clone, Debug, PartialEq)]
pub struct Gateway {
    /// Worker threads; none: one per core.
    pub workers: Option<usize>,
    /// Client connections over all VIPs; none: as many as the process may have open.
    pub max_connections: Option<usize>,
    /// Where the persistence journal and the generated secret live; none: nothing survives a restart.
    pub state_directory: Option<PathBuf>,
    /// The file with the secret that cookies are made with, equal on all nodes.
    pub secret_file: Option<PathBuf>,
    /// How long a stopping gateway waits for its connections.
    pub drain_timeout: Duration,
    /// The log filter, e.g. `info` or `warn,sekisho_runtime=debug`.
    pub log: String,
    /// How the log looks.
    pub log_format: LogFormat,
    /// The access log; none: not written.
    pub access_log: Option<AccessLog>,
    /// Where metrics are read over HTTP; none: nowhere.
    pub metrics: Option<SocketAddr>,
    /// The unix socket at which the operator lists and changes things; none: nowhere.
    pub admin: Option<PathBuf>,
    /// Networks whose word is taken for a client's address: one list for all protocols.
    pub trusted: Networks,
}

/// Text for people, or JSON for machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One readable line.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Where and how the access log is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// The file; none: standard output.
    pub path: Option<PathBuf>,
    /// Text or JSON.
    pub format: LogFormat,
}

/// A listening address that the outside sees, ready to serve.
#[derive(Clone, Debug)]
pub struct Vip {
    /// Its name.
    pub name: Arc<str>,
    /// Its addresses, port ranges spread out.
    pub listen: Vec<SocketAddr>,
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

/// TLS towards clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientTls {
    /// When it begins.
    pub mode: TlsMode,
    /// Certificates with their keys: PEM files. The first is the default; the rest are found by their names.
    pub certificates: Vec<CertificateFiles>,
    /// The oldest version spoken.
    pub min_version: TlsVersion,
    /// Application protocols offered, most wanted first; empty: the protocol's own choice.
    pub alpn: Vec<String>,
    /// Whether clients show certificates.
    pub client_auth: ClientAuth,
    /// Refuse clients whose server name matches no certificate, instead of showing the default one.
    pub strict_names: bool,
    /// Session tickets.
    pub tickets: bool,
}

/// When TLS begins on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// With the first byte.
    #[default]
    Implicit,
    /// When the protocol says so, in mid-stream.
    StartTls,
}

/// A certificate chain and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The key; the same file if both stand in one.
    pub key: PathBuf,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246.
    #[default]
    V1_2,
    /// RFC 8446.
    V1_3,
}

/// Whether clients show certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not asked.
    #[default]
    None,
    /// They are asked and may decline; one that is shown must be signed by the authorities in this file.
    Request(PathBuf),
    /// Without one signed by the authorities in this file there is no connection.
    Require(PathBuf),
}

/// TLS towards servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTls {
    /// When it begins.
    pub mode: TlsMode,
    /// Authorities that sign the servers' certificates; none: those of the system.
    pub ca: Option<PathBuf>,
    /// The name to ask for and to check; none: the server's host in `hosts`, or its address.
    pub server_name: Option<String>,
    /// The hosts of servers that are configured by a host name, by the server's name.
    pub hosts: BTreeMap<Arc<str>, String>,
    /// SHA-256 of the servers' public keys (SubjectPublicKeyInfo); with pins, no authority is asked.
    pub pins: Vec<[u8; 32]>,
    /// Whether the certificate is checked at all.
    pub verify: bool,
    /// The gateway's own certificate.
    pub certificate: Option<CertificateFiles>,
    /// Application protocols offered.
    pub alpn: Vec<String>,
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

/// A pool with what its servers need.
#[derive(Clone, Debug)]
pub struct Pool {
    /// What the scheduler needs.
    pub spec: PoolSpec,
    /// Its probe; none: only traffic tells.
    pub probe: Option<ProbeSpec>,
    /// TLS to its servers.
    pub tls: Option<ServerTls>,
    /// Whether its servers are reached over streams alone, also for what comes as datagrams.
    pub streams_only: bool,
    /// The PROXY header that tells its servers the client's address; none: they are not told.
    pub proxy_protocol: Option<ProxyVersion>,
    /// The address that its servers see.
    pub source: Source,
    /// Protocols' own settings of it, by the protocol's name.
    pub settings: BTreeMap<&'static str, PoolSettings>,
}

/// How packets to clients' addresses come back to the sockets of the gateway that have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReturnPath {
    /// Whether the gateway puts in what the kernel needs; otherwise somebody else has.
    pub manage: bool,
    /// The bits of a packet's mark.
    pub mark: u32,
    /// The table of routes.
    pub table: u32,
    /// The priority of the rule that leads there.
    pub priority: u32,
}

impl Default for ReturnPath {
    fn default() -> Self {
        let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            manage: true,
            mark: number(defaults::MARK),
            table: number(defaults::ROUTES),
            priority: number(defaults::PRIORITY),
        }
    }
}

/// Where the servers are, for the commands that make their answers come back through the gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// On how many sides of the gateway clients and servers are.
    pub arms: Arms,
    /// Where servers send their answers: the gateway's address among them, at most one of each family. With several
    /// nodes it is one that moves.
    pub next_hop: Vec<IpAddr>,
    /// The nodes' own addresses among the servers, from which their probes come.
    pub nodes: Vec<IpAddr>,
    /// The nodes' own MACs among the servers, and those of addresses that move where they have others.
    pub macs: Vec<Mac>,
    /// The servers' interface.
    pub interface: String,
}

/// On how many sides of the gateway clients and servers are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arms {
    /// The gateway is between clients and servers: their default route.
    #[default]
    Two,
    /// The gateway is beside the servers, which have another default route.
    One(Flavour),
}

/// How a server beside the gateway knows which of its answers go there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flavour {
    /// The gateway connects to an address of the server that nobody else uses.
    #[default]
    Addr,
    /// The connection's packets came from the gateway's MAC.
    Mac,
}

/// A MAC of Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for Mac {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut bytes = [0; 6];
        let mut written = text.split(':');
        for byte in &mut bytes {
            let two = written.next().filter(|two| two.len() == 2 && !two.starts_with('+')).ok_or(())?;
            *byte = u8::from_str_radix(two, 16).map_err(|_| ())?;
        }
        if written.next().is_some() { Err(()) } else { Ok(Self(bytes)) }
    }
}

/// The address that a pool's servers see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The gateway's, as its routes say (Src&DstNAT).
    #[default]
    Gateway,
    /// One of these of the gateway's, in turn: each has ports of its own.
    Addresses(Arc<[IpAddr]>),
    /// The client's (DstNAT): the server's answers must come back through the gateway.
    Client,
}

/// A version of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyVersion {
    /// A line of text; streams only.
    V1,
    /// Binary; streams and datagrams.
    V2,
}

/// The probe of a pool.
#[derive(Clone, Debug)]
pub struct ProbeSpec {
    /// The kind's name.
    pub kind: &'static str,
    /// The probe, configured.
    pub probe: Arc<dyn Probe>,
    /// Probe this port instead of the server's.
    pub port: Option<u16>,
}

/// A persistence domain.
#[derive(Clone, Debug, PartialEq)]
pub struct Domain {
    /// Its table.
    pub table: TableSpec,
    /// How user names become identities in it.
    pub identity: IdentityRules,
}

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
