//! The process, its tables, certificates, choices, and what servers have been through.

use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key as Secret};
use aws_lc_rs::rand::SystemRandom;
use sekisho_api::{Key, KeyKind, Unavailable};
use sekisho_runtime::{Decision, Status, View};
use sekisho_scheduler::{EntryPlace, EntryView, LastProbe, Table};
use serde::Serialize;
use serde_json::{Value, json};

use super::change::{By, Forgotten};
use super::look::{identity, seconds};
use super::peers::{self, PeerLine};
use super::query::Query;
use super::refused::Refused;
use super::site;
use super::store::{self, StoreLine};
use super::whose::Whose;
use crate::caller::Caller;
use crate::explained;
use crate::moment;
use crate::nodes::Nodes;
use crate::steering::InForce;

#[derive(Serialize)]
pub(super) struct Process {
    version: &'static str,
    pid: u32,
    uptime_seconds: f64,
    epoch: u64,
    file: String,
    /// Places that the runtime layer changes.
    changes: usize,
    connections: usize,
    vips: usize,
    pools: usize,
    servers: usize,
    domains: Vec<DomainLine>,
    /// Nodes with which what clients are known is exchanged.
    peers: Vec<PeerLine>,
    /// Where gateways share it; none: nowhere.
    store: Option<StoreLine>,
}

/// A persistence domain: what is remembered, and how often that was asked for.
#[derive(Serialize)]
struct DomainLine {
    name: String,
    entries: usize,
    hits: u64,
    misses: u64,
}

/// The process.
pub(super) fn status(status: &Status, started: Instant, now: &InForce, nodes: &Nodes) -> Process {
    let pools = status.scheduler.pools();
    Process {
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
        uptime_seconds: seconds(started.elapsed()),
        epoch: status.epoch,
        file: now.file.display().to_string(),
        changes: now.layer.len(),
        connections: status.connections,
        vips: status.vips.len(),
        pools: pools.len(),
        servers: pools.iter().map(|pool| pool.servers().len()).sum(),
        domains: status.scheduler.tables().iter().map(|table| domain_line(table)).collect(),
        peers: nodes.peers().nodes.into_iter().map(peers::line).collect(),
        store: nodes.store().map(store::line),
    }
}

fn domain_line(table: &Table) -> DomainLine {
    let counts = table.counts();
    DomainLine {
        name: table.name().to_string(),
        entries: table.len(),
        hits: counts.hits,
        misses: counts.misses,
    }
}

#[derive(Serialize)]
pub(super) struct CallerLine<'c> {
    who: &'c str,
    from: &'c str,
    scope: &'static str,
}

/// Who asks: a page shows nobody what they may not do.
pub(super) fn caller(caller: &Caller) -> CallerLine<'_> {
    CallerLine { who: &caller.who, from: &caller.from, scope: caller.scope.name() }
}

#[derive(Serialize)]
pub(super) struct Certificates {
    certificates: Vec<CertificateLine>,
}

#[derive(Serialize)]
struct CertificateLine {
    vip: String,
    name: String,
    file: String,
    /// Seconds since 1970.
    expires: f64,
}

/// The certificates in use.
pub(super) fn certificates(status: &Status) -> Certificates {
    let line = |(vip, expiry): &(std::sync::Arc<str>, sekisho_runtime::CertificateExpiry)| CertificateLine {
        vip: vip.as_ref().to_owned(),
        name: expiry.name.as_ref().to_owned(),
        file: expiry.path.display().to_string(),
        expires: moment::seconds(expiry.not_after),
    };
    Certificates { certificates: status.certificates.iter().map(line).collect() }
}

#[derive(Serialize)]
pub(super) struct History {
    probes: Vec<ProbeLine>,
    changes: Vec<ChangeLine>,
}

#[derive(Serialize)]
struct ProbeLine {
    seconds_ago: f64,
    ok: bool,
    took_seconds: f64,
    error: Option<String>,
}

#[derive(Serialize)]
struct ChangeLine {
    seconds_ago: f64,
    from: &'static str,
    to: &'static str,
    why: String,
}

/// What a server has been through, the latest last.
pub(super) fn history(status: &Status, pool: &str, name: &str) -> Result<History, Refused> {
    let (history, now) = (site::server(status, pool, name)?.history(), Instant::now());
    let ago = |at: Instant| seconds(now.saturating_duration_since(at));
    let probe = |LastProbe { at, result }: LastProbe| ProbeLine {
        seconds_ago: ago(at),
        ok: result.ok.is_ok(),
        took_seconds: seconds(result.took),
        error: result.ok.err(),
    };
    let changes = history.changes.iter().map(|(at, change)| ChangeLine {
        seconds_ago: ago(*at),
        from: change.from.name(),
        to: change.to.name(),
        why: change.cause.to_string(),
    });
    Ok(History { changes: changes.collect(), probes: history.probes.into_iter().map(probe).collect() })
}

