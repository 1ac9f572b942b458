//! Connecting to a server.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use sekisho_api::{Facts, Failure, Observation, Server};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;

use crate::io::Io;
use crate::listen::keep_alive;
use crate::live::ServerSide;
use crate::plain::PlainStream;
use crate::proxy_header;
use crate::ticker::Ticker;

/// Connects to a server, PROXY header and TLS included, within `patience`, and tells the scheduler how it went. Without
/// `keepalive` the caller turns that on once the connection has lived for a while: four system calls that short ones
/// save.
pub(crate) async fn dial(
    side: &ServerSide,
    facts: &Facts,
    patience: Duration,
    keepalive: Option<Duration>,
    ticker: &Rc<Ticker>,
) -> Result<Io, Failure> {
    let began = Instant::now();
    let attempt = pin!(attempt(side, facts, keepalive));
    let result = within(ticker, began + patience, attempt)
        .await
        .unwrap_or(Err(Problem::Server(Failure::ConnectTimeout)));
    let now = Instant::now();
    match result {
        Ok(stream) => {
            side.state.observe(Observation::Connected(now.saturating_duration_since(began)), now);
            Ok(stream)
        }
        Err(Problem::Server(failure)) => {
            side.state.observe(Observation::Failed(failure), now);
            Err(failure)
        }
        Err(Problem::Gateway(error)) => {
            tracing::error!(server = %side.state.name(), %error, "No socket for a server connection");
            Err(Failure::Refused)
        }
    }
}

enum Problem {
    /// Counts against the server.
    Server(Failure),
    /// Descriptors or ports have run out here: the server is not to blame.
    Gateway(io::Error),
}

async fn attempt(side: &ServerSide, facts: &Facts, keepalive: Option<Duration>) -> Result<Io, Problem> {
    let address = side.state.address();
    let mut stream = begin(side, address, facts, keepalive)?;
    made(&stream).await?;
    if let Some(version) = side.proxy_protocol {
        let header = proxy_header::stream(version, &side.proxy_tlvs, facts);
        stream.write_all(&header).await.map_err(|_| Problem::Server(Failure::Reset))?;
    }
    match side.connector.as_ref().filter(|_| !side.start_tls) {
        None => Ok(Io::Plain(PlainStream::new(stream))),
        Some(connector) => match connector.connect(stream, side.state.name(), address).await {
            Ok(stream) => Ok(Io::Tls(Box::new(stream))),
            Err(error) => {
                tracing::warn!(pool = %side.pool, server = %side.state.name(), %error, "TLS to a server failed");
                Err(Problem::Server(Failure::Tls))
            }
        },
    }
}

/// Begins a connection to the server, from the address that it is to see. Where one of several has no port left for this
/// server, it is from another.
fn begin(
    side: &ServerSide,
    address: SocketAddr,
    facts: &Facts,
    keepalive: Option<Duration>,
) -> Result<TcpStream, Problem> {
    for _ in 1..side.source.choices(address) {
        match begin_from_one(side, address, facts, keepalive) {
            Err(Problem::Gateway(error)) if error.kind() == io::ErrorKind::AddrNotAvailable => {}
            begun => return begun,
        }
    }
    begin_from_one(side, address, facts, keepalive)
}

fn begin_from_one(
    side: &ServerSide,
    address: SocketAddr,
    facts: &Facts,
    keepalive: Option<Duration>,
) -> Result<TcpStream, Problem> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP));
    let socket = socket.map_err(Problem::Gateway)?;
    let _ = socket.set_tcp_nodelay(true);
    side.source.bind(&socket, address, facts.client.ip()).map_err(Problem::Gateway)?;
    if let Some(interval) = keepalive {
        let _ = keep_alive(&SockRef::from(&socket), interval);
    }
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(put_down(error)),
        _ => {}
    }
    TcpStream::from_std(socket.into()).map_err(Problem::Gateway)
}

/// Waits until the connection is there.
async fn made(stream: &TcpStream) -> Result<(), Problem> {
    // The kernel's verdict comes with the event; asking for it is a system call that only a failure is worth.
    let ready = stream.ready(Interest::WRITABLE | Interest::ERROR).await.map_err(Problem::Gateway)?;
    if ready.is_error()
        && let Ok(Some(error)) = stream.take_error()
    {
        return Err(put_down(error));
    }
    Ok(())
}

/// Whose fault it is that there is no connection.
fn put_down(error: io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::ResourceBusy => Problem::Gateway(error),
        io::ErrorKind::TimedOut => Problem::Server(Failure::ConnectTimeout),
        _ => match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => Problem::Gateway(error),
            _ => Problem::Server(Failure::Refused),
        },
    }
}

/// The future's output, or none if `deadline` comes first.
pub(crate) async fn within<F: Future + Unpin>(
    ticker: &Rc<Ticker>,
    deadline: Instant,
    mut future: F,
) -> Option<F::Output> {
    let mut deadline = pin!(ticker.until(deadline));
    poll_fn(|cx| {
        if let Poll::Ready(output) = std::pin::Pin::new(&mut future).poll(cx) {
            return Poll::Ready(Some(output));
        }
        deadline.as_mut().poll(cx).map(|()| None)
    })
    .await
}
