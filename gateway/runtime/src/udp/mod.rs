//! Datagrams: flows for conversations, in-flight tables for exchanges.

mod batch;
mod exchange;
mod flow;
mod message;
mod pages;
mod spread;
mod steer;
mod towards;
mod workbench;

pub(crate) use exchange::Exchanges;
pub(crate) use message::{ask_for_destination, make_room};
pub(crate) use spread::{Loads, Meter, Spread};
pub(crate) use steer::steer;
pub(crate) use workbench::Workbench;

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use sekisho_api::{Converse, Facts};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::UdpSocket;

use crate::slot::{Drain, Serve, Serving, Slot};
use crate::worker::Worker;

/// Datagrams handled in one turn before other sockets of the worker get theirs.
const TURN: usize = 64;

/// Turns in which a socket that closes is emptied: more than what it has room for. Whoever goes on sending is not
/// waited for.
const LAST: usize = 256;

/// A VIP's socket, and where a client's datagram came from and to.
#[derive(Debug)]
pub(crate) struct Port {
    socket: AsyncFd<std::net::UdpSocket>,
    bound: SocketAddr,
    /// Answers of exchanges that leave at the end of the batch: where their bytes stand, and where they go.
    outgoing: RefCell<Vec<(Range<usize>, Path)>>,
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
        message::send(self.socket.get_ref(), datagram, path.client, path.to).is_ok()
    }

    /// Has the kernel spread the address's datagrams over the sockets of the first so many workers; none: as it does by
    /// itself.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn spread(&self, active: Option<usize>) -> io::Result<()> {
        steer(self.socket.get_ref(), active)
    }

    /// A second descriptor of the socket.
    ///
    /// # Errors
    /// The process has no room for it.
    pub(crate) fn duplicate(&self) -> io::Result<std::net::UdpSocket> {
        self.socket.get_ref().try_clone()
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
    let port = Rc::new(Port {
        socket: batch::readable(socket, Interest::READABLE)?,
        bound: slot.bound,
        outgoing: RefCell::default(),
        closed: Drain::default(),
        _open: slot.open.clone(),
    });
    *slot.port.borrow_mut() = Rc::downgrade(&port);
    let (worker, slot) = (worker.clone(), slot.clone());
    tokio::task::spawn_local(async move {
        let flows = Rc::new(flow::Flows::default());
        while !slot.is_closed() {
            let mut ready = tokio::select! {
                () = slot.closed() => break,
                ready = port.socket.readable() => match ready {
                    Ok(ready) => ready,
                    Err(_) => break,
                },
            };
            let serving = slot.serving();
            let more = match &serving.handler {
                Serve::Conversation(converse) | Serve::Companion(_, converse) => {
                    take(&worker, &flows, &serving, converse, &port)
                }
                Serve::Exchange(exchanges) | Serve::Pair(exchanges, _) => exchanges.take(&port),
                // Streams alone: a reload has taken the datagrams away, and this socket closes.
                Serve::Service(_) => false,
            };
            if more {
                worker.meter.borrow_mut().left_behind();
                // Other sockets of the worker have their turn before this one goes on.
                tokio::task::yield_now().await;
            } else {
                // What comes from now on makes it ready again.
                ready.clear_ready();
            }
        }
        // What had come before the address was closed is served.
        if let Serve::Exchange(exchanges) | Serve::Pair(exchanges, _) = &slot.serving().handler {
            _ = (0..LAST).all(|_| exchanges.take(&port));
        }
        if !slot.is_left() {
            port.closed.begin();
        }
    });
    Ok(())
}

/// Takes what clients have sent into their flows. True if there may be more.
fn take(
    worker: &Rc<Worker>,
    flows: &Rc<flow::Flows>,
    serving: &Rc<Serving>,
    converse: &Arc<dyn Converse>,
    port: &Rc<Port>,
) -> bool {
    let mut buffer = worker.shared.buffers.take();
    for _ in 0..TURN {
        match message::receive(port.socket.get_ref(), &mut buffer) {
            Ok((length, path)) => {
                let datagram = buffer.get(..length).unwrap_or_default();
                flows.take(worker, serving, converse, port, path, datagram);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            // An ICMP error of an earlier answer: that client is gone, the others are not.
            Err(_) => {}
        }
    }
    true
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
