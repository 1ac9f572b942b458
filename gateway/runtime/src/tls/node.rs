//! TLS from nodes that connect to this one.

use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::{ServerConfig, ServerConnection};
use sekisho_config::{ServerTls, TlsVersion};

use super::certificate::Certificate;
use super::connector::ClientTlsError;
use super::error::TlsError;
use super::{files, provider, versions};

/// The server's side of TLS between nodes that know each other by one authority: `certificate` is shown, and who has
/// none signed by `ca` is refused. Files are read anew each time.
///
/// # Errors
/// What is wrong with which file.
pub fn node_tls(settings: &ServerTls) -> Result<ServerConnection, ClientTlsError> {
    Ok(accept(settings)?)
}

fn accept(settings: &ServerTls) -> Result<ServerConnection, TlsError> {
    let own = Certificate::load(settings.certificate.as_ref().ok_or(TlsError::NoCertificates)?)?;
    let path = settings.ca.as_ref().ok_or(TlsError::NoCertificates)?;
    let roots = Arc::new(files::authorities(path)?);
    let nodes = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider())).build();
    let nodes = nodes.map_err(|_| TlsError::NoAuthority { path: path.clone() })?;
    let config = ServerConfig::builder_with_provider(Arc::clone(provider()))
        .with_protocol_versions(versions(TlsVersion::V1_2))?
        .with_client_cert_verifier(nodes)
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(own.key)));
    Ok(ServerConnection::new(Arc::new(config))?)
}
