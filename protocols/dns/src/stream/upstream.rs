//! One connection to a server, on which the queries of many clients are under way.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::hash::RandomState;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use sekisho_api::{BoxStream, Failure, Lease, Server};

use super::alarm::Alarm;
use super::call::{Call, Flight};
use super::front::Front;
use super::inbound::{CHUNK, Inbound, Read, Take};
use super::outbound::Outbound;
use super::table::{MOST, Table};

/// One connection to a server. Queries are sent from wherever they come up; its task writes what has gathered.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) server: Arc<dyn Server>,
    state: RefCell<State>,
    task: RefCell<Option<Waker>>,
    /// Its task is running, and writes at its end what is sent meanwhile.
    running: Cell<bool>,
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
        let (state, task, running) = (RefCell::new(state), RefCell::default(), Cell::default());
        Rc::new(Self { server, state, task, running })
    }

    /// An id for one more query, of `depth` that the connection may carry in its life; `None`: another connection
    /// has to do it.
    pub(crate) fn room(&self, depth: u64) -> Option<u16> {
        let mut state = self.state.borrow_mut();
        let room = state.open && state.sent < depth && state.out.len() < UNSENT && state.flights.len() < MOST;
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
        self.wake();
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
        self.wake();
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

    fn wake(&self) {
        if !self.running.get()
            && let Some(task) = &*self.task.borrow()
        {
            task.wake_by_ref();
        }
    }

    fn listen(&self, cx: &Context<'_>) {
        let mut task = self.task.borrow_mut();
        if !task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            *task = Some(cx.waker().clone());
        }
    }
}

/// The task of a connection: makes it, with the lease of the query that opened it, and serves it to its end.
pub(crate) async fn run(front: Rc<Front>, upstream: Rc<Upstream>, opener: Opener) {
    let connected = connect(&front, &upstream, &opener).await;
    let now = front.core.now();
    let stream = match connected {
        Ok(stream) => stream,
        Err(_) => return front.unreachable(&upstream, now),
    };
    {
        let mut state = upstream.state.borrow_mut();
        state.used = now;
        if let Some(flight) = state.flights.get_mut(opener.id).filter(|flight| flight.lease.is_none()) {
            flight.lease = Some(opener.lease);
        }
    }
    let mut task = Task { front, upstream, stream, inbound: Inbound::default(), alarm: Alarm::default() };
    let parted = poll_fn(|cx| task.poll(cx)).await;
    task.front.parted(&task.upstream, parted, task.front.core.now());
    if task.stream.tls().is_some() {
        let _ = poll_fn(|cx| Pin::new(&mut *task.stream).poll_shutdown(cx)).await;
    }
}

/// The query that a connection was opened for.
#[derive(Debug)]
pub(crate) struct Opener {
    pub(crate) id: u16,
    pub(crate) lease: Lease,
    pub(crate) call: Rc<Call>,
}

/// Connects; the deadlines of what waits for it go on.
async fn connect(front: &Rc<Front>, upstream: &Rc<Upstream>, opener: &Opener) -> Result<BoxStream, Failure> {
    let mut connecting = front.core.connect(&opener.lease, &opener.call.facts);
    let mut alarm = Alarm::default();
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(connected) = connecting.as_mut().poll(cx) {
                return Poll::Ready(connected);
            }
            let now = front.core.now();
            if alarm.poll(&*front.core, now + TICK, cx).is_pending() {
                return Poll::Pending;
            }
            front.sweep(upstream, now);
        }
    })
    .await
}

struct Task {
    front: Rc<Front>,
    upstream: Rc<Upstream>,
    stream: BoxStream,
    inbound: Inbound,
    alarm: Alarm,
}

impl Task {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Parted> {
        self.upstream.listen(cx);
        self.upstream.running.set(true);
        let polled = self.turn(cx);
        self.upstream.running.set(false);
        polled
    }

    /// Looks at the time, reads all there is, and writes what has gathered.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<Parted> {
        let now = self.front.core.now();
        if let Poll::Ready(parted) = self.time(now, cx) {
            return Poll::Ready(parted);
        }
        let mut rounds = ROUNDS;
        while let Poll::Ready(read) = self.read(now, cx) {
            if let Err(parted) = read {
                return Poll::Ready(parted);
            }
            rounds -= 1;
            if rounds == 0 {
                cx.waker().wake_by_ref();
                break;
            }
        }
        let mut state = self.upstream.state.borrow_mut();
        match state.out.poll_write(&mut self.stream, cx) {
            Poll::Ready(Err(_)) => return Poll::Ready(Parted::Broken(Failure::Reset)),
            Poll::Ready(Ok(())) if !state.open && state.flights.is_empty() => {
                return Poll::Ready(Parted::Unused);
            }
            _ => {}
        }
        if state.flights.is_empty() {
            state.out.rest();
        }
        Poll::Pending
    }

    fn time(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<Parted> {
        loop {
            let busy = !self.upstream.state.borrow().flights.is_empty();
            let idle = self.upstream.state.borrow().used + IDLE;
            if !busy && now >= idle {
                return Poll::Ready(Parted::Unused);
            }
            let next = if busy { now + TICK } else { idle };
            if self.alarm.poll(&*self.front.core, next, cx).is_pending() {
                return Poll::Pending;
            }
            self.front.sweep(&self.upstream, now);
            if !self.upstream.server.reusable() {
                self.upstream.retire();
            }
        }
    }

    fn read(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<Result<(), Parted>> {
        let Self { front, upstream, stream, inbound, .. } = self;
        let read = ready!(inbound.poll(stream, &front.chunks, cx, CHUNK, |message| {
            front.heard(upstream, message, now);
            Take::More
        }));
        let mut state = upstream.state.borrow_mut();
        (state.heard, state.used) = (now, now);
        Poll::Ready(match read {
            Read::Messages(_) => Ok(()),
            Read::End(false) => Err(Parted::Ended),
            Read::End(true) | Read::Failed => Err(Parted::Broken(Failure::Reset)),
            Read::Short => Err(Parted::Broken(Failure::Malformed)),
        })
    }
}

/// How often the deadlines of what is under way are looked at.
const TICK: Duration = Duration::from_millis(100);
/// How long a connection without queries stays. Servers close theirs after ten seconds to a few minutes (RFC 7766,
/// section 6.2.3); whichever side is first does no harm.
const IDLE: Duration = Duration::from_secs(20);
/// Bytes that a server does not take, above which it gets no more of them on this connection.
const UNSENT: usize = 1 << 20;
/// Reads in a row, before those who were answered have their turn.
const ROUNDS: u32 = 4;
