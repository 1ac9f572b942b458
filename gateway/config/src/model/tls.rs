//! TLS towards clients and towards servers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// TLS towards clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientTls {
    /// When it begins.
    pub mode: TlsMode,
    /// Certificates with their keys: PEM files. The first is the default; the rest are found by their names.
    pub certificates: Vec<CertificateFiles>,
    /// The oldest version spoken.
    pub min_version: TlsVersion,
    /// Application protocols offered, most wanted first; empty: the protocol's own choice.
    pub alpn: Vec<String>,
    /// Whether clients show certificates.
    pub client_auth: ClientAuth,
    /// Refuse clients whose server name matches no certificate, instead of showing the default one.
    pub strict_names: bool,
    /// Session tickets.
    pub tickets: bool,
}

/// When TLS begins on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// With the first byte.
    #[default]
    Implicit,
    /// When the protocol says so, in mid-stream.
    StartTls,
}

/// A certificate chain and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The key; the same file if both stand in one.
    pub key: PathBuf,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246.
    #[default]
    V1_2,
    /// RFC 8446.
    V1_3,
}

/// Whether clients show certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not asked.
    #[default]
    None,
    /// They are asked and may decline; one that is shown must be signed by the authorities in this file.
    Request(PathBuf),
    /// Without one signed by the authorities in this file there is no connection.
    Require(PathBuf),
}

/// TLS towards servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTls {
    /// When it begins.
    pub mode: TlsMode,
    /// Authorities that sign the servers' certificates; none: those of the system.
    pub ca: Option<PathBuf>,
    /// The name to ask for and to check; none: the server's host in `hosts`, or its address.
    pub server_name: Option<String>,
    /// The hosts of servers that are configured by a host name, by the server's name.
    pub hosts: BTreeMap<Arc<str>, String>,
    /// SHA-256 of the servers' public keys (SubjectPublicKeyInfo); with pins, no authority is asked.
    pub pins: Vec<[u8; 32]>,
    /// Whether the certificate is checked at all.
    pub verify: bool,
    /// The gateway's own certificate.
    pub certificate: Option<CertificateFiles>,
    /// Application protocols offered.
    pub alpn: Vec<String>,
}

impl Default for ServerTls {
    /// What `tls = true` means: the authorities of the system.
    fn default() -> Self {
        Self {
            mode: TlsMode::Implicit,
            ca: None,
            server_name: None,
            hosts: BTreeMap::new(),
            pins: Vec::new(),
            verify: true,
            certificate: None,
            alpn: Vec::new(),
        }
    }
}
