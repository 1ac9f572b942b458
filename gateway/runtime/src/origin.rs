//! The address that a server sees.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::sys::socket::{setsockopt, sockopt};
use sekisho_config::Source;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// The address that a pool's servers see, and whose turn it is where there are several.
#[derive(Debug)]
pub(crate) struct Origin {
    source: Source,
    turn: AtomicUsize,
}

impl Origin {
    /// As configured.
    pub(crate) fn new(source: Source) -> Self {
        Self { source, turn: AtomicUsize::new(0) }
    }

    /// Whether it is the client's own.
    pub(crate) fn is_client(&self) -> bool {
        self.source == Source::Client
    }

    /// How many addresses take turns before this server.
    pub(crate) fn choices(&self, server: SocketAddr) -> usize {
        match &self.source {
            Source::Gateway | Source::Client => 1,
            Source::Addresses(addresses) => fitting(addresses, server).count(),
        }
    }

    /// Binds a socket to the address that this server is to see for this client. An address of the other family is none:
    /// such a socket has the gateway's.
    ///
    /// # Errors
    /// What the kernel says: the address is not this machine's, or the right to use others' is missing.
    pub(crate) fn bind(&self, socket: &Socket, server: SocketAddr, client: IpAddr) -> io::Result<()> {
        let address = match &self.source {
            Source::Gateway => return Ok(()),
            Source::Client => client.to_canonical(),
            Source::Addresses(addresses) => {
                let turn = self.turn.fetch_add(1, Ordering::Relaxed).checked_rem(self.choices(server));
                match turn.and_then(|turn| fitting(addresses, server).nth(turn)) {
                    Some(address) => *address,
                    None => return Ok(()),
                }
            }
        };
        if address.is_ipv4() != server.is_ipv4() {
            return Ok(());
        }
        if self.is_client() {
            transparent(socket, address)?;
        }
        // The port is chosen when the server is known, so that each address has all ports for each server.
        setsockopt(socket, sockopt::IpBindAddressNoPort, &true)?;
        socket.bind(&SockAddr::from(SocketAddr::new(address, 0)))
    }
}

fn fitting(addresses: &[IpAddr], server: SocketAddr) -> impl Iterator<Item = &IpAddr> {
    addresses.iter().filter(move |address| address.is_ipv4() == server.is_ipv4())
}

fn transparent(socket: &Socket, address: IpAddr) -> io::Result<()> {
    match address {
        IpAddr::V4(_) => socket.set_ip_transparent_v4(true),
        IpAddr::V6(_) => socket.set_ip_transparent_v6(true),
    }
}

/// Whether this process may do what the source asks for, and has the addresses.
///
/// # Errors
/// What is missing, and what helps.
pub(crate) fn check(source: &Source) -> Result<(), String> {
    let probe = |address: IpAddr, client: bool| -> io::Result<()> {
        let domain = Domain::for_address(SocketAddr::new(address, 0));
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        if client { transparent(&socket, address) } else { socket.bind(&SocketAddr::new(address, 0).into()) }
    };
    match source {
        Source::Gateway => Ok(()),
        Source::Client => probe(IpAddr::from([127, 0, 0, 1]), true).map_err(|error| {
            format!(
                "clients' addresses cannot be used: {error}; the process needs CAP_NET_RAW or CAP_NET_ADMIN"
            )
        }),
        Source::Addresses(addresses) => addresses.iter().try_for_each(|&address| {
            probe(address, false).map_err(|error| format!("{address} cannot be connected from: {error}"))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(origin: &Origin, server: &str) -> IpAddr {
        let server: SocketAddr = server.parse().unwrap();
        let socket = Socket::new(Domain::for_address(server), Type::STREAM, Some(Protocol::TCP)).unwrap();
        origin.bind(&socket, server, IpAddr::from([127, 0, 9, 9])).unwrap();
        socket.local_addr().unwrap().as_socket().unwrap().ip()
    }

    #[test]
    fn addresses_take_turns_and_those_of_the_other_family_have_none() {
        let addresses = ["127.0.50.1", "::1", "127.0.50.2"].map(|text| text.parse().unwrap());
        let origin = Origin::new(Source::Addresses(addresses.into()));
        let seen: Vec<String> = (0..4).map(|_| bound(&origin, "127.0.50.3:80").to_string()).collect();
        assert_eq!(seen, ["127.0.50.1", "127.0.50.2", "127.0.50.1", "127.0.50.2"]);
        assert_eq!(origin.choices("127.0.50.3:80".parse().unwrap()), 2);
        let four = Origin::new(Source::Addresses([addresses[0]].into()));
        assert_eq!(four.choices("[::1]:80".parse().unwrap()), 0);
        assert!(bound(&four, "[::1]:80").is_unspecified());
    }

    #[test]
    fn gateway_lets_the_routes_choose() {
        assert!(bound(&Origin::new(Source::Gateway), "127.0.50.3:80").is_unspecified());
    }

    #[test]
    fn address_that_is_not_here_is_told_before_anything_begins() {
        let elsewhere = Source::Addresses([IpAddr::from([192, 0, 2, 1])].into());
        assert!(check(&elsewhere).unwrap_err().starts_with("192.0.2.1 cannot be connected from"));
    }
}
