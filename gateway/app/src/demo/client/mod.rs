//! The demo's own clients, small enough to be believed: they see what any client would see.

mod asker;
mod browser;
mod chatter;
mod desk;
mod jar;
mod liner;
mod mailer;
mod response;
mod streams;
mod wire;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

pub(super) use asker::{Over, ask, burst};
pub(super) use browser::{Browser, Cookies, Place, Reply, Secured};
pub(super) use chatter::chat;
pub(super) use desk::desk;
pub(super) use liner::Liner;
pub(super) use mailer::{Mailbox, Mailer};
pub(super) use streams::{Ask, Told, at_once};

/// How long a client waits for anything. Far above what the demo needs: reaching it means that something is broken.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a client failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ClientError {
    /// The connection: refused, reset, too slow.
    #[error("{0}")]
    Connection(#[from] io::Error),
    /// TLS could not be begun.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// HTTP/2 was broken off.
    #[error("HTTP/2: {0}")]
    Http2(#[from] h2::Error),
    /// The name in the URL is none that a certificate could carry.
    #[error("no server name: {0}")]
    ServerName(#[from] rustls::pki_types::InvalidDnsNameError),
    /// The answer is not in the protocol that was asked for, or larger than the demo's answers are.
    #[error("the answer is not what was expected: {0}")]
    Response(&'static str),
    /// The answer is not the page, or a DNS error.
    #[error("the answer has status {0}")]
    Status(u16),
}

/// Connects from `source`, an address of this machine. All of 127.0.0.0/8 is, on Linux, which is how one process
/// plays many clients.
fn connect(source: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(source, 0).into())?;
    socket.connect_timeout(&to.into(), PATIENCE)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
