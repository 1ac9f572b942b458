//! A configuration in force: what workers serve from. Built whole, swapped whole.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use sekisho_api::Handler;
use sekisho_config::{Config, ProxyTlv, ProxyVersion, TlsMode, Vip};
use sekisho_scheduler::{Pool, Scheduler, Secret, ServerState, Table};

use crate::StartError;
use crate::companions::Companions;
use crate::decisions::Decisions;
use crate::descriptors;
use crate::limits::{Gauge, PerClient};
use crate::origin::{self, Origin};
use crate::strikes::Strikes;
use crate::tls::{Acceptor, Connector, TlsError};
use crate::totals::Tallies;

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
    /// Whether it is reached over streams alone.
    pub(crate) streams_only: bool,
    /// TLS begins when the protocol says so.
    pub(crate) start_tls: bool,
    /// How it is told the client's address.
    pub(crate) proxy_protocol: Option<ProxyVersion>,
    /// And what else of the client.
    pub(crate) proxy_tlvs: Arc<[ProxyTlv]>,
    /// The address that it sees.
    pub(crate) source: Arc<Origin>,
}

impl ServerSide {
    /// Whether a connection to it may serve several clients: not where it began with the address of one.
    pub(crate) fn shareable(&self) -> bool {
        self.proxy_protocol.is_none() && !self.source.is_client()
    }
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
    pub(crate) strikes: Arc<Strikes>,
    pub(crate) companions: Arc<Companions>,
    pub(crate) tallies: Tallies,
    pub(crate) decisions: Decisions,
}

/// Everything of a configuration that can fail to be built, ready; nothing in force is touched by it.
#[derive(Debug)]
pub(crate) struct Prepared {
    config: Config,
    acceptors: Vec<Option<Arc<Acceptor>>>,
    connectors: Vec<Option<Arc<Connector>>>,
}

impl Prepared {
    /// Reads and builds what the configuration's files hold.
    ///
    /// # Errors
    /// What cannot be built, named.
    pub(crate) fn new(config: Config, previous: Option<&Live>) -> Result<Self, StartError> {
        let mut acceptors = Vec::with_capacity(config.vips.len());
        for vip in &config.vips {
            let missing = |name: &Arc<str>| StartError::Missing(vip.name.to_string(), name.to_string());
            if let Some(name) = vip.pools.iter().find(|n| !config.pools.iter().any(|p| p.spec.name == **n)) {
                return Err(missing(name));
            }
            if !config.domains.iter().any(|domain| domain.table.name == vip.domain) {
                return Err(missing(&vip.domain));
            }
            acceptors.push(acceptor(vip, previous)?);
        }
        let mut connectors = Vec::with_capacity(config.pools.len());
        for pool in &config.pools {
            let refused = |e: TlsError| StartError::Tls(pool.spec.name.to_string(), e.to_string());
            let connector = pool.tls.as_ref().map(Connector::new).transpose().map_err(refused)?;
            connectors.push(connector.map(Arc::new));
            origin::check(&pool.source).map_err(|e| StartError::Source(pool.spec.name.to_string(), e))?;
        }
        Ok(Self { config, acceptors, connectors })
    }

    /// The configuration.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Brings it into force towards the scheduler, which keeps the live state of `previous`. Cannot fail.
    pub(crate) fn into_live(self, secret: &Secret, seed: u64, previous: Option<&Live>, now: Instant) -> Live {
        let Self { config, acceptors, connectors } = self;
        let specs = config.pools.iter().map(|pool| pool.spec.clone()).collect();
        let tables = config.domains.iter().map(|domain| domain.table.clone()).collect();
        let scheduler = Scheduler::build(specs, tables, secret, seed, previous.map(|p| &*p.scheduler), now);
        let epoch = previous.map_or(1, |p| p.epoch + 1);
        let vips = config.vips.iter().zip(acceptors);
        let vips = vips.filter_map(|(vip, acceptor)| live_vip(vip, acceptor, &scheduler, epoch, previous));
        let vips = vips.map(Arc::new).collect();
        let mut servers = HashMap::new();
        for (pool, connector) in config.pools.iter().zip(connectors) {
            let source = Arc::new(Origin::new(pool.source.clone()));
            for state in scheduler.pool(&pool.spec.name).into_iter().flat_map(|pool| pool.servers()) {
                let side = ServerSide {
                    pool: pool.spec.name.clone(),
                    state: state.clone(),
                    connector: connector.clone(),
                    streams_only: pool.streams_only,
                    start_tls: pool.tls.as_ref().is_some_and(|tls| tls.mode == TlsMode::StartTls),
                    proxy_protocol: pool.proxy_protocol,
                    proxy_tlvs: pool.proxy_tlvs.clone(),
                    source: source.clone(),
                };
                servers.insert(state.id(), side);
            }
        }
        let connections = match previous {
            Some(previous) => previous.connections.clone(),
            None => Gauge::new(descriptors::connections(config.gateway.max_connections)),
        };
        Live { epoch, config: Arc::new(config), scheduler: Arc::new(scheduler), vips, servers, connections }
    }
}

impl Live {
    /// Takes what outlives a reload into force: the ceilings that changed.
    pub(crate) fn enforce(&self) {
        self.connections.set_max(descriptors::connections(self.config.gateway.max_connections));
        for vip in &self.vips {
            let (all, each) = ceilings(&vip.vip);
            vip.counts.connections.set_max(all);
            vip.counts.clients.set_max(each);
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

/// The most connections of a VIP, and of each of its clients. Where the VIP has no limit the gateway's holds.
fn ceilings(vip: &Vip) -> (usize, usize) {
    let limit = |limit: Option<usize>| limit.unwrap_or(usize::MAX);
    (limit(vip.limits.max_connections), limit(vip.limits.max_connections_per_client))
}

fn acceptor(vip: &Vip, previous: Option<&Live>) -> Result<Option<Arc<Acceptor>>, StartError> {
    let Some(tls) = &vip.tls else { return Ok(None) };
    let alpn: &[&str] = match &vip.handler {
        Handler::Service(service) | Handler::Pair(_, service) => service.alpn(),
        Handler::Conversation(_) | Handler::Companion(_) | Handler::Exchange(_) => &[],
    };
    let old = previous.and_then(|previous| previous.vip(&vip.name)?.acceptor.as_deref());
    let built = Acceptor::new(tls, alpn, old);
    Ok(Some(Arc::new(built.map_err(|e| StartError::Tls(vip.name.to_string(), e.to_string()))?)))
}

/// `None` where a pool or table is missing, which [`Prepared::new`] has ruled out.
fn live_vip(
    vip: &Arc<Vip>,
    acceptor: Option<Arc<Acceptor>>,
    scheduler: &Scheduler,
    epoch: u64,
    previous: Option<&Live>,
) -> Option<LiveVip> {
    let pools: Vec<_> = vip.pools.iter().filter_map(|name| scheduler.pool(name)).cloned().collect();
    let table = scheduler.table(&vip.domain)?.clone();
    let counts = match previous.and_then(|previous| previous.vip(&vip.name)) {
        Some(before) => before.counts.clone(),
        None => {
            let (all, each) = ceilings(vip);
            Arc::new(Counts {
                connections: Gauge::new(all),
                clients: PerClient::new(each),
                strikes: Strikes::new(),
                companions: Arc::default(),
                tallies: Tallies::default(),
                decisions: Decisions::default(),
            })
        }
    };
    Some(LiveVip { epoch, vip: vip.clone(), pools, table, acceptor, counts })
}
