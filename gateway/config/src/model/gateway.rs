//! The process: its threads, its logs, its doors.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use sekisho_api::Networks;

use super::log::{AccessLog, LogFormat, LogTo};

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
    /// Where the log goes.
    pub log_to: LogTo,
    /// The access logs; none: not written.
    pub access_logs: Vec<AccessLog>,
    /// Where spans of traces are reported; none: nowhere.
    pub traces: Option<AccessLog>,
    /// Where metrics are read over HTTP; none: nowhere.
    pub metrics: Option<SocketAddr>,
    /// The unix socket at which the operator lists and changes things; none: nowhere.
    pub admin: Option<PathBuf>,
    /// Networks whose word is taken for a client's address: one list for all protocols.
    pub trusted: Networks,
}
