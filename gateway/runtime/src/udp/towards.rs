//! A flow's way to its server.

use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Deref;

use sekisho_api::Facts;
use socket2::SockRef;
use tokio::net::UdpSocket;

use crate::proxy_header;

/// A socket that hears one server alone, and what stands before each datagram to it.
#[derive(Debug)]
pub(super) struct Towards {
    socket: UdpSocket,
    /// The PROXY header; empty where the server is told nothing of the client.
    header: Box<[u8]>,
}

impl Towards {
    /// A way to `server`, which is `told` of a client or not.
    ///
    /// # Errors
    /// If there is no socket for it.
    pub(super) fn new(server: SocketAddr, told: Option<&Facts>) -> io::Result<Self> {
        let any: SocketAddr = match server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = std::net::UdpSocket::bind(any)?;
        socket.connect(server)?;
        socket.set_nonblocking(true)?;
        let mut header = [0; proxy_header::DATAGRAM_HEADER];
        let length = told
            .and_then(|facts| proxy_header::v2_datagram(facts.client, facts.local, &mut header))
            .unwrap_or(0);
        let header = header.get(..length).unwrap_or_default().into();
        Ok(Self { socket: UdpSocket::from_std(socket)?, header })
    }

    /// Sends at once. The event loop is not asked: it does not know yet that a new socket can be written to, and the
    /// first datagram would be lost.
    ///
    /// # Errors
    /// If the kernel does not take it, which loses it as datagrams are lost, or nobody listens there.
    pub(super) fn send(&self, datagram: &[u8]) -> io::Result<()> {
        let socket = SockRef::from(&self.socket);
        let sent = match self.header.is_empty() {
            true => socket.send(datagram),
            false => socket.send_vectored(&[IoSlice::new(&self.header), IoSlice::new(datagram)]),
        };
        sent.map(drop)
    }
}

impl Deref for Towards {
    type Target = UdpSocket;

    fn deref(&self) -> &UdpSocket {
        &self.socket
    }
}
