//! Redundancy of the gateway itself: addresses that move to another node when this one cannot serve.
//!
//! `vrrp` speaks VRRPv3 (RFC 9568), from a process of its own, so that no traffic starves it and the death of the
//! gateway is noticed at once. What clients are known goes from one gateway to others: `peers` tells them by the peers
//! protocol of HAProxy, `shared` over a Redis or Valkey.

mod bell;
mod link;
mod peers;
mod shared;
mod vrrp;

pub use peers::peer_messages as peers_oracle;
pub use peers::{
    NodeKind, NodeStatus, PeerCounts, Peers, PeersError, PeersView, TableDigest, TableThere, check_peers,
    start_peers,
};
pub use shared::{Sharing, SharingView, StoreStatus, resp_oracle, share};

pub use vrrp::packets as vrrp_oracle;
pub use vrrp::{
    PeerStatus, Redundancy, RedundancyError, RedundancyView, Spawn, State, TableStatus, Why, check_rights,
    speak, start,
};
