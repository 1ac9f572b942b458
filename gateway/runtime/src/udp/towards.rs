//! A flow's way to its server.

use std::io::{self, IoSlice};
use std::ops::Deref;

use sekisho_api::Facts;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::UdpSocket;

use crate::live::ServerSide;
use crate::proxy_header;

/// A socket that hears one server alone, and what stands before each datagram to it.
#[derive(Debug)]
pub(super) struct Towards {
    socket: UdpSocket,
    /// The PROXY header; empty where the server is told nothing of the client.
    header: Box<[u8]>,
}

impl Towards {
    /// A client's way to its server, which is told of it as `side` says.
    ///
    /// # Errors
    /// If there is no socket for it.
    pub(super) fn new(side: &ServerSide, facts: &Facts) -> io::Result<Self> {
        let server = side.state.address();
        let socket =
            Socket::new(Domain::for_address(server), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
        side.source.bind(&socket, server, facts.client.ip())?;
        socket.connect(&server.into())?;
        let mut header = [0; proxy_header::DATAGRAM_HEADER];
        let length = match side.proxy_protocol {
            Some(_) => proxy_header::v2_datagram(facts.client, facts.local, &mut header).unwrap_or(0),
            None => 0,
        };
        let header = header.get(..length).unwrap_or_default().into();
        Ok(Self { socket: UdpSocket::from_std(socket.into())?, header })
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
