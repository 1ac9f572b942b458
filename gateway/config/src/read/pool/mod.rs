//! `[pool.NAME]`: servers that can stand in for each other.

mod health;
mod method;
mod protocols;
mod reach;
mod server;
mod tls;

use std::sync::Arc;

use sekisho_api::settings::{Section, Span};
use sekisho_scheduler::{AllDown, OnDown, PoolSpec, QueueSpec};

use super::context::{Context, Name};
use crate::defaults;
use crate::model::{Pool, ProxyVersion, ServerTls, Source, TlsMode};

/// What was read of a pool, for the checks over all VIPs and pools.
pub(super) struct Read {
    /// The pool; none where a problem was recorded.
    pub(super) pool: Option<Pool>,
    /// The protocols that it has tables of, and where.
    pub(super) tables: Vec<(&'static str, Span)>,
    /// Where it says that its servers are reached over streams alone.
    pub(super) streams_only: Option<Span>,
    /// Where it says that TLS to its servers begins in mid-stream.
    pub(super) start_tls: Option<Span>,
    /// Where it asks for a PROXY header that datagrams cannot have.
    pub(super) text_header: Option<Span>,
    /// Where it asks for its servers to see the clients' addresses.
    pub(super) client_source: Option<Span>,
}

/// TLS to something that is no pool.
pub(super) fn tls(section: &mut Section<'_>, context: &Context<'_>) -> Option<ServerTls> {
    tls::read(section, &[], context)
}

/// Reads one pool.
pub(super) fn read(name: &Name<'_>, mut section: Section<'_>, context: &Context<'_>) -> Read {
    let before = context.errors.len();
    let method = method::read(&mut section, context);
    let servers = server::read(&mut section, context);
    let (settings, tables) = protocols::read(name, &mut section, context);
    let (probe, health) = health::read(&mut section, &settings, context);
    let all_down = section.word("all-down", &[("refuse", AllDown::Refuse), ("use-all", AllDown::UseAll)]);
    let words = [("next", OnDown::Next), ("temporary", OnDown::Temporary), ("fail", OnDown::Fail)];
    let on_down = section.word("on-down", &words);
    let queue = queue(&mut section);
    let mut tls = tls::read(&mut section, &servers, context);
    let streams_only = reach::streams_only(&mut section, tls.is_some(), context);
    let proxy_protocol = reach::proxy_protocol(&mut section);
    let proxy_tlvs = reach::proxy_tlvs(&mut section, proxy_protocol, context);
    let source = reach::source(&mut section, context);
    let spec = PoolSpec {
        name: Arc::from(name.text),
        method,
        servers: servers.into_iter().map(|server| server.spec).collect(),
        all_down: all_down.unwrap_or_default(),
        on_down: on_down.unwrap_or_default(),
        queue,
        slow_start: section.duration("slow-start", std::time::Duration::ZERO, defaults::DEADLINE_OR_ZERO),
        health,
        seed: section.integer("seed", defaults::SEED, 0..=i64::MAX as u64),
    };
    protocols::offer(&mut tls, &settings, context);
    let text_header = (proxy_protocol == Some(ProxyVersion::V1)).then(|| section.place("proxy-protocol"));
    let start_tls = tls.as_ref().filter(|tls| tls.mode == TlsMode::StartTls).map(|_| section.place("tls"));
    let client_source = (source == Source::Client).then(|| section.place("source"));
    section.finish();
    let pool = Pool {
        spec,
        probe,
        tls,
        streams_only: streams_only.is_some(),
        proxy_protocol,
        proxy_tlvs,
        source,
        settings,
    };
    Read {
        pool: (context.errors.len() == before).then_some(pool),
        tables,
        streams_only,
        start_tls,
        text_header,
        client_source,
    }
}

fn queue(pool: &mut Section<'_>) -> QueueSpec {
    let place = pool.place("queue");
    let problems = pool.problems();
    let mut section = pool.table("queue").unwrap_or_else(|| Section::absent(place, problems));
    let queue = QueueSpec {
        capacity: section.integer("capacity", defaults::QUEUE_CAPACITY, 0..=1_000_000) as usize,
        timeout: section.duration("timeout", defaults::QUEUE_TIMEOUT, defaults::DEADLINE),
    };
    section.finish();
    queue
}
