//! A subject, as clients reach it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rustls::{ClientConfig, ProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::certificate::NAME;
use super::super::places::Front;
use super::super::{Outcome, failed};

/// A TLS connection.
pub(crate) type Tls = TlsStream<TcpStream>;

/// Where a subject listens, and how to speak TLS to it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Its address.
    pub(crate) address: Ipv4Addr,
    /// TLS 1.3 without resumption.
    pub(crate) tls: Arc<ClientConfig>,
}

impl Target {
    /// The address of a front.
    pub(crate) fn at(&self, front: Front) -> SocketAddr {
        SocketAddr::from((self.address, front.port()))
    }

    /// A plain connection to a front.
    pub(crate) async fn plain(&self, front: Front) -> Outcome<TcpStream> {
        let stream = TcpStream::connect(self.at(front)).await.map_err(failed("cannot connect"))?;
        stream.set_nodelay(true).map_err(failed("cannot set TCP_NODELAY"))?;
        Ok(stream)
    }

    /// A TLS connection to the HTTPS front after a full handshake.
    pub(crate) async fn tls(&self) -> Outcome<Tls> {
        self.tls_at(Front::Https, b"http/1.1").await
    }

    /// A TLS connection to a front after a full handshake, for this application protocol.
    pub(crate) async fn tls_at(&self, front: Front, protocol: &[u8]) -> Outcome<Tls> {
        let name = rustls::pki_types::ServerName::try_from(NAME).map_err(failed("server name"))?;
        let plain = self.plain(front).await?;
        let mut config = Arc::clone(&self.tls);
        if config.alpn_protocols != [protocol] {
            Arc::make_mut(&mut config).alpn_protocols = vec![protocol.to_vec()];
        }
        let stream =
            TlsConnector::from(config).connect(name, plain).await.map_err(failed("TLS handshake"))?;
        match stream.get_ref().1.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => Ok(stream),
            other => Err(format!("TLS 1.3 was expected, {other:?} was negotiated")),
        }
    }
}
