//! Pools as configured: plain values that are already valid.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A pool: servers that can stand in for each other, and how to choose among them.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolSpec {
    /// Its name.
    pub name: Arc<str>,
    /// The balancing method.
    pub method: Method,
    /// Its servers, at least one, names unique.
    pub servers: Vec<ServerSpec>,
    /// What happens when no server is up.
    pub all_down: AllDown,
    /// What happens to a client whose own server is down.
    pub on_down: OnDown,
    /// Where clients wait while every server has its maximum of connections.
    pub queue: QueueSpec,
    /// How long a server that came up takes to reach its full weight; zero: at once.
    pub slow_start: Duration,
    /// How probes and traffic decide that a server is up.
    pub health: HealthSpec,
    /// Seed of the hashing methods; equal on all nodes.
    pub seed: u64,
}

/// One server as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSpec {
    /// Its stable name.
    pub name: Arc<str>,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its share of the load; 0: only clients that are already kept on it.
    pub weight: u32,
    /// The most connections (or requests at once) it gets; none: no limit.
    pub max_connections: Option<u32>,
    /// Its priority group: the lowest group with a usable server serves; `backup = true` is group 1.
    pub group: u8,
    /// What the operator wants of it.
    pub admin: Admin,
}

/// What the operator wants of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Admin {
    /// It serves.
    #[default]
    Ready,
    /// It keeps the clients it has (connected, or remembered by persistence) and gets no others.
    Drain,
    /// It gets nobody and is not probed.
    Maintenance,
}

/// How a pool chooses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// In turn, smoothly by weight.
    RoundRobin,
    /// The fewest leases per weight.
    LeastConnections,
    /// The shortest response time.
    LeastResponseTime {
        /// Whose measurements count.
        source: ResponseSource,
        /// Whether the time is multiplied by the leases held.
        combine: ResponseCombine,
    },
    /// The fewest bytes per weight over a sliding window.
    LeastBandwidth {
        /// The window, 14 s by default as NetScaler has it.
        window: Duration,
    },
    /// The less loaded of two drawn at random by weight.
    RandomTwo,
    /// A hash of the client's key that moves few clients when servers come and go.
    ConsistentHash(HashKind),
    /// A hash of the client's address, modulo the usable weights: simple, moves many when servers change.
    SourceHash,
    /// The first usable server with room, in the order of the configuration.
    FirstAvailable,
}

impl Method {
    /// Its name in the configuration and the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "round-robin",
            Self::LeastConnections => "least-connections",
            Self::LeastResponseTime { .. } => "least-response-time",
            Self::LeastBandwidth { .. } => "least-bandwidth",
            Self::RandomTwo => "random-two",
            Self::ConsistentHash(_) => "consistent-hash",
            Self::SourceHash => "source-hash",
            Self::FirstAvailable => "first-available",
        }
    }
}

/// Whose response times count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseSource {
    /// Health probes.
    Probe,
    /// Clients' requests.
    Traffic,
    /// Both.
    #[default]
    Both,
}

/// What a response time is combined with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseCombine {
    /// Nothing: the time alone.
    None,
    /// The leases held: time × (1 + active).
    #[default]
    Active,
}

/// The kind of consistent hash.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum HashKind {
    /// A Maglev table (Eisenbud et al., NSDI 2016).
    Maglev,
    /// A Maglev table, but no server takes more than this factor of the average load (1.25 is usual).
    BoundedLoad(f64),
}

/// What happens when no server of a pool is up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AllDown {
    /// Clients are refused at once.
    #[default]
    Refuse,
    /// All servers that are not in maintenance are used as if up: better a chance than none.
    UseAll,
}

/// What happens to a client whose own server, the one that persistence remembers, is down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDown {
    /// It gets another one, which is its own from then on.
    #[default]
    Next,
    /// It gets another one for this time, and goes back to its own once that is up.
    Temporary,
    /// It gets none: only its own server has what belongs to it. Hashing methods then hash over all servers, and whoever
    /// falls on one that is down gets none either.
    Fail,
}

/// The queue of a pool whose servers are all full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSpec {
    /// The most clients that wait; 0: nobody waits.
    pub capacity: usize,
    /// The longest wait.
    pub timeout: Duration,
}

/// How a server's health is decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HealthSpec {
    /// Whether the pool has a probe; without one only traffic tells.
    pub active: bool,
    /// Time between probes of a server that is settled.
    pub interval: Duration,
    /// Time between probes of a server that is suspect or changing.
    pub fast_interval: Duration,
    /// How long a probe may take.
    pub timeout: Duration,
    /// Failed probes in a row that take a server down.
    pub fall: u32,
    /// Good probes in a row that bring it up.
    pub rise: u32,
    /// The share of an interval by which probes are scattered, 0.0 to 0.5.
    pub jitter: f64,
    /// How failures of traffic count.
    pub passive: PassiveSpec,
    /// How a server that goes up and down is calmed.
    pub flap: FlapSpec,
    /// When a server that seems well is taken out for what its traffic says; none: never.
    pub outlier: Option<OutlierSpec>,
}

/// How failures of traffic count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassiveSpec {
    /// Failures in a row that make a server suspect, which probes it at once; 0: traffic is not watched.
    pub suspect_after: u32,
    /// Failures in a row that take a server out, for pools without probes and until a probe says otherwise; 0: never.
    pub down_after: u32,
    /// How long a server without probes stays out.
    pub retry_after: Duration,
}

/// When a server that seems well is taken out for a while, because it fails its clients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutlierSpec {
    /// Failures in a row that are enough; 0: no number is.
    pub consecutive: u32,
    /// The share of failures within the interval that is enough, up to 1.0; none: no share is.
    pub failure_share: Option<f64>,
    /// The fewest requests within the interval of which a share means anything.
    pub min_requests: u32,
    /// Over how long the share is reckoned.
    pub interval: Duration,
    /// How long the first ejection lasts; the next lasts twice as long, and so on.
    pub base: Duration,
    /// How long an ejection lasts at most.
    pub longest: Duration,
    /// The share of a pool's servers that may be out at once; one always may, and never the last that is usable.
    pub max_ejected: f64,
    /// Whether a server's own word that it failed ([`sekisho_api::Failure::SaidSo`]) counts.
    pub said_so: bool,
}

/// How a server that goes up and down is calmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlapSpec {
    /// Changes within `window` from which on a server counts as flapping; 0: never.
    pub changes: u32,
    /// The window.
    pub window: Duration,
    /// How long a flapping server must then be well before it is used again.
    pub hold: Duration,
}

/// A persistence table as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSpec {
    /// The persistence domain's name.
    pub name: Arc<str>,
    /// The most entries.
    pub max_entries: usize,
    /// The most bytes of keys and names.
    pub max_bytes: usize,
    /// How long an entry lives after its last client left.
    pub expire: Duration,
}
