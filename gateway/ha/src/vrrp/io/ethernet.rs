//! Frames that announce an address.

use std::io;

use socket2::{Domain, SockAddr, Socket, Type};

/// Sends Ethernet frames over one link. Receives none.
#[derive(Debug)]
pub(crate) struct Ethernet(Socket);

impl Ethernet {
    /// Over the link with this index.
    ///
    /// # Errors
    /// `PermissionDenied` without CAP_NET_RAW; what the kernel says.
    pub(crate) fn open(link: u32) -> io::Result<Self> {
        // Protocol 0: no frame is delivered (packet(7)).
        let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
        socket.bind(&address(link)?)?;
        socket.set_nonblocking(true)?;
        Ok(Self(socket))
    }

    /// Sends one frame.
    ///
    /// # Errors
    /// What the kernel says: the link is down, or has no room.
    pub(crate) fn send(&self, frame: &[u8]) -> io::Result<()> {
        self.0.send(frame).map(drop)
    }
}

/// The address of the link itself (packet(7)).
fn address(link: u32) -> io::Result<SockAddr> {
    let index = i32::try_from(link).map_err(|_| io::ErrorKind::InvalidInput)?;
    let family = u16::try_from(libc::AF_PACKET).map_err(|_| io::ErrorKind::InvalidInput)?;
    let wanted = libc::sockaddr_ll {
        sll_family: family,
        sll_protocol: 0,
        sll_ifindex: index,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let length = libc::socklen_t::try_from(size_of_val(&wanted)).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the storage is as large and as aligned as any socket address, this one among them, and `length` is what
    // was written.
    let made = unsafe {
        SockAddr::try_init(|storage, size| {
            storage.cast::<libc::sockaddr_ll>().write(wanted);
            size.write(length);
            Ok(())
        })
    };
    made.map(|((), address)| address)
}
