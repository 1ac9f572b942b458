//! `sekisho explain`: which server a client would get, and why, without any traffic.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use sekisho_api::{Key, KeyKind, Prefer, Route};
use sekisho_config::{Config, KEPT_SECRET, Loaded, Registry, Vip};
use sekisho_scheduler::{Ask, Health, Pool, ProbeResult, Scheduler, Secret};

use crate::cli::ExplainOptions;
use crate::failure::Failure;

/// Asks the scheduler that the file describes.
pub(crate) fn run(
    options: &ExplainOptions,
    registry: &Registry,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let Loaded { config, .. } = sekisho_config::check_file(&options.file, registry, SystemTime::now())
        .map_err(Failure::Configuration)?;
    let vip = vip(&config, &options.vip)?;
    let index = pool_index(vip, options.pool.as_deref())?;
    let mut route = Route { pool: index, ..Route::new() };
    for (kind, value) in &options.keys {
        route = route.with_key(key(&config, vip, registry, kind, value)?);
    }
    route.prefer = options.cookie.as_ref().and_then(|token| Prefer::token(token.as_bytes()));

    let now = Instant::now();
    let scheduler = scheduler(&config, now)?;
    let pool = vip.pools.get(index).and_then(|name| scheduler.pool(name));
    let (Some(pool), Some(table)) = (pool, scheduler.table(&vip.domain)) else {
        // A checked configuration has every pool and domain that it names.
        return Err(Failure::NoSuchPool { name: options.vip.clone(), known: vip.pools.join(", ") });
    };
    take_down(pool, &options.down, now)?;
    let ask = Ask { route: &route, client: options.client, persist: &vip.persist, table };
    let explanation = pool.explain(&ask, now);
    writeln!(out, "VIP {}, protocol {}, client {}\n", vip.name, vip.protocol, options.client)?;
    if options.cookie.is_some() && route.prefer.is_none() {
        writeln!(out, "The cookie is none that the gateway makes: the client is balanced without it.\n")?;
    }
    writeln!(out, "{explanation}")?;
    Ok(if explanation.chosen.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn vip<'c>(config: &'c Config, name: &str) -> Result<&'c Arc<Vip>, Failure> {
    config.vips.iter().find(|vip| &*vip.name == name).ok_or_else(|| Failure::NoSuchVip {
        name: name.to_owned(),
        known: list(config.vips.iter().map(|vip| &*vip.name)),
    })
}

fn pool_index(vip: &Vip, name: Option<&str>) -> Result<usize, Failure> {
    let Some(name) = name else { return Ok(0) };
    vip.pools.iter().position(|pool| &**pool == name).ok_or_else(|| Failure::NoSuchPool {
        name: name.to_owned(),
        known: list(vip.pools.iter().map(|pool| &**pool)),
    })
}

/// The key that the VIP's protocol would read. `None`: the value identifies nobody, which is no error.
fn key(
    config: &Config,
    vip: &Vip,
    registry: &Registry,
    kind: &str,
    value: &str,
) -> Result<Option<Key>, Failure> {
    let own = registry.protocol(vip.protocol).map(|protocol| protocol.descriptor().keys).unwrap_or_default();
    let listed = vip.persist.iter().map(|persist| persist.kind());
    let mut known: Vec<KeyKind> = own.iter().copied().chain(listed).collect();
    // These two are asked for in their own words: --client and --cookie.
    known.retain(|kind| *kind != KeyKind::SOURCE_IP && *kind != KeyKind::COOKIE);
    known.sort_unstable();
    known.dedup();
    let Some(&found) = known.iter().find(|known| known.name() == kind) else {
        return Err(Failure::NoSuchKey {
            kind: kind.to_owned(),
            known: list(known.iter().map(|k| k.name())),
        });
    };
    if found != KeyKind::USER {
        return Ok(Key::new(found, value.as_bytes()));
    }
    let domain = config.domains.iter().find(|domain| domain.table.name == vip.domain);
    Ok(domain.and_then(|domain| domain.identity.user(value.as_bytes())))
}

fn scheduler(config: &Config, now: Instant) -> Result<Scheduler, Failure> {
    let secret = secret(config)?;
    let specs = config.pools.iter().map(|pool| pool.spec.clone()).collect();
    let tables = config.domains.iter().map(|domain| domain.table.clone()).collect();
    // Any seed: what is drawn at random is one of several answers, and the explanation shows them all.
    Ok(Scheduler::build(specs, tables, &secret, 0, None, now))
}

/// The secret that this gateway's cookies are made with: the configured one, or the one it keeps. Where there is none
/// the gateway makes one at its start, and any will do here: no cookie can be of it.
fn secret(config: &Config) -> Result<Secret, Failure> {
    let kept = config.gateway.state_directory.as_ref().map(|directory| directory.join(KEPT_SECRET));
    let file = config.gateway.secret_file.clone().or(kept.filter(|file| file.exists()));
    let bytes = match &file {
        Some(file) => std::fs::read(file)
            .map_err(|error| Failure::File { file: file.clone(), reason: error.to_string() })?,
        None => vec![0; Secret::MIN],
    };
    Secret::new(bytes.trim_ascii()).ok_or_else(|| Failure::File {
        file: file.unwrap_or_default(),
        reason: format!("a secret has at least {} bytes", Secret::MIN),
    })
}

/// Makes the probes of these servers fail until they count as down.
fn take_down(pool: &Pool, names: &[String], now: Instant) -> Result<(), Failure> {
    let servers = pool.servers();
    for name in names {
        let Some(server) = servers.iter().find(|server| **server.name() == **name) else {
            let known = list(servers.iter().map(|server| &**server.name()));
            return Err(Failure::NoSuchServer { name: name.clone(), known });
        };
        // `fall` is 100 at the most.
        for _ in 0..100 {
            if server.health() == Health::Down {
                break;
            }
            server.begin_probe(now);
            let failed = ProbeResult { ok: Err("taken to be down".to_owned()), took: Duration::ZERO };
            _ = server.probed(failed, now, 0);
        }
    }
    Ok(())
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
