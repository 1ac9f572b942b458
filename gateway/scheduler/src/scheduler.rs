//! All pools and tables of one configuration.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::clock::Clock;
use crate::pool::Pool;
use crate::queue::Queue;
use crate::secret::Secret;
use crate::server::{Peers, ServerState, Standing, Surroundings, Wish};
use crate::spec::{Method, PoolSpec, TableSpec};
use crate::table::Table;

/// All pools and tables of one configuration.
#[derive(Debug)]
pub struct Scheduler {
    clock: Arc<Clock>,
    fingerprint: [u8; 16],
    pools: Vec<Arc<Pool>>,
    tables: Vec<Arc<Table>>,
    pool_names: HashMap<Arc<str>, usize>,
    table_names: HashMap<Arc<str>, usize>,
}

impl Scheduler {
    /// Builds the scheduler of a configuration.
    ///
    /// With `previous`, this is a reload: servers of the same pool, name and address go on as they are, with counts,
    /// health, response times and what the operator set at run time, as far as the new configuration does not change
    /// it; so do tables of the same name. From here on `previous` follows the new weights and limits too. Servers
    /// that are gone are no longer [`reusable`](sekisho_api::Server::reusable), and leases on them stay valid.
    /// Call it once a configuration is known to be good.
    ///
    /// `secret` should be the same for the life of a process: another one gives every server another token, and a
    /// server with another token begins afresh.
    pub fn build(
        pools: Vec<PoolSpec>,
        tables: Vec<TableSpec>,
        secret: &Secret,
        seed: u64,
        previous: Option<&Self>,
        now: Instant,
    ) -> Self {
        let clock =
            previous.map_or_else(|| Arc::new(Clock::new(now)), |previous| Arc::clone(&previous.clock));
        clock.read(now);
        let tables: Vec<_> = tables
            .into_iter()
            .map(|spec| match previous.and_then(|previous| previous.table(&spec.name)) {
                Some(table) => {
                    table.reconfigure(&spec);
                    Arc::clone(table)
                }
                None => Arc::new(Table::new(&spec, &clock, seed)),
            })
            .collect();
        let pools: Vec<_> = pools
            .into_iter()
            .map(|spec| {
                let before = previous.and_then(|previous| previous.pool(&spec.name));
                Arc::new(build_pool(spec, before, secret, seed, &clock, now))
            })
            .collect();
        let scheduler = Self {
            clock,
            fingerprint: secret.fingerprint(),
            pool_names: pools.iter().enumerate().map(|(i, pool)| (Arc::clone(pool.name()), i)).collect(),
            table_names: tables.iter().enumerate().map(|(i, table)| (Arc::clone(table.name()), i)).collect(),
            pools,
            tables,
        };
        if let Some(previous) = previous {
            scheduler.retire(previous);
        }
        scheduler
    }

    /// Says what time of day it is at `now`, for tokens that expire; between two calls the time of day follows `Instant`.
    /// Before the first one no sealed token counts.
    pub fn set_day(&self, wall: SystemTime, now: Instant) {
        self.clock.set_day(wall, now);
    }

    /// What two nodes compare to learn whether they have the same secret.
    pub fn fingerprint(&self) -> [u8; 16] {
        self.fingerprint
    }

    /// The pool of this name.
    pub fn pool(&self, name: &str) -> Option<&Arc<Pool>> {
        self.pools.get(*self.pool_names.get(name)?)
    }

    /// All pools, in the order of the configuration.
    pub fn pools(&self) -> &[Arc<Pool>] {
        &self.pools
    }

    /// The table of this persistence domain.
    pub fn table(&self, name: &str) -> Option<&Arc<Table>> {
        self.tables.get(*self.table_names.get(name)?)
    }

    /// All tables, in the order of the configuration.
    pub fn tables(&self) -> &[Arc<Table>] {
        &self.tables
    }

    /// Has those who wait look at their pools anew. To be called once a reload is in force where they wait: until then
    /// they see the servers of before.
    pub fn stir(&self) {
        self.pools.iter().for_each(|pool| pool.queue().stir());
    }

    /// What the operator has set at run time and the configuration does not say.
    pub fn wishes(&self) -> Vec<Wish> {
        self.each().filter_map(|(pool, server)| server.wish(pool.name())).collect()
    }

    /// Takes up what the operator set in a process before this one, as far as the configuration still says what it said
    /// then; says of how many servers that is so.
    pub fn grant(&self, wishes: &[Wish]) -> usize {
        let server = |wish: &Wish| self.pool(&wish.pool)?.server(&wish.server).cloned();
        wishes.iter().filter(|wish| server(wish).is_some_and(|server| server.grant(wish))).count()
    }

    /// How all servers are, for a process that takes this one's place.
    pub fn standings(&self) -> Vec<Standing> {
        self.each().map(|(pool, server)| server.standing(pool.name())).collect()
    }

    /// Takes the servers to be as the process before this one left them a moment ago, until this one knows better.
    pub fn resume(&self, standings: &[Standing], now: Instant) {
        for standing in standings {
            if let Some(server) = self.pool(&standing.pool).and_then(|pool| pool.server(&standing.server)) {
                server.resume(standing, now);
            }
        }
    }

    fn each(&self) -> impl Iterator<Item = (&Arc<Pool>, &Arc<ServerState>)> {
        self.pools.iter().flat_map(|pool| pool.servers().iter().map(move |server| (pool, server)))
    }

    /// Marks the servers of `previous` that this configuration does not have.
    fn retire(&self, previous: &Self) {
        for pool in &previous.pools {
            let now = self.pool(pool.name());
            for server in pool.servers() {
                let kept = now.and_then(|pool| pool.server(server.name()));
                if !kept.is_some_and(|kept| Arc::ptr_eq(kept, server)) {
                    server.remove();
                }
            }
        }
    }
}

fn build_pool(
    spec: PoolSpec,
    before: Option<&Arc<Pool>>,
    secret: &Secret,
    seed: u64,
    clock: &Arc<Clock>,
    now: Instant,
) -> Pool {
    let queue = before.map_or_else(|| Arc::new(Queue::default()), |pool| Arc::clone(pool.queue()));
    let peers = before.map_or_else(|| Arc::new(Peers::default()), |pool| Arc::clone(pool.peers()));
    let window = match spec.method {
        Method::LeastBandwidth { window } => window,
        _ => DISPLAY_WINDOW,
    };
    let (pool, clock) = (Arc::clone(&spec.name), Arc::clone(clock));
    let around = Surroundings { pool, clock, queue, peers, health: spec.health, window };
    let moment = around.clock.moment(now);
    let servers: Vec<_> = spec
        .servers
        .iter()
        .map(|server| {
            let token = secret.token(&spec.name, &server.name);
            let old = before.and_then(|pool| pool.server(&server.name));
            match old.filter(|old| old.address() == server.address && *old.token() == *token) {
                Some(old) => {
                    old.adopt(server, &around, moment);
                    Arc::clone(old)
                }
                None => Arc::new(ServerState::new(server, token, &around, moment)),
            }
        })
        .collect();
    around.peers.set(&servers);
    around.queue.stir();
    Pool::new(spec, servers, secret.clone(), around, seed)
}

/// The window over which bandwidth is shown where no method asks for another.
const DISPLAY_WINDOW: Duration = Duration::from_secs(14);
