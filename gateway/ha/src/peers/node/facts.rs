//! What must agree between nodes, so that they choose alike: name and digest.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use sekisho_api::Persist;
use sekisho_config::Config;
use sekisho_scheduler::{HashKind, Method, PoolSpec, Scheduler};

/// The facts of what is in force.
pub(super) fn facts(config: &Config, scheduler: &Scheduler) -> Vec<(String, String)> {
    let secret = ("secret".to_owned(), hex(&scheduler.fingerprint()));
    let domains = config.domains.iter().map(|domain| {
        let rules = &domain.identity;
        let text = format!(
            "{} {} {} {}",
            domain.table.expire.as_millis(),
            rules.keep_domain,
            rules.strip_detail,
            rules.case_sensitive
        );
        (format!("domain `{}`", domain.table.name), fact(&text))
    });
    let pools = scheduler
        .pools()
        .iter()
        .map(|pool| (format!("pool `{}`", pool.name()), fact(&pool_text(pool.spec()))));
    let vips = config.vips.iter().map(|vip| {
        let list: Vec<String> = vip.persist.iter().map(persist).collect();
        (format!("persist of vip `{}`", vip.name), fact(&list.join(" ")))
    });
    std::iter::once(secret).chain(domains).chain(pools).chain(vips).collect()
}

/// Method and seed, and the servers in their order: what a choice by hash is made of.
fn pool_text(spec: &PoolSpec) -> String {
    let method = match spec.method {
        Method::ConsistentHash(HashKind::BoundedLoad(factor)) => format!("bounded-load {factor}"),
        other => other.name().to_owned(),
    };
    let mut text = format!("{method} {}", spec.seed);
    for server in &spec.servers {
        // A string takes whatever is written to it.
        let _ = write!(text, "\n{} {} {} {}", server.name, server.address, server.weight, server.group);
    }
    text
}

fn persist(entry: &Persist) -> String {
    match entry {
        Persist::SourceIp { v4, v6 } => format!("source-ip/{v4}/{v6}"),
        other => other.kind().name().to_owned(),
    }
}

fn fact(text: &str) -> String {
    hex(digest(&SHA256, text.as_bytes()).as_ref().get(..8).unwrap_or_default())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
