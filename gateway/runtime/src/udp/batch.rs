//! Many datagrams with one system call: `recvmmsg(2)` and `sendmmsg(2)`.
//!
//! The memory that the kernel is pointed at is laid out once and never moves: the vectors below do not grow. It is
//! read while no call is under way.

use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

use sekisho_api::DATAGRAM;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::Path;
use super::pages::Pages;

/// Datagrams of one call. Larger batches gain nothing more; one of 8 costs a tenth more for each query.
pub(super) const BATCH: usize = 32;

/// Room for the longest datagram. What no datagram reached costs address space alone. A few cache lines more than a
/// power of two, or the beginnings of all buffers would fall into the same sets of the cache.
const STRIDE: usize = DATAGRAM + 1 + 192;

/// Room for one `in6_pktinfo`, the larger of the two, with its header.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; 64]);

/// What stands around the datagrams of a call: headers, vectors, addresses, control messages.
struct Frames {
    headers: Vec<libc::mmsghdr>,
    vectors: Vec<libc::iovec>,
    names: Vec<libc::sockaddr_storage>,
    controls: Vec<Control>,
}

impl Frames {
    fn new() -> Self {
        // SAFETY: all three are plain C structures, for which zeros are a value: null pointers and lengths of 0.
        let (header, vector, name) = unsafe { (mem::zeroed(), mem::zeroed(), mem::zeroed()) };
        let mut frames = Self {
            headers: vec![header; BATCH],
            vectors: vec![vector; BATCH],
            names: vec![name; BATCH],
            controls: vec![Control([0; 64]); BATCH],
        };
        for (header, vector) in frames.headers.iter_mut().zip(&mut frames.vectors) {
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
        }
        frames
    }
}

/// Received datagrams, until the next are received.
pub(super) struct Inbox {
    frames: Frames,
    bytes: Pages,
    /// Whether it is told where they came from and went to.
    addressed: bool,
    received: usize,
}

impl Inbox {
    /// An inbox for sockets that hear everybody (`addressed`), or for such that hear one peer.
    ///
    /// # Errors
    /// If there is no address space for them.
    pub(super) fn new(addressed: bool) -> io::Result<Self> {
        let mut inbox = Self {
            frames: Frames::new(),
            bytes: Pages::new(BATCH * STRIDE)?,
            addressed,
            // All headers are to be made ready.
            received: BATCH,
        };
        let start = inbox.bytes.start();
        for (number, vector) in inbox.frames.vectors.iter_mut().enumerate() {
            vector.iov_base = start.wrapping_add(number * STRIDE).cast();
            vector.iov_len = STRIDE;
        }
        if addressed {
            let Frames { headers, names, controls, .. } = &mut inbox.frames;
            for ((header, name), control) in headers.iter_mut().zip(names).zip(controls) {
                header.msg_hdr.msg_name = ptr::from_mut(name).cast();
                header.msg_hdr.msg_control = ptr::from_mut(control).cast();
            }
        }
        Ok(inbox)
    }

    /// Receives what is there, at most [`BATCH`] datagrams, and says how many. Fewer: there are no more for now.
    ///
    /// # Errors
    /// As of `recvmmsg(2)`; `WouldBlock` if there is none.
    pub(super) fn receive(&mut self, socket: &impl AsRawFd) -> io::Result<usize> {
        if self.addressed {
            // The kernel wrote over the lengths of those that it used.
            for header in self.frames.headers.iter_mut().take(self.received) {
                header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
                header.msg_hdr.msg_controllen = size_of::<Control>();
            }
        }
        self.received = 0;
        // SAFETY: the headers point to vectors, names, controls and buffers of the given lengths, all of which `self`
        // owns and nothing else refers to during the call.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.frames.headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        self.received = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        Ok(self.received)
    }

    /// The datagram of this number.
    pub(super) fn datagram(&self, number: usize) -> Option<&[u8]> {
        let header = self.frames.headers.get(number).filter(|_| number < self.received)?;
        self.bytes.get(number * STRIDE..)?.get(..header.msg_len as usize)
    }

    /// Where it came from and went to.
    pub(super) fn path(&self, number: usize) -> Option<Path> {
        let header = self.frames.headers.get(number).filter(|_| number < self.received)?;
        let client = address(self.frames.names.get(number)?)?;
        Some(Path { client, to: destination(&header.msg_hdr) })
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").field("received", &self.received).finish_non_exhaustive()
    }
}

/// What datagrams are sent through.
pub(super) struct Outbox(Frames);

