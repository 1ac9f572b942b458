//! A configuration in force: what workers serve from. Built whole, swapped whole.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use sekisho_api::Handler;
use sekisho_config::{Config, Vip};
use sekisho_scheduler::{Pool, Scheduler, Secret, ServerState, Table};

use crate::StartError;
use crate::limits::{Gauge, PerClient};
use crate::tls::{Acceptor, Connector};

/// A configuration in force.
#[derive(Debug)]
pub(crate) struct Live {
    /// Grows by one with every reload.
    pub(crate) epoch: u64,
    pub(crate) config: Arc<Config>,
    pub(crate) scheduler: Arc<Scheduler>,
    pub(crate) vips: Vec<Arc<LiveVip>>,
    /// By [`sekisho_api::Server::id`].
    servers: HashMap<u64, ServerSide>,
    /// Connections over all VIPs; one for the life of the process.
    pub(crate) connections: Arc<Gauge>,
}

/// What is needed to reach a server.
#[derive(Clone, Debug)]
pub(crate) struct ServerSide {
    pub(crate) pool: Arc<str>,
    pub(crate) state: Arc<ServerState>,
    pub(crate) connector: Option<Arc<Connector>>,
}

/// A VIP in force.
#[derive(Debug)]
pub(crate) struct LiveVip {
    pub(crate) epoch: u64,
    pub(crate) vip: Arc<Vip>,
    pub(crate) pools: Vec<Arc<Pool>>,
    pub(crate) table: Arc<Table>,
    pub(crate) acceptor: Option<Arc<Acceptor>>,
    pub(crate) counts: Arc<Counts>,
}

/// What a VIP counts, over reloads.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) connections: Arc<Gauge>,
    pub(crate) clients: Arc<PerClient>,
}

impl Live {
    /// Builds everything that `config` needs. Nothing in force is touched until it is there.
    ///
    /// # Errors
    /// What cannot be built, named.
    pub(crate) fn build(
        config: Config,
        secret: &Secret,
        seed: u64,
        previous: Option<&Live>,
        now: Instant,
    ) -> Result<Self, StartError> {
        let specs = config.pools.iter().map(|pool| pool.spec.clone()).collect();
        let tables = config.domains.iter().map(|domain| domain.table.clone()).collect();
        let scheduler = Scheduler::build(specs, tables, secret, seed, previous.map(|p| &*p.scheduler), now);
        let scheduler = Arc::new(scheduler);
        let epoch = previous.map_or(1, |p| p.epoch + 1);
        let mut vips = Vec::with_capacity(config.vips.len());
        for vip in &config.vips {
            vips.push(Arc::new(LiveVip::build(vip, &scheduler, epoch, previous)?));
        }
        let mut servers = HashMap::new();
        for pool in &config.pools {
            let connector = match &pool.tls {
                Some(tls) => Some(Arc::new(
                    Connector::new(tls)
                        .map_err(|e| StartError::Tls(pool.spec.name.to_string(), e.to_string()))?,
                )),
                None => None,
            };
            for state in scheduler.pool(&pool.spec.name).into_iter().flat_map(|pool| pool.servers()) {
                let side = ServerSide {
                    pool: pool.spec.name.clone(),
                    state: state.clone(),
                    connector: connector.clone(),
                };
                servers.insert(sekisho_api::Server::id(&**state), side);
            }
        }
        let connections = match previous {
            Some(previous) => previous.connections.clone(),
            None => Gauge::new(config.gateway.max_connections),
        };
        Ok(Self { epoch, config: Arc::new(config), scheduler, vips, servers, connections })
    }

    /// Takes what outlives a reload into force: the ceilings that changed.
    pub(crate) fn enforce(&self) {
        self.connections.set_max(self.config.gateway.max_connections);
        for vip in &self.vips {
            vip.counts.connections.set_max(vip.vip.limits.max_connections);
            vip.counts.clients.set_max(vip.vip.limits.max_connections_per_client);
        }
    }

    /// The VIP of this name.
    pub(crate) fn vip(&self, name: &str) -> Option<&Arc<LiveVip>> {
        self.vips.iter().find(|vip| &*vip.vip.name == name)
    }

    /// How to reach the server with this id.
    pub(crate) fn server(&self, id: u64) -> Option<&ServerSide> {
        self.servers.get(&id)
    }

    /// How to reach every server.
    pub(crate) fn servers(&self) -> impl Iterator<Item = &ServerSide> {
        self.servers.values()
    }
}

impl LiveVip {
    fn build(
        vip: &Arc<Vip>,
        scheduler: &Scheduler,
        epoch: u64,
        previous: Option<&Live>,
    ) -> Result<Self, StartError> {
        let missing = |what: &str| StartError::Missing(vip.name.to_string(), what.to_owned());
        let mut pools = Vec::with_capacity(vip.pools.len());
        for name in &vip.pools {
            pools.push(scheduler.pool(name).ok_or_else(|| missing(name))?.clone());
        }
        let table = scheduler.table(&vip.domain).ok_or_else(|| missing(&vip.domain))?.clone();
        let before = previous.and_then(|previous| previous.vip(&vip.name));
        let acceptor = match &vip.tls {
            Some(tls) => {
                let alpn: &[&str] = match &vip.handler {
                    Handler::Service(_) if vip.protocol == "http" => &["http/1.1"],
                    _ => &[],
                };
                let old = before.and_then(|vip| vip.acceptor.as_deref());
                let built = Acceptor::new(tls, alpn, old);
                Some(Arc::new(built.map_err(|e| StartError::Tls(vip.name.to_string(), e.to_string()))?))
            }
            None => None,
        };
        let counts = match before {
            Some(before) => before.counts.clone(),
            None => Arc::new(Counts {
                connections: Gauge::new(vip.limits.max_connections),
                clients: PerClient::new(vip.limits.max_connections_per_client),
            }),
        };
        Ok(Self { epoch, vip: vip.clone(), pools, table, acceptor, counts })
    }
}
