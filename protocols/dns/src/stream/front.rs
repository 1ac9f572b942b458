//! Where queries come in and answers go out: one worker's part of a VIP.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::hash::RandomState;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sekisho_api::{
    Answer, Core, DATAGRAM, Deadline, End, Facts, Failure, Lease, Local, Observation, Reply, Request, Server,
    Unavailable,
};
use tokio::sync::oneshot;

use super::call::{Asker, Call, Flight, Handed, Sink};
use super::inbound::CHUNK;
use super::line::Line;
use super::record::Ended;
use super::scratch::Scratch;
use super::transfer;
use super::upstream::{self, Opener, Parted, Upstream};
use crate::desk::Desk;
use crate::over::Over;
use crate::wire::{self, Rcode};

/// One worker's part of a VIP: what its connections have in common.
pub(crate) struct Front {
    pub(crate) core: Rc<dyn Core>,
    pub(crate) desk: Arc<Desk>,
    /// For what the desk writes.
    pub(crate) scratch: Scratch,
    /// For what is read.
    pub(crate) chunks: Scratch,
    /// By [`Server::id`].
    lines: RefCell<HashMap<u64, Line>>,
    /// Those that wait for the answer to an equal query, by [`sekisho_api::Forward::share`].
    sharing: RefCell<HashMap<u64, Vec<Rc<Call>>>>,
    /// How long a server may take.
    pub(crate) response: Duration,
    /// How long a server may be silent before another one is asked; `None`: for good.
    patience: Option<Duration>,
    /// Second servers that may still be asked, in tenths: a slow server must not double the load of the others.
    repeats: Cell<u32>,
    /// Handed-over datagrams that wait for their answers.
    handed: Rc<Cell<usize>>,
    random: RandomState,
}

/// Who served a call.
#[derive(Clone, Copy)]
struct Served<'a> {
    server: &'a Arc<dyn Server>,
    flight: &'a Flight,
}

impl Front {
    pub(crate) fn new(core: Rc<dyn Core>, desk: Arc<Desk>) -> Rc<Self> {
        let response = core.response().unwrap_or(desk.options.response);
        let patience = desk.options.retry.then(|| PATIENCE.max(response / 2));
        Rc::new(Self {
            core,
            desk,
            scratch: Scratch::new(DATAGRAM),
            chunks: Scratch::new(CHUNK),
            lines: RefCell::default(),
            sharing: RefCell::default(),
            response,
            patience,
            repeats: Cell::new(REPEATS),
            handed: Rc::default(),
            random: RandomState::new(),
        })
    }

