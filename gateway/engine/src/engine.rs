//! The interpreter as its driver sees it.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::buf::Limit;
use bytes::{BufMut, BytesMut};
use sekisho_api::{
    Blame, Connected, Conversation, Deadline, End, Facts, Fault, Route, Side, TlsFacts, Unavailable,
};

use crate::action::{Action, Need, Retry};
use crate::half::{Eof, Half, Mood, Tls};

/// What a conversation may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineLimits {
    /// The most unconsumed bytes kept of one side.
    pub buffer: usize,
    /// Answers in a row that consume nothing, without anything new having come.
    pub steps: u32,
    /// The most bytes that a conversation says of its own accord without consuming any, nothing new having come.
    pub output: usize,
}

impl Default for EngineLimits {
    fn default() -> Self {
        // 16 KiB hold every first flight that is known (a ClientHello with post-quantum shares has 2 KiB); 64 steps
        // and 64 KiB are ten times what the chattiest login takes.
        Self { buffer: 16 * 1024, steps: 64, output: 64 * 1024 }
    }
}

/// One conversation at work.
#[derive(Debug)]
pub struct Engine {
    pub(crate) conversation: Box<dyn Conversation>,
    pub(crate) limits: EngineLimits,
    pub(crate) client: Half,
    pub(crate) server: Half,
    pub(crate) link: Link,
    /// A failing server is not replaced any more.
    pub(crate) committed: bool,
    /// The side whose bytes the conversation must see again before anything else.
    pub(crate) turn: Option<Side>,
    // INVARIANT: at most the opening, one answer to a route, one `Secured` and one `Draining`.
    pub(crate) events: VecDeque<Event>,
    /// What a `Close` in this turn would be put down to.
    pub(crate) cause: End,
    pub(crate) closing: Option<End>,
    pub(crate) expired: Option<Deadline>,
    barred: bool,
    /// A route that is asked for as soon as the server before it is released.
    pub(crate) route: Option<Box<Route>>,
    pub(crate) spent: Spent,
    draining: bool,
}

/// What was used since something last moved.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    pub(crate) steps: u32,
    pub(crate) output: usize,
    /// The last answer neither consumed nor said nor did anything.
    pub(crate) idle: bool,
}

/// Where the server's side stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    None,
    /// The server failed; another one is to be asked for.
    Failed,
    /// A server was asked for.
    Routing,
    /// A token was asked for.
    Issuing,
    /// It is connected and the conversation has not heard so yet.
    Answered,
    /// There is none and the conversation has not heard so yet.
    Refused,
    Up,
}

/// What is not bytes and waits to be shown.
#[derive(Debug)]
pub(crate) enum Event {
    Open(Box<Facts>),
    Connected(Box<Connected>),
    Unavailable(Unavailable),
    Issued(Box<str>),
    Secured(Side, Arc<TlsFacts>),
    Draining,
}

impl Engine {
    /// A conversation that has just been opened; [`Engine::next`] begins with `Input::Open`.
    pub fn new(conversation: Box<dyn Conversation>, facts: &Facts, limits: EngineLimits) -> Self {
        Self {
            conversation,
            limits,
            client: Half::new(facts.tls.is_some()),
            server: Half::new(false),
            link: Link::None,
            committed: false,
            turn: None,
            events: VecDeque::from([Event::Open(Box::new(facts.clone()))]),
            cause: End::Done,
            closing: None,
            expired: None,
            barred: false,
            route: None,
            spent: Spent::default(),
            draining: false,
        }
    }

    /// How many bytes of `side` are taken now; 0 means: do not read it.
    pub fn room(&self, side: Side) -> usize {
        let half = self.half(side);
        let there = side == Side::Client || matches!(self.link, Link::Answered | Link::Up);
        if !there || half.eof != Eof::Open || half.tls == Tls::Starting || self.closing.is_some() {
            return 0;
        }
        self.limits.buffer.saturating_sub(half.buffer.len())
    }

