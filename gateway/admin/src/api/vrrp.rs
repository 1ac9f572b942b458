//! Addresses that move between nodes: where they are, and why.

use serde::Serialize;

use crate::nodes::{VrrpPeer, VrrpTable};

#[derive(Serialize)]
pub(super) struct Tables {
    tables: Vec<TableLine>,
}

#[derive(Serialize)]
struct TableLine {
    name: String,
    group: Option<String>,
    state: &'static str,
    why: String,
    seconds: f64,
    priority: Option<u8>,
    unfit: Vec<String>,
    addresses_differ: bool,
    transitions: u64,
    adverts_sent: u64,
    adverts_received: u64,
    adverts_invalid: u64,
    peers: Vec<PeerLine>,
}

#[derive(Serialize)]
struct PeerLine {
    address: String,
    priority: u8,
    seconds_ago: f64,
}

/// All tables.
pub(super) fn tables(tables: Vec<VrrpTable>) -> Tables {
    Tables { tables: tables.into_iter().map(line).collect() }
}

fn line(table: VrrpTable) -> TableLine {
    let peer = |VrrpPeer { address, priority, ago }: VrrpPeer| PeerLine {
        address: address.to_string(),
        priority,
        seconds_ago: ago.as_secs_f64(),
    };
    TableLine {
        name: table.name,
        group: table.group,
        state: table.state,
        why: table.why,
        seconds: table.lasted.as_secs_f64(),
        priority: table.priority,
        unfit: table.unfit,
        addresses_differ: table.differs,
        transitions: table.transitions,
        adverts_sent: table.sent,
        adverts_received: table.received,
        adverts_invalid: table.invalid,
        peers: table.peers.into_iter().map(peer).collect(),
    }
}