    /// Answers one message, its id restored; `None` is silence. Limits, cache, servers, retries and refusals are all
    /// inside.
    pub(crate) fn ask(
        self: &Rc<Self>,
        message: Bytes,
        facts: &Rc<Facts>,
        over: Over,
    ) -> Local<'static, Option<Bytes>> {
        let (sender, answer) = oneshot::channel();
        self.put(&message, Asker { facts, over, sink: Sink::Once(sender) }, self.core.now());
        Box::pin(async move { answer.await.ok() })
    }

    /// Takes a datagram that the desk has let pass before.
    pub(crate) fn hand(self: &Rc<Self>, datagram: &[u8], facts: &Facts, reply: Reply) {
        let Some(handed) = Handed::new(reply, &self.handed, HANDED) else { return };
        let facts = &Rc::new(facts.clone());
        let asker = Asker { facts, over: Over::Udp, sink: Sink::Datagram(handed) };
        let now = self.core.now();
        let mut out = self.scratch.take();
        let verdict = self.desk.handed(datagram, facts, Over::Udp, now, &mut out);
        self.follow(datagram, asker, verdict, &out, now);
    }

    /// Takes one message of a client.
    pub(crate) fn put(self: &Rc<Self>, message: &[u8], asker: Asker<'_>, now: Instant) {
        let mut out = self.scratch.take();
        let verdict = self.desk.request(message, asker.facts, asker.over, now, &mut out);
        self.follow(message, asker, verdict, &out, now);
    }

    fn follow(self: &Rc<Self>, message: &[u8], asker: Asker<'_>, verdict: Request, out: &[u8], now: Instant) {
        let forward = match verdict {
            Request::Ignore(label) => return self.own(message, &[], asker, End::Limited(label), now),
            Request::Answer(length, _) => {
                return self.own(message, out.get(..length).unwrap_or_default(), asker, End::Done, now);
            }
            Request::Forward(forward) => forward,
        };
        let conn = match &asker.sink {
            _ if !wire::query(message).is_ok_and(|query| wire::is_transfer(&query)) => None,
            Sink::Stream(conn) if conn.transfer_begins() => Some(conn.clone()),
            _ => return self.no_transfer(message, asker, now),
        };
        self.repeats.set((self.repeats.get() + 1).min(REPEATS));
        let written = forward.written.and_then(|length| out.get(..length));
        let call = Call::new(message, forward, written, asker, now, now + self.response);
        match conn {
            Some(conn) => self.core.spawn(Box::pin(transfer::run(self.clone(), call, conn))),
            None => self.begin(&call, now),
        }
    }

    /// Tells a client that a zone cannot be had like this: its answer is of several messages (RFC 5936, section 4.2),
    /// and of those a connection carries only a few at a time.
    fn no_transfer(&self, message: &[u8], asker: Asker<'_>, now: Instant) {
        let mut out = self.scratch.take();
        let (length, end) = match asker.over {
            Over::Udp => (wire::truncated(message, &[], ALWAYS_TAKEN, &mut out), End::Done),
            _ => (wire::error(message, Rcode::REFUSED, None, &mut out), End::Limited("transfers")),
        };
        let answer = length.and_then(|length| out.get(..length)).unwrap_or_default();
        self.own(message, answer, asker, end, now);
    }

    /// Answers without a server.
    fn own(&self, message: &[u8], answer: &[u8], asker: Asker<'_>, end: End, now: Instant) {
        asker.sink.deliver(Some(answer).filter(|answer| !answer.is_empty()));
        let (facts, over) = (&**asker.facts, asker.over);
        let ended = Ended {
            request: message,
            answer,
            before: 0,
            facts,
            over,
            began: now,
            server: None,
            why: None,
            answered: None,
            attempts: 0,
            end,
        };
        ended.record(&*self.core, &self.desk, now);
    }

    /// Sends a call out, or lets it wait for the answer to an equal one.
    fn begin(self: &Rc<Self>, call: &Rc<Call>, now: Instant) {
        if let Some(share) = call.share.get() {
            let mut sharing = self.sharing.borrow_mut();
            if let Some(waiting) = sharing.get_mut(&share) {
                call.share.set(None);
                waiting.push(call.clone());
                return;
            }
            sharing.insert(share, Vec::new());
        }
        self.set_out(call, now);
    }

    /// Sends a call to a server, or says that there is none.
    fn set_out(self: &Rc<Self>, call: &Rc<Call>, now: Instant) {
        if let Err(why) = self.dispatch(call, now) {
            self.give_up(call, why, End::Unavailable(why), now);
        }
    }

    /// Sends a call to a server that was not tried.
    fn dispatch(self: &Rc<Self>, call: &Rc<Call>, now: Instant) -> Result<(), Unavailable> {
        let lease = self.choose(call)?;
        let mut lines = self.lines.borrow_mut();
        let ask = || self.core.shareable(&lease);
        let line = lines.entry(lease.server().id()).or_insert_with(|| Line::new(ask(), now));
        let owner = (!line.shareable(now, ask)).then_some((call.facts.client, call.facts.local));
        if let Some((upstream, id)) = line.pick(owner, now) {
            upstream.send(id, call, Some(lease), now);
            return Ok(());
        }
        let upstream = Upstream::new(lease.server().clone(), self.random.clone(), now);
        let id = upstream.room(u64::MAX).ok_or(Unavailable::Full)?;
        if !line.add(owner, &upstream) {
            return Err(Unavailable::Full);
        }
        upstream.send(id, call, None, now);
        let opener = Opener { id, lease, call: call.clone() };
        self.core.spawn(Box::pin(upstream::run(self.clone(), upstream, opener)));
        Ok(())
    }

    /// A server for a call that has attempts left.
    pub(crate) fn choose(&self, call: &Call) -> Result<Lease, Unavailable> {
        let attempts = call.attempts.get();
        if attempts > 0 && attempts >= self.core.attempts() {
            return Err(Unavailable::ConnectFailed);
        }
        let chosen = self.core.choose(&call.route.borrow(), &call.facts);
        let lease = chosen.map_err(|why| if attempts > 0 { Unavailable::ConnectFailed } else { why })?;
        call.attempts.set(attempts + 1);
        Ok(lease)
    }

    /// Takes a message from a server.
    pub(crate) fn heard(self: &Rc<Self>, upstream: &Upstream, message: &mut [u8], now: Instant) {
        let id = message.first_chunk().map(|&id| u16::from_be_bytes(id));
        let Some((id, call)) = id.and_then(|id| Some((id, upstream.call(id)?))) else {
            return upstream.server.observe(Observation::Strayed, now);
        };
        let mut out = self.scratch.take();
        let verdict = self.desk.answer(message, &call.asked(), call.over, now, &mut out);
        let (delivery, good) = match verdict {
            Answer::Stray => return upstream.server.observe(Observation::Strayed, now),
            Answer::Deliver(delivery) => (delivery, true),
            Answer::Another(delivery) => (delivery, false),
        };
        let Some(flight) = upstream.take(id) else { return };
        let bytes = (call.outgoing().len() + message.len()) as u64;
        let answer = match delivery.written {
            Some(length) => out.get_mut(..length).unwrap_or_default(),
            None => message,
        };
        call.restore(delivery.id, answer);
        let took = now.saturating_duration_since(flight.sent);
        call.flights.set(call.flights.get().saturating_sub(1));
        let said = if good { Observation::Answered(took) } else { Observation::Failed(Failure::SaidSo) };
        upstream.server.observe(said, now);
        upstream.server.observe(Observation::Moved(bytes), now);
        if !good && !call.done() {
            exclude(&call, &upstream.server);
            if call.flights.get() > 0 || self.dispatch(&call, now).is_ok() {
                call.fallback.replace(Some((&*answer).into()));
                return settle(flight, now);
            }
        }
        self.finish(
            &call,
            answer,
            Some(Served { server: &upstream.server, flight: &flight }),
            End::Done,
            now,
        );
        settle(flight, now);
    }

    /// Looks at the deadlines of what is under way on a connection.
    pub(crate) fn sweep(self: &Rc<Self>, upstream: &Upstream, now: Instant) {
        for flight in upstream.expired(now) {
            upstream.server.observe(Observation::Failed(Failure::ResponseTimeout), now);
            let call = land(flight, now);
            self.give_up(&call, Unavailable::ConnectFailed, End::Expired(Deadline::Response), now);
        }
        let Some(then) = self.patience.and_then(|patience| now.checked_sub(patience)) else { return };
        for call in upstream.silent(then) {
            let Some(repeats) = self.repeats.get().checked_sub(REPEAT) else { return };
            exclude(&call, &upstream.server);
            if self.dispatch(&call, now).is_ok() {
                self.repeats.set(repeats);
                upstream.server.observe(Observation::Repeated, now);
            }
        }
    }

    /// A connection could not be made: what waited for it goes elsewhere at once.
    pub(crate) fn unreachable(self: &Rc<Self>, upstream: &Rc<Upstream>, now: Instant) {
        self.forget(upstream);
        for flight in upstream.close() {
            let call = land(flight, now);
            exclude(&call, &upstream.server);
            if !call.done() && call.flights.get() == 0 {
                self.set_out(&call, now);
            }
        }
    }

    /// A connection has ended: what was under way on it is sent once more, if it only asks.
    pub(crate) fn parted(self: &Rc<Self>, upstream: &Rc<Upstream>, parted: Parted, now: Instant) {
        let flights = upstream.close();
        let answered = upstream.answered();
        // A server that closes after some answers does nothing wrong, and those it leaves have lost nothing.
        let orderly = parted == Parted::Ended && answered > 0;
        if orderly && !flights.is_empty() {
            if let Some(line) = self.lines.borrow_mut().get_mut(&upstream.server.id()) {
                line.learn(answered, now);
            }
        } else if let (Parted::Broken(failure), false) = (parted, flights.is_empty()) {
            upstream.server.observe(Observation::Failed(failure), now);
        } else if !flights.is_empty() {
            upstream.server.observe(Observation::Failed(Failure::Reset), now);
        }
        self.forget(upstream);
        for flight in flights {
            let call = land(flight, now);
            if call.done() || call.flights.get() > 0 {
                continue;
            }
            let resent = call.resent.get();
            if call.only_asks() && resent < if orderly { RESENT_ORDERLY } else { RESENT } {
                call.resent.set(resent + 1);
                call.attempts.set(call.attempts.get().saturating_sub(1));
                self.set_out(&call, now);
            } else {
                self.give_up(&call, Unavailable::ConnectFailed, End::ServerLeft, now);
            }
        }
    }

    /// A client's connection has ended, and with it those to servers that were its own.
    pub(crate) fn left(&self, facts: &Facts) {
        for line in self.lines.borrow_mut().values_mut() {
            line.disown((facts.client, facts.local));
        }
    }

    fn forget(&self, upstream: &Rc<Upstream>) {
        let mut lines = self.lines.borrow_mut();
        let server = upstream.server.id();
        if lines.get_mut(&server).is_some_and(|line| line.remove(upstream)) {
            lines.remove(&server);
        }
    }

    /// Ends a call that no server will answer, unless one is still at it.
    pub(crate) fn give_up(self: &Rc<Self>, call: &Rc<Call>, why: Unavailable, end: End, now: Instant) {
        if call.done() || call.flights.get() > 0 {
            return;
        }
        let fallback = call.fallback.take();
        if let Some(answer) = fallback {
            return self.finish(call, &answer, None, End::Done, now);
        }
        let mut out = self.scratch.take();
        let length = self.desk.refuse(&call.request, &call.facts, why, call.over, now, &mut out);
        let answer = length.and_then(|length| out.get(..length)).unwrap_or_default();
        self.finish(call, answer, None, end, now);
    }

    /// Delivers a call's answer, the first one that comes, and serves those that waited for it.
    fn finish(
        self: &Rc<Self>,
        call: &Rc<Call>,
        answer: &[u8],
        served: Option<Served<'_>>,
        end: End,
        now: Instant,
    ) {
        let Some(sink) = call.take() else { return };
        sink.deliver(Some(answer).filter(|answer| !answer.is_empty()));
        let ended = Ended {
            request: &call.request,
            answer,
            before: 0,
            facts: &call.facts,
            over: call.over,
            began: call.began,
            server: served.map(|served| served.server),
            why: served.and_then(|served| served.flight.lease.as_ref()).map(Lease::why),
            answered: served.map(|served| now.saturating_duration_since(served.flight.sent)),
            attempts: call.attempts.get(),
            end,
        };
        ended.record(&*self.core, &self.desk, now);
        let Some(share) = call.share.take() else { return };
        let waiting = self.sharing.borrow_mut().remove(&share).unwrap_or_default();
        for waiting in waiting {
            match end {
                End::Done => self.share(&waiting, now),
                _ => self.give_up(&waiting, Unavailable::ConnectFailed, end, now),
            }
        }
    }

    /// Answers a call that waited from what is known since, or sends it out itself.
    fn share(self: &Rc<Self>, call: &Rc<Call>, now: Instant) {
        let mut out = self.scratch.take();
        let length = self.desk.known(&call.request, &call.facts, call.over, now, &mut out);
        if let Some(answer) = length.and_then(|length| out.get(..length)) {
            return self.finish(call, answer, None, End::Done, now);
        }
        drop(out);
        call.deadline.set(now + self.response);
        self.set_out(call, now);
    }
}

