//! What the requests of one client connection share, and what its deadlines are reckoned from.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use sekisho_api::{BoxStream, Deadline, Facts, Key, Local, Rewound, Route, Server};

use crate::codec::{Inbound, Upstream};
use crate::deadlines::{Limits, Over};
use crate::forward::Own;
use crate::two::Nowhere;
use crate::worker::HttpWorker;

/// One client connection. It lives as long as the connection does, so it holds nothing that an idle one can do
/// without.
pub(crate) struct Conn {
    pub(crate) worker: Rc<HttpWorker>,
    pub(crate) facts: Facts,
    /// The client. In a cell because a request's body is read in the midst of the request being served.
    pub(crate) stream: RefCell<BoxStream>,
    /// What was read from the client and not taken yet; between two requests nearly always nothing.
    pub(crate) inbound: RefCell<Inbound>,
    /// The forwarding fields' values; made at the first request, forgotten while idle.
    pub(crate) own: RefCell<Option<Rc<Own>>>,
    /// A connection to the server of this id that was told of this client and serves no other.
    kept: RefCell<Option<(u64, Box<Upstream>)>>,
    phase: Cell<Phase>,
    /// A byte moved since the last look, on either side. Reading the clock for every byte would be measurable.
    stirred: Cell<bool>,
    /// The last look that found that a byte had moved.
    moved: Cell<Instant>,
    expired: Cell<Option<Deadline>>,
    upload: Cell<UploadState>,
    /// A request has come.
    asked: Cell<bool>,
    /// Only the connection's end tells the client that the answer is complete.
    close_delimited: Cell<bool>,
    half_closed: Cell<Option<Instant>>,
    /// Something panicked over the request under way.
    panicked: Cell<bool>,
    /// Whether an operator can see the request under way, and has ended it.
    listing: Cell<Listing>,
    kicked: Cell<bool>,
    /// The user of the last request, where it had one.
    last: Cell<Option<Box<Last>>>,
    /// What else the request under way is held to; mostly nothing.
    limits: Cell<Option<Box<Limits>>>,
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing, since then.
    Idle(Instant),
    /// Reading a request's head; the first look that found it begun.
    Head(Option<Instant>),
    /// Waiting for a server; the core has deadlines of its own for that.
    Choosing,
    /// The request is under way to its server, which has not answered yet.
    Waiting,
    /// The answer is under way to the client.
    Answering,
}

/// Whether an operator can see the request under way. Only what goes on for longer than a moment is listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Listing {
    /// It is young.
    #[default]
    No,
    /// It was there at the last look.
    Old,
    /// It is to be listed.
    Due,
    /// It is listed.
    Yes,
}

/// Whom a connection served last.
#[derive(Debug)]
struct Last {
    user: Key,
    pool: usize,
    server: Arc<dyn Server>,
    since: Instant,
}

/// What became of the request's body so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct UploadState {
    /// Bytes of it.
    pub(crate) bytes: u64,
    /// All of it has been read.
    pub(crate) done: bool,
    /// The client is what everybody waits for.
    pub(crate) starved: bool,
    /// Why it will never be complete.
    pub(crate) fault: Option<UploadFault>,
}

/// Why a request's body will never be complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UploadFault {
    /// Its chunks do not follow RFC 9112, section 7.1. The client is to blame.
    #[error("malformed request body")]
    Malformed,
    /// The client left before its end.
    #[error("incomplete request body")]
    Left,
    /// It is larger than the VIP allows.
    #[error("request body too large")]
    TooLarge,
}

/// What a look at the deadlines found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing.
    Nothing,
    /// The connection has been idle for long enough to give back what it holds.
    Rest,
    /// The request's head did not arrive in time.
    Head,
    /// This deadline passed, and whoever waits finds it in [`Conn::expired`].
    Expired,
    /// This deadline passed and nobody can do anything but close.
    Abort(Deadline),
    /// The operator has ended the request.
    Kicked,
    /// The client may have left without a word: worth a look.
    Suspect,
}

