//! Which sockets a configuration needs beyond those that are there.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};

use sekisho_api::{Handler, Transport};
use sekisho_config::{Config, Vip};

use crate::handover::{HandedSocket, Inherited};
use crate::listen::Known;
use crate::worker::{NewSocket, Socket};
use crate::{StartError, listen, udp};

/// The addresses that are listened on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Addresses {
    here: Vec<Address>,
    /// Given up, and not yet closed by every worker.
    leaving: Vec<Address>,
}

#[derive(Clone, Debug)]
struct Address {
    vip: Arc<str>,
    kind: Kind,
    configured: SocketAddr,
    bound: SocketAddr,
    /// Alive as long as one of its sockets is open.
    open: Weak<()>,
}

/// What an address is listened on for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tcp,
    Udp,
}

impl Kind {
    fn of(transport: Transport) -> impl Iterator<Item = Self> {
        let both = [(Self::Tcp, transport.tcp()), (Self::Udp, transport.udp())];
        both.into_iter().filter_map(|(kind, wanted)| wanted.then_some(kind))
    }
}

/// What changes when a configuration comes into force.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// All addresses afterwards.
    pub(crate) addresses: Addresses,
    /// The new sockets of each worker.
    pub(crate) sockets: Vec<Vec<NewSocket>>,
    pub(crate) opened: Vec<SocketAddr>,
    pub(crate) closed: Vec<SocketAddr>,
    groups: Vec<Group>,
}

/// Sockets of one address that another process opened, of which some may be more than there are workers.
#[derive(Debug)]
struct Group {
    bound: SocketAddr,
    kind: Kind,
    /// Any of them.
    socket: OwnedFd,
    /// How many the kernel is to use; none: all, as it does by itself.
    active: Option<usize>,
}

impl Addresses {
    /// The addresses of a VIP.
    pub(crate) fn of(&self, vip: &str) -> Vec<SocketAddr> {
        let mut all: Vec<_> = self.here.iter().filter(|a| &*a.vip == vip).map(|a| a.bound).collect();
        all.dedup();
        all
    }

    /// The VIP that the sockets bound to this address belong to.
    pub(crate) fn vip(&self, kind: Kind, bound: SocketAddr) -> Option<&Arc<str>> {
        self.here.iter().find(|a| a.kind == kind && a.bound == bound).map(|a| &a.vip)
    }

    /// Binds what `config` needs and what is not there yet, for each of `workers`. Sockets that another VIP has now
    /// go over to it: no client meets a closed port. What is `inherited` need not be bound.
    ///
    /// # Errors
    /// The first address that cannot be bound; the sockets made until then are closed again.
    pub(crate) fn change(
        &self,
        config: &Config,
        workers: usize,
        inherited: &mut Inherited,
    ) -> Result<Changes, StartError> {
        let mut changes = Changes::default();
        changes.sockets.resize_with(workers, Vec::new);
        let mut left = self.here.clone();
        // The kernel takes the packets of the others before any socket.
        for vip in config.vips.iter().filter(|vip| !vip.mode.is_l4()) {
            for &configured in &vip.listen {
                let mut bound = configured;
                for kind in Kind::of(vip.transport) {
                    let address = match take(&mut left, &vip.name, kind, configured) {
                        Some(there) => there,
                        None => match inherited.take(&vip.name, kind, configured) {
                            Some(sockets) => changes.adopt(vip, kind, configured, sockets, workers)?,
                            None => {
                                let (ours, moves) = (self.ours(kind, bound), config.moves(configured.ip()));
                                changes.bind(
                                    vip,
                                    kind,
                                    (configured, bound),
                                    Known { ours, moves },
                                    workers,
                                )?
                            }
                        },
                    };
                    bound = address.bound;
                    changes.addresses.here.push(address);
                }
            }
        }
        changes.opened.dedup();
        changes.closed = left.iter().map(|a| a.bound).collect();
        changes.closed.dedup();
        let leaving = self.leaving.iter().filter(|a| a.open.strong_count() > 0);
        changes.addresses.leaving = leaving.cloned().chain(left).collect();
        Ok(changes)
    }

    /// What a process that takes this one's place has to know of `sockets`, which are the workers' own.
    pub(crate) fn handed(&self, mut sockets: Vec<Duplicate>) -> Vec<HandedSocket> {
        let mut places: Vec<Vec<HandedSocket>> = self.here.iter().map(|_| Vec::new()).collect();
        sockets.sort_by_key(|duplicate| duplicate.place);
        for Duplicate { kind, bound, socket, .. } in sockets {
            let place = self.here.iter().position(|a| a.kind == kind && a.bound == bound);
            let Some((address, place)) = place.and_then(|i| self.here.get(i).zip(places.get_mut(i))) else {
                continue;
            };
            let vip = Some(address.vip.as_ref().to_owned());
            place.push(HandedSocket { vip, configured: Some(address.configured), socket });
        }
        places.into_iter().flatten().collect()
    }

    /// Whether a socket of this process has the address or a part of it, so that nobody else can.
    fn ours(&self, kind: Kind, address: SocketAddr) -> bool {
        let overlaps = |other: SocketAddr| {
            other.port() == address.port()
                && (other.ip() == address.ip()
                    || other.ip().is_unspecified()
                    || address.ip().is_unspecified())
        };
        let mut all = self.here.iter().chain(&self.leaving);
        all.any(|a| a.kind == kind && a.open.strong_count() > 0 && overlaps(a.bound))
    }
}

