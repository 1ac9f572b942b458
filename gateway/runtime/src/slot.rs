//! A listening address of one worker, and what is served on it.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use sekisho_api::{Converse, Handler};
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tracing::field::{DisplayValue, display};

use crate::companions::Beside;
use crate::live::LiveVip;
use crate::sockets::{Duplicate, Kind};
use crate::vip::VipCore;
use crate::worker::{NewSocket, Socket, Worker};
use crate::{accept, udp};

/// A listening address of one worker. It outlives reloads; what is served on it changes.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) kind: Kind,
    pub(crate) bound: SocketAddr,
    serving: RefCell<Rc<Serving>>,
    closed: Cell<bool>,
    left: Cell<bool>,
    closing: Notify,
    /// The listener, where it takes connections.
    pub(crate) listener: RefCell<Weak<AsyncFd<TcpListener>>>,
    place: usize,
    /// There are enough without it: see [`NewSocket`].
    pub(crate) spare: bool,
    /// The socket, where it takes datagrams, and over how many workers they are spread.
    pub(crate) port: RefCell<Weak<udp::Port>>,
    spread: Cell<Option<usize>>,
    /// Tells the control thread that the address is still taken.
    pub(crate) open: Arc<()>,
}

/// A VIP as one worker serves it. Conversations keep the one that they began under.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) live: Arc<LiveVip>,
    pub(crate) handler: Serve,
    pub(crate) core: Rc<VipCore>,
}

/// A protocol's part in this worker.
#[derive(Clone, Debug)]
pub(crate) enum Serve {
    Conversation(Arc<dyn Converse>),
    /// Streams, and datagrams beside them.
    Companion(Arc<dyn Converse>, Arc<dyn Converse>),
    Exchange(Rc<udp::Exchanges>),
    Service(Rc<dyn sekisho_api::Worker>),
    Pair(Rc<udp::Exchanges>, Rc<dyn sekisho_api::Worker>),
}

/// Whether a VIP asks its conversations to end.
#[derive(Debug, Default)]
pub(crate) struct Drain {
    on: Cell<bool>,
    begun: Notify,
}

impl Drain {
    pub(crate) fn begin(&self) {
        self.on.set(true);
        self.begun.notify_waiters();
    }

    pub(crate) fn on(&self) -> bool {
        self.on.get()
    }

    /// Ready once it has begun.
    pub(crate) async fn begun(&self) {
        let begun = self.begun.notified();
        if !self.on.get() {
            begun.await;
        }
    }
}

impl Serving {
    pub(crate) fn new(worker: &Rc<Worker>, live: &Arc<LiveVip>, drain: Rc<Drain>) -> Rc<Self> {
        let core = Rc::new(VipCore::new(worker.clone(), live.clone(), drain));
        let handler = match &live.vip.handler {
            Handler::Conversation(converse) => Serve::Conversation(converse.clone()),
            Handler::Companion(converse) => {
                let beside = Beside(live.counts.companions.clone());
                Serve::Companion(converse.clone(), Arc::new(beside))
            }
            Handler::Exchange(exchange) => {
                Serve::Exchange(udp::Exchanges::new(worker, live, &core, exchange, None))
            }
            Handler::Service(service) => Serve::Service(service.worker(core.clone())),
            Handler::Pair(exchange, service) => {
                let service = service.worker(core.clone());
                let beside = Some(service.clone());
                Serve::Pair(udp::Exchanges::new(worker, live, &core, exchange, beside), service)
            }
        };
        let serving = Rc::new(Self { live: live.clone(), handler, core });
        serving.core.belongs(&serving);
        serving
    }
}

impl Slot {
    /// Begins listening.
    pub(crate) fn open(worker: &Rc<Worker>, serving: Rc<Serving>, new: NewSocket) -> io::Result<Rc<Self>> {
        let slot = Rc::new(Self {
            kind: match new.socket {
                Socket::Tcp(_) => Kind::Tcp,
                Socket::Udp(_) => Kind::Udp,
            },
            bound: new.bound,
            serving: RefCell::new(serving),
            closed: Cell::new(false),
            left: Cell::new(false),
            closing: Notify::new(),
            listener: RefCell::default(),
            place: new.place,
            spare: new.spare,
            port: RefCell::default(),
            spread: Cell::new(None),
            open: new.open,
        });
        match new.socket {
            Socket::Tcp(listener) => accept::start(worker, &slot, listener)?,
            Socket::Udp(socket) => udp::start(worker, &slot, socket)?,
        }
        Ok(slot)
    }

    /// Spreads datagrams that stand alone over the first so many workers, and leaves flows to the kernel's hash. Asked
    /// of one worker's slot it holds for all.
    pub(crate) fn spread(&self, active: usize) {
        let Some(port) = self.port.borrow().upgrade() else { return };
        let alone = matches!(self.serving.borrow().handler, Serve::Exchange(_) | Serve::Pair(..));
        let wanted = alone.then_some(active);
        if self.spread.replace(wanted) != wanted
            && let Err(error) = port.spread(wanted)
        {
            tracing::debug!(vip = self.vip(), %error, "Datagrams are spread by the kernel's hash");
        }
    }

    /// A second descriptor of its socket; none, if it listens no more.
    pub(crate) fn duplicate(&self) -> Option<io::Result<Duplicate>> {
        let listener = self.listener.borrow().upgrade();
        let socket: io::Result<OwnedFd> = match (listener, self.port.borrow().upgrade()) {
            (Some(listener), _) => listener.get_ref().try_clone().map(Into::into),
            (None, Some(port)) => port.duplicate().map(Into::into),
            (None, None) => return None,
        };
        Some(socket.map(|socket| Duplicate { kind: self.kind, bound: self.bound, place: self.place, socket }))
    }

    /// The name of the VIP that it belongs to now, for the log.
    pub(crate) fn vip(&self) -> DisplayValue<Arc<str>> {
        display(self.serving.borrow().live.vip.name.clone())
    }

    /// What is served to a client that comes now.
    pub(crate) fn serving(&self) -> Rc<Serving> {
        self.serving.borrow().clone()
    }

    /// Serves new clients in this way from now on.
    pub(crate) fn change(&self, serving: Rc<Serving>) {
        let before = self.serving.replace(serving);
        if let Serve::Exchange(exchanges) | Serve::Pair(exchanges, _) = &before.handler {
            exchanges.retire();
        }
    }

    /// Stops listening.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.closing.notify_waiters();
    }

    /// Stops listening, because another process does. Flows go on answering.
    pub(crate) fn leave(&self) {
        self.left.set(true);
        self.close();
    }

    pub(crate) fn is_left(&self) -> bool {
        self.left.get()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Ready once it is closed.
    pub(crate) async fn closed(&self) {
        let closing = self.closing.notified();
        if !self.closed.get() {
            closing.await;
        }
    }
}
