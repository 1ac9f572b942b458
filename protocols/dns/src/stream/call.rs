//! One query on its way to an answer.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use sekisho_api::{Asked, Facts, Forward, IdPlace, Lease, Reply, Route, Server};
use tokio::sync::oneshot;

use super::conn::Conn;
use crate::over::Over;
use crate::wire;

/// One query on its way to an answer. It is held by its flights, or by the list of those that wait for an equal one.
#[derive(Debug)]
pub(crate) struct Call {
    /// The client's message, as it came.
    pub(crate) request: Box<[u8]>,
    /// What servers get instead of it.
    written: Option<Box<[u8]>>,
    /// Who asks.
    pub(crate) facts: Rc<Facts>,
    pub(crate) over: Over,
    /// The question for a server; grows by the servers that were tried.
    pub(crate) route: RefCell<Route>,
    id: IdPlace,
    fingerprint: sekisho_api::Fingerprint,
    memo: [u64; 2],
    /// Whether a second server may be asked while the first is silent.
    pub(crate) repeatable: bool,
    /// The number by which equal ones wait for it.
    pub(crate) share: Cell<Option<u64>>,
    pub(crate) began: Instant,
    /// When its client is told that there is no answer.
    pub(crate) deadline: Cell<Instant>,
    /// Servers that were asked.
    pub(crate) attempts: Cell<u32>,
    /// How often it was sent again because a connection ended.
    pub(crate) resent: Cell<u8>,
    /// How often it is under way.
    pub(crate) flights: Cell<u8>,
    /// An answer in which a server says that it cannot, for the case that none says better.
    pub(crate) fallback: RefCell<Option<Box<[u8]>>>,
    sink: RefCell<Option<Sink>>,
}

/// One sending of a call to one server.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) call: Rc<Call>,
    /// `None` while the connection that it opened is being made: the lease is needed for that.
    pub(crate) lease: Option<Lease>,
    pub(crate) sent: Instant,
    /// Another server was asked meanwhile.
    pub(crate) repeated: bool,
}

impl Flight {
    /// Takes it off its call, and gives its lease back.
    pub(crate) fn land(self, now: Instant) -> Rc<Call> {
        let call = self.call.clone();
        call.flights.set(call.flights.get().saturating_sub(1));
        self.settle(now);
        call
    }

    /// Gives its lease back.
    pub(crate) fn settle(self, now: Instant) {
        if let Some(lease) = self.lease {
            lease.settle(now);
        }
    }
}

impl Call {
    /// A call for what the desk wants forwarded, with what it wrote.
    pub(crate) fn new(
        request: &[u8],
        forward: Forward,
        written: Option<&[u8]>,
        asker: Asker<'_>,
        began: Instant,
        deadline: Instant,
    ) -> Rc<Self> {
        Rc::new(Self {
            request: request.into(),
            written: written.map(Into::into),
            facts: asker.facts.clone(),
            over: asker.over,
            route: RefCell::new(forward.route),
            id: forward.id,
            fingerprint: forward.fingerprint,
            memo: forward.memo,
            repeatable: forward.repeatable,
            share: Cell::new(forward.share),
            began,
            deadline: Cell::new(deadline),
            attempts: Cell::new(0),
            resent: Cell::new(0),
            flights: Cell::new(0),
            fallback: RefCell::default(),
            sink: RefCell::new(Some(asker.sink)),
        })
    }

    /// What servers get.
    pub(crate) fn outgoing(&self) -> &[u8] {
        self.written.as_deref().unwrap_or(&self.request)
    }

    /// Puts the id of a connection to a server into what goes there.
    pub(crate) fn number(&self, message: &mut [u8], id: u16) {
        self.id.write(message, id.into());
    }

    /// Puts the client's id into an answer.
    pub(crate) fn restore(&self, place: IdPlace, answer: &mut [u8]) {
        if let Some(id) = self.id.read(&self.request) {
            place.write(answer, id);
        }
    }

    /// Whether a message is an answer under the client's own id.
    pub(crate) fn is_answer(&self, message: &[u8]) -> bool {
        self.id.read(message) == self.id.read(&self.request)
            && wire::Header::read(message).is_some_and(wire::Header::qr)
    }

    /// What an answer is held against.
    pub(crate) fn asked(&self) -> Asked<'_> {
        Asked { request: &self.request, fingerprint: self.fingerprint, memo: self.memo }
    }

    /// Whether it asks and changes nothing, so that a server may well see it twice.
    pub(crate) fn only_asks(&self) -> bool {
        wire::Header::read(&self.request).is_some_and(|header| header.opcode() == wire::opcode::QUERY)
    }

    /// This server was asked, and is not chosen again.
    pub(crate) fn tried(&self, server: &dyn Server) {
        let mut route = self.route.borrow_mut();
        if !route.exclude.contains(&server.id()) {
            route.exclude.push(server.id());
        }
    }

    /// Takes [`Call::tried`] back.
    pub(crate) fn untried(&self, server: &dyn Server) {
        self.route.borrow_mut().exclude.retain(|id| *id != server.id());
    }

    /// Whoever waits for the answer; only the first who takes it gets it.
    pub(crate) fn take(&self) -> Option<Sink> {
        self.sink.borrow_mut().take()
    }

    /// Whether nobody waits any more.
    pub(crate) fn done(&self) -> bool {
        self.sink.borrow().is_none()
    }
}

/// Who asks, and where the answer goes.
#[derive(Debug)]
pub(crate) struct Asker<'a> {
    pub(crate) facts: &'a Rc<Facts>,
    pub(crate) over: Over,
    pub(crate) sink: Sink,
}

/// Where an answer goes.
pub(crate) enum Sink {
    /// To a client's connection.
    Stream(Rc<Conn>),
    /// To somebody in this worker.
    Once(oneshot::Sender<Bytes>),
    /// To a client of the VIP's datagrams.
    Datagram(Handed),
}

impl Sink {
    /// Delivers it; `None` is silence.
    pub(crate) fn deliver(self, answer: Option<&[u8]>) {
        match (self, answer) {
            (Self::Stream(conn), answer) => conn.answered(answer),
            (Self::Once(sender), Some(answer)) => drop(sender.send(Bytes::copy_from_slice(answer))),
            (Self::Datagram(handed), Some(answer)) => handed.reply(answer),
            (Self::Once(_) | Self::Datagram(_), None) => {}
        }
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stream(_) => "Stream",
            Self::Once(_) => "Once",
            Self::Datagram(_) => "Datagram",
        })
    }
}

/// A datagram that was handed over, counted for as long as somebody waits for its answer.
pub(crate) struct Handed {
    reply: Option<Reply>,
    count: Rc<Cell<usize>>,
}

impl Handed {
    /// Counts it; `None` if there are `most` already.
    pub(crate) fn new(reply: Reply, count: &Rc<Cell<usize>>, most: usize) -> Option<Self> {
        if count.get() >= most {
            return None;
        }
        count.set(count.get() + 1);
        Some(Self { reply: Some(reply), count: count.clone() })
    }

    fn reply(mut self, answer: &[u8]) {
        if let Some(reply) = self.reply.take() {
            reply(answer);
        }
    }
}

impl Drop for Handed {
    fn drop(&mut self) {
        self.count.set(self.count.get().saturating_sub(1));
    }
}
