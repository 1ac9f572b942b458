//! The store in which more than two gateways share what clients they know.

use std::path::PathBuf;
use std::time::Duration;

use sekisho_api::{KeyKind, Persist};

use super::{Config, ServerTls};

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

impl Config {
    /// The kinds of key that may come from elsewhere: the common ones, and those of protocols that are used here.
    pub fn key_kinds(&self) -> Vec<KeyKind> {
        let mut kinds = vec![
            KeyKind::USER,
            KeyKind::RDP_TOKEN,
            KeyKind::SOURCE_IP,
            KeyKind::COOKIE,
            KeyKind::APP_COOKIE,
            KeyKind::HEADER,
            KeyKind::QUERY,
            KeyKind::SNI,
            KeyKind::CLIENT_SUBNET,
            KeyKind::QNAME,
            KeyKind::CLIENT_QNAME,
        ];
        for kind in self.vips.iter().flat_map(|vip| &vip.persist).map(Persist::kind) {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        kinds
    }
}