impl Outbox {
    pub(super) fn new() -> Self {
        Self(Frames::new())
    }

    /// Sends up to [`BATCH`] datagrams: back along a path, or to the peer of a connected socket. Says how many were
    /// sent. If they are fewer, the first of the others met an error, which the kernel does not tell and forgets.
    ///
    /// # Errors
    /// What the first datagram met, as of `sendmmsg(2)`.
    pub(super) fn send<'a>(
        &mut self,
        socket: &impl AsRawFd,
        datagrams: impl Iterator<Item = (&'a [u8], Option<&'a Path>)>,
    ) -> io::Result<usize> {
        let Frames { headers, vectors, names, controls } = &mut self.0;
        let frames = headers.iter_mut().zip(vectors).zip(names.iter_mut().zip(controls));
        let mut count = 0;
        for (((header, vector), (name, control)), (bytes, path)) in frames.zip(datagrams) {
            // The kernel only reads from it.
            vector.iov_base = bytes.as_ptr().cast_mut().cast();
            vector.iov_len = bytes.len();
            let header = &mut header.msg_hdr;
            (header.msg_name, header.msg_namelen) = (ptr::null_mut(), 0);
            (header.msg_control, header.msg_controllen) = (ptr::null_mut(), 0);
            if let Some(path) = path {
                header.msg_namelen = set_address(name, path.client);
                header.msg_name = ptr::from_mut(name).cast();
                if let Some(from) = path.to {
                    header.msg_control = ptr::from_mut(control).cast();
                    set_source(header, from);
                }
            }
            count += 1;
        }
        // SAFETY: the first `count` headers point to vectors, names and controls that `self` owns, and to bytes that
        // are borrowed for the time of this function.
        let sent = unsafe {
            libc::sendmmsg(socket.as_raw_fd(), self.0.headers.as_mut_ptr(), count, libc::MSG_DONTWAIT)
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outbox")
    }
}

/// Registers a socket with the worker for what comes. What leaves is not waited for: every datagram that the kernel
/// is done with would wake the worker.
pub(super) fn readable(socket: UdpSocket, interest: Interest) -> io::Result<AsyncFd<UdpSocket>> {
    // SAFETY: the socket owns its descriptor, which lives until the `AsyncFd` that holds it is dropped, and nothing
    // takes it out or replaces it.
    Ok(unsafe { AsyncFd::register_with_interest(socket, interest) }?)
}

fn address(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match libc::c_int::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that this is what it holds, and `sockaddr_storage` is larger and aligned for it.
            let v4 = unsafe { &*ptr::from_ref(name).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { &*ptr::from_ref(name).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            let port = u16::from_be(v6.sin6_port);
            Some(SocketAddrV6::new(ip, port, v6.sin6_flowinfo, v6.sin6_scope_id).into())
        }
        _ => None,
    }
}

fn set_address(name: &mut libc::sockaddr_storage, address: SocketAddr) -> libc::socklen_t {
    match address {
        SocketAddr::V4(address) => {
            let v4 = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: address.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from(*address.ip()).to_be() },
                sin_zero: [0; 8],
            };
            // SAFETY: `sockaddr_storage` is larger than every address and aligned for it.
            unsafe { ptr::from_mut(name).cast::<libc::sockaddr_in>().write(v4) };
            size_of::<libc::sockaddr_in>() as libc::socklen_t
        }
        SocketAddr::V6(address) => {
            let v6 = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: address.port().to_be(),
                sin6_flowinfo: address.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: address.ip().octets() },
                sin6_scope_id: address.scope_id(),
            };
            // SAFETY: as above.
            unsafe { ptr::from_mut(name).cast::<libc::sockaddr_in6>().write(v6) };
            size_of::<libc::sockaddr_in6>() as libc::socklen_t
        }
    }
}

/// The address of ours that a received datagram was sent to, on sockets that ask for it.
fn destination(header: &libc::msghdr) -> Option<IpAddr> {
    // SAFETY: the header's control pointer and length are those that the kernel has filled in; the macros stay inside.
    let mut control = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !control.is_null() {
        // SAFETY: not null, so a whole control header inside the buffer, which is aligned for it.
        let (level, kind, data) =
            unsafe { ((*control).cmsg_level, (*control).cmsg_type, libc::CMSG_DATA(control)) };
        match (level, kind) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                // SAFETY: the kernel wrote one behind this header.
                let info = unsafe { data.cast::<libc::in_pktinfo>().read_unaligned() };
                return Some(Ipv4Addr::from(u32::from_be(info.ipi_spec_dst.s_addr)).into());
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                // SAFETY: as above.
                let info = unsafe { data.cast::<libc::in6_pktinfo>().read_unaligned() };
                return Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into());
            }
            _ => {}
        }
        // SAFETY: as for the first.
        control = unsafe { libc::CMSG_NXTHDR(header, control) };
    }
    None
}

