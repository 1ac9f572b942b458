//! `[pool.NAME]`: servers that can stand in for each other.

mod health;
mod method;
mod server;
mod tls;

use std::sync::Arc;

use sekisho_api::settings::Section;
use sekisho_scheduler::{AllDown, PoolSpec, QueueSpec};

use super::context::{Context, Name};
use crate::defaults;
use crate::model::Pool;

/// Reads one pool; `None` where a problem was recorded.
pub(super) fn read(name: &Name<'_>, mut section: Section<'_>, context: &Context<'_>) -> Option<Pool> {
    let before = context.errors.len();
    let method = method::read(&mut section, context);
    let servers = server::read(&mut section, context);
    let (probe, health) = health::read(&mut section, context);
    let all_down = section.word("all-down", &[("refuse", AllDown::Refuse), ("use-all", AllDown::UseAll)]);
    let queue = queue(&mut section);
    let tls = tls::read(&mut section, &servers, context);
    let spec = PoolSpec {
        name: Arc::from(name.text),
        method,
        servers: servers.into_iter().map(|server| server.spec).collect(),
        all_down: all_down.unwrap_or_default(),
        queue,
        slow_start: section.duration("slow-start", std::time::Duration::ZERO, defaults::DEADLINE_OR_ZERO),
        health,
        seed: section.integer("seed", defaults::SEED, 0..=i64::MAX as u64),
    };
    section.finish();
    (context.errors.len() == before).then_some(Pool {
        spec,
        probe,
        tls,
        streams_only: false,
        proxy_protocol: None,
        settings: std::collections::BTreeMap::new(),
    })
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
