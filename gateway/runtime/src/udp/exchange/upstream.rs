//! A socket that hears one server alone.

use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};
use sekisho_api::Server;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::AbortHandle;

use super::ids::Ids;
use super::query::Ticket;
use super::slab::Key;
use super::{Exchanges, survive};
use crate::udp::batch::readable;
use crate::udp::make_room;

/// How long a source port is used: whoever has found it out has it for no longer.
const LIFE: Duration = Duration::from_secs(60);

/// For how many requests it is used.
const REQUESTS: u32 = 65_536;

/// A socket that hears one server alone, and the ids in use on it.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) socket: AsyncFd<UdpSocket>,
    pub(super) server: Arc<dyn Server>,
    pub(super) ids: RefCell<Ids<Ticket>>,
    /// What is to be sent at the end of the batch: where the bytes stand, and whose they are.
    pub(super) outgoing: RefCell<Vec<(Range<usize>, Key)>>,
    pub(super) used: Cell<Instant>,
    /// How long answers take, smoothed as TCP does (RFC 6298, section 2).
    usual: Cell<Duration>,
    opened: Instant,
    asked: Cell<u32>,
    listening: OnceCell<AbortHandle>,
}

impl Upstream {
    /// Opens a socket on a port that the kernel chooses, which it does at random.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn open(server: &Arc<dyn Server>, now: Instant) -> io::Result<Self> {
        let address = server.address();
        let socket =
            Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
        make_room(&socket);
        match address {
            SocketAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?,
            SocketAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?,
        }
        socket.connect(&address.into())?;
        Ok(Self {
            socket: readable(socket.into(), Interest::READABLE | Interest::ERROR)?,
            server: server.clone(),
            ids: RefCell::default(),
            outgoing: RefCell::default(),
            used: Cell::new(now),
            usual: Cell::default(),
            opened: now,
            asked: Cell::new(0),
            listening: OnceCell::new(),
        })
    }

    /// Starts hearing the server, until [`Upstream::close`].
    pub(super) fn listen(self: &Rc<Self>, exchanges: &Rc<Exchanges>) {
        let (one, all) = (self.clone(), exchanges.clone());
        let task = tokio::task::spawn_local(async move {
            while let Ok(mut ready) = one.socket.ready(Interest::READABLE | Interest::ERROR).await {
                if survive(|| all.hear(&one, ready.ready().is_error())) {
                    // Other sockets of the worker have their turn before this one goes on.
                    tokio::task::yield_now().await;
                } else {
                    // What comes from now on makes it ready again.
                    ready.clear_ready();
                }
            }
        });
        _ = self.listening.set(task.abort_handle());
    }

    /// Hears nothing more; the socket closes.
    pub(super) fn close(&self) {
        if let Some(task) = self.listening.get() {
            task.abort();
        }
    }

    /// Counts a request. False if the socket has served its time and a new one should take its place.
    pub(super) fn fresh(&self, now: Instant) -> bool {
        self.used.set(now);
        self.asked.get() < REQUESTS && now.saturating_duration_since(self.opened) < LIFE
    }

    pub(super) fn count(&self) {
        self.asked.set(self.asked.get() + 1);
    }

    /// An answer came after so long.
    pub(super) fn answered(&self, took: Duration) {
        let usual = self.usual.get();
        self.usual.set(if usual.is_zero() { took } else { (usual * 7 + took) / 8 });
    }

    /// How long answers take.
    pub(super) fn usual(&self) -> Duration {
        self.usual.get()
    }

    /// Takes all errors that the network has reported and says whether one means that the server cannot be reached.
    ///
    /// They are read from the queue of errors: a send reports only an error that its first datagram meets.
    pub(super) fn unreachable(&self) -> bool {
        let mut unreachable = false;
        let mut control = nix::cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6);
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let fd = self.socket.get_ref().as_raw_fd();
        // As many as fit into the socket's buffer, and so an end.
        while let Ok(message) = recvmsg::<SockaddrStorage>(fd, &mut [], Some(&mut control), flags) {
            unreachable |= message.cmsgs().into_iter().flatten().any(|control| match control {
                ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => {
                    means_unreachable(error.ee_errno.cast_signed())
                }
                _ => false,
            });
        }
        unreachable
    }
}

/// Whether a socket's error means that its server cannot be reached: all that are not about an interruption, this host's
/// memory or the datagram's size.
pub(super) fn means_unreachable(errno: i32) -> bool {
    !matches!(errno, libc::EAGAIN | libc::EINTR | libc::ENOBUFS | libc::ENOMEM | libc::EMSGSIZE)
}
