//! Nodes with which what clients are known is exchanged.

use serde::Serialize;

use crate::nodes::{Peer, PeerTable, Peers};

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
}

#[derive(Serialize)]
struct TableLine {
    domain: String,
    entries: usize,
    /// In hexadecimal digits: numbers of JSON are not that long everywhere.
    digest: String,
}

/// All of them.
pub(super) fn peers(peers: Peers) -> Answer {
    Answer {
        peers: peers.nodes.into_iter().map(line).collect(),
        tables: peers
            .tables
            .into_iter()
            .map(|PeerTable { domain, entries, digest }| TableLine {
                domain,
                entries,
                digest: format!("{digest:016x}"),
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
    }
}
