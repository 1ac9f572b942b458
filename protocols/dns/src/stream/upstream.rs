//! One connection to a server, on which the queries of many clients are under way.

use std::cell::RefCell;
use std::hash::RandomState;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use sekisho_api::{BoxStream, Failure, Lease, Server};

use super::bell::Bell;
use super::call::{Call, Flight};
use super::outbound::Outbound;
use super::table::{MOST, Table};

/// One connection to a server. Queries are sent from wherever they come up; its task writes what has gathered.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) server: Arc<dyn Server>,
    state: RefCell<State>,
    pub(super) bell: Bell,
}

#[derive(Debug)]
struct State {
    flights: Table<Flight>,
    out: Outbound,
    /// Takes further queries.
    open: bool,
    sent: u64,
    answered: u64,
    /// When the server was last heard; at first, when the connection was begun.
    heard: Instant,
    /// When anything last happened.
    used: Instant,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parted {
    /// Nobody needed it any more.
    Unused,
    /// The server ended it, as a server may.
    Ended,
    /// It broke, or what came over it is no DNS.
    Broken(Failure),
}

impl Upstream {
    pub(crate) fn new(server: Arc<dyn Server>, random: RandomState, now: Instant) -> Rc<Self> {
        let (flights, out) = (Table::new(random), Outbound::default());
        let state = State { flights, out, open: true, sent: 0, answered: 0, heard: now, used: now };
        Rc::new(Self { server, state: RefCell::new(state), bell: Bell::default() })
    }

    /// An id for one more query, of `depth` that the connection may carry in its life; `None`: another connection
    /// has to do it.
    pub(crate) fn room(&self, depth: u64) -> Option<u16> {
        let mut state = self.state.borrow_mut();
        if state.open && state.sent >= depth {
            state.open = false;
            self.bell.ring();
        }
        let room = state.open && state.out.len() < UNSENT && state.flights.len() < MOST;
        if room { state.flights.free() } else { None }
    }

    /// Sends a query under an id that [`Upstream::room`] gave. `lease`: none while that is needed for connecting.
    pub(crate) fn send(&self, id: u16, call: &Rc<Call>, lease: Option<Lease>, now: Instant) {
        let mut state = self.state.borrow_mut();
        state.out.push_changed(call.outgoing(), |message| call.number(message, id));
        call.flights.set(call.flights.get().saturating_add(1));
        state.flights.enter(id, Flight { call: call.clone(), lease, sent: now, repeated: false });
        state.sent += 1;
        state.used = now;
        drop(state);
        self.bell.ring();
    }

    /// The call that is under way as `id`.
    pub(crate) fn call(&self, id: u16) -> Option<Rc<Call>> {
        self.state.borrow().flights.get(id).map(|flight| flight.call.clone())
    }

    /// Takes the flight that was answered.
    pub(crate) fn take(&self, id: u16) -> Option<Flight> {
        let mut state = self.state.borrow_mut();
        state.answered += 1;
        state.flights.remove(id)
    }

    /// Takes no further queries; ends when those under way have.
    pub(crate) fn retire(&self) {
        self.state.borrow_mut().open = false;
        self.bell.ring();
    }

    /// Takes everything that was under way when the connection ended.
    pub(crate) fn close(&self) -> Vec<Flight> {
        let mut state = self.state.borrow_mut();
        state.open = false;
        state.out.clear();
        state.flights.extract(|_| true)
    }

    /// How many queries it has answered.
    pub(crate) fn answered(&self) -> u64 {
        self.state.borrow().answered
    }

    /// Takes the flights whose time is over. Where the server has said nothing since one of them was sent, the
    /// connection may be dead without knowing: it takes no further queries.
    pub(crate) fn expired(&self, now: Instant) -> Vec<Flight> {
        let mut state = self.state.borrow_mut();
        let expired = state.flights.extract(|flight| now >= flight.call.deadline.get());
        let heard = state.heard;
        state.open &= !expired.iter().any(|flight| flight.sent >= heard);
        expired
    }

    /// The calls that a second server should be asked for: those that were sent before `then`, each once.
    pub(crate) fn silent(&self, then: Instant) -> Vec<Rc<Call>> {
        let mut state = self.state.borrow_mut();
        let mut silent = Vec::new();
        for flight in state.flights.values_mut() {
            if flight.sent <= then && !flight.repeated && flight.call.repeatable && !flight.call.done() {
                flight.repeated = true;
                silent.push(flight.call.clone());
            }
        }
        silent
    }

    /// The connection is there. Its opener gets its lease back.
    pub(super) fn connected(&self, opener: u16, lease: Lease, now: Instant) {
        let mut state = self.state.borrow_mut();
        state.used = now;
        if let Some(flight) = state.flights.get_mut(opener).filter(|flight| flight.lease.is_none()) {
            flight.lease = Some(lease);
        }
    }

    /// The server said something.
    pub(super) fn heard(&self, now: Instant) {
        let mut state = self.state.borrow_mut();
        (state.heard, state.used) = (now, now);
    }

    /// Since when nothing is under way; `None`: something is.
    pub(super) fn idle(&self) -> Option<Instant> {
        let state = self.state.borrow();
        state.flights.is_empty().then_some(state.used)
    }

    /// Writes what has gathered; `Some`: nobody needs the connection any more, or it is broken.
    pub(super) fn write(&self, stream: &mut BoxStream, cx: &mut Context<'_>) -> Option<Parted> {
        let mut state = self.state.borrow_mut();
        let written = state.out.poll_write(stream, cx);
        let idle = state.flights.is_empty();
        if idle {
            state.out.rest();
        }
        match written {
            Poll::Ready(Err(_)) => Some(Parted::Broken(Failure::Reset)),
            Poll::Ready(Ok(())) if idle && !state.open => Some(Parted::Unused),
            _ => None,
        }
    }
}

/// Bytes that a server does not take, above which it gets no more of them on this connection.
const UNSENT: usize = 1 << 20;
