//! What a gateway answers about itself, as far as it is shown here.

use serde::{Deserialize, Serialize};

/// `GET /v1/status`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Status {
    pub(super) version: String,
    pub(super) pid: u32,
    pub(super) uptime_seconds: f64,
    pub(super) epoch: u64,
    pub(super) file: String,
    /// Places that are other than the file says.
    pub(super) changes: usize,
    pub(super) connections: usize,
    pub(super) domains: Vec<Domain>,
}

/// A persistence domain.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Domain {
    pub(super) name: String,
    pub(super) entries: u64,
    pub(super) hits: u64,
    pub(super) misses: u64,
}

/// `GET /v1/vips`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Vips {
    pub(super) vips: Vec<Vip>,
}

/// A VIP.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Vip {
    pub(super) name: String,
    /// `proxy`, or `l4` for those that the kernel serves.
    pub(super) mode: String,
    pub(super) protocol: String,
    pub(super) listen: Vec<String>,
    pub(super) pools: Vec<String>,
    pub(super) domain: String,
    pub(super) connections: u64,
    pub(super) served: u64,
    pub(super) received_bytes: u64,
    pub(super) sent_bytes: u64,
}

/// `GET /v1/pools`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Pools {
    pub(super) pools: Vec<Pool>,
}

/// A pool.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Pool {
    pub(super) name: String,
    pub(super) method: String,
    pub(super) queued: u64,
    pub(super) servers: Vec<Server>,
}

/// A server.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) address: String,
    pub(super) state: String,
    pub(super) weight: u32,
    pub(super) active: u64,
    pub(super) max_connections: Option<u64>,
    pub(super) served: u64,
    pub(super) failures: u64,
    pub(super) response_seconds: Option<f64>,
    pub(super) bytes_per_second: u64,
    pub(super) last_probe: Option<Probe>,
    /// Seconds since 1970.
    pub(super) certificate_expires: Option<u64>,
}

/// A probe.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Probe {
    pub(super) ok: bool,
    pub(super) seconds_ago: f64,
    pub(super) error: Option<String>,
}

impl Server {
    /// Whether clients that were never here before get there.
    pub(super) fn serves(&self) -> bool {
        ["up", "suspect"].contains(&self.state.as_str())
    }

    /// Whether it is out by itself, and not because somebody wants it so.
    pub(super) fn failed(&self) -> bool {
        ["down", "ejected"].contains(&self.state.as_str())
    }

    /// Why its last probe failed.
    pub(super) fn complaint(&self) -> Option<&str> {
        self.last_probe.as_ref().and_then(|probe| probe.error.as_deref())
    }
}
