//! Datagrams with the address that they were sent to, so that an answer leaves from the address that was asked.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt, sockopt,
};

use super::Path;

/// Has the kernel say which address a datagram was sent to, on a socket that listens on a wildcard.
pub(crate) fn ask_for_destination(socket: &socket2::Socket, address: SocketAddr) -> io::Result<()> {
    match address.ip() {
        ip if !ip.is_unspecified() => Ok(()),
        IpAddr::V4(_) => Ok(setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?),
        IpAddr::V6(_) => Ok(setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?),
    }
}

/// Room in the kernel, each way: bursts outlast a worker's turn.
const ROOM: usize = 4 << 20;

/// Gives a socket as much room as the kernel allows, and says whether that is all that is wanted. A privileged process
/// may pass over `net.core.rmem_max` and `net.core.wmem_max`.
pub(crate) fn make_room(socket: &socket2::Socket) -> bool {
    let forced = setsockopt(socket, sockopt::RcvBufForce, &ROOM).is_ok()
        && setsockopt(socket, sockopt::SndBufForce, &ROOM).is_ok();
    if !forced {
        // What the kernel cuts off is no error.
        _ = socket.set_recv_buffer_size(ROOM);
        _ = socket.set_send_buffer_size(ROOM);
    }
    forced || socket.recv_buffer_size().is_ok_and(|size| size >= ROOM)
}

/// Receives one datagram: its length, and where it came from and went to.
pub(crate) fn receive(socket: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<(usize, Path)> {
    // Room for one in6_pktinfo, the larger of the two, with its header.
    let mut control = [0_u8; 64];
    let mut parts = [IoSliceMut::new(buffer)];
    let message = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut parts,
        Some(&mut control),
        MsgFlags::MSG_DONTWAIT,
    )?;
    let client = message.address.as_ref().and_then(address).ok_or(io::ErrorKind::InvalidData)?;
    let mut to = None;
    for control in message.cmsgs().into_iter().flatten() {
        match control {
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                to = Some(IpAddr::V4(u32::from_be(info.ipi_spec_dst.s_addr).into()));
            }
            ControlMessageOwned::Ipv6PacketInfo(info) => to = Some(IpAddr::V6(info.ipi6_addr.s6_addr.into())),
            _ => {}
        }
    }
    Ok((message.bytes, Path { client, to }))
}

/// Sends one datagram to `client`, from the address `from` if it is known.
pub(crate) fn send(
    socket: &impl AsRawFd,
    datagram: &[u8],
    client: SocketAddr,
    from: Option<IpAddr>,
) -> io::Result<usize> {
    let fd = socket.as_raw_fd();
    let parts = [IoSlice::new(datagram)];
    let to = SockaddrStorage::from(client);
    let sent = match from {
        None => sendmsg(fd, &parts, &[], MsgFlags::MSG_DONTWAIT, Some(&to))?,
        Some(IpAddr::V4(from)) => {
            let info = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr { s_addr: u32::from(from).to_be() },
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            sendmsg(fd, &parts, &[ControlMessage::Ipv4PacketInfo(&info)], MsgFlags::MSG_DONTWAIT, Some(&to))?
        }
        Some(IpAddr::V6(from)) => {
            let info =
                libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: from.octets() }, ipi6_ifindex: 0 };
            sendmsg(fd, &parts, &[ControlMessage::Ipv6PacketInfo(&info)], MsgFlags::MSG_DONTWAIT, Some(&to))?
        }
    };
    Ok(sent)
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = storage.as_sockaddr_in() {
        return Some(SocketAddr::V4((*v4).into()));
    }
    storage.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into()))
}
