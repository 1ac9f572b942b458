//! Nodes with which what clients are known is exchanged.

use std::time::SystemTime;

use serde::Serialize;

use crate::nodes::{Peer, PeerTable, Peers, TableThere};

#[derive(Serialize)]
pub(super) struct Answer {
    peers: Vec<PeerLine>,
    tables: Vec<TableLine>,
}

#[derive(Serialize)]
pub(super) struct PeerLine {
    name: String,
    up: bool,
    kind: Option<&'static str>,
    /// Whether it has told everything it knows.
    taught: bool,
    lag_seconds: f64,
    sent: u64,
    learned: u64,
    known: u64,
    older: u64,
    refused: u64,
    connections: u64,
    error: Option<String>,
    differing: Vec<String>,
    /// By how much its clock is ahead.
    clock_ahead_seconds: Option<f64>,
    tables: Vec<ThereLine>,
}

#[derive(Serialize)]
struct TableLine {
    domain: String,
    entries: usize,
    /// In hexadecimal digits: numbers of JSON are not that long everywhere.
    digest: String,
    /// Since something changed in it last.
    changed_seconds_ago: Option<f64>,
}

#[derive(Serialize)]
struct ThereLine {
    domain: String,
    entries: u64,
    digest: String,
    changed_seconds_ago: Option<f64>,
    /// Whether it holds the same as here.
    alike: bool,
    /// How long ago that was seen last.
    alike_seconds_ago: Option<f64>,
}

/// All of them.
pub(super) fn peers(peers: Peers) -> Answer {
    Answer {
        peers: peers.nodes.into_iter().map(line).collect(),
        tables: peers
            .tables
            .into_iter()
            .map(|PeerTable { domain, entries, digest, changed }| TableLine {
                domain,
                entries,
                digest: format!("{digest:016x}"),
                changed_seconds_ago: changed.map(ago),
            })
            .collect(),
    }
}

/// A node.
pub(super) fn line(peer: Peer) -> PeerLine {
    let [sent, learned, known, older, refused] = peer.updates;
    PeerLine {
        name: peer.name,
        up: peer.up,
        kind: peer.kind,
        taught: peer.taught,
        lag_seconds: peer.lag.as_secs_f64(),
        sent,
        learned,
        known,
        older,
        refused,
        connections: peer.connects,
        error: peer.error,
        differing: peer.differing,
        clock_ahead_seconds: peer.clock_ahead.map(|millis| millis as f64 / 1000.0),
        tables: peer.tables.into_iter().map(there).collect(),
    }
}

fn there(table: TableThere) -> ThereLine {
    ThereLine {
        alike: table.is_alike(),
        domain: table.domain,
        entries: table.entries,
        digest: format!("{:016x}", table.digest),
        changed_seconds_ago: table.changed.map(ago),
        alike_seconds_ago: table.alike.map(|alike| alike.as_secs_f64()),
    }
}

/// A clock that is ahead has it just now.
fn ago(time: SystemTime) -> f64 {
    SystemTime::now().duration_since(time).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;

    use super::super::openapi;
    use super::*;

    #[test]
    fn all_that_is_told_of_nodes_and_tables_stands_in_the_description() {
        let table = |domain: &str| domain.to_owned();
        let there = TableThere {
            domain: table("a"),
            entries: 1,
            digest: 1,
            changed: None,
            alike: Some(Duration::ZERO),
        };
        let node = Peer {
            name: "gw2".to_owned(),
            up: true,
            kind: None,
            taught: true,
            lag: Duration::ZERO,
            updates: [0; 5],
            connects: 1,
            error: None,
            differing: Vec::new(),
            clock_ahead: Some(-5),
            tables: vec![there],
        };
        let here = PeerTable { domain: table("a"), entries: 1, digest: 1, changed: None };
        let told = serde_json::to_value(peers(Peers { nodes: vec![node], tables: vec![here] })).unwrap();
        let document = openapi::document();
        let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        for (at, schema) in
            [("/peers/0", "PeerNode"), ("/peers/0/tables/0", "PeerTableThere"), ("/tables/0", "PeerTable")]
        {
            let described = &document["components"]["schemas"][schema]["properties"];
            assert_eq!(names(told.pointer(at).unwrap()), names(described), "{schema}");
        }
    }
}
