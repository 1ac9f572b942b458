//! TLS connections of clients that say and hear several things at once.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::browser::Place;
use super::{ClientError, PATIENCE, connect};

/// Runs a client on this thread, for as long as a client waits.
pub(super) fn run<T>(client: impl Future<Output = Result<T, ClientError>>) -> Result<T, ClientError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let late = |_| ClientError::Connection(io::ErrorKind::TimedOut.into());
        tokio::time::timeout(PATIENCE, client).await.map_err(late)?
    })
}

/// Connects from `source` and begins TLS, in which `protocol` has to be agreed on. Gives the client's end as well.
pub(super) async fn secured(
    source: IpAddr,
    place: Place<'_>,
    tls: &ClientConfig,
    protocol: &'static str,
) -> Result<(TlsStream<TcpStream>, SocketAddr), ClientError> {
    let stream = connect(source, place.address)?;
    stream.set_nonblocking(true)?;
    let local = stream.local_addr()?;
    let mut tls = tls.clone();
    tls.alpn_protocols = vec![protocol.into()];
    let name = ServerName::try_from(place.host.to_owned())?;
    let stream = TlsConnector::from(Arc::new(tls)).connect(name, TcpStream::from_std(stream)?).await?;
    match stream.get_ref().1.alpn_protocol() {
        Some(agreed) if agreed == protocol.as_bytes() => Ok((stream, local)),
        _ => Err(ClientError::Response("another protocol was agreed on in TLS")),
    }
}