#[derive(Serialize)]
pub(super) struct Entries {
    entries: Vec<EntryLine>,
    more: bool,
}

#[derive(Serialize)]
struct EntryLine {
    id: String,
    domain: String,
    kind: &'static str,
    /// None where whoever knew it could use it.
    key: Option<String>,
    pool: Option<String>,
    server: String,
    open: u32,
    expires_in_seconds: Option<u64>,
}

/// The entries of persistence tables.
pub(super) fn entries(status: &Status, query: &Query) -> Result<Entries, Refused> {
    let (now, limit) = (Instant::now(), query.limit()?);
    let kind = query.get("kind").map(|name| {
        let kinds = || status.config.vips.iter().flat_map(|vip| &vip.persist).map(|persist| persist.kind());
        let known = || kinds().find(|kind| kind.name() == name);
        known().ok_or_else(|| Refused::unknown("kind of key", name, kinds().map(KeyKind::name)))
    });
    let kind = kind.transpose()?;
    let mut lines = Vec::new();
    for place in site::places(status, query.get("domain"))? {
        let left = limit + 1 - lines.len();
        let found = place.table.list(kind, query.get("server"), left, now);
        let domain = &place.domain.table.name;
        lines.extend(found.into_iter().map(|entry| entry_line(domain, &entry)));
    }
    let more = lines.len() > limit;
    lines.truncate(limit);
    Ok(Entries { entries: lines, more })
}

fn entry_line(domain: &str, entry: &EntryView) -> EntryLine {
    EntryLine {
        id: id(entry),
        domain: domain.to_owned(),
        kind: entry.key.kind().name(),
        key: shown(&entry.key),
        pool: entry.pool.as_deref().map(str::to_owned),
        server: entry.server.as_ref().to_owned(),
        open: entry.open,
        expires_in_seconds: entry.expires_in.map(|left| left.as_secs()),
    }
}

