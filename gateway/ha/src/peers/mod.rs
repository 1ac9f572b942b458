//! State between nodes: the persistence tables by the peers protocol of HAProxy, between nodes of this program and with
//! a HAProxy.
//!
//! ```text
//! wire/      the protocol as bytes
//! terms      what a node shares, and how it looks to others
//! session/   a connection once both sides have said who they are, without the connection
//! oracle     what must hold of all bytes
//! node/      the thread that connects, is connected to, and exchanges
//! ```

mod node;
mod oracle;
mod session;
mod terms;
mod wire;

pub use node::{
    NodeKind, NodeStatus, PeerCounts, Peers, PeersError, PeersView, TableDigest, TableThere, check_peers,
    start_peers,
};
pub use oracle::peer_messages;
