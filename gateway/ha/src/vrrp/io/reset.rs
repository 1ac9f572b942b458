//! Connections of an address that has gone: both ends are told, so that clients come again at once and reach the node that
//! has the address now.
//!
//! Without it a client that waits for an answer waits for ever: what its connection still has to say goes out from
//! nowhere, and the node that has the address is asked nothing.

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::mpsc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

use super::diag::{self, Connection};
use super::netlink;

/// The kernel answers at once.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the speaker waits: the address is removed then, and other groups have adverts to send.
const WAIT: Duration = Duration::from_millis(50);
/// As much as the kernel writes at once.
const READ: usize = 64 * 1024;

/// Ends the connections of these addresses, on a thread of its own, and waits a moment for it: while the addresses are
/// there the other ends hear of it. What takes longer goes on.
pub(crate) fn end_connections(addresses: Vec<IpAddr>) {
    let (done, ended) = mpsc::channel::<()>();
    let end = move || {
        for address in addresses {
            match end_all(address) {
                Ok(Ended { connections, left: None }) => {
                    if connections > 0 {
                        tracing::info!(%address, connections, "Connections of an address that leaves were reset");
                    }
                }
                Ok(Ended { left: Some(error), .. }) | Err(error) => {
                    tracing::warn!(%address, %error, "Not all connections of an address that leaves can be reset (it needs CAP_NET_ADMIN, and a kernel with CONFIG_INET_DIAG_DESTROY): their clients may wait");
                }
            }
        }
        drop(done);
    };
    if std::thread::Builder::new().name("reset".to_owned()).spawn(end).is_ok() {
        let _ = ended.recv_timeout(WAIT);
    }
}

/// What became of connections.
#[derive(Debug, Default)]
struct Ended {
    connections: usize,
    /// Why one of them goes on, if any does.
    left: Option<io::Error>,
}

impl Ended {
    /// Takes note of one. Whether the others are worth trying.
    fn one(&mut self, done: io::Result<()>) -> bool {
        match done {
            Ok(()) => self.connections += 1,
            // It has ended by itself.
            Err(error) if error.raw_os_error() == Some(Errno::NOENT.raw_os_error()) => {}
            Err(error) => {
                // The kernel is silent, and would be for each of them.
                let silent = error.kind() == io::ErrorKind::WouldBlock;
                self.left = Some(error);
                return !silent;
            }
        }
        true
    }
}

/// Ends the connections of an address.
///
/// # Errors
/// What the kernel says where it does not even list them.
fn end_all(address: IpAddr) -> io::Result<Ended> {
    let socket = socket()?;
    let (mut sequence, mut ended) = (0, Ended::default());
    // Sockets of version 6 may have the address of version 4 as well.
    for v6 in [false, true].into_iter().filter(|v6| *v6 || address.is_ipv4()) {
        sequence += 1;
        let mut found = Vec::new();
        ask(&socket, &diag::list(sequence, v6, address), sequence, &mut found)?;
        for connection in found.iter().filter(|found| found.address() == Some(address)) {
            sequence += 1;
            // One that cannot be ended, since it waits to be forgotten by now (older kernels refuse that), is none of the
            // others' business.
            if !ended.one(ask(&socket, &diag::destroy(sequence, connection), sequence, &mut Vec::new())) {
                return Ok(ended);
            }
        }
    }
    Ok(ended)
}

/// Asks, and collects the connections of the answer.
fn ask(socket: &OwnedFd, request: &[u8], sequence: u32, found: &mut Vec<Connection>) -> io::Result<()> {
    rustix::net::send(socket, request, SendFlags::empty())?;
    let mut buffer = vec![0; READ];
    loop {
        let read = match rustix::net::recv(socket, &mut *buffer, RecvFlags::empty()) {
            Ok((read, _)) => read,
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        for message in netlink::messages(buffer.get(..read).unwrap_or_default()) {
            if message.sequence != sequence {
                continue;
            }
            if let Some(answer) = netlink::answer(&message) {
                return answer.map_err(io::Error::from_raw_os_error);
            }
            found.extend(diag::connection(&message));
        }
    }
}

fn socket() -> io::Result<OwnedFd> {
    let family = AddressFamily::NETLINK;
    let socket = rustix::net::socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, Some(SOCK_DIAG))?;
    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, 0))?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(PATIENCE))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// The connections that the kernel has of an address.
    fn of(address: IpAddr, v6: bool) -> Vec<Connection> {
        let mut found = Vec::new();
        ask(&socket().unwrap(), &diag::list(7, v6, address), 7, &mut found).unwrap();
        found
    }

    #[test]
    fn connections_of_an_address_are_found_and_those_of_others_and_listeners_are_not() {
        let address: IpAddr = "127.0.43.7".parse().unwrap();
        let listener = TcpListener::bind((address, 0)).unwrap();
        let other = TcpListener::bind("127.0.43.8:0").unwrap();
        assert_eq!(of(address, false), []);
        let at = [&listener, &other].map(|listener| listener.local_addr().unwrap());
        let _clients = at.map(|at| TcpStream::connect(at).unwrap());
        let _served = [listener.accept().unwrap(), other.accept().unwrap()];
        let found = of(address, false);
        assert_eq!(found.iter().map(Connection::address).collect::<Vec<_>>(), [Some(address)]);
    }

    #[test]
    fn connection_that_cannot_be_ended_does_not_spare_the_others() {
        let mut ended = Ended::default();
        for done in [Ok(()), Err(Errno::NOENT), Err(Errno::OPNOTSUPP), Ok(())] {
            assert!(ended.one(done.map_err(Into::into)));
        }
        assert_eq!(ended.connections, 2);
        assert_eq!(
            ended.left.as_ref().and_then(io::Error::raw_os_error),
            Some(Errno::OPNOTSUPP.raw_os_error())
        );
        assert!(!ended.one(Err(Errno::AGAIN.into())), "nobody waits for each of many");
    }

    #[test]
    fn address_of_version_4_is_found_at_sockets_of_version_6() {
        let address: IpAddr = "127.0.43.9".parse().unwrap();
        let listener = TcpListener::bind("[::]:0").unwrap();
        let _client = TcpStream::connect((address, listener.local_addr().unwrap().port())).unwrap();
        let _served = listener.accept().unwrap();
        assert!(of(address, true).iter().any(|found| found.address() == Some(address)));
    }
}
