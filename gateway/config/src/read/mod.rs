//! From nodes to the model: one file for each table of the configuration.

mod admin;
mod context;
mod cross;
mod domain;
mod files;
mod gateway;
mod log;
mod network;
mod peers;
mod pool;
mod store;
mod vip;
mod vrrp;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sekisho_api::PoolSettings;
use sekisho_api::settings::{Section, Table};

use context::named;
pub(crate) use context::{Context, Resolve};

use crate::model::Config;

/// Reads the whole file. `None` only where a problem was recorded.
pub(crate) fn config(root: &Table, context: &Context<'_>) -> Option<Config> {
    let mut section = Section::new(root, 0..0, context.errors);
    let gateway = gateway::read(&mut section, context);
    let admin = admin::read(&mut section, context);
    let store = store::read(&mut section, &gateway, context);
    let (network, topology) = network::read(&mut section, context);
    let domains = domain::read(&mut section, context);
    let peers = peers::read(&mut section, &gateway, &domains, context);
    // Names first: a VIP may stand before its pool, and a pool with mistakes in it is still known by name.
    let pool_tables = named(&mut section, "pool", context);
    let vip_tables = named(&mut section, "vip", context);
    let vrrp_tables = named(&mut section, "vrrp", context);
    section.finish();

    let mut pool_names: Vec<&str> = pool_tables.iter().map(|(name, _)| name.text).collect();
    pool_names.sort_unstable();
    let pools: Vec<_> = pool_tables
        .into_iter()
        .map(|(name, section)| (name.clone(), pool::read(&name, section, context)))
        .collect();
    let settings = pools.iter().filter_map(|(name, read)| Some((name.text, &read.pool.as_ref()?.settings)));
    let names = Names { pools: &pool_names, domains: &domains, settings: settings.collect() };
    let vips: Vec<_> = vip_tables
        .into_iter()
        .map(|(name, section)| (name.clone(), vip::read(&name, section, &names, &gateway, context)))
        .collect();
    let vip_names = vips.iter().map(|(name, _)| name.text).collect();
    let vrrp = vrrp::read(vrrp_tables, &vrrp::Known { pools: &pool_names, vips: vip_names }, context);
    cross::check(&vips, &pools, &gateway, context);

    let pools = pools.into_iter().map(|(_, read)| read.pool.map(Arc::new)).collect::<Option<_>>()?;
    let vips = vips.into_iter().map(|(_, vip)| Some(Arc::new(vip.vip?))).collect::<Option<_>>()?;
    Some(Config {
        gateway,
        admin,
        vips,
        pools,
        domains,
        vrrp: vrrp?,
        peers: peers?,
        store: store?,
        network,
        topology,
    })
}

/// What VIPs refer to by name.
struct Names<'a> {
    /// INVARIANT: sorted.
    pools: &'a [&'a str],
    domains: &'a [crate::model::Domain],
    /// The protocols' settings of each pool, by its name; none where a problem was recorded.
    settings: HashMap<&'a str, &'a BTreeMap<&'static str, PoolSettings>>,
}
