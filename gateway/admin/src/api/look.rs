//! VIPs, pools, users, connections: what there is now.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sekisho_api::{Key, KeyKind};
use sekisho_config::Vip;
use sekisho_runtime::{Connection, Status, View, VipStatus, Which};
use sekisho_scheduler::{Admin, EntryView, Pool, ServerState};
use serde::Serialize;
use serde_json::{Value, json};

use super::query::Query;
use super::refused::Refused;
use super::site;

#[derive(Serialize)]
pub(super) struct Vips<'s> {
    vips: Vec<VipLine<'s>>,
}

#[derive(Serialize)]
struct VipLine<'s> {
    name: &'s str,
    mode: &'static str,
    protocol: &'s str,
    listen: Vec<String>,
    pools: Vec<&'s str>,
    domain: &'s str,
    persist: Vec<&'static str>,
    connections: usize,
    served: u64,
    received_bytes: u64,
    sent_bytes: u64,
}

/// The VIPs, and what they have served.
pub(super) fn vips(status: &Status) -> Vips<'_> {
    let counted = |vip: &Vip| status.vips.iter().find(|counted| counted.name == vip.name);
    let lines = status.config.vips.iter().map(|vip| vip_line(vip, counted(vip)));
    Vips { vips: lines.collect() }
}

fn vip_line<'s>(vip: &'s Vip, counted: Option<&VipStatus>) -> VipLine<'s> {
    let totals = counted.map(|counted| counted.totals).unwrap_or_default();
    VipLine {
        name: &vip.name,
        mode: vip.mode.name(),
        protocol: vip.protocol,
        listen: vip.listen.iter().map(ToString::to_string).collect(),
        pools: vip.pools.iter().map(|pool| &**pool).collect(),
        domain: &vip.domain,
        persist: vip.persist.iter().map(|persist| persist.kind().name()).collect(),
        connections: counted.map_or(0, |counted| counted.connections),
        served: totals.served,
        received_bytes: totals.received,
        sent_bytes: totals.sent,
    }
}

#[derive(Serialize)]
pub(super) struct Pools<'s> {
    pools: Vec<PoolLine<'s>>,
}

#[derive(Serialize)]
struct PoolLine<'s> {
    name: &'s str,
    method: &'static str,
    queued: usize,
    servers: Vec<ServerLine<'s>>,
}

/// A server. `wanted` is the operator's word, `health` what probes and traffic say, `state` both together.
#[derive(Serialize)]
pub(super) struct ServerLine<'s> {
    name: &'s str,
    address: String,
    state: &'static str,
    wanted: &'static str,
    health: &'static str,
    /// How much longer it is out because its traffic failed.
    ejected_for_seconds: Option<f64>,
    weight: u32,
    group: u8,
    active: u32,
    max_connections: Option<u32>,
    served: u64,
    failures: u64,
    response_seconds: Option<f64>,
    bytes_per_second: u64,
    last_probe: Option<ProbeLine>,
    notes: BTreeMap<&'static str, String>,
    /// Seconds since 1970.
    certificate_expires: Option<u64>,
}

#[derive(Serialize)]
struct ProbeLine {
    ok: bool,
    seconds_ago: f64,
    took_seconds: f64,
    error: Option<String>,
}

/// The pools and their servers.
pub(super) fn pools(status: &Status) -> Pools<'_> {
    let now = Instant::now();
    Pools { pools: status.scheduler.pools().iter().map(|pool| pool_line(pool, now)).collect() }
}

fn pool_line(pool: &Pool, now: Instant) -> PoolLine<'_> {
    PoolLine {
        name: pool.name(),
        method: pool.spec().method.name(),
        queued: pool.queued(),
        servers: pool.servers().iter().map(|server| server_line(server, now)).collect(),
    }
}

/// A server as it is now.
pub(super) fn server_line(server: &ServerState, now: Instant) -> ServerLine<'_> {
    let expires = server.certificate_expiry().and_then(|at: SystemTime| at.duration_since(UNIX_EPOCH).ok());
    ServerLine {
        name: server.name(),
        address: server.address().to_string(),
        state: server.state().name(),
        wanted: wanted(server.admin()),
        health: server.health().name(),
        ejected_for_seconds: server.ejected_for(now).map(seconds),
        weight: server.weight(),
        group: server.group(),
        active: server.active(),
        max_connections: server.max_connections(),
        served: server.served(),
        failures: server.failures(),
        response_seconds: server.response_time().map(seconds),
        bytes_per_second: server.bandwidth(now),
        last_probe: server.last_probe().map(|probe| ProbeLine {
            ok: probe.result.ok.is_ok(),
            seconds_ago: seconds(now.saturating_duration_since(probe.at)),
            took_seconds: seconds(probe.result.took),
            error: probe.result.ok.err(),
        }),
        notes: server.notes().into_iter().collect(),
        certificate_expires: expires.map(|since| since.as_secs()),
    }
}

/// The operator's word, as the configuration writes it.
pub(super) fn wanted(admin: Admin) -> &'static str {
    match admin {
        Admin::Ready => "ready",
        Admin::Drain => "drain",
        Admin::Maintenance => "maintenance",
    }
}

/// To the millisecond.
pub(super) fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

