//! Listening sockets that another process has opened.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use socket2::{SockRef, Type};

use super::RunSecret;
use crate::sockets::Kind;

/// What a process begins with that has not opened its sockets itself.
#[derive(Debug, Default)]
pub struct Handed {
    /// The sockets; of one address, in the order in which they were bound.
    pub sockets: Vec<HandedSocket>,
    /// Used where no secret is configured or kept.
    pub secret: Option<RunSecret>,
}

/// A listening socket, for TCP or for UDP as it says itself.
#[derive(Debug)]
pub struct HandedSocket {
    /// The VIP that it was opened for; none: whoever listens on its address.
    pub vip: Option<String>,
    /// The address as it was configured; none: as it is bound.
    pub configured: Option<SocketAddr>,
    /// The socket.
    pub socket: OwnedFd,
}

/// Handed sockets that have not found their VIP yet.
#[derive(Debug, Default)]
pub(crate) struct Inherited(Vec<Waiting>);

#[derive(Debug)]
struct Waiting {
    vip: Option<String>,
    kind: Kind,
    configured: SocketAddr,
    bound: SocketAddr,
    socket: OwnedFd,
}

impl Inherited {
    /// Looks at the sockets. What is no listening TCP socket and no UDP socket with an address is named in the log and
    /// closed.
    pub(crate) fn new(sockets: Vec<HandedSocket>) -> Self {
        let look = |handed: HandedSocket| {
            let socket = SockRef::from(&handed.socket);
            let kind = match socket.r#type() {
                Ok(Type::STREAM) if socket.is_listener().unwrap_or(false) => Some(Kind::Tcp),
                Ok(Type::DGRAM) => Some(Kind::Udp),
                _ => None,
            };
            let bound = socket.local_addr().ok().and_then(|address| address.as_socket());
            let Some((kind, bound)) = kind.zip(bound) else {
                tracing::warn!(vip = handed.vip, "A socket was handed to this process that it cannot use");
                return None;
            };
            let HandedSocket { vip, configured, socket } = handed;
            Some(Waiting { vip, kind, configured: configured.unwrap_or(bound), bound, socket })
        };
        Self(sockets.into_iter().filter_map(look).collect())
    }

    /// Takes the sockets of an address: the VIP's own, else, where the port says which one is meant, those of another.
    /// With them comes the address that they are bound to.
    pub(crate) fn take(
        &mut self,
        vip: &str,
        kind: Kind,
        configured: SocketAddr,
    ) -> Option<(SocketAddr, Vec<OwnedFd>)> {
        let same = |waiting: &Waiting| waiting.kind == kind && waiting.configured == configured;
        let own = |waiting: &Waiting| same(waiting) && waiting.vip.as_deref() == Some(vip);
        let first = self.0.iter().find(|waiting| own(waiting));
        let first =
            first.or_else(|| self.0.iter().find(|waiting| same(waiting) && configured.port() != 0))?;
        let (name, bound) = (first.vip.clone(), first.bound);
        let meant = |waiting: &mut Waiting| same(waiting) && waiting.vip == name && waiting.bound == bound;
        Some((bound, self.0.extract_if(.., meant).map(|waiting| waiting.socket).collect()))
    }

    /// Names those that nobody wants; they close.
    pub(crate) fn dismiss(self) {
        let mut last = None;
        for Waiting { vip, bound, .. } in self.0 {
            if last.replace(bound) != Some(bound) {
                tracing::info!(address = %bound, vip, "No VIP listens on an address that was handed to this process");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    fn handed(vip: Option<&str>, configured: Option<&str>, socket: impl Into<OwnedFd>) -> HandedSocket {
        let configured = configured.map(|address| address.parse().unwrap());
        HandedSocket { vip: vip.map(str::to_owned), configured, socket: socket.into() }
    }

    #[test]
    fn socket_goes_to_its_own_vip_before_any_other() {
        let any = "127.0.0.1:0";
        let [one, two] = [(); 2].map(|()| TcpListener::bind(any).unwrap());
        let addresses = [&one, &two].map(|socket| socket.local_addr().unwrap());
        let mut inherited =
            Inherited::new(vec![handed(Some("one"), Some(any), one), handed(Some("two"), Some(any), two)]);
        let (bound, sockets) = inherited.take("two", Kind::Tcp, any.parse().unwrap()).unwrap();
        assert_eq!((bound, sockets.len()), (addresses[1], 1));
        assert!(inherited.take("three", Kind::Tcp, any.parse().unwrap()).is_none(), "port 0 says no one");
        assert!(inherited.take("one", Kind::Udp, any.parse().unwrap()).is_none());
    }

    #[test]
    fn socket_of_a_service_manager_goes_to_whoever_listens_on_its_address() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let mut inherited = Inherited::new(vec![handed(None, None, socket)]);
        assert!(inherited.take("dns", Kind::Udp, address).is_some_and(|(bound, _)| bound == address));
        assert!(inherited.take("dns", Kind::Udp, address).is_none());
    }

    #[test]
    fn what_does_not_listen_is_not_taken() {
        let (stream, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        let unbound = socket2::Socket::new(socket2::Domain::IPV4, Type::STREAM, None).unwrap();
        let sockets = vec![handed(None, None, stream), handed(None, None, unbound)];
        assert!(Inherited::new(sockets).0.is_empty());
    }
}
