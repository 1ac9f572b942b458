//! The certificate that all subjects show, and the clients that trust nothing else.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};

use super::scratch::{self, Scratch};
use super::{Outcome, failed};

/// The name that clients ask for.
pub(super) const NAME: &str = "bench.example";

/// What subjects and clients need for TLS.
#[derive(Clone, Debug)]
pub(super) struct Tls {
    /// Certificate and key in one PEM file, ECDSA P-256.
    pub(super) pem: PathBuf,
    /// A client for TLS 1.3 that makes a full handshake each time.
    pub(super) client: Arc<ClientConfig>,
}

/// Makes a certificate for this run.
pub(super) fn make(scratch: &Scratch) -> Outcome<Tls> {
    let own =
        rcgen::generate_simple_self_signed([NAME.to_owned()]).map_err(failed("cannot make a certificate"))?;
    let pem = scratch.path().join("bench.pem");
    scratch::write(&pem, &format!("{}{}", own.cert.pem(), own.signing_key.serialize_pem()))?;
    let mut roots = RootCertStore::empty();
    roots.add(own.cert.der().clone()).map_err(failed("cannot trust the certificate"))?;
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![aws_lc_rs::kx_group::X25519];
    let mut client = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(failed("TLS 1.3"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.resumption = Resumption::disabled();
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Tls { pem, client: Arc::new(client) })
}
