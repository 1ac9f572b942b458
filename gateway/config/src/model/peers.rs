//! Nodes that share what clients they know.

use std::net::SocketAddr;
use std::sync::Arc;

use sekisho_api::KeyKind;

use super::ServerTls;

/// Nodes that share what clients they know, by the peers protocol of HAProxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peers {
    /// This node's name among them.
    pub name: Arc<str>,
    /// Where it listens for the others. Never empty.
    pub listen: Vec<SocketAddr>,
    /// The others. Never empty, names unique.
    pub nodes: Vec<PeerNode>,
    /// TLS in both directions; none: in the clear. With TLS, `certificate` is there, and so are `ca` or `pins`.
    pub tls: Option<ServerTls>,
    /// Tables of a HAProxy among them, names unique.
    pub tables: Vec<PeerTable>,
}

/// Another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerNode {
    /// Its name, as it knows itself by.
    pub name: Arc<str>,
    /// Where it listens; what comes from another host is not believed to be it.
    pub address: SocketAddr,
}

/// A stick table of a HAProxy that stands for one kind of key of a persistence domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerTable {
    /// Its name there.
    pub name: Arc<str>,
    /// The persistence domain.
    pub domain: Arc<str>,
    /// The kind of key.
    pub key: KeyKind,
    /// What keys are there.
    pub form: PeerKeyForm,
}

/// What the keys of a stick table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerKeyForm {
    /// IPv4 addresses: `type ip`.
    Ip,
    /// Addresses of both families: `type ipv6`.
    Ipv6,
    /// Text of this many bytes at most: `type string len …`.
    Text(u16),
}
