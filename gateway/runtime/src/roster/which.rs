//! Which clients are meant, and what is shown of one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sekisho_api::Key;

/// Which clients are meant: those for which all that is said holds.
#[derive(Clone, Debug, Default)]
pub struct Which {
    /// They came to this VIP.
    pub vip: Option<Arc<str>>,
    /// Their VIP is in this persistence domain.
    pub domain: Option<Arc<str>>,
    /// They are this user.
    pub user: Option<Key>,
    /// Their server was chosen from one of these pools.
    pub pools: Option<Vec<Arc<str>>>,
    /// Their server has this name.
    pub server: Option<Arc<str>>,
    /// Their server has any other name than this.
    pub not_server: Option<Arc<str>>,
}

/// A client's connection, or a UDP flow, that has a server.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Its number in this process.
    pub id: u64,
    /// The VIP.
    pub vip: Arc<str>,
    /// The client.
    pub client: SocketAddr,
    /// The pool.
    pub pool: Arc<str>,
    /// The server.
    pub server: Arc<str>,
    /// The user, where one is known.
    pub user: Option<Key>,
    /// How the client became known: [`sekisho_api::Route::by`].
    pub known_by: Option<&'static str>,
    /// How long ago it was accepted.
    pub age: Duration,
}