impl Conn {
    pub(crate) fn new(worker: Rc<HttpWorker>, stream: BoxStream, facts: Facts) -> Self {
        let now = worker.core.now();
        Self::begun(worker, stream, facts, now)
    }

    /// One that began at `now`.
    pub(crate) fn begun(worker: Rc<HttpWorker>, stream: BoxStream, facts: Facts, now: Instant) -> Self {
        Self {
            worker,
            facts,
            stream: RefCell::new(stream),
            inbound: RefCell::default(),
            own: RefCell::default(),
            kept: RefCell::default(),
            phase: Cell::new(Phase::Idle(now)),
            stirred: Cell::new(false),
            moved: Cell::new(now),
            expired: Cell::default(),
            upload: Cell::default(),
            asked: Cell::default(),
            close_delimited: Cell::default(),
            half_closed: Cell::default(),
            panicked: Cell::default(),
            listing: Cell::default(),
            kicked: Cell::default(),
            last: Cell::default(),
            limits: Cell::default(),
        }
    }

    /// Takes the client's stream out, with what was read of it and not taken. Nothing can be done with the rest.
    pub(crate) fn rewind(&self) -> BoxStream {
        let read = self.inbound.take().into_bytes();
        let stream = self.stream.replace(Box::new(Nowhere));
        Rewound::wrap(&read, stream)
    }

    /// Whether the client may begin with HTTP/2 (RFC 9113, section 3.3): nothing else was spoken before, and nothing else
    /// agreed on. What somebody in front passes on later may not be its own client's word.
    pub(crate) fn may_change(&self) -> bool {
        !self.asked.get() && self.facts.tls.as_ref().is_none_or(|tls| tls.alpn.is_none())
    }

    /// Tells the client what interim answers there are. Whether it hears them shows when it is answered.
    pub(crate) fn tell(&self, cx: &mut Context<'_>) {
        let _ = self.inbound.borrow_mut().poll_tell(&mut self.stream.borrow_mut(), cx);
    }

    /// Keeps a connection to a server for this client's next request.
    pub(crate) fn keep(&self, server: u64, upstream: Box<Upstream>) {
        if self.worker.settings.options.server_idle_max > 0 {
            self.kept.replace(Some((server, upstream)));
        }
    }

    /// The connection kept for this client's next request, if it leads to this server and is alive. It is young: an
    /// idle client keeps none.
    pub(crate) fn take_kept(&self, server: u64) -> Option<Box<Upstream>> {
        let (led, mut upstream) = self.kept.take()?;
        (led == server && upstream.idle()).then_some(upstream)
    }

    /// The connection has nothing to do: gives back what only a busy one needs.
    pub(crate) fn rest(&self) {
        self.own.take();
        self.kept.take();
        self.limits.take();
        self.phase.set(Phase::Idle(self.now()));
    }

    /// The forwarding fields' values.
    pub(crate) fn own(&self) -> Rc<Own> {
        self.own.borrow_mut().get_or_insert_default().clone()
    }

    pub(crate) fn now(&self) -> Instant {
        self.worker.core.now()
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        self.phase.set(phase);
    }

    /// A request begins.
    pub(crate) fn begin(&self, upload_done: bool) {
        self.phase.set(Phase::Choosing);
        self.asked.set(true);
        self.upload.set(UploadState { done: upload_done, ..UploadState::default() });
        self.half_closed.set(None);
        self.expired.set(None);
        self.close_delimited(false);
        self.listing.set(Listing::No);
        self.limits.set(self.worker.settings.deadlines.begin(|| self.now()));
    }

    /// A server is tried that may take only so long to answer, because another one may be tried after it.
    pub(crate) fn begin_try(&self, per_try: Option<Duration>) {
        self.expired.set(None);
        let mut limits = self.limits.take();
        if per_try.is_some() || limits.is_some() {
            limits.get_or_insert_default().set_per_try(per_try);
        }
        self.limits.set(limits);
    }

    /// The request may take as long as it likes from here on.
    pub(crate) fn unlimit(&self) {
        self.limits.take();
    }

