//! Adverts sent and received.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn6, recvmsg, setsockopt, sockopt};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

use super::kernel::is_link_local;
use crate::vrrp::packet::{self, Datagram, GROUP_V4, GROUP_V6, HOP_LIMIT, LENGTH_MAX, PROTOCOL};

/// The longest advert behind the longest IPv4 header, and one byte more, to notice what is longer.
const READ: usize = LENGTH_MAX + 60 + 1;

/// The socket of a voice: bound to its link, heard there only.
#[derive(Debug)]
pub(crate) struct RawSocket {
    socket: Socket,
    own: IpAddr,
    link: u32,
}

impl RawSocket {
    /// Over the link, from its own address.
    ///
    /// # Errors
    /// `PermissionDenied` without CAP_NET_RAW; what the kernel says.
    pub(crate) fn open(name: &str, link: u32, own: IpAddr) -> io::Result<Self> {
        let domain = if own.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
        let socket = Socket::new(domain, Type::RAW, Some(Protocol::from(i32::from(PROTOCOL))))?;
        socket.bind_device(Some(name.as_bytes()))?;
        socket.set_nonblocking(true)?;
        match own {
            IpAddr::V4(_) => {
                // Not bound to its address: multicast would not reach it.
                socket.set_header_included_v4(true)?;
                socket.set_multicast_loop_v4(false)?;
                socket.join_multicast_v4_n(&GROUP_V4, &InterfaceIndexOrAddress::Index(link))?;
            }
            IpAddr::V6(own) => {
                // Bound, since the kernel would choose a link-local address that moves as soon as there is one.
                socket.bind(&v6(own, link).into())?;
                socket.set_multicast_loop_v6(false)?;
                socket.set_multicast_hops_v6(u32::from(HOP_LIMIT))?;
                socket.set_unicast_hops_v6(u32::from(HOP_LIMIT))?;
                socket.set_multicast_if_v6(link)?;
                socket.join_multicast_v6(&GROUP_V6, link)?;
                setsockopt(&socket, sockopt::Ipv6RecvHopLimit, &true)?;
                setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
            }
        }
        Ok(Self { socket, own, link })
    }

    /// The address that it speaks from.
    pub(crate) fn own(&self) -> IpAddr {
        self.own
    }

    /// The link that it is bound to.
    pub(crate) fn link(&self) -> u32 {
        self.link
    }

    /// Sends an advert's bytes, made for this way, to one address or to the group.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn send(&self, destination: IpAddr, advert: &[u8]) -> io::Result<()> {
        let sent = match (self.own, destination) {
            (IpAddr::V4(own), IpAddr::V4(to)) => {
                let address = SocketAddr::V4(SocketAddrV4::new(to, 0));
                self.socket.send_to(&packet::ipv4(own, to, advert), &address.into())
            }
            (IpAddr::V6(_), IpAddr::V6(to)) => self.socket.send_to(advert, &v6(to, self.link).into()),
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        };
        sent.map(drop)
    }

    /// Gives the next packet to `take`; false, if there is none.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn receive(&self, take: &mut dyn FnMut(Option<Datagram<'_>>)) -> io::Result<bool> {
        let mut buffer = [0; READ];
        let received = match self.own {
            IpAddr::V4(_) => self.receive_v4(&mut buffer, take),
            IpAddr::V6(_) => self.receive_v6(&mut buffer, take),
        };
        match received {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn receive_v4(&self, buffer: &mut [u8], take: &mut dyn FnMut(Option<Datagram<'_>>)) -> io::Result<()> {
        let read = rustix::net::recv(&self.socket, &mut *buffer, rustix::net::RecvFlags::empty())?.0;
        take(Datagram::ipv4(buffer.get(..read).unwrap_or_default()).ok());
        Ok(())
    }

    /// Who sent it to whom, and over how many hops, stands beside the packet.
    fn receive_v6(&self, buffer: &mut [u8], take: &mut dyn FnMut(Option<Datagram<'_>>)) -> io::Result<()> {
        let mut space = nix::cmsg_space!(libc::in6_pktinfo, libc::c_int);
        let mut pieces = [IoSliceMut::new(buffer)];
        let descriptor = self.socket.as_raw_fd();
        let message = recvmsg::<SockaddrIn6>(descriptor, &mut pieces, Some(&mut space), MsgFlags::empty())?;
        let (mut hops, mut to) = (None, None);
        for beside in message.cmsgs()? {
            match beside {
                ControlMessageOwned::Ipv6HopLimit(limit) => hops = u8::try_from(limit).ok(),
                ControlMessageOwned::Ipv6PacketInfo(info) => {
                    to = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr));
                }
                _ => {}
            }
        }
        let (read, from) = (message.bytes, message.address.map(|from| from.ip()));
        let datagram = from.zip(to).zip(hops).map(|((from, to), hop_limit)| Datagram {
            source: from.into(),
            destination: to.into(),
            hop_limit,
            payload: buffer.get(..read).unwrap_or_default(),
        });
        take(datagram);
        Ok(())
    }
}

impl AsFd for RawSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn v6(address: Ipv6Addr, link: u32) -> SocketAddr {
    let scope = if is_link_local(address) { link } else { 0 };
    SocketAddr::V6(SocketAddrV6::new(address, 0, 0, scope))
}
