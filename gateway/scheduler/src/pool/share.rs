//! Who takes how much of the clients that come now, for who balances without asking for each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::Pool;
use crate::field::{Field, Terms};
use crate::method::Share;
use crate::queue::Asker;
use crate::server::ServerState;

impl Pool {
    /// The shares of the servers whose address is `wanted`, as if the pool had no others, in the order of the configuration.
    /// Leases and their limits do not count.
    pub fn shares(&self, wanted: impl Fn(SocketAddr) -> bool, now: Instant) -> Vec<Share> {
        let servers: Vec<_> =
            self.servers.iter().filter(|server| wanted(server.address())).map(Arc::clone).collect();
        let terms = Terms {
            exclude: &[],
            slow_start: self.spec.slow_start,
            all_down: self.spec.all_down,
            now: self.clock.read(now),
            asker: Asker::Newcomer,
        };
        let field = Field::survey(&servers, &self.queue, terms).ok();
        let share = |server: &Arc<ServerState>| Share {
            name: Arc::clone(server.name()),
            weight: server.weight(),
            open: field.as_ref().map_or(0, |field| field.weight(server)),
        };
        servers.iter().map(share).collect()
    }
}
