//! Datagrams: flows for conversations, in-flight tables for exchanges.

mod exchange;
mod flow;
mod message;

pub(crate) use message::ask_for_destination;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use sekisho_api::Facts;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::slot::{Drain, Serve, Slot};
use crate::worker::Worker;

/// Datagrams handled in one turn before other sockets of the worker get theirs.
const TURN: usize = 64;

/// A VIP's socket, and where a client's datagram came from and to.
#[derive(Debug)]
pub(crate) struct Port {
    socket: UdpSocket,
    bound: SocketAddr,
    /// Begins when clients are no longer heard.
    closed: Drain,
    _open: Arc<()>,
}

/// Where a datagram came from and which address of ours it was sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Path {
    client: SocketAddr,
    /// Known where the socket listens on a wildcard; the answer leaves from it.
    to: Option<IpAddr>,
}

impl Port {
    /// Sends a datagram back along `path`. What the kernel has no room for is lost, as datagrams are.
    fn answer(&self, path: &Path, datagram: &[u8]) -> bool {
        let send = || message::send(&self.socket, datagram, path.client, path.to);
        self.socket.try_io(Interest::WRITABLE, send).is_ok()
    }

    fn facts(&self, path: &Path) -> Facts {
        let client = SocketAddr::new(path.client.ip().to_canonical(), path.client.port());
        let ip = path.to.unwrap_or_else(|| self.bound.ip()).to_canonical();
        Facts::plain(client, SocketAddr::new(ip, self.bound.port()))
    }
}

/// Starts serving a UDP socket.
///
/// # Errors
/// If the socket cannot be registered with the worker.
pub(crate) fn start(worker: &Rc<Worker>, slot: &Rc<Slot>, socket: std::net::UdpSocket) -> io::Result<()> {
    let socket = UdpSocket::from_std(socket)?;
    let port =
        Rc::new(Port { socket, bound: slot.bound, closed: Drain::default(), _open: slot.open.clone() });
    let (worker, slot) = (worker.clone(), slot.clone());
    tokio::task::spawn_local(async move {
        let flows = Rc::new(flow::Flows::default());
        let exchanges = Rc::new(exchange::Exchanges::new(&worker, &port));
        let mut buffer = vec![0; 65_536];
        while !slot.is_closed() {
            tokio::select! {
                () = slot.closed() => break,
                ready = port.socket.readable() => if ready.is_err() { break },
            }
            let serving = slot.serving();
            for _ in 0..TURN {
                let receive = || message::receive(&port.socket, &mut buffer);
                let (length, path) = match port.socket.try_io(Interest::READABLE, receive) {
                    Ok(received) => received,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // An ICMP error of an earlier answer: that client is gone, the others are not.
                    Err(_) => continue,
                };
                let Some(datagram) = buffer.get_mut(..length) else { continue };
                match &serving.handler {
                    Serve::Conversation(converse) => {
                        flows.take(&worker, &serving, converse, &port, path, datagram);
                    }
                    Serve::Exchange(exchange) | Serve::Pair(exchange, _) => {
                        exchanges.take(&serving, exchange, path, datagram)
                    }
                    Serve::Service(_) => {}
                }
            }
            tokio::task::coop::consume_budget().await;
        }
        port.closed.begin();
    });
    Ok(())
}

/// Ready when something came from the server that `socket` is connected to, or word that nobody listens there.
async fn heard(socket: &UdpSocket) {
    // What the kernel learns from ICMP is an error and makes nothing readable (datagram_poll in Linux's net/core).
    if socket.ready(Interest::READABLE | Interest::ERROR).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Takes the word that nobody listens at the other end of `socket`, if there is one.
fn refused(socket: &UdpSocket) -> bool {
    let look = || match SockRef::from(socket).take_error()? {
        Some(_) => Ok(()),
        None => Err(io::ErrorKind::WouldBlock.into()),
    };
    socket.try_io(Interest::ERROR, look).is_ok()
}