/// What changes about VIPs, by a name of its own each.
pub(super) fn vip_numbers(status: &Status) -> impl Iterator<Item = (String, Value)> {
    status.vips.iter().map(|vip| {
        let VipStatus { name, connections, totals, .. } = vip;
        let row = json!({
            "name": **name, "connections": connections, "served": totals.served,
            "received_bytes": totals.received, "sent_bytes": totals.sent,
        });
        (format!("vip {name}"), row)
    })
}

/// The same about servers.
pub(super) fn server_numbers(status: &Status) -> impl Iterator<Item = (String, Value)> {
    let servers = status
        .scheduler
        .pools()
        .iter()
        .flat_map(|pool| pool.servers().iter().map(move |server| (pool.name(), server)));
    servers.map(|(pool, server)| {
        let name = server.name();
        let row = json!({
            "pool": **pool, "name": **name, "state": server.state().name(), "weight": server.weight(),
            "active": server.active(), "served": server.served(), "failures": server.failures(),
            "response_seconds": server.response_time().map(seconds), "bytes": server.bytes(),
        });
        (format!("server {pool}/{name}"), row)
    })
}

#[derive(Serialize)]
pub(super) struct Users<'s> {
    users: Vec<UserLine<'s>>,
    /// Whether there are more than were wanted.
    more: bool,
}

#[derive(Serialize)]
struct UserLine<'s> {
    domain: &'s str,
    user: String,
    /// The pool that this holds for; none: all that have the server.
    pool: Option<String>,
    server: String,
    open: u32,
    /// None while the user is connected.
    expires_in_seconds: Option<u64>,
}

/// The users that persistence knows, and their servers.
pub(super) fn users<'s>(status: &'s Status, query: &Query) -> Result<Users<'s>, Refused> {
    let (now, limit) = (Instant::now(), query.limit()?);
    let server = query.get("server");
    let mut lines = Vec::new();
    for place in site::places(status, query.get("domain"))? {
        let left = limit + 1 - lines.len();
        let entries = match query.get("user") {
            Some(spelling) => {
                let pools: Vec<_> = place.pools.iter().map(|pool| pool.name().clone()).collect();
                place.table.get(&place.user(spelling)?, &pools, now)
            }
            None => place.table.list(Some(KeyKind::USER), server, left, now),
        };
        let wanted = entries.into_iter().filter(|entry| server.is_none_or(|server| *entry.server == *server));
        lines.extend(wanted.take(left).map(|entry| user_line(&place.domain.table.name, entry)));
    }
    let more = lines.len() > limit;
    lines.truncate(limit);
    lines.sort_by(|a, b| (a.domain, &a.user, &a.pool).cmp(&(b.domain, &b.user, &b.pool)));
    Ok(Users { users: lines, more })
}

fn user_line(domain: &str, entry: EntryView) -> UserLine<'_> {
    UserLine {
        domain,
        user: identity(entry.key.expose()),
        pool: entry.pool.map(|pool| pool.as_ref().to_owned()),
        server: entry.server.as_ref().to_owned(),
        open: entry.open,
        expires_in_seconds: entry.expires_in.map(|left| left.as_secs()),
    }
}

/// A user as persistence knows them. A name too long to be kept is known by its digest, which is shown as hex.
pub(super) fn identity(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(name) => name.to_owned(),
        Err(_) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

#[derive(Serialize)]
pub(super) struct Connections {
    connections: Vec<ConnectionLine>,
    more: bool,
}

#[derive(Serialize)]
struct ConnectionLine {
    id: u64,
    vip: String,
    client: String,
    pool: String,
    server: String,
    user: Option<String>,
    known_by: Option<&'static str>,
    /// Since it was accepted.
    seconds: u64,
}

/// The connections that have a server now.
pub(super) async fn connections(view: &View, status: &Status, query: &Query) -> Result<Connections, Refused> {
    let limit = query.limit()?;
    let vips = || status.config.vips.iter().map(|vip| &vip.name);
    let vip = query.get("vip").map(|name| {
        let known = || Refused::unknown("VIP", name, vips().map(|name| &**name));
        vips().find(|known| ***known == *name).cloned().ok_or_else(known)
    });
    let domain = query.get("domain");
    let user: Option<Result<Key, Refused>> =
        query.get("user").map(|spelling| site::the_place(status, domain)?.user(spelling));
    let domain = match domain {
        Some(name) => site::places(status, Some(name))?.pop().map(|place| place.domain.table.name.clone()),
        None => None,
    };
    let which = Which {
        vip: vip.transpose()?,
        domain,
        user: user.transpose()?,
        pools: query.get("pool").map(|name| vec![name.into()]),
        server: query.get("server").map(Into::into),
        ..Which::default()
    };
    let mut found = view.connections(which, limit + 1).await?;
    let more = found.len() > limit;
    found.sort_by_key(|connection| connection.id);
    found.truncate(limit);
    Ok(Connections { connections: found.iter().map(connection_line).collect(), more })
}

fn connection_line(connection: &Connection) -> ConnectionLine {
    ConnectionLine {
        id: connection.id,
        vip: connection.vip.as_ref().to_owned(),
        client: connection.client.to_string(),
        pool: connection.pool.as_ref().to_owned(),
        server: connection.server.as_ref().to_owned(),
        user: connection.user.as_ref().map(|user| identity(user.expose())),
        known_by: connection.known_by,
        seconds: connection.age.as_secs(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_is_shown_by_name_and_a_digest_as_hex() {
        assert_eq!(identity("jörg".as_bytes()), "jörg");
        assert_eq!(identity(&[0xff, 0x01]), "ff01");
    }
}