/// Takes a flight off its call.
fn land(flight: Flight, now: Instant) -> Rc<Call> {
    let call = flight.call.clone();
    call.flights.set(call.flights.get().saturating_sub(1));
    settle(flight, now);
    call
}

fn settle(flight: Flight, now: Instant) {
    if let Some(lease) = flight.lease {
        lease.settle(now);
    }
}

/// This server was tried for the call.
pub(crate) fn exclude(call: &Call, server: &Arc<dyn Server>) {
    let mut route = call.route.borrow_mut();
    if !route.exclude.contains(&server.id()) {
        route.exclude.push(server.id());
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("core", &self.core).finish_non_exhaustive()
    }
}

/// The shortest silence after which a second server is asked; recursion takes a few hundred milliseconds.
const PATIENCE: Duration = Duration::from_millis(400);
/// What a repetition costs and how many may be saved up: one for ten queries, a hundred in a row.
const REPEAT: u32 = 10;
const REPEATS: u32 = 100 * REPEAT;
/// How often a query is sent again because its connection broke, or because the server closed it after some answers.
const RESENT: u8 = 1;
const RESENT_ORDERLY: u8 = 8;
/// The most handed-over datagrams that wait.
const HANDED: usize = 1 << 14;
/// What every client takes over UDP (RFC 1035, section 2.3.4).
const ALWAYS_TAKEN: usize = 512;