    /// What `future` gives, unless the request's time is over before.
    ///
    /// # Errors
    /// The deadline that passed.
    pub(crate) fn in_time<T>(
        &self,
        mut future: Pin<&mut (impl Future<Output = T> + ?Sized)>,
    ) -> impl Future<Output = Result<T, Deadline>> {
        poll_fn(move |cx| match self.expired.get() {
            Some(deadline) => Poll::Ready(Err(deadline)),
            None => future.as_mut().poll(cx).map(Ok),
        })
    }

    /// A byte moved, on either side.
    pub(crate) fn touch(&self) {
        self.stirred.set(true);
    }

    /// Something panicked over the request under way: its account says so.
    pub(crate) fn panicked(&self) {
        self.panicked.set(true);
    }

    /// Whether something has panicked, or is about to have.
    pub(crate) fn has_panicked(&self) -> bool {
        self.panicked.get() || std::thread::panicking()
    }

    /// Whether the request under way has gone on for so long that it is to be listed.
    pub(crate) fn is_listing_due(&self) -> bool {
        self.listing.get() == Listing::Due
    }

    /// The request under way is listed as long as it goes on; `kicked` is ready when the operator has ended it.
    pub(crate) fn list(&self, kicked: Local<'static, ()>) {
        self.listing.set(Listing::Yes);
        let mut limits = self.limits.take().unwrap_or_default();
        limits.set_kicked(Some(kicked));
        self.limits.set(Some(limits));
    }

    /// What is listed is over, or has another server.
    pub(crate) fn unlist(&self) {
        if self.listing.replace(Listing::No) == Listing::Yes
            && let Some(mut limits) = self.limits.take()
        {
            limits.set_kicked(None);
            self.limits.set(Some(limits));
        }
    }

    /// Whether the operator has ended the request under way.
    pub(crate) fn is_kicked(&self) -> bool {
        self.kicked.get()
    }

    /// The connection is this user's from now on, who got this server since then.
    pub(crate) fn remember(&self, user: Key, pool: usize, server: &Arc<dyn Server>, since: Instant) {
        let last = match self.last.take() {
            // The usual case, in which nothing is shared with other workers.
            Some(last) if last.user == user && last.pool == pool && last.server.id() == server.id() => {
                Box::new(Last { since, ..*last })
            }
            _ => Box::new(Last { user, pool, server: server.clone(), since }),
        };
        self.last.set(Some(last));
    }

    /// The last request was nobody's in particular.
    pub(crate) fn forget_user(&self) {
        self.last.take();
    }

