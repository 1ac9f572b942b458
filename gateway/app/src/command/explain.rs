//! `sekisho explain`: which server a client would get, and why, without any traffic.

mod object;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use sekisho_api::{Key, KeyKind, Note, Outlook, Prefer, Route, Sketch};
use sekisho_config::{Config, Loaded, Registry, Vip};
use sekisho_scheduler::{Ask, Health, Pool, ProbeResult, Scheduler, Secret};

use super::find::{list, secret, usable, vip};
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
    if vip.mode.is_l4() {
        return Err(Failure::KernelChooses(vip.name.to_string()));
    }
    let Asked { route, outlook } = asked(&config, vip, registry, options)?;
    if let Some(outlook) = outlook.as_ref().filter(|_| !options.json) {
        head(vip, options, out)?;
        show(outlook, options, out)?;
    }
    let Some(mut route) = route else {
        if options.json {
            writeln!(out, "{}", object::object(vip, options, outlook.as_ref(), None, None))?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    if let Some(name) = &options.pool {
        route.pool = pool_index(vip, name)?;
    }
    let index = route.pool;
    route.prefer = prefer(options).or(route.prefer);

    let now = Instant::now();
    let scheduler = scheduler(&config, now)?;
    let pool = vip.pools.get(index).and_then(|name| scheduler.pool(name));
    let (Some(pool), Some(table)) = (pool, scheduler.table(&vip.domain)) else {
        // A checked configuration has every pool and domain that it names.
        return Err(Failure::NoSuchPool { name: options.vip.clone(), known: vip.pools.join(", ") });
    };
    take_down(pool, &options.down, now)?;
    let persist = route.persist.as_deref().unwrap_or(&vip.persist);
    let ask = Ask { route: &route, client: options.client, persist, table, user_limit: None };
    let explanation = pool.explain(&ask, now);
    let code = if explanation.chosen.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(1) };
    if options.json {
        let object = object::object(vip, options, outlook.as_ref(), route.by, Some(&explanation));
        writeln!(out, "{object}")?;
        return Ok(code);
    }
    if outlook.is_none() {
        head(vip, options, out)?;
    }
    if let Some(word) = route.by.filter(|_| options.token.is_none()) {
        writeln!(out, "Known by: {word}\n")?;
    }
    let said = options.cookie.as_ref().map(|_| "cookie").or(options.token.as_ref().map(|_| "token"));
    if let Some(said) = said.filter(|_| route.prefer.is_none()) {
        writeln!(out, "The {said} is none that the gateway makes: the client is balanced without it.\n")?;
    }
    writeln!(out, "{explanation}")?;
    Ok(code)
}

/// Says what was asked, and what is taken for granted.
fn head(vip: &Vip, options: &ExplainOptions, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "VIP {}, protocol {}, client {}", vip.name, vip.protocol, options.client)?;
    let up = if options.down.is_empty() { "up and idle" } else { "up and idle, but for --down" };
    writeln!(out, "by the file alone: servers are taken to be {up}, and nobody is remembered\n")?;
    Ok(())
}

/// What the client's cookie or token prefers; none if it cannot be one of the gateway's.
fn prefer(options: &ExplainOptions) -> Option<Prefer> {
    let token = options.token.as_ref().and_then(|line| {
        // The token itself has no such sign.
        let (_, token) = line.rsplit_once('=').unwrap_or(("", line));
        Prefer::sealed(token.trim().as_bytes())
    });
    token.or_else(|| options.cookie.as_ref().and_then(|token| Prefer::token(token.as_bytes())))
}

fn pool_index(vip: &Vip, name: &str) -> Result<usize, Failure> {
    vip.pools.iter().position(|pool| &**pool == name).ok_or_else(|| Failure::NoSuchPool {
        name: name.to_owned(),
        known: list(vip.pools.iter().map(|pool| &**pool)),
    })
}

/// What the VIP's protocol would make of a client that was described.
struct Asked {
    /// None where the gateway answers itself.
    route: Option<Route>,
    /// What becomes of the request, if one was described.
    outlook: Option<Outlook>,
}

