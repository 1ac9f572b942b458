//! What the core knows of a client before the protocol says anything.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

/// What the core knows of a connection.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The client: the peer of the socket, or what a trusted PROXY header named.
    pub client: SocketAddr,
    /// The address the client reached.
    pub local: SocketAddr,
    /// The TLS that ends at the gateway; `None` on a plain connection.
    pub tls: Option<Arc<TlsFacts>>,
    /// The connection's number: no other of this process has or had it. 0 where there is no connection, as for a datagram.
    pub id: u64,
}

impl Facts {
    /// Facts of a plain connection.
    pub fn plain(client: SocketAddr, local: SocketAddr) -> Self {
        Self { client, local, tls: None, id: 0 }
    }
}

/// What a completed TLS handshake told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFacts {
    /// The server name the client asked for (RFC 6066, section 3), lower-case.
    pub server_name: Option<Box<str>>,
    /// The application protocol agreed on (RFC 7301).
    pub alpn: Option<Box<[u8]>>,
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// The subject of the client's certificate, if it gave one that was verified: RFC 4514 text.
    pub client_subject: Option<Box<str>>,
    /// Until when the certificate of the other side holds, where it showed one: a client's that was verified, or a
    /// server's whether or not it was.
    pub not_after: Option<SystemTime>,
}
