//! What the core knows of a client before the protocol says anything.

use std::fmt;
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
    /// The client's TLS, which ends at the gateway, or at a trusted proxy that tells of it in a PROXY header; `None` on
    /// a plain connection.
    pub tls: Option<Arc<TlsFacts>>,
    /// The connection's number: no other of this process has or had it. 0 where there is no connection, as for a datagram.
    pub id: u64,
    /// Who spoke for the client in a PROXY header, where somebody did.
    pub proxy: Option<Box<Proxy>>,
}

/// A trusted proxy between the client and the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// The peer of the socket.
    pub address: SocketAddr,
    /// The number under which it knows the connection: visible ASCII, not empty, at most 128 bytes.
    pub unique_id: Option<Box<str>>,
}

impl Facts {
    /// Facts of a plain connection.
    pub fn plain(client: SocketAddr, local: SocketAddr) -> Self {
        Self { client, local, tls: None, id: 0, proxy: None }
    }
}

/// What a completed TLS handshake told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFacts {
    /// The server name the client asked for (RFC 6066, section 3), lower-case.
    pub server_name: Option<Box<str>>,
    /// The application protocol agreed on (RFC 7301).
    pub alpn: Option<Box<[u8]>>,
    /// `TLSv1.2` or `TLSv1.3`; an older one, or just `TLS`, where a proxy says so.
    pub version: &'static str,
    /// The cipher suite agreed on, by its name in IANA's registry: `TLS_AES_256_GCM_SHA384`.
    pub cipher: Option<&'static str>,
    /// The subject of the client's certificate, if it gave one that was verified: RFC 4514 text.
    pub client_subject: Option<Box<str>>,
    /// That certificate.
    pub client_certificate: Option<Arc<ClientCertificate>>,
    /// Until when the certificate of the other side holds, where it showed one: a client's that was verified, or a
    /// server's whether or not it was.
    pub not_after: Option<SystemTime>,
}

/// A client's certificate that was verified. Its subject and its end stand in [`TlsFacts`].
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate: DER.
    pub der: Box<[u8]>,
    /// Its issuer: RFC 4514 text; empty where it has no name.
    pub issuer: Box<str>,
    /// Its serial number: hexadecimal in capitals, two digits a byte.
    pub serial: Box<str>,
    /// SHA-256 of `der`.
    pub fingerprint: [u8; 32],
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientCertificate({} bytes)", self.der.len())
    }
}