    /// Takes bytes read from `side` and says how many: all of them, unless they are more than [`Engine::room`].
    pub fn offer(&mut self, side: Side, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.room(side));
        if let Some(bytes) = bytes.get(..taken).filter(|b| !b.is_empty()) {
            self.spent = Spent::default();
            self.half_mut(side).buffer.extend_from_slice(bytes);
        }
        taken
    }

    /// Room to read bytes of `side` into, instead of [`Engine::offer`]: never more than [`Engine::room`].
    ///
    /// Memory is reserved here and given back by the next [`Engine::next`] if nothing came; ask when the socket is
    /// readable.
    pub fn spare(&mut self, side: Side) -> Limit<&mut BytesMut> {
        /// What one read takes: more than a first flight, less than memory that hurts when thousands come at once.
        const CHUNK: usize = 4096;
        let room = self.room(side).min(CHUNK);
        self.spent = Spent::default();
        let buffer = &mut self.half_mut(side).buffer;
        buffer.reserve(room);
        buffer.limit(room)
    }

    /// `side` will send nothing more.
    pub fn ended(&mut self, side: Side) {
        let half = self.half_mut(side);
        if half.eof == Eof::Open {
            half.eof = Eof::Seen;
            self.spent = Spent::default();
        }
    }

    /// The server that was asked for is connected. Without effect if none is asked for any more.
    pub fn connected(&mut self, connected: Connected) {
        if self.link == Link::Routing {
            self.link = Link::Answered;
            self.server = Half::new(connected.tls.is_some());
            self.arrived(Event::Connected(Box::new(connected)));
        }
    }

    /// The token that was asked for. Without effect if none is.
    pub fn issued(&mut self, token: &str) {
        if self.link == Link::Issuing {
            self.link = Link::None;
            self.arrived(Event::Issued(token.into()));
        }
    }

    /// There is no server for what was asked. Without effect if none is asked for any more.
    pub fn unavailable(&mut self, why: Unavailable) {
        if matches!(self.link, Link::Routing | Link::Issuing) {
            self.link = Link::Refused;
            self.arrived(Event::Unavailable(why));
        }
    }

    /// The handshake that [`Action::StartTls`] asked for is done. It precedes everything else that waits.
    pub fn secured(&mut self, side: Side, facts: Arc<TlsFacts>) {
        let half = self.half_mut(side);
        if half.tls == Tls::Starting {
            half.tls = Tls::Up;
            self.spent = Spent::default();
            self.events.push_front(Event::Secured(side, facts));
        }
    }

    /// The gateway would like the conversation to end.
    pub fn draining(&mut self) {
        if !self.draining {
            self.draining = true;
            self.arrived(Event::Draining);
        }
    }

    /// A deadline passed: the conversation has one last word, then everything closes.
    pub fn expired(&mut self, deadline: Deadline) {
        self.expired = Some(deadline);
    }

    /// The client's address has had too many strikes: the conversation has one last word, then everything closes.
    pub fn barred(&mut self) {
        self.barred = true;
    }

    /// The connected server failed: reset, or a handshake with it that did not succeed.
    ///
    /// Before the conversation is committed, what the server said is forgotten and [`Engine::next`] asks for another
    /// one ([`Action::Retry`]). After that, the conversation sees what the server said and then its end.
    pub fn server_failed(&mut self) -> Retry {
        if self.committed {
            if self.server.tls == Tls::Starting {
                self.server.tls = Tls::Plain;
            }
            self.ended(Side::Server);
            return Retry::Final(End::ServerLeft);
        }
        if matches!(self.link, Link::Answered | Link::Up) {
            self.forget_server();
            self.link = Link::Failed;
        }
        Retry::Again
    }

    /// Keeps the bytes of `side` from the conversation while the driver cannot write more to the *other* side, so
    /// that one direction that is stuck does not stop the other. A turn that has begun is finished first.
    pub fn hold(&mut self, side: Side, held: bool) {
        self.half_mut(side).held = held;
    }

    /// Whether a failing server would not be replaced any more.
    pub fn committed(&self) -> bool {
        self.committed
    }

    /// Runs the conversation as far as it goes and says what to do.
    #[expect(clippy::should_implement_trait, reason = "it never ends, and borrows nothing")]
    pub fn next(&mut self) -> Action {
        if let Some(end) = self.closing {
            return Action::Close(end);
        }
        if let Some(deadline) = self.expired.take() {
            return self.expire(deadline);
        }
        if self.barred {
            return self.bar();
        }
        if self.link == Link::Failed {
            return self.retry();
        }
        if let Some(route) = self.route.take() {
            self.link = Link::Routing;
            return Action::Route(route);
        }
        while let Some(cue) = self.cue() {
            if let Some(action) = self.play(cue) {
                return action;
            }
        }
        self.rest()
    }

    /// Nothing can be shown to the conversation now: what is waited for?
    fn rest(&mut self) -> Action {
        self.client.trim();
        self.server.trim();
        if self.events.is_empty() {
            self.events = VecDeque::new();
        }
        let client = self.room(Side::Client) > 0;
        let server = self.room(Side::Server) > 0;
        let pending = matches!(self.link, Link::Routing | Link::Issuing | Link::Answered)
            || [&self.client, &self.server].iter().any(|half| half.tls == Tls::Starting || half.held);
        if !client && !server && !pending {
            return self.stuck();
        }
        let need = match self.client.mood {
            Mood::NeedMore { .. } => Need::NeedMore,
            Mood::Fresh | Mood::Wait => Need::Wait,
        };
        Action::Read { client, server, need }
    }

    /// Nobody can say anything any more.
    fn stuck(&mut self) -> Action {
        if self.client.eof != Eof::Open {
            return self.close(End::ClientLeft);
        }
        // Both sides have filled their buffers, or the only one has, and the conversation waits for the other.
        self.fail(&Fault::gateway("conversation-stuck"))
    }

    pub(crate) fn close(&mut self, end: End) -> Action {
        self.closing = Some(end);
        self.client.buffer = BytesMut::new();
        self.server.buffer = BytesMut::new();
        Action::Close(end)
    }

    /// Ends with `fault`: first what the client is told, then closing. A server that fails before anything is
    /// committed is replaced instead.
    pub(crate) fn fail(&mut self, fault: &Fault) -> Action {
        if fault.blame == Blame::Server && self.link == Link::Up && !self.committed {
            return self.retry();
        }
        let close = self.close(End::Fault(fault.blame, fault.label));
        if fault.tell.is_empty() { close } else { Action::Write(Side::Client, fault.tell.clone()) }
    }

    pub(crate) fn retry(&mut self) -> Action {
        self.forget_server();
        self.link = Link::Routing;
        Action::Retry
    }

    /// Everything about the present server is gone: its bytes, its end, its answer that nobody heard.
    pub(crate) fn forget_server(&mut self) {
        self.server = Half::new(false);
        self.link = Link::None;
        self.committed = false;
        self.events.retain(|event| {
            !matches!(event, Event::Connected(_) | Event::Unavailable(_) | Event::Secured(Side::Server, _))
        });
        if self.turn == Some(Side::Server) {
            self.turn = None;
        }
    }

    fn arrived(&mut self, event: Event) {
        self.spent = Spent::default();
        self.events.push_back(event);
    }

    pub(crate) fn half(&self, side: Side) -> &Half {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    pub(crate) fn half_mut(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }
}

/// The labels of the gateway's faults that mean: the conversation broke the contract.
pub const BREACHES: &[&str] = &[
    "overdraw",
    "no-progress",
    "output-flood",
    "conversation-stuck",
    "pass-without-server",
    "relay-without-server",
    "commit-without-server",
    "tls-without-server",
    "tls-twice",
    "issue-with-server",
];
