//! The store in which more than two gateways share what clients they know.

use std::path::PathBuf;
use std::time::Duration;

use super::ServerTls;

/// A Redis or Valkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedStore {
    /// Its host name or address. Names are looked up at each connecting: the store may move.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The database there.
    pub database: u32,
    /// TLS; none: in the clear.
    pub tls: Option<ServerTls>,
    /// Who the gateway is there; none: the store's default user.
    pub user: Option<String>,
    /// The file with the password; none: it asks for none.
    pub password_file: Option<PathBuf>,
    /// What the names of all entries begin with.
    pub prefix: String,
    /// How long connecting may take, TLS included.
    pub connect_timeout: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How long this gateway may miss what others share without knowing.
    pub staleness: Duration,
    /// The secret of all nodes, with which entries are sealed.
    pub secret_file: PathBuf,
}