    /// Lists a connection that is idle and its user's: ready when the operator has ended it.
    pub(crate) fn list_idle(&self) -> Option<Local<'static, ()>> {
        let last = self.last.take()?;
        let route = Route { pool: last.pool, ..Route::new() }.with_key(Some(last.user.clone()));
        let kicked = self.worker.core.list(&self.facts, last.since, &route, &last.server);
        self.last.set(Some(last));
        Some(kicked)
    }

    /// The deadline that passed while somebody waited.
    pub(crate) fn expired(&self) -> Option<Deadline> {
        self.expired.get()
    }

    pub(crate) fn upload(&self) -> UploadState {
        self.upload.get()
    }

    pub(crate) fn update_upload(&self, update: impl FnOnce(&mut UploadState)) {
        let mut upload = self.upload.get();
        update(&mut upload);
        self.upload.set(upload);
    }

    /// The client sent bytes.
    pub(crate) fn heard(&self) {
        self.touch();
        if matches!(self.phase.get(), Phase::Idle(_)) {
            self.phase.set(Phase::Head(None));
        }
    }

    /// Whether only the connection's end will tell the client that the answer under way is complete.
    pub(crate) fn close_delimited(&self, delimited: bool) {
        self.close_delimited.set(delimited);
    }

    /// Prepares the stream for being dropped in the midst of an answer: where the connection's end would pass for
    /// the answer's, it is reset instead.
    pub(crate) fn break_off(&self) {
        if self.close_delimited.get()
            && let Some(socket) = self.stream.borrow_mut().plain()
        {
            let _ = socket.set_zero_linger();
        }
    }

    /// Whether the last thing that happened is in nobody's account: bytes that never became a request.
    pub(crate) fn unbooked(&self) -> bool {
        matches!(self.phase.get(), Phase::Head(_))
    }

    /// The client ended its side while a request is being served: it is given a while to take the answer.
    pub(crate) fn half_closed(&self) {
        if self.half_closed.get().is_none() {
            self.half_closed.set(Some(self.now()));
        }
    }

    /// Looks at the deadlines. They are as exact as the looks are frequent: up to one of them late.
    pub(crate) fn due(&self, now: Instant) -> Due {
        let options = &self.worker.settings.options;
        let since = |then: Instant| now.saturating_duration_since(then);
        if self.stirred.replace(false) {
            self.moved.set(now);
        }
        let (over, per_try, kicked) = self.look_at_limits(now);
        if kicked {
            self.kicked.set(true);
            return Due::Kicked;
        }
        if matches!(self.phase.get(), Phase::Waiting | Phase::Answering) {
            self.listing.set(match self.listing.get() {
                Listing::No => Listing::Old,
                Listing::Old => Listing::Due,
                other => other,
            });
        }
        match over {
            Some(Over::Total) if self.phase.get() == Phase::Answering => return Due::Abort(Deadline::Total),
            Some(Over::Total) => return self.expire(Deadline::Total),
            Some(Over::Pace) => return self.expire(Deadline::Idle),
            None => {}
        }
        let patience =
            per_try.map_or(self.worker.response_timeout, |per_try| per_try.min(self.worker.response_timeout));
        match self.phase.get() {
            Phase::Idle(then) if since(then) >= options.keep_alive_timeout => Due::Abort(Deadline::Idle),
            Phase::Idle(then) if since(then) >= REST_AFTER.min(self.worker.tick) => Due::Rest,
            Phase::Idle(_) => Due::Nothing,
            Phase::Head(None) => {
                self.phase.set(Phase::Head(Some(now)));
                Due::Nothing
            }
            Phase::Head(Some(then)) if since(then) >= options.request_timeout => Due::Head,
            Phase::Head(_) => Due::Nothing,
            Phase::Waiting if self.upload().done && since(self.moved.get()) >= patience => {
                self.expire(Deadline::Response)
            }
            Phase::Waiting if !self.upload().done && since(self.moved.get()) >= options.body_timeout => {
                self.expire(if self.upload().starved { Deadline::Idle } else { Deadline::Response })
            }
            Phase::Answering if since(self.moved.get()) >= options.body_timeout => Due::Abort(Deadline::Idle),
            Phase::Choosing | Phase::Waiting | Phase::Answering => match self.half_closed.get() {
                Some(then) if since(then) >= HALF_CLOSED && self.phase.get() != Phase::Answering => {
                    Due::Abort(Deadline::HalfClosed)
                }
                Some(_) => Due::Nothing,
                None if self.upload().done => Due::Suspect,
                None => Due::Nothing,
            },
        }
    }

    /// Which limit is over, how long this server may take to answer, and whether the operator has ended the request.
    fn look_at_limits(&self, now: Instant) -> (Option<Over>, Option<Duration>, bool) {
        let Some(mut limits) = self.limits.take() else { return (None, None, false) };
        let over = limits.over(self.phase.get(), self.upload(), now);
        let found = (over, limits.per_try(), limits.is_kicked());
        self.limits.set(Some(limits));
        found
    }

    fn expire(&self, deadline: Deadline) -> Due {
        self.expired.set(Some(deadline));
        Due::Expired
    }
}

impl fmt::Debug for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conn").field("client", &self.facts.client).field("phase", &self.phase).finish()
    }
}

/// How long a connection keeps its codec between two requests. Busy clients come back sooner, and building it costs
/// no more than a few allocations.
const REST_AFTER: Duration = Duration::from_secs(1);
/// How long a client that ended its side is served on: long enough for one that means it (`nc -N`), short enough to
/// free the server from one that is gone.
const HALF_CLOSED: Duration = Duration::from_secs(3);