/// Who or what it is, where knowing that lets nobody in.
fn shown(key: &Key) -> Option<String> {
    let bytes = key.expose();
    match key.kind() {
        KeyKind::USER | KeyKind::SNI | KeyKind::QNAME => Some(identity(bytes)),
        KeyKind::SOURCE_IP => match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
            (Ok(v4), _) => Some(IpAddr::from(v4).to_string()),
            (_, Ok(v6)) => Some(IpAddr::from(v6).to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// What names an entry, for as long as this process lives, and does not give its key away: not to whoever guesses keys
/// either. It begins with where the entry is, so that it is found without looking at any other.
fn id(entry: &EntryView) -> String {
    static SECRET: LazyLock<Option<Secret>> =
        LazyLock::new(|| Secret::generate(HMAC_SHA256, &SystemRandom::new()).ok());
    let Some(secret) = &*SECRET else { return String::new() };
    let mut digest = Context::with_key(secret);
    for part in [
        entry.key.kind().name().as_bytes(),
        entry.pool.as_deref().unwrap_or_default().as_bytes(),
        entry.key.expose(),
    ] {
        digest.update(part);
        digest.update(&[0]);
    }
    let digest: String = digest.sign().as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{:x}-{digest}", entry.place.number())
}

/// The entry of an id.
fn entry(table: &Table, wanted: &str, now: Instant) -> Option<EntryView> {
    let (place, _) = wanted.split_once('-')?;
    let place = EntryPlace::of(u64::from_str_radix(place, 16).ok()?);
    // Another may be there by now.
    table.at(place, now).filter(|entry| id(entry) == wanted)
}

/// Forgets an entry by its id.
pub(super) fn forget(status: &Status, domain: &str, wanted: &str, by: By<'_>) -> Result<Forgotten, Refused> {
    let place = site::the_place(status, Some(domain))?;
    let found = entry(place.table, wanted, Instant::now());
    if !found.is_some_and(|entry| place.table.remove(&entry.key, entry.pool.as_ref())) {
        return Err(Refused::unknown("entry", "of this id", []));
    }
    by.did("forget-entry", &format!("domain {domain}"), Value::Null, json!({ "forgotten": 1 }));
    Ok(Forgotten::new(1))
}

/// Forgets all entries of a domain.
pub(super) fn clear(status: &Status, domain: &str, by: By<'_>) -> Result<Forgotten, Refused> {
    let place = site::the_place(status, Some(domain))?;
    let forgotten = place.table.clear();
    by.did("clear-entries", &format!("domain {domain}"), Value::Null, json!({ "forgotten": forgotten }));
    Ok(Forgotten::new(forgotten))
}

#[derive(Serialize)]
pub(super) struct Decisions {
    decisions: Vec<DecisionLine>,
}

#[derive(Serialize)]
pub(super) struct DecisionLine {
    pub(super) number: u64,
    /// Seconds since 1970.
    at: f64,
    id: u64,
    client: String,
    pool: String,
    method: &'static str,
    server: Option<String>,
    /// Why this server, or why none.
    why: String,
    /// What became of the client in the pool's queue, and how long it was there; none: it was not.
    queue: Option<&'static str>,
    waited_seconds: Option<f64>,
    keys: Vec<Value>,
    candidates: Vec<Value>,
}

/// The latest choices of a VIP.
pub(super) fn decisions(view: &View, status: &Status, query: &Query) -> Result<Decisions, Refused> {
    let vip = query.needed("vip")?;
    let after = query.number("after")?.unwrap_or(0);
    let known = status.config.vips.iter().map(|vip| &*vip.name);
    let found = view.decisions(vip, after).ok_or_else(|| Refused::unknown("VIP", vip, known))?;
    let whose = query.get("user").map(|name| Whose::new(view, Some(vip), name)).transpose()?;
    let wanted = found.iter().filter(|decision| whose.as_ref().is_none_or(|whose| whose.is(decision)));
    Ok(Decisions { decisions: wanted.map(decision).collect() })
}

pub(super) fn decision(decision: &Decision) -> DecisionLine {
    let Decision { number, at, id, client, outcome, waited, explanation, .. } = decision;
    let (server, why) = match outcome {
        Ok((server, why)) => (Some(server.as_ref().to_owned()), why.name().to_owned()),
        Err(why) => (None, why.to_string()),
    };
    DecisionLine {
        number: *number,
        at: moment::seconds(*at),
        id: *id,
        client: client.to_string(),
        pool: explanation.pool.as_ref().to_owned(),
        method: explanation.method,
        server,
        why,
        queue: waited.map(|_| queue(outcome)),
        waited_seconds: waited.map(seconds),
        keys: explanation.keys.iter().map(explained::key).collect(),
        candidates: explanation.candidates.iter().map(explained::candidate).collect(),
    }
}

/// What became of a client in a queue.
fn queue<T>(outcome: &Result<T, Unavailable>) -> &'static str {
    match outcome {
        Ok(_) => "served",
        Err(Unavailable::QueueTimeout) => "timeout",
        // It had no room for this one.
        Err(Unavailable::Full) => "full",
        // Waiting has come to mean nothing: the servers are gone, or the client's own is.
        Err(_) => "useless",
    }
}

/// Seconds since 1970, of now.
pub(super) fn now() -> f64 {
    moment::seconds(SystemTime::now())
}

/// How often numbers are looked at.
pub(super) const EACH: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sekisho_scheduler::{Scheduler, Secret, TableSpec};

    use super::*;

    #[test]
    fn entry_is_found_by_its_id_alone_and_not_by_that_of_one_that_was_there_before() {
        let spec = TableSpec {
            name: "default".into(),
            max_entries: 1,
            max_bytes: 1000,
            expire: Duration::from_secs(60),
        };
        let (now, server) = (Instant::now(), Arc::from("a"));
        let scheduler =
            Scheduler::build(Vec::new(), vec![spec], &Secret::new(&[7; 32]).unwrap(), 7, None, now);
        let table = scheduler.table("default").unwrap();
        let put = |user: &[u8]| {
            let key = Key::new(KeyKind::USER, user).unwrap();
            assert!(table.assign(&key, None, &server, now));
            id(&table.list(None, None, 1, now)[0])
        };
        let anna = put(b"anna");
        assert_eq!(entry(table, &anna, now).map(|entry| entry.key), Key::new(KeyKind::USER, b"anna"));
        // It takes the only place.
        let otto = put(b"otto");
        assert!(entry(table, &anna, now).is_none() && entry(table, &otto, now).is_some());
        for wrong in ["", "-", "0", "0-", "zz-00", "ffffffffffffffffffff-00"] {
            assert!(entry(table, wrong, now).is_none(), "{wrong}");
        }
    }
}
