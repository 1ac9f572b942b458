//! The process that speaks VRRP, as `sekisho run` starts it.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use sekisho_admin::{self as admin, Nodes, Peer, PeerTable, Peers, SharedStore, VrrpPeer, VrrpTable};
use sekisho_config::{Config, LogFormat};
use sekisho_ha::{
    NodeKind, NodeStatus, PeerCounts, PeerStatus, PeersView, Redundancy, Sharing, Spawn, StoreStatus,
    TableDigest, TableStatus, TableThere,
};

use crate::cli::{self, RunOptions};
use crate::logging;

/// What this program is asked to do in it. No command for people, and not shown to them.
pub(crate) const COMMAND: &str = "speak-vrrp";

/// Starts it from the program that runs, also if its file has been replaced. It logs where and how this process does.
pub(crate) fn spawn(options: &RunOptions, config: &Config) -> Spawn {
    let filter = logging::filter(options.log.as_deref(), &config.gateway.log);
    let format = match (options.log_format, config.gateway.log_format) {
        (Some(cli::LogFormat::Json), _) | (None, LogFormat::Json) => "json",
        (Some(cli::LogFormat::Text), _) | (None, LogFormat::Text) => "text",
    };
    Box::new(move |socket| {
        let mut command = Command::new("/proc/self/exe");
        command.args([COMMAND, "--log", &filter, "--log-format", format]);
        // A group of its own: a terminal's interrupt is for the gateway, which hands over first.
        command.process_group(0).stdin(Stdio::from(socket)).stdout(Stdio::null()).spawn()
    })
}

/// What the operator sees of it.
pub(crate) fn nodes(redundancy: &Redundancy, peers: PeersView, sharing: &Sharing) -> Nodes {
    let (view, shared) = (redundancy.view(), sharing.view());
    let nodes = Nodes::new(move || view.tables().into_iter().map(table).collect());
    let nodes = nodes.with_store(move || shared.status().as_ref().map(store));
    nodes.with_peers(move || Peers {
        nodes: peers.nodes().into_iter().map(peer).collect(),
        tables: peers.digests().into_iter().map(digest).collect(),
    })
}

fn peer(status: NodeStatus) -> Peer {
    let PeerCounts { sent, learned, known, older, refused } = status.counts;
    Peer {
        name: status.name.to_string(),
        up: status.up,
        kind: status.kind.map(|kind| match kind {
            NodeKind::Sekisho => "sekisho",
            NodeKind::Foreign => "haproxy",
        }),
        taught: status.taught,
        lag: status.lag,
        updates: [sent, learned, known, older, refused],
        connects: status.connects,
        error: status.error,
        differing: status.differing,
        clock_ahead: status.clock_ahead,
        tables: status.tables.into_iter().map(there).collect(),
    }
}

fn there(TableThere { domain, entries, sum, changed, alike }: TableThere) -> admin::TableThere {
    admin::TableThere { domain: domain.to_string(), entries, digest: sum, changed, alike }
}

fn digest(TableDigest { domain, entries, sum, changed }: TableDigest) -> PeerTable {
    PeerTable { domain: domain.to_string(), entries, digest: sum, changed }
}

fn store(status: &StoreStatus) -> SharedStore {
    let StoreStatus { address, error, .. } = status.clone();
    let &StoreStatus { up, loaded, pending, lag, written, learned, refused, connects, failures, .. } = status;
    SharedStore { address, up, loaded, pending, lag, written, learned, refused, connects, failures, error }
}

fn table(status: TableStatus) -> VrrpTable {
    let peer = |PeerStatus { address, priority, ago }| VrrpPeer { address, priority, ago };
    let down = status.interfaces_down.iter().map(|interface| format!("interface `{interface}` is down"));
    VrrpTable {
        name: status.name,
        group: status.group,
        state: status.state.name(),
        why: status.why.map_or_else(|| "another program moves it".to_owned(), |why| why.to_string()),
        lasted: status.lasted,
        priority: status.priority,
        unfit: down.chain(status.unfit).collect(),
        peers: status.peers.into_iter().map(peer).collect(),
        transitions: status.transitions,
        sent: status.sent,
        received: status.received,
        invalid: status.invalid,
        differs: status.differs,
    }
}
