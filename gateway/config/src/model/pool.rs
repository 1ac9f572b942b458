//! A pool, and how its servers are reached.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use sekisho_api::{PoolSettings, Probe};
use sekisho_scheduler::PoolSpec;

use super::ServerTls;

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
    /// What that header says beyond addresses.
    pub proxy_tlvs: Arc<[ProxyTlv]>,
    /// The address that its servers see.
    pub source: Source,
    /// Protocols' own settings of it, by the protocol's name.
    pub settings: BTreeMap<&'static str, PoolSettings>,
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

/// What a PROXY header of version 2 may say of a client beyond its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyTlv {
    /// The application protocol that its TLS agreed on.
    Alpn,
    /// The server name that it asked for.
    Authority,
    /// The connection's number.
    UniqueId,
    /// Version and cipher of its TLS, and the common name of its certificate.
    Tls,
}

impl ProxyTlv {
    /// What is said where the pool does not say otherwise.
    pub const DEFAULT: [Self; 3] = [Self::Alpn, Self::Authority, Self::Tls];
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
