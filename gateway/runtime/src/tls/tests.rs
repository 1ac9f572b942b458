//! Handshakes over loopback, with certificates made for each test.

mod clients;
mod reload;
mod selection;
mod servers;
mod streams;
mod versions;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, Connection};
use sekisho_config::{CertificateFiles, ClientAuth, ClientTls, TlsVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::acceptor::CertificateEvent;
use super::handshake::complete;
use super::verify::KeyVerifier;
use super::*;
use crate::scratch::Scratch;

/// An authority and a directory for what it signs.
struct Authority {
    scratch: Scratch,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let scratch = Scratch::new();
        scratch.write("ca.pem", issuer.pem());
        Self { scratch, issuer }
    }

    fn ca(&self) -> PathBuf {
        self.scratch.path().join("ca.pem")
    }

    /// Writes certificate and key, in one file, for these names.
    fn issue(&self, file: &str, names: &[&str]) -> CertificateFiles {
        self.issue_with(file, names, |_| ())
    }

    fn issue_with(
        &self,
        file: &str,
        names: &[&str],
        with: impl FnOnce(&mut CertificateParams),
    ) -> CertificateFiles {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        with(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let path = self.scratch.write(file, certificate.pem() + &key.serialize_pem());
        CertificateFiles { certificate: path.clone(), key: path }
    }
}

fn settings(certificates: Vec<CertificateFiles>) -> ClientTls {
    ClientTls {
        mode: sekisho_config::TlsMode::Implicit,
        certificates,
        min_version: TlsVersion::V1_2,
        alpn: Vec::new(),
        client_auth: ClientAuth::None,
        strict_names: false,
        tickets: true,
    }
}

fn acceptor(settings: &ClientTls) -> Acceptor {
    Acceptor::new(settings, &["http/1.1"], None).unwrap()
}

/// A client that takes any certificate.
fn anyone(versions: &[&'static rustls::SupportedProtocolVersion]) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::clone(provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(KeyVerifier::any(provider())))
        .with_no_client_auth()
}

/// Runs a test's future on a runtime such as a worker's, with an end even if it hangs.
fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(60), future).await.expect("ended in time")
    })
}

/// A pair of connected sockets: the gateway's, the peer's.
async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (listener.accept().await.unwrap().0, peer)
}

/// A client's handshake by rustls itself.
async fn client(tcp: TcpStream, config: Arc<ClientConfig>, name: &str) -> Result<TlsStream, HandshakeError> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut session: Box<Connection> = Box::new(ClientConnection::new(config, name).unwrap().into());
    complete(&mut session, &tcp).await?;
    Ok(TlsStream::new(tcp, session, sekisho_api::TlsFacts::default()))
}

type Outcome = Result<TlsStream, HandshakeError>;

/// A handshake of both sides: what the gateway got, what the client got.
async fn meet(acceptor: &Acceptor, config: &Arc<ClientConfig>, name: &str) -> (Outcome, Outcome) {
    let (gateway, peer) = sockets().await;
    tokio::join!(acceptor.accept(gateway), client(peer, Arc::clone(config), name))
}

/// The certificate that the client was shown.
fn shown(stream: &TlsStream) -> CertificateDer<'static> {
    stream.session().peer_certificates().unwrap()[0].clone()
}

/// The leaf of a file.
fn leaf(at: &CertificateFiles) -> CertificateDer<'static> {
    files::certificates(&at.certificate).unwrap().remove(0)
}
