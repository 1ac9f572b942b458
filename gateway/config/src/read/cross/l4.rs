//! Whether pools suit the VIPs that the kernel serves.

use std::collections::HashMap;
use std::net::SocketAddr;

use sekisho_api::settings::{Problem, Span};
use sekisho_scheduler::{HashKind, Method, OnDown};

use super::super::context::{Context, Name};
use super::super::{pool, vip};
use crate::model::{Pool, Source};

/// Checks every such VIP against its pool.
pub(super) fn check(vips: &[(Name<'_>, vip::Read)], pools: &[(Name<'_>, pool::Read)], context: &Context<'_>) {
    let pools: HashMap<&str, &Pool> =
        pools.iter().filter_map(|(name, read)| Some((name.text, read.pool.as_ref()?))).collect();
    for (_, vip) in vips {
        let Some(place) = &vip.l4 else { continue };
        let Some(pool) = vip.pools.first().and_then(|name| pools.get(&**name)) else { continue };
        suits(pool, place, context);
        families(pool, &vip.listen, context);
        if pool.probe.is_none() {
            let message = format!("nobody would notice that a server of pool `{}` is down", pool.spec.name);
            let problem =
                Problem::new(place.clone(), message, "the kernel tells the gateway nothing of its clients");
            context.warn(problem.help("give the pool a `probe`"));
        }
    }
}

fn suits(pool: &Pool, place: &Span, context: &Context<'_>) {
    let spec = &pool.spec;
    let method = match spec.method {
        Method::RoundRobin | Method::SourceHash | Method::ConsistentHash(HashKind::Maglev) => None,
        Method::ConsistentHash(HashKind::BoundedLoad(_)) => Some("bounded-load"),
        other => Some(other.name()),
    };
    if let Some(method) = method {
        let message = format!("pool `{}` balances by `{method}`, which the kernel cannot", spec.name);
        let problem = Problem::new(place.clone(), message, "it counts, or hashes");
        let help =
            "methods: round-robin, source-hash, consistent-hash (by address and port); or take out `mode`";
        context.error(problem.help(help));
    }
    for (written, key) in [
        (pool.tls.is_some(), "tls"),
        (pool.proxy_protocol.is_some(), "proxy-protocol"),
        (spec.on_down == OnDown::Fail, "on-down = \"fail\""),
        (spec.servers.iter().any(|server| server.max_connections.is_some()), "max-connections"),
    ] {
        if written {
            let message = format!("pool `{}` has `{key}`, which the kernel cannot", spec.name);
            let problem = Problem::new(place.clone(), message, "packets are forwarded as they come");
            context.error(problem.help("give the VIP a pool without it, or take out `mode`"));
        }
    }
}

/// Packets of one version of IP do not become those of another.
fn families(pool: &Pool, listen: &[(SocketAddr, Span)], context: &Context<'_>) {
    let name = &pool.spec.name;
    for (four, family) in [(true, "IPv4"), (false, "IPv6")] {
        let Some((address, span)) = listen.iter().find(|(address, _)| address.is_ipv4() == four) else {
            continue;
        };
        if !pool.spec.servers.iter().any(|server| server.address.is_ipv4() == four) {
            let message = format!("pool `{name}` has no server for {address}");
            let problem = Problem::new(
                span.clone(),
                message,
                format!("the kernel forwards {family} to {family} alone"),
            );
            context.error(problem.help("give the pool one, or take out the address or `mode`"));
        }
        if let Source::Addresses(sources) = &pool.source
            && !sources.iter().any(|source| source.is_ipv4() == four)
        {
            let message = format!("`source` of pool `{name}` has no {family} address");
            let problem = Problem::new(span.clone(), message, "what comes here would leave from none");
            context.error(problem.help("add one to `source`, or write \"gateway\" or \"client\""));
        }
    }
}
