//! A pool: servers that can stand in for each other, and the choice among them.

mod choose;
mod explain;
mod persistence;
mod sealed;
mod share;
#[cfg(test)]
mod tests;
mod waiting;

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sekisho_api::{Persist, Route};

use crate::clock::Clock;
use crate::method::Chooser;
use crate::queue::Queue;
use crate::secret::Secret;
use crate::server::{Peers, ServerState, Surroundings};
use crate::spec::PoolSpec;
use crate::table::Table;
pub use explain::{Candidate, Explanation, KeyLine, Lookup, Verdict};
pub use waiting::Waiting;

/// Who asks for a server, and what is known of the client.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// What the protocol found out.
    pub route: &'a Route,
    /// The client's address.
    pub client: IpAddr,
    /// The VIP's persistence list.
    pub persist: &'a [Persist],
    /// The table of the VIP's persistence domain.
    pub table: &'a Arc<Table>,
    /// The most connections of one user, over all that share the table; none: no limit.
    pub user_limit: Option<u32>,
}

/// A pool of one configuration. A reload builds another; servers and the queue are handed on to it.
pub struct Pool {
    spec: PoolSpec,
    servers: Box<[Arc<ServerState>]>,
    by_name: HashMap<Arc<str>, usize>,
    by_token: HashMap<Box<[u8]>, usize>,
    by_address: HashMap<SocketAddr, usize>,
    chooser: Chooser,
    /// Opens what the gateway sealed.
    secret: Secret,
    clock: Arc<Clock>,
    queue: Arc<Queue>,
    peers: Arc<Peers>,
}

impl Pool {
    pub(crate) fn new(
        spec: PoolSpec,
        servers: Vec<Arc<ServerState>>,
        secret: Secret,
        around: Surroundings,
        seed: u64,
    ) -> Self {
        let places = || servers.iter().enumerate();
        Self {
            by_name: places().map(|(i, server)| (Arc::clone(server.name()), i)).collect(),
            by_token: places().map(|(i, server)| (server.token().as_bytes().into(), i)).collect(),
            // Of two servers at one address the first is meant.
            by_address: places().rev().map(|(i, server)| (server.address(), i)).collect(),
            chooser: Chooser::new(&spec, seed),
            servers: servers.into_boxed_slice(),
            spec,
            secret,
            clock: around.clock,
            queue: around.queue,
            peers: around.peers,
        }
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.spec.name
    }

    /// The pool as configured.
    pub fn spec(&self) -> &PoolSpec {
        &self.spec
    }

    /// Its servers, in the order of the configuration.
    pub fn servers(&self) -> &[Arc<ServerState>] {
        &self.servers
    }

    /// The server of this name.
    pub fn server(&self, name: &str) -> Option<&Arc<ServerState>> {
        self.servers.get(*self.by_name.get(name)?)
    }

    /// How many clients wait in its queue.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    pub(crate) fn peers(&self) -> &Arc<Peers> {
        &self.peers
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("name", &self.spec.name)
            .field("servers", &self.servers)
            .finish_non_exhaustive()
    }
}
