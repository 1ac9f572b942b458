//! TLS on both sides: certificates and their reloading, the handshakes, and the stream they give.
//!
//! rustls with aws-lc-rs, chosen explicitly: nothing here is global to the process, so that two gateways in one
//! process (as in the tests) have nothing in common.

mod acceptor;
mod certificate;
mod connector;
mod door;
mod error;
mod files;
mod handshake;
mod names;
mod node;
mod stream;
mod subject;
mod verify;

#[cfg(test)]
mod tests;

use std::sync::{Arc, LazyLock};

use rustls::crypto::CryptoProvider;

pub(crate) use acceptor::Acceptor;
pub use acceptor::CertificateExpiry;
pub(crate) use connector::Connector;
pub use connector::{ClientTlsError, client_tls};
pub use door::DoorTls;
pub(crate) use error::{HandshakeError, TlsError};
pub use node::node_tls;
pub(crate) use stream::TlsStream;

/// The one set of algorithms: AEAD suites only, X25519, P-256, P-384 and the ML-KEM hybrid.
fn provider() -> &'static Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    &PROVIDER
}

/// The versions from `oldest` on.
fn versions(oldest: sekisho_config::TlsVersion) -> &'static [&'static rustls::SupportedProtocolVersion] {
    match oldest {
        sekisho_config::TlsVersion::V1_2 => rustls::DEFAULT_VERSIONS,
        sekisho_config::TlsVersion::V1_3 => NEWEST,
    }
}

static NEWEST: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13];
