//! The sockets at which other nodes come in.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use tracing::{error, warn};

/// Who comes in, and who does not.
#[derive(Debug)]
pub(super) struct Door {
    sockets: Vec<TcpListener>,
    /// Nobody can be taken in until then: descriptors are short, say.
    shut: Option<Instant>,
    /// Hosts that are no peers and were spoken of.
    strangers: Vec<IpAddr>,
}

/// A socket for other nodes.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = bind(address)?;
    socket.listen(64)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// The same before anybody can connect to it.
pub(super) fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A process that takes over from this one listens before this one has stopped.
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

impl Door {
    pub(super) fn new(sockets: Vec<TcpListener>) -> Self {
        Self { sockets, shut: None, strangers: Vec::new() }
    }

    /// Listens no longer.
    pub(super) fn close(&mut self) {
        self.sockets.clear();
    }

    /// Listens where the configuration says.
    pub(super) fn rebind(&mut self, addresses: &[SocketAddr]) {
        let kept = std::mem::take(&mut self.sockets);
        let mut kept: Vec<_> =
            kept.into_iter().filter_map(|socket| Some((socket.local_addr().ok()?, socket))).collect();
        for address in addresses {
            if let Some(place) = kept.iter().position(|(other, _)| other == address) {
                self.sockets.push(kept.swap_remove(place).1);
                continue;
            }
            match listen(*address) {
                Ok(socket) => self.sockets.push(socket),
                Err(error) => error!(%address, %error, "Other nodes cannot connect"),
            }
        }
    }

    /// The sockets to wait at, if there is room for anybody: one at which nobody is taken in would wake the thread
    /// for nothing.
    pub(super) fn sockets(&self, room: usize) -> &[TcpListener] {
        if room == 0 || self.shut.is_some() { &[] } else { &self.sockets }
    }

    /// Until when nobody is taken in.
    pub(super) fn shut(&self) -> Option<Instant> {
        self.shut
    }

    /// Takes in at most `room` connections of expected hosts, and looks at a bounded number of all, however many
    /// knock: the thread has other things to do.
    pub(super) fn accept(
        &mut self,
        room: usize,
        expected: impl Fn(IpAddr) -> bool,
        now: Instant,
    ) -> Vec<(TcpStream, SocketAddr)> {
        let mut guests = Vec::new();
        if self.shut.is_some_and(|until| now < until) {
            return guests;
        }
        self.shut = None;
        let mut strangers = Vec::new();
        for socket in &self.sockets {
            for _ in 0..AT_ONCE {
                if guests.len() >= room {
                    break;
                }
                match socket.accept() {
                    Ok((stream, from)) if expected(from.ip().to_canonical()) => guests.push((stream, from)),
                    // Without a word: strangers need not know what listens here.
                    Ok((_, from)) => strangers.push(from.ip().to_canonical()),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error)
                        if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {}
                    Err(error) => {
                        warn!(%error, "Other nodes cannot connect now");
                        self.shut = Some(now + PAUSE);
                        break;
                    }
                }
            }
        }
        strangers.into_iter().for_each(|from| self.stranger(from));
        guests
    }

    /// Speaks of a host once: who knocks without end does not fill the log.
    fn stranger(&mut self, from: IpAddr) {
        if self.strangers.len() < MOST_STRANGERS && !self.strangers.contains(&from) {
            warn!(%from, "A host that is no peer connects; it is not answered, nor spoken of again");
            self.strangers.push(from);
        }
    }
}

/// Connections that are looked at before others have their turn.
const AT_ONCE: usize = 32;
/// How long nobody is taken in after that has failed.
const PAUSE: Duration = Duration::from_secs(1);
/// The most strangers that are spoken of.
const MOST_STRANGERS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn door() -> (Door, SocketAddr) {
        let socket = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        (Door::new(vec![socket]), address)
    }

    #[test]
    fn strangers_are_closed_a_bounded_number_at_a_time_and_spoken_of_once() {
        let (mut door, address) = door();
        let knocking: Vec<_> = (0..AT_ONCE + 8).map(|_| TcpStream::connect(address).unwrap()).collect();
        assert!(door.accept(4, |_| false, Instant::now()).is_empty());
        assert_eq!(door.strangers, [address.ip()]);
        let left = door.accept(usize::MAX, |_| true, Instant::now());
        assert_eq!(left.len(), knocking.len() - AT_ONCE);
    }

    #[test]
    fn without_room_nobody_is_taken_in_or_waited_for() {
        let (mut door, address) = door();
        let _knocking = [TcpStream::connect(address).unwrap(), TcpStream::connect(address).unwrap()];
        assert_eq!(door.accept(1, |_| true, Instant::now()).len(), 1);
        assert!(door.accept(0, |_| true, Instant::now()).is_empty());
        assert!(door.sockets(0).is_empty());
        assert_eq!((door.sockets(1).len(), door.accept(1, |_| true, Instant::now()).len()), (1, 1));
    }

    #[test]
    fn a_door_that_cannot_take_anybody_in_is_left_alone_for_a_while() {
        let (mut door, _) = door();
        // A socket that does not listen stands for all that goes wrong.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        door.sockets.push(socket.into());
        let now = Instant::now();
        assert!(door.accept(1, |_| true, now).is_empty());
        assert_eq!((door.shut(), door.sockets(1).len()), (Some(now + PAUSE), 0));
        door.sockets.pop();
        door.accept(1, |_| true, now + PAUSE);
        assert_eq!((door.shut(), door.sockets(1).len()), (None, 1));
    }
}