/// Shows what decides where a request goes.
fn show(outlook: &Outlook, options: &ExplainOptions, out: &mut dyn Write) -> Result<(), Failure> {
    let text = std::fs::read_to_string(&options.file).unwrap_or_default();
    let line = |note: &Note| match &note.place {
        // Lines are counted from 1 on.
        Some(place) => {
            let before = text.as_bytes().get(..place.start).unwrap_or_default();
            let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
            format!("  {} ({}:{line})", note.text, options.file.display())
        }
        None => format!("  {}", note.text),
    };
    if let Some((method, target)) = &options.request {
        writeln!(out, "{method} {target}")?;
    }
    let passed: &[Note] = if options.verbose { &outlook.passed } else { &[] };
    for note in passed.iter().chain(&outlook.notes) {
        writeln!(out, "{}", line(note))?;
    }
    if outlook.route.is_some() {
        writeln!(out)?;
    }
    Ok(())
}

fn asked(
    config: &Config,
    vip: &Vip,
    registry: &Registry,
    options: &ExplainOptions,
) -> Result<Asked, Failure> {
    let kinds = kinds(vip, registry);
    let kind = |name: &str| {
        kinds.iter().copied().find(|known| known.name() == name).ok_or_else(|| Failure::NoSuchKey {
            kind: name.to_owned(),
            known: list(kinds.iter().map(|kind| kind.name())),
        })
    };
    let said = options.keys.iter().map(|(name, value)| Ok((kind(name)?, value.as_str())));
    let said: Vec<_> = said.collect::<Result<_, Failure>>()?;
    if let Some((method, target)) = &options.request {
        let sketch = Sketch { client: options.client, said: &said, method, target, fields: &options.headers };
        let outlook = vip.handler.outlook(&sketch).map_err(Failure::Described)?;
        let none = || Failure::Described(format!("protocol `{}` has no requests to describe", vip.protocol));
        let outlook = outlook.ok_or_else(none)?;
        return Ok(Asked { route: outlook.route.clone(), outlook: Some(outlook) });
    }
    let known = |route| Asked { route: Some(route), outlook: None };
    if let Some(route) = vip.handler.described(options.client, &said).map_err(Failure::Described)? {
        return Ok(known(route));
    }
    let domain = config.domains.iter().find(|domain| domain.table.name == vip.domain);
    let key = |kind, value: &str| match kind {
        KeyKind::USER => domain.and_then(|domain| domain.identity.user(value.as_bytes())),
        _ => Key::new(kind, value.as_bytes()),
    };
    // A value that identifies nobody is no error: the client is balanced without it.
    Ok(known(said.into_iter().fold(Route::new(), |route, (kind, value)| route.with_key(key(kind, value)))))
}

/// What a client can be known by here, but its address and the cookie, which have options of their own.
fn kinds(vip: &Vip, registry: &Registry) -> Vec<KeyKind> {
    let own = registry.protocol(vip.protocol).map(|protocol| protocol.descriptor().keys).unwrap_or_default();
    let listed = vip.persist.iter().map(|persist| persist.kind());
    let mut kinds: Vec<KeyKind> = own.iter().copied().chain(listed).collect();
    kinds.retain(|kind| *kind != KeyKind::SOURCE_IP && *kind != KeyKind::COOKIE);
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

fn scheduler(config: &Config, now: Instant) -> Result<Scheduler, Failure> {
    // Where the gateway has none yet it makes one at its start, and any will do here: no token can be of it.
    let secret = match secret(config)? {
        Some(secret) => secret,
        None => usable(&[0; Secret::MIN], Path::new(""))?,
    };
    let specs = config.pools.iter().map(|pool| pool.spec.clone()).collect();
    let tables = config.domains.iter().map(|domain| domain.table.clone()).collect();
    // Any seed: what is drawn at random is one of several answers, and the explanation shows them all.
    let scheduler = Scheduler::build(specs, tables, &secret, 0, None, now);
    scheduler.set_day(SystemTime::now(), now);
    Ok(scheduler)
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
