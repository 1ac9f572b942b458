//! A listening address of one worker, and what is served on it.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use sekisho_api::{Converse, Exchange, Handler};
use tokio::sync::Notify;

use crate::live::LiveVip;
use crate::vip::VipCore;
use crate::worker::{NewSocket, Socket, Worker};
use crate::{accept, udp};

/// A listening address of one worker. It outlives reloads; what is served on it changes.
#[derive(Debug)]
pub(crate) struct Slot {
    vip: Arc<str>,
    configured: SocketAddr,
    pub(crate) bound: SocketAddr,
    serving: RefCell<Rc<Serving>>,
    closed: Cell<bool>,
    closing: Notify,
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
    Exchange(Arc<dyn Exchange>),
    Service(Rc<dyn sekisho_api::Worker>),
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
    fn new(worker: &Rc<Worker>, live: &Arc<LiveVip>, drain: Rc<Drain>) -> Rc<Self> {
        let core = Rc::new(VipCore::new(worker.clone(), live.clone(), drain));
        let handler = match &live.vip.handler {
            Handler::Conversation(converse) => Serve::Conversation(converse.clone()),
            Handler::Exchange(exchange) => Serve::Exchange(exchange.clone()),
            Handler::Service(service) => Serve::Service(service.worker(core.clone())),
        };
        Rc::new(Self { live: live.clone(), handler, core })
    }
}

impl Slot {
    /// Begins listening. Addresses of one VIP share what is served, and with it the protocol's pooled connections.
    pub(crate) fn open(
        worker: &Rc<Worker>,
        live: &Arc<LiveVip>,
        others: &[Rc<Slot>],
        new: NewSocket,
    ) -> io::Result<Rc<Self>> {
        let same = others.iter().find(|slot| slot.vip == new.vip).map(|slot| slot.serving());
        let serving = match same {
            Some(serving) if serving.live.epoch == live.epoch => serving,
            Some(serving) => Serving::new(worker, live, serving.core.drain().clone()),
            None => Serving::new(worker, live, Rc::default()),
        };
        let slot = Rc::new(Self {
            vip: new.vip,
            configured: new.configured,
            bound: new.bound,
            serving: RefCell::new(serving),
            closed: Cell::new(false),
            closing: Notify::new(),
        });
        match new.socket {
            Socket::Tcp(listener) => accept::start(worker, &slot, listener)?,
            Socket::Udp(socket) => udp::start(worker, &slot, socket)?,
        }
        Ok(slot)
    }

    pub(crate) fn vip(&self) -> &str {
        &self.vip
    }

    pub(crate) fn configured(&self) -> SocketAddr {
        self.configured
    }

    /// What is served to a client that comes now.
    pub(crate) fn serving(&self) -> Rc<Serving> {
        self.serving.borrow().clone()
    }

    /// Serves new clients by `live` from now on; `shared` has what other addresses of the VIP serve already.
    pub(crate) fn change(&self, worker: &Rc<Worker>, live: &Arc<LiveVip>, shared: &mut Vec<Rc<Serving>>) {
        let known = shared.iter().find(|serving| serving.live.vip.name == live.vip.name).cloned();
        let serving = known.unwrap_or_else(|| {
            let made = Serving::new(worker, live, self.serving.borrow().core.drain().clone());
            shared.push(made.clone());
            made
        });
        *self.serving.borrow_mut() = serving;
    }

    /// Stops listening and asks the conversations of the VIP to end.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.closing.notify_waiters();
    }

    /// Asks everything that this address serves to end at the next safe point.
    pub(crate) fn drain(&self) {
        self.serving.borrow().core.drain().begin();
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