/// Has the datagram leave from this address of ours. The header points to a [`Control`].
fn set_source(header: &mut libc::msghdr, from: IpAddr) {
    match from {
        IpAddr::V4(from) => {
            let info = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr { s_addr: u32::from(from).to_be() },
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            set_control(header, libc::IPPROTO_IP, libc::IP_PKTINFO, info);
        }
        IpAddr::V6(from) => {
            let info =
                libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: from.octets() }, ipi6_ifindex: 0 };
            set_control(header, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info);
        }
    }
}

fn set_control<T>(header: &mut libc::msghdr, level: libc::c_int, kind: libc::c_int, info: T) {
    const { assert!(size_of::<T>() <= size_of::<libc::in6_pktinfo>()) };
    let length = size_of::<T>() as libc::c_uint;
    // SAFETY: the header points to a `Control`, which is aligned for a control header and has room for one with an
    // `in6_pktinfo` behind it; `T` is not larger.
    unsafe {
        header.msg_controllen = libc::CMSG_SPACE(length) as usize;
        let control = libc::CMSG_FIRSTHDR(header);
        (*control).cmsg_level = level;
        (*control).cmsg_type = kind;
        (*control).cmsg_len = libc::CMSG_LEN(length) as usize;
        libc::CMSG_DATA(control).cast::<T>().write_unaligned(info);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(count: usize, length: usize) -> (UdpSocket, UdpSocket) {
        let (here, there) =
            (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        there.connect(here.local_addr().unwrap()).unwrap();
        let datagrams: Vec<Vec<u8>> = (0..count).map(|number| vec![number as u8; length]).collect();
        let each = datagrams.iter().map(|datagram| (&datagram[..], None));
        assert_eq!(Outbox::new().send(&there, each).unwrap(), count.min(BATCH));
        (here, there)
    }

    #[test]
    fn batch_of_datagrams_arrives_in_order_with_the_address_of_its_sender() {
        let (here, there) = sent(40, 100);
        let mut inbox = Inbox::new(true).unwrap();
        assert_eq!(inbox.receive(&here).unwrap(), BATCH, "no more than fits");
        for number in 0..BATCH {
            assert_eq!(inbox.datagram(number).unwrap(), [number as u8; 100]);
            assert_eq!(inbox.path(number).unwrap(), Path { client: there.local_addr().unwrap(), to: None });
        }
        assert_eq!(inbox.receive(&here).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(inbox.datagram(0).is_none(), "what was received before is no more");
    }

    #[test]
    fn longest_datagram_passes_whole() {
        let (here, _there) = sent(1, 65_507);
        let mut inbox = Inbox::new(false).unwrap();
        assert_eq!(inbox.receive(&here).unwrap(), 1);
        assert_eq!(inbox.datagram(0).unwrap().len(), 65_507);
    }

    #[test]
    fn answer_leaves_from_the_address_that_was_asked() {
        for (listen, target, client) in [
            ("0.0.0.0:0", "127.0.0.9", "127.0.0.1:0"),
            ("[::]:0", "127.0.0.9", "127.0.0.1:0"),
            ("[::]:0", "::1", "[::1]:0"),
        ] {
            let listen: SocketAddr = listen.parse().unwrap();
            let here = crate::listen::udp(listen, 1, crate::listen::Known::default()).unwrap();
            let target = SocketAddr::new(target.parse().unwrap(), here.address.port());
            let client = UdpSocket::bind(client).unwrap();
            client.connect(target).unwrap();
            client.send(b"question").unwrap();
            let (mut inbox, here) = (Inbox::new(true).unwrap(), &here.sockets[0]);
            while inbox.receive(here).is_err() {}
            let path = inbox.path(0).unwrap();
            assert_eq!(path.to.unwrap().to_canonical(), target.ip());
            assert_eq!(Outbox::new().send(here, std::iter::once((&b"answer"[..], Some(&path)))).unwrap(), 1);
            let mut answer = [0; 16];
            assert_eq!(client.recv(&mut answer).unwrap(), 6, "a connected socket hears the address it asked");
        }
    }
}