/// Takes the address out of those that are `left`: the VIP's own, else, where the port says which one is meant, that
/// of another VIP.
fn take(left: &mut Vec<Address>, vip: &Arc<str>, kind: Kind, configured: SocketAddr) -> Option<Address> {
    let same = |a: &Address| a.kind == kind && a.configured == configured;
    let own = left.iter().position(|a| same(a) && a.vip == *vip);
    let place = own.or_else(|| left.iter().position(|a| same(a) && configured.port() != 0))?;
    Some(Address { vip: vip.clone(), ..left.remove(place) })
}

/// A duplicate of a worker's socket.
#[derive(Debug)]
pub(crate) struct Duplicate {
    pub(crate) kind: Kind,
    pub(crate) bound: SocketAddr,
    /// Its number among those of its address.
    pub(crate) place: usize,
    pub(crate) socket: OwnedFd,
}

impl Changes {
    /// Spreads sockets that another process opened over the workers, so that each of them is heard. Of TCP every worker
    /// gets one: where there are too few they share, and what comes is taken by whoever is first. Of UDP some may get
    /// none, because a client's datagrams belong to one worker.
    fn adopt(
        &mut self,
        vip: &Vip,
        kind: Kind,
        configured: SocketAddr,
        (bound, sockets): (SocketAddr, Vec<OwnedFd>),
        workers: usize,
    ) -> Result<Address, StartError> {
        let refused = |source| StartError::Listen { vip: vip.name.to_string(), address: configured, source };
        let have = sockets.len();
        if let Some(first) = sockets.first() {
            let alone = matches!(vip.handler, Handler::Exchange(_) | Handler::Pair(..));
            let active = match kind {
                Kind::Tcp => (have > workers).then_some(workers),
                Kind::Udp => alone.then_some(1),
            };
            let socket = first.try_clone().map_err(refused)?;
            self.groups.push(Group { bound, kind, socket, active });
        }
        let mut all = sockets;
        if kind == Kind::Tcp {
            for place in have..workers {
                let Some(shared) = place.checked_rem(have).and_then(|place| all.get(place)) else { break };
                all.push(shared.try_clone().map_err(refused)?);
            }
        }
        let open = Arc::new(());
        for (place, socket) in all.into_iter().enumerate() {
            let socket = match kind {
                Kind::Tcp => {
                    let listener = TcpListener::from(socket);
                    listen::ready_tcp(&listener, vip.timeouts.keepalive).map_err(refused)?;
                    Socket::Tcp(listener)
                }
                Kind::Udp => {
                    let socket = UdpSocket::from(socket);
                    listen::ready_udp(&socket, bound).map_err(refused)?;
                    Socket::Udp(socket)
                }
            };
            let spare = kind == Kind::Tcp && place >= workers;
            let worker = place.checked_rem(workers).and_then(|place| self.sockets.get_mut(place));
            if let Some(worker) = worker {
                worker.push(NewSocket {
                    vip: vip.name.clone(),
                    bound,
                    socket,
                    open: open.clone(),
                    place,
                    spare,
                });
            }
        }
        self.opened.push(bound);
        Ok(Address { vip: vip.name.clone(), kind, configured, bound, open: Arc::downgrade(&open) })
    }

    /// Has the kernel use inherited sockets as they are spread now. To be called when this process alone serves from
    /// here on: until then another one counts on what it had the kernel do.
    pub(crate) fn settle(&mut self) {
        for Group { bound, kind, socket, active } in self.groups.drain(..) {
            match udp::steer(&socket, active) {
                Err(error) if active.is_some() && kind == Kind::Tcp => {
                    tracing::debug!(address = %bound, %error, "More sockets than workers: some workers have two");
                    let all = self.sockets.iter_mut().flatten();
                    all.filter(|socket| socket.bound == bound).for_each(|socket| socket.spare = false);
                }
                // Where the kernel refuses, its own hash does; and none may have been steered before.
                _ => {}
            }
        }
    }

    fn bind(
        &mut self,
        vip: &Vip,
        kind: Kind,
        (configured, wanted): (SocketAddr, SocketAddr),
        known: Known,
        workers: usize,
    ) -> Result<Address, StartError> {
        let bound = match kind {
            Kind::Tcp => {
                listen::tcp(wanted, workers, vip.timeouts.keepalive, known).map(|b| b.map(Socket::Tcp))
            }
            Kind::Udp => listen::udp(wanted, workers, known).map(|bound| {
                if matches!(vip.handler, Handler::Exchange(_) | Handler::Pair(..))
                    && let Some(first) = bound.sockets.first()
                {
                    // From the first datagram on, so that no worker learns what another will need. Where the kernel
                    // refuses, its own hash does.
                    let _ = udp::steer(first, Some(1));
                }
                bound.map(Socket::Udp)
            }),
        };
        let refused = |source| StartError::Listen { vip: vip.name.to_string(), address: configured, source };
        let bound = bound.map_err(refused)?;
        let open = Arc::new(());
        let address = Address {
            vip: vip.name.clone(),
            kind,
            configured,
            bound: bound.address,
            open: Arc::downgrade(&open),
        };
        for (place, (worker, socket)) in self.sockets.iter_mut().zip(bound.sockets).enumerate() {
            worker.push(NewSocket {
                vip: vip.name.clone(),
                bound: bound.address,
                socket,
                open: open.clone(),
                place,
                spare: false,
            });
        }
        self.opened.push(bound.address);
        Ok(address)
    }
}
