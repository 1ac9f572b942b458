//! A VIP that the kernel serves, as far as its rules depend on the configuration.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sekisho_api::{Persist, Transport};
use sekisho_config::{Config, OnStop, Pool, Source, Vip, VipMode};
use sekisho_scheduler::Method;

use crate::way::Family;

/// A VIP that the kernel serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) vip: Arc<str>,
    pub(super) pool: Arc<str>,
    /// The protocol's name for `nft`.
    pub(super) protocol: &'static str,
    pub(super) listen: Vec<SocketAddr>,
    pub(super) servers: Vec<Target>,
    pub(super) pick: Pick,
    /// The seed of the slots; equal on all nodes, as is that of the hash, which is made of it.
    pub(super) seed: u64,
    pub(super) source: Source,
    pub(super) on_stop: OnStop,
}

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) name: Arc<str>,
    pub(super) address: SocketAddr,
}

/// What a new flow's slot is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pick {
    /// A counter.
    Turn,
    /// A hash of so many bits of the client's address.
    Client { v4: u8, v6: u8 },
    /// A hash of the client's address and port.
    Flow,
}

/// Those of a configuration, in its order.
pub(super) fn services(config: &Config) -> Vec<Service> {
    let pool = |vip: &Vip| {
        let name = vip.pools.first()?;
        config.pools.iter().find(|pool| pool.spec.name == *name)
    };
    config.vips.iter().filter_map(|vip| service(vip, pool(vip)?)).collect()
}

fn service(vip: &Vip, pool: &Pool) -> Option<Service> {
    let VipMode::L4(on_stop) = vip.mode else { return None };
    let pick = match (vip.persist.first(), pool.spec.method) {
        (Some(&Persist::SourceIp { v4, v6 }), _) => Pick::Client { v4, v6 },
        (_, Method::SourceHash) => Pick::Client { v4: 32, v6: 128 },
        (_, Method::ConsistentHash(_)) => Pick::Flow,
        _ => Pick::Turn,
    };
    let target = |server: &sekisho_scheduler::ServerSpec| Target {
        name: server.name.clone(),
        address: server.address,
    };
    Some(Service {
        vip: vip.name.clone(),
        pool: pool.spec.name.clone(),
        protocol: if vip.transport == Transport::Udp { "udp" } else { "tcp" },
        listen: vip.listen.clone(),
        servers: pool.spec.servers.iter().map(target).collect(),
        pick,
        seed: pool.spec.seed,
        source: pool.source.clone(),
        on_stop,
    })
}

impl Service {
    /// The versions of IP that it listens on.
    pub(super) fn families(&self) -> impl Iterator<Item = Family> + '_ {
        Family::ALL.into_iter().filter(|&family| self.listens(family).next().is_some())
    }

    /// Its addresses of a version of IP.
    pub(super) fn listens(&self, family: Family) -> impl Iterator<Item = SocketAddr> + '_ {
        self.listen.iter().copied().filter(move |address| Family::of(address.ip()) == family)
    }

    /// Its servers of a version of IP, in the order of the pool.
    pub(super) fn targets(&self, family: Family) -> impl Iterator<Item = &Target> {
        self.servers.iter().filter(move |server| Family::of(server.address.ip()) == family)
    }

    /// The addresses of a version of IP that its servers see in place of clients'.
    pub(super) fn sources(&self, family: Family) -> Vec<IpAddr> {
        let Source::Addresses(sources) = &self.source else { return Vec::new() };
        sources.iter().copied().filter(|&source| Family::of(source) == family).collect()
    }
}
