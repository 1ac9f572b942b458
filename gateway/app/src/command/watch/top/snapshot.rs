//! What is shown: what a gateway answers twice, and what has happened between.

use std::collections::HashMap;
use std::hash::Hash;

use serde::Serialize;
use serde_json::{Value, json};

use super::super::seen::{Domain, Pool, Server, Status, Vip};
use super::view::View;

/// What a gateway answers at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) status: Status,
    pub(super) vips: Vec<Vip>,
    pub(super) pools: Vec<Pool>,
}

/// What is shown of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    pub(super) status: Status,
    pub(super) vips: Vec<VipRow>,
    pub(super) servers: Vec<ServerRow>,
}

/// A VIP.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct VipRow {
    pub(super) name: String,
    pub(super) protocol: String,
    pub(super) connections: u64,
    pub(super) served_per_second: f64,
    pub(super) received_bytes_per_second: f64,
    pub(super) sent_bytes_per_second: f64,
    /// What persistence knew of those that it was asked for, 0 to 1; none if it was asked for nobody. All VIPs of a
    /// domain have the same.
    pub(super) hits: Option<f64>,
}

/// A server.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct ServerRow {
    pub(super) pool: String,
    #[serde(flatten)]
    pub(super) server: Server,
    pub(super) served_per_second: f64,
    pub(super) failures_per_second: f64,
}

impl ServerRow {
    /// Its name with its pool's, as the gateway is asked for it.
    pub(super) fn place(&self) -> String {
        format!("{}/{}", self.pool, self.server.name)
    }
}

impl Snapshot {
    /// What there is now, with what has happened since `before`.
    pub(super) fn between(before: &Seen, now: &Seen, seconds: f64) -> Self {
        // Another process counts from zero, and what it has counted is what has happened since it began.
        let fresh = Seen::default();
        let before = if before.status.pid == now.status.pid { before } else { &fresh };
        let rate = |was: u64, is: u64| {
            if seconds > 0.0 { is.saturating_sub(was) as f64 / seconds } else { 0.0 }
        };

        let domains = by(&before.status.domains, |domain| domain.name.as_str());
        let mut hits = HashMap::new();
        for domain in &now.status.domains {
            hits.insert(domain.name.as_str(), share(domains.get(domain.name.as_str()).copied(), domain));
        }
        let vips = by(&before.vips, |vip| vip.name.as_str());
        let nothing = Vip::default();
        let vip_row = |vip: &Vip| {
            let was = vips.get(vip.name.as_str()).copied().unwrap_or(&nothing);
            VipRow {
                name: vip.name.clone(),
                protocol: vip.protocol.clone(),
                connections: vip.connections,
                served_per_second: rate(was.served, vip.served),
                received_bytes_per_second: rate(was.received_bytes, vip.received_bytes),
                sent_bytes_per_second: rate(was.sent_bytes, vip.sent_bytes),
                hits: hits.get(vip.domain.as_str()).copied().flatten(),
            }
        };
        let all = |seen: &'_ Seen| -> Vec<(String, Server)> {
            let of = |pool: &Pool| {
                let name = pool.name.clone();
                pool.servers.clone().into_iter().map(move |server| (name.clone(), server))
            };
            seen.pools.iter().flat_map(of).collect()
        };
        let earlier = all(before);
        let servers = by(&earlier, |(pool, server)| (pool.as_str(), server.name.as_str()));
        let server_row = |(pool, server): (String, Server)| {
            let was = servers.get(&(pool.as_str(), server.name.as_str())).map(|(_, was)| was);
            let (served, failures) = was.map_or((0, 0), |was| (was.served, was.failures));
            ServerRow {
                served_per_second: rate(served, server.served),
                failures_per_second: rate(failures, server.failures),
                pool,
                server,
            }
        };
        Self {
            status: now.status.clone(),
            vips: now.vips.iter().map(vip_row).collect(),
            servers: all(now).into_iter().map(server_row).collect(),
        }
    }

    /// The same for programs; `at` is in seconds since 1970.
    pub(super) fn json(&self, at: u64, view: &View) -> Value {
        json!({ "at": at, "status": self.status, "vips": self.vips, "servers": view.rows(self) })
    }
}

/// Which part of those that were asked for was known.
fn share(was: Option<&Domain>, is: &Domain) -> Option<f64> {
    let (hits, misses) = was.map_or((0, 0), |was| (was.hits, was.misses));
    let (hits, misses) = (is.hits.saturating_sub(hits) as f64, is.misses.saturating_sub(misses) as f64);
    (hits + misses > 0.0).then(|| hits / (hits + misses))
}

fn by<'t, T, K: Eq + Hash>(rows: &'t [T], key: impl Fn(&'t T) -> K) -> HashMap<K, &'t T> {
    rows.iter().map(|row| (key(row), row)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(pid: u32, served: u64, hits: u64) -> Seen {
        let server = Server { name: "a".to_owned(), served, failures: served / 10, ..Server::default() };
        Seen {
            status: Status {
                pid,
                domains: vec![Domain { name: "default".to_owned(), hits, misses: 10, entries: 1 }],
                ..Status::default()
            },
            vips: vec![Vip {
                name: "web".to_owned(),
                domain: "default".to_owned(),
                served,
                sent_bytes: served * 100,
                ..Vip::default()
            }],
            pools: vec![Pool { name: "p".to_owned(), servers: vec![server], ..Pool::default() }],
        }
    }

    #[test]
    fn rates_are_differences_over_the_time_between() {
        let snapshot = Snapshot::between(&seen(1, 100, 0), &seen(1, 300, 3), 2.0);
        let (vip, server) = (&snapshot.vips[0], &snapshot.servers[0]);
        assert_eq!((vip.served_per_second, vip.sent_bytes_per_second), (100.0, 10_000.0));
        assert_eq!((server.served_per_second, server.failures_per_second), (100.0, 10.0));
        assert_eq!(vip.hits, Some(1.0), "three were known, and nobody was not");
        assert_eq!(snapshot.servers[0].place(), "p/a");
    }

    #[test]
    fn another_process_counts_from_zero_and_nobody_is_asked_for_without_a_look_up() {
        let snapshot = Snapshot::between(&seen(1, 1000, 0), &seen(2, 50, 0), 1.0);
        assert_eq!(snapshot.vips[0].served_per_second, 50.0);
        let snapshot = Snapshot::between(&seen(1, 1000, 5), &seen(1, 1000, 5), 0.0);
        assert_eq!((snapshot.vips[0].served_per_second, snapshot.vips[0].hits), (0.0, None));
    }
}
