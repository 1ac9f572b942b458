//! Listening sockets: one per worker and address.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// The kernel cuts it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Bound sockets for one address: `sockets` has one for each worker.
#[derive(Debug)]
pub(crate) struct Bound<S> {
    /// The address, with the port that the kernel chose if 0 was asked for.
    pub(crate) address: SocketAddr,
    /// One socket for each worker.
    pub(crate) sockets: Vec<S>,
}

impl<S> Bound<S> {
    /// The same with other sockets.
    pub(crate) fn map<T>(self, with: impl FnMut(S) -> T) -> Bound<T> {
        Bound { address: self.address, sockets: self.sockets.into_iter().map(with).collect() }
    }
}

/// What is known of an address before it is bound.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    /// Sockets of this process have it already.
    pub(crate) ours: bool,
    /// It moves between nodes: it need not be here.
    pub(crate) moves: bool,
}

/// Binds `address` for TCP, once for each of `workers`.
///
/// # Errors
/// What the kernel says; `AddrInUse` also where another process listens with SO_REUSEPORT, which would otherwise
/// silently take a share of the connections.
pub(crate) fn tcp(
    address: SocketAddr,
    workers: usize,
    keepalive: Duration,
    known: Known,
) -> io::Result<Bound<TcpListener>> {
    let listen = |address| {
        let socket = socket(address, Type::STREAM, Protocol::TCP, known)?;
        // Accepted sockets inherit these from the listener: two system calls less for each connection.
        socket.set_tcp_nodelay(true)?;
        keep_alive(&SockRef::from(&socket), keepalive)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    if !known.ours {
        find_others(address, Type::STREAM, Protocol::TCP, known)?;
    }
    bind(address, workers, listen, TcpListener::local_addr)
}

/// Binds `address` for UDP, once for each of `workers`.
///
/// # Errors
/// As [`tcp`].
pub(crate) fn udp(address: SocketAddr, workers: usize, known: Known) -> io::Result<Bound<UdpSocket>> {
    let open = |address| {
        let socket = socket(address, Type::DGRAM, Protocol::UDP, known)?;
        if !crate::udp::make_room(&socket) {
            tracing::info!(
                %address,
                "The kernel buffers less than 4 MiB of datagrams: bursts may be lost; raise net.core.rmem_max"
            );
        }
        crate::udp::ask_for_destination(&socket, address)?;
        socket.bind(&address.into())?;
        Ok(socket.into())
    };
    if !known.ours {
        find_others(address, Type::DGRAM, Protocol::UDP, known)?;
    }
    bind(address, workers, open, UdpSocket::local_addr)
}

/// Makes a listener that another process opened like one from [`tcp`].
pub(crate) fn ready_tcp(listener: &TcpListener, keepalive: Duration) -> io::Result<()> {
    let socket = SockRef::from(listener);
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    keep_alive(&socket, keepalive)
}

/// Makes a socket that another process opened like one from [`udp`].
pub(crate) fn ready_udp(socket: &UdpSocket, bound: SocketAddr) -> io::Result<()> {
    let socket = SockRef::from(socket);
    socket.set_nonblocking(true)?;
    crate::udp::make_room(&socket);
    crate::udp::ask_for_destination(&socket, bound)
}

/// Turns on TCP keepalive: first probe after `interval`, six more a sixth of it apart.
pub(crate) fn keep_alive(socket: &SockRef<'_>, interval: Duration) -> io::Result<()> {
    if interval.is_zero() {
        return Ok(());
    }
    let apart = (interval / 6).max(Duration::from_secs(1));
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(interval).with_interval(apart).with_retries(6))
}

/// Binds once without SO_REUSEPORT, so that any other socket on the address is found.
fn find_others(address: SocketAddr, kind: Type, protocol: Protocol, known: Known) -> io::Result<()> {
    if address.port() == 0 {
        return Ok(());
    }
    let alone = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if kind == Type::STREAM {
        alone.set_reuse_address(true)?;
    }
    dual(&alone, address)?;
    elsewhere(&alone, address, known)?;
    alone.bind(&address.into())?;
    if kind == Type::STREAM {
        alone.listen(1)?;
    }
    Ok(())
}

fn bind<S>(
    address: SocketAddr,
    workers: usize,
    open: impl Fn(SocketAddr) -> io::Result<S>,
    local: impl Fn(&S) -> io::Result<SocketAddr>,
) -> io::Result<Bound<S>> {
    let mut bound = Bound { address, sockets: Vec::with_capacity(workers) };
    for _ in 0..workers {
        let socket = open(bound.address)?;
        bound.address = local(&socket)?;
        bound.sockets.push(socket);
    }
    Ok(bound)
}

fn socket(address: SocketAddr, kind: Type, protocol: Protocol, known: Known) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    socket.set_reuse_address(kind == Type::STREAM)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    dual(&socket, address)?;
    elsewhere(&socket, address, known)?;
    Ok(socket)
}

/// Lets an address that moves be listened on while another node has it (ip(7), `IP_FREEBIND`; no right is needed).
fn elsewhere(socket: &Socket, address: SocketAddr, known: Known) -> io::Result<()> {
    match address {
        _ if !known.moves => Ok(()),
        SocketAddr::V4(_) => socket.set_freebind_v4(true),
        SocketAddr::V6(_) => socket.set_freebind_v6(true),
    }
}

/// `[::]` takes IPv4 clients as well; every other IPv6 address takes its own only.
fn dual(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    match address.ip() {
        IpAddr::V6(ip) => socket.set_only_v6(!ip.is_unspecified()),
        IpAddr::V4(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_worker_gets_a_socket_on_the_same_port() {
        let bound =
            tcp("127.0.0.1:0".parse().unwrap(), 3, Duration::from_secs(60), Known::default()).unwrap();
        assert_eq!(bound.sockets.len(), 3);
        for socket in &bound.sockets {
            assert_eq!(socket.local_addr().unwrap(), bound.address);
        }
    }

    #[test]
    fn address_of_another_gateway_is_refused_although_it_shares_its_port() {
        let first = tcp("127.0.0.1:0".parse().unwrap(), 1, Duration::ZERO, Known::default()).unwrap();
        let second = tcp(first.address, 1, Duration::ZERO, Known::default());
        assert_eq!(second.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let first = udp("127.0.0.1:0".parse().unwrap(), 1, Known::default()).unwrap();
        assert_eq!(udp(first.address, 1, Known::default()).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn address_that_moves_is_listened_on_before_it_is_here() {
        for text in ["192.0.2.77:0", "[2001:db8::77]:0"] {
            let address: SocketAddr = text.parse().unwrap();
            let refused = tcp(address, 1, Duration::ZERO, Known::default()).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::AddrNotAvailable);
            let moves = Known { moves: true, ..Known::default() };
            assert_eq!(tcp(address, 1, Duration::ZERO, moves).unwrap().address.ip(), address.ip());
            assert_eq!(udp(address, 1, moves).unwrap().address.ip(), address.ip());
        }
    }
}
