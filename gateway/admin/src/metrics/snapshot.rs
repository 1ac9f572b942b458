//! The numbers of a gateway at one moment: plain values, from which text is made.

use std::collections::BTreeMap;
use std::time::Duration;

use sekisho_runtime::{Classes, Ends, ExchangeTotals, Latencies, LogCounts, LogStatus, Totals};
use sekisho_scheduler::{State, TableCounts};

use crate::nodes::{Peers, SharedStore, VrrpTable};

/// The numbers of a gateway at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) process: Process,
    /// Which configuration of this process is in force, counted from 1.
    pub(crate) epoch: u64,
    /// Client connections and UDP flows, over all VIPs.
    pub(crate) connections: usize,
    pub(crate) vips: Vec<Vip>,
    pub(crate) pools: Vec<Pool>,
    pub(crate) servers: Vec<Server>,
    pub(crate) domains: Vec<Domain>,
    pub(crate) certificates: Vec<Certificate>,
    /// Addresses that move between nodes.
    pub(crate) vrrp: Vec<VrrpTable>,
    /// Nodes with which what clients are known is exchanged.
    pub(crate) peers: Peers,
    /// The access logs.
    pub(crate) logs: Vec<LogStatus>,
    /// The gateway's own log; none where it goes to standard error.
    pub(crate) log: Option<LogCounts>,
    /// When operators' tokens expire, by name, since 1970.
    pub(crate) tokens: Vec<(String, Duration)>,
    /// Where gateways share what clients they know.
    pub(crate) store: Option<SharedStore>,
    /// What protocols count themselves, one after the other.
    pub(crate) own: Vec<Own>,
}

/// The process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Process {
    pub(crate) version: &'static str,
    /// When it started, since 1970.
    pub(crate) started: Duration,
    pub(crate) uptime: Duration,
    pub(crate) cpu: Duration,
    /// Bytes in memory; none where the system does not say.
    pub(crate) resident: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Vip {
    pub(crate) name: String,
    pub(crate) connections: usize,
    pub(crate) totals: Totals,
    pub(crate) ends: Ends,
    pub(crate) classes: Classes,
    pub(crate) latencies: Latencies,
    pub(crate) known: BTreeMap<&'static str, u64>,
    pub(crate) exchanges: Option<ExchangeTotals>,
}

#[derive(Clone, Debug)]
pub(crate) struct Pool {
    pub(crate) name: String,
    pub(crate) queued: usize,
    pub(crate) queue_capacity: usize,
    /// Of what its servers have served, over all VIPs.
    pub(crate) latencies: Latencies,
}

#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) pool: String,
    pub(crate) name: String,
    pub(crate) state: State,
    pub(crate) weight: u32,
    pub(crate) active: u32,
    pub(crate) served: u64,
    pub(crate) bytes: u64,
    /// None before the first measurement.
    pub(crate) response: Option<Duration>,
    /// By reason.
    pub(crate) failures: Vec<(&'static str, u64)>,
    pub(crate) timeouts: u64,
    pub(crate) strays: u64,
    pub(crate) ejections: u64,
    pub(crate) repeats: u64,
    /// Probes that passed, and those that failed.
    pub(crate) probes: (u64, u64),
    /// How long the latest probe took.
    pub(crate) probe: Option<Duration>,
    /// Until when the certificate that it showed to a probe holds, since 1970.
    pub(crate) certificate: Option<Duration>,
    /// What probes found out, by name.
    pub(crate) notes: Vec<(&'static str, String)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Domain {
    pub(crate) name: String,
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
    pub(crate) counts: TableCounts,
}

/// A certificate in use; no two are of the same VIP, name and file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Certificate {
    pub(crate) vip: String,
    pub(crate) name: String,
    pub(crate) file: String,
    /// When it expires, in seconds since 1970.
    pub(crate) expires: u64,
}

/// What a protocol counts itself.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    /// The whole name.
    pub(crate) name: String,
    pub(crate) help: &'static str,
    pub(crate) labels: &'static [&'static str],
    /// By the labels' values; each once.
    pub(crate) values: Vec<(Vec<String>, u64)>,
}
