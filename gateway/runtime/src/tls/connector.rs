//! TLS towards servers.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::client::{Resumption, WebPkiServerVerifier, danger::ServerCertVerifier};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection};
use sekisho_api::TlsFacts;
use sekisho_config::ServerTls;
use tokio::net::TcpStream;

use super::certificate::Certificate;
use super::error::{HandshakeError, TlsError};
use super::handshake::complete;
use super::stream::TlsStream;
use super::verify::KeyVerifier;
use super::{files, provider, versions};

/// TLS towards the servers of one pool: one value serves all workers.
#[derive(Debug)]
pub(crate) struct Connector {
    config: ClientConfig,
    name: Option<ServerName<'static>>,
    /// The names of servers that are configured by a host name.
    hosts: HashMap<Arc<str>, ServerName<'static>>,
    // A ticket is good at the server that gave it, so each has a store of its own, however the pool names them.
    servers: RwLock<HashMap<Arc<str>, Arc<ClientConfig>>>,
}

impl Connector {
    /// Reads the files that the settings name.
    ///
    /// # Errors
    /// What is wrong with which file, or with the name.
    pub(crate) fn new(settings: &ServerTls) -> Result<Self, TlsError> {
        let name = settings.server_name.as_deref().map(parse).transpose()?;
        let hosts = settings.hosts.iter().map(|(server, host)| Ok((Arc::clone(server), parse(host)?)));
        let hosts = hosts.collect::<Result<_, TlsError>>()?;
        Ok(Self { config: config(settings)?, name, hosts, servers: RwLock::default() })
    }

    /// Carries out the handshake on a connection to the server of this name and address.
    ///
    /// # Errors
    /// Why the handshake failed; `Failure::Tls` to the scheduler, whichever it is.
    pub(crate) async fn connect(
        &self,
        tcp: TcpStream,
        server: &Arc<str>,
        address: SocketAddr,
    ) -> Result<TlsStream, HandshakeError> {
        let name = self.name.as_ref().or_else(|| self.hosts.get(server)).cloned();
        let name = name.unwrap_or_else(|| ServerName::from(address.ip()));
        let session = ClientConnection::new(self.server(server), name)?;
        // Boxed, so that the caller's future does not carry the handshake's state for the connection's whole life.
        Box::pin(handshake(tcp, Box::new(session.into()))).await
    }

    fn server(&self, server: &Arc<str>) -> Arc<ClientConfig> {
        if let Some(config) = self.servers.read().get(server) {
            return Arc::clone(config);
        }
        let mut config = self.config.clone();
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        let config = Arc::new(config);
        // Names come from the configuration, which bounds their number.
        let mut servers = self.servers.write();
        Arc::clone(servers.entry(Arc::clone(server)).or_insert(config))
    }
}

fn config(settings: &ServerTls) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider()))
        .with_protocol_versions(versions(sekisho_config::TlsVersion::V1_2))?
        .dangerous()
        .with_custom_certificate_verifier(verifier(settings)?);
    let mut config = match &settings.certificate {
        None => builder.with_no_client_auth(),
        Some(at) => {
            let certificate = Certificate::load(at)?;
            builder.with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certificate.key)))
        }
    };
    config.alpn_protocols = settings.alpn.iter().map(|name| name.clone().into_bytes()).collect();
    Ok(config)
}

/// Why TLS to something that is no server of a pool cannot begin.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ClientTlsError(#[from] TlsError);

/// The client's side of TLS to `host`, a name or an address, for whoever has a connection of its own to it. Files are
/// read anew each time.
///
/// # Errors
/// What is wrong with which file, or with the name.
pub fn client_tls(settings: &ServerTls, host: &str) -> Result<ClientConnection, ClientTlsError> {
    let name = parse(settings.server_name.as_deref().unwrap_or(host))?;
    let config = config(settings)?;
    Ok(ClientConnection::new(Arc::new(config), name).map_err(TlsError::from)?)
}

async fn handshake(tcp: TcpStream, mut session: Box<Connection>) -> Result<TlsStream, HandshakeError> {
    complete(&mut session, &tcp).await?;
    let facts = TlsFacts {
        server_name: None,
        alpn: session.alpn_protocol().map(Into::into),
        version: super::acceptor::version(&session),
        cipher: super::acceptor::cipher(&session),
        client_subject: None,
        client_certificate: None,
        not_after: super::acceptor::leaf(&session).and_then(|leaf| super::subject::not_after(leaf)),
    };
    Ok(TlsStream::new(tcp, session, facts))
}

fn parse(name: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(name.to_owned()).map_err(|_| TlsError::ServerName { name: name.to_owned() })
}

fn verifier(settings: &ServerTls) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    if !settings.pins.is_empty() {
        return Ok(Arc::new(KeyVerifier::pinned(&settings.pins, provider())));
    }
    if !settings.verify {
        return Ok(Arc::new(KeyVerifier::any(provider())));
    }
    let path = match &settings.ca {
        Some(path) => path.clone(),
        None => files::system_authorities()?,
    };
    let roots = Arc::new(files::authorities(&path)?);
    WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider()))
        .build()
        .map(|verifier| verifier as Arc<dyn ServerCertVerifier>)
        .map_err(|_| TlsError::NoAuthority { path })
}

/// Sessions kept per server: rustls keeps up to eight tickets of one name.
const SESSIONS: usize = 8;
