//! DNS in the registration list.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use sekisho_api::settings::Section;
use sekisho_api::{
    Descriptor, Handler, Metric, Patience, PoolContext, PoolSettings, ProbeKind, Protocol, Transport,
    VipContext,
};

use crate::desk::Desk;
use crate::exchange::DnsExchange;
use crate::keys::Keys;
use crate::options::{RESPONSE, Table};
use crate::over::Over;
use crate::pool::{Caches, PoolRules};
use crate::probe::DnsProbe;
use crate::stream::DnsService;

/// DNS, balanced query by query.
///
/// The value lives as long as the list it stands in, over all reloads: it knows the pools' caches, so that one whose
/// settings a reload leaves alone goes on with what it has.
#[derive(Debug)]
pub struct Dns {
    /// Keys everything that is hashed and that nobody outside may foresee.
    seed: (u64, u64),
    caches: Caches,
}

impl Dns {
    /// DNS, with keys of its own drawn at random.
    pub fn new() -> Self {
        // The standard library draws its keys from the system.
        let random = || RandomState::new().hash_one(0_u8);
        Self { seed: (random(), random()), caches: Caches::default() }
    }
}

impl Default for Dns {
    fn default() -> Self {
        Self::new()
    }
}

impl Protocol for Dns {
    fn descriptor(&self) -> Descriptor {
        Descriptor {
            name: "dns",
            summary: "DNS over UDP, TCP, TLS and HTTPS: every query balanced, kept by client or name",
            transport: Transport::Both,
            keys: Keys::KINDS,
        }
    }

    fn patience(&self) -> Patience {
        Patience { response: Some(RESPONSE), ..Patience::default() }
    }

    fn configure(&self, options: &mut Section<'_>, vip: &VipContext<'_>) -> Option<Handler> {
        let table = Table::read(options, vip, self.seed)?;
        let rules = |index: usize| vip.pool_settings.get(index)?.clone()?.downcast::<PoolRules>().ok();
        let pools = (0..vip.pools.len()).map(|index| rules(index).unwrap_or_default()).collect();
        let desk = Arc::new(Desk::new(table, pools, self.seed));
        let datagrams = desk.options.over.contains(&Over::Udp);
        let streams = desk.options.over.iter().any(|over| *over != Over::Udp);
        let exchange = || Arc::new(DnsExchange(desk.clone()));
        let service = || Arc::new(DnsService::new(desk.clone()));
        Some(match (datagrams, streams) {
            (true, true) => Handler::Pair(exchange(), service()),
            (true, false) => Handler::Exchange(exchange()),
            (false, _) => Handler::Service(service()),
        })
    }

    fn configure_pool(&self, options: &mut Section<'_>, pool: &PoolContext<'_>) -> Option<PoolSettings> {
        Some(Arc::new(PoolRules::read(options, pool.name, &self.caches, self.seed)))
    }

    fn metrics(&self, settings: &PoolSettings, report: &mut dyn FnMut(Metric)) {
        let cache = settings.downcast_ref::<PoolRules>().and_then(|rules| rules.cache.as_ref());
        cache.into_iter().flat_map(|cache| cache.counts().metrics()).for_each(report);
    }

    fn probes(&self) -> Vec<Arc<dyn ProbeKind>> {
        vec![Arc::new(DnsProbe)]
    }
}
