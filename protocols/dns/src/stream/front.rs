//! Where queries come in and answers go out: one worker's part of a VIP.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::hash::RandomState;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sekisho_api::{Core, DATAGRAM, End, Facts, Local, Reply, Request};
use tokio::sync::oneshot;

use super::budget::Budget;
use super::call::{Asker, Call, Handed, Sink};
use super::inbound::CHUNK;
use super::line::Line;
use super::record::Ended;
use super::scratch::Scratch;
use super::transfer;
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
    /// By [`sekisho_api::Server::id`].
    pub(super) lines: RefCell<HashMap<u64, Line>>,
    /// Those that wait for the answer to an equal query, by [`sekisho_api::Forward::share`].
    pub(super) sharing: RefCell<HashMap<u64, Vec<Rc<Call>>>>,
    /// How long a server may take.
    pub(crate) response: Duration,
    /// How long a server may be silent before another one is asked; `None`: for good.
    pub(super) patience: Option<Duration>,
    pub(super) budget: Budget,
    /// Handed-over datagrams that wait for their answers.
    handed: Rc<Cell<usize>>,
    pub(super) random: RandomState,
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
            budget: Budget::default(),
            handed: Rc::default(),
            random: RandomState::new(),
        })
    }

    /// Answers one message, its id restored; `None` is silence. Limits, cache, servers, retries and refusals are all
    /// inside.
    pub(crate) fn ask(
        self: &Rc<Self>,
        message: &[u8],
        facts: &Rc<Facts>,
        over: Over,
    ) -> Local<'static, Option<Bytes>> {
        let (sender, answer) = oneshot::channel();
        self.put(message, Asker { facts, over, sink: Sink::Once(sender) }, self.core.now());
        Box::pin(async move { answer.await.ok() })
    }

    /// Takes a datagram that the desk has let pass before.
    pub(crate) fn hand(self: &Rc<Self>, datagram: &[u8], facts: &Facts, reply: Reply) {
        let Some(handed) = Handed::new(reply, &self.handed, HANDED) else {
            return self.core.count(datagram.len() as u64, 0, End::Limited("datagrams-in-flight"));
        };
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
            // Counted, but not worth a line: whoever floods must not fill the log as well.
            Request::Ignore(label) => {
                self.core.count(message.len() as u64, 0, End::Limited(label));
                return asker.sink.deliver(None);
            }
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
        self.budget.earn();
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
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("core", &self.core).finish_non_exhaustive()
    }
}

/// The shortest silence after which a second server is asked; recursion takes a few hundred milliseconds.
const PATIENCE: Duration = Duration::from_millis(400);
/// The most handed-over datagrams that wait.
const HANDED: usize = 1 << 14;
/// What every client takes over UDP (RFC 1035, section 2.3.4).
const ALWAYS_TAKEN: usize = 512;
