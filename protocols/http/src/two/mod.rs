//! A client connection of HTTP/2: many requests at a time, each served as one of HTTP/1.1 is.
//!
//! | module | idea |
//! |---|---|
//! | `request` | what a request of HTTP/2 says, in the terms of HTTP/1.1 (RFC 9113, section 8.3.1) |
//! | `body` | its body, which asks the client for more only when the server has taken what came |
//! | `socket`, `duplex` | WebSockets (RFC 8441), and a stream of HTTP/2 as one of bytes
//! | `exchange`, `pump` | one stream: from its head to the last byte of the answer |
//! | `crew` | all of a connection's streams as one task |
//! | `account`, `wire` | what the streams, and the bytes that came, tell their connection |
//!
//! Framing, header compression and flow control are the `h2` crate's.

mod account;
mod body;
mod crew;
mod duplex;
mod exchange;
mod nowhere;
mod pump;
mod request;
mod socket;
mod wire;

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::server::{Builder, Connection};
use h2::{Reason, RecvStream, server::SendResponse};
use http::Request;
use sekisho_api::{Blame, BoxStream, Deadline, End, Facts, Local};

use crate::options::Options;
use crate::worker::{HttpWorker, book};
use account::{Account, Running};
pub(crate) use body::Streamed;
use crew::Crew;
pub(crate) use duplex::Duplex;
use exchange::Exchange;
pub(crate) use nowhere::Nowhere;
pub(crate) use socket::proof;
use wire::Wire;

/// A request that has come, and the way back.
type Accepted = (Request<RecvStream>, SendResponse<Bytes>);

/// Serves a connection to its end.
pub(crate) async fn serve(worker: Rc<HttpWorker>, stream: BoxStream, facts: Facts) -> End {
    let end = run(worker.clone(), stream, facts.clone()).await;
    // The requests have accounts of their own.
    if matches!(end, End::Fault(..) | End::Expired(Deadline::Head)) {
        book(&worker, &facts, end);
    }
    end
}

async fn run(worker: Rc<HttpWorker>, stream: BoxStream, facts: Facts) -> End {
    let core = worker.core.clone();
    let now = core.now();
    let account = Rc::new(Account::new(now));
    let wire = Wire::new(stream, account.clone());
    let mut shaking = Box::pin(settings(&worker.settings.options).handshake::<_, Bytes>(wire));
    let mut late = core.until(now + worker.settings.options.request_timeout);
    let shaken = poll_fn(|cx| match shaking.as_mut().poll(cx) {
        Poll::Ready(shaken) => Poll::Ready(Some(shaken)),
        Poll::Pending => late.as_mut().poll(cx).map(|()| None),
    });
    let connection = match shaken.await {
        Some(Ok(connection)) => connection,
        Some(Err(_)) if account.no_preface.get() => return End::Fault(Blame::Client, "http2-preface"),
        Some(Err(error)) => return end(&error),
        None => return End::Expired(Deadline::Head),
    };
    drop(shaking);
    let now = core.now();
    let mut crew = Crew::new();
    let mut serving = Box::new(Serving {
        timer: core.until(now + worker.settings.options.keep_alive_timeout),
        tick: None,
        drained: core.drained(),
        account,
        parting: None,
        connection,
        worker,
        facts,
    });
    let own = crew.waker();
    let end = poll_fn(|cx| {
        crew.awake(cx.waker());
        // What a request has to say is written at once, and what that makes room for is said as well. Others have their
        // turn before there is no end to it.
        for _ in 0..ROUNDS {
            crew.work(Exchange::poll);
            if crew.calls_owner()
                && let Poll::Ready(end) = serving.poll(&mut crew, &mut Context::from_waker(&own))
            {
                return Poll::Ready(end);
            }
            if crew.sleeps() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
    // Whoever is still busy hears that the client is gone.
    drop(serving);
    crew.work_all(Exchange::poll);
    end
}

/// What is offered to clients, and what bounds them.
fn settings(options: &Options) -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(options.max_streams)
        .max_header_list_size(u32::try_from(options.max_header_size).unwrap_or(u32::MAX))
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER)
        .max_concurrent_reset_streams(RESETS)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(Some(ERRORS))
        .reset_stream_duration(RESET_TIME);
    if options.websocket {
        builder.enable_connect_protocol();
    }
    builder
}

/// A connection being served.
struct Serving {
    connection: Connection<Wire, Bytes>,
    worker: Rc<HttpWorker>,
    facts: Facts,
    account: Rc<Account>,
    /// Ready when it may be time to part; a look that finds otherwise winds it up again.
    timer: Local<'static, ()>,
    /// Ready when the requests should look at their deadlines; `None` while there are none.
    tick: Option<Local<'static, ()>>,
    drained: Local<'static, ()>,
    /// Why the client was asked to finish.
    parting: Option<End>,
}

impl Serving {
    fn poll(&mut self, crew: &mut Crew<Exchange>, cx: &mut Context<'_>) -> Poll<End> {
        // All requests that came together are begun before anything is written, so that what can be answered at once
        // leaves in one piece: that they have something to write calls for the connection again.
        let mut now = None;
        let over = loop {
            match self.connection.poll_accept(cx) {
                Poll::Ready(Some(Ok(request))) => {
                    let now = *now.get_or_insert_with(|| self.worker.core.now());
                    self.begin(request, now).into_iter().for_each(|request| crew.add(request));
                }
                Poll::Ready(Some(Err(error))) => break Some(end(&error)),
                Poll::Ready(None) => break Some(End::Done),
                Poll::Pending => break None,
            }
        };
        if let Some(end) = over {
            return Poll::Ready(self.parting.unwrap_or(end));
        }
        if let Some(now) = now {
            self.account.moved.set(now);
        }
        if self.account.withdrawn.get() > self.account.answered.get() + WITHDRAWN {
            self.cut("rapid-reset", cx);
        }
        if self.account.is_noise(|| self.worker.core.now()) {
            self.cut("http2-flood", cx);
        }
        if self.parting.is_none() && self.drained.as_mut().poll(cx).is_ready() {
            self.part(End::Drained, cx);
        }
        self.tick(crew, cx);
        self.look(cx)
    }

    /// Begins a request that came at `now`.
    fn begin(&self, accepted: Accepted, now: Instant) -> Option<Box<Exchange>> {
        let running = Running::new(&self.account);
        self.account.head(accepted.0.headers());
        Exchange::new(self.worker.clone(), self.facts.clone(), accepted, running, now)
    }

    /// Ends the connection of a client that does harm.
    fn cut(&mut self, label: &'static str, cx: &mut Context<'_>) {
        if !matches!(self.parting, Some(End::Fault(..))) {
            self.parting = Some(End::Fault(Blame::Client, label));
            self.connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
            self.timer = self.until(CUT_TIME);
            cx.waker().wake_by_ref();
        }
    }

    /// Asks the client to finish (RFC 9113, section 6.8).
    fn part(&mut self, end: End, cx: &mut Context<'_>) {
        self.parting = Some(end);
        self.connection.graceful_shutdown();
        self.timer = self.until(PART_TIME.min(self.worker.settings.options.keep_alive_timeout));
        cx.waker().wake_by_ref();
    }

    /// Has the requests look at their deadlines when it is time.
    fn tick(&mut self, crew: &mut Crew<Exchange>, cx: &mut Context<'_>) {
        let running = self.account.running.get() > 0;
        if running && self.tick.is_none() {
            self.tick = Some(self.worker.tick());
        }
        while self.tick.as_mut().is_some_and(|tick| tick.as_mut().poll(cx).is_ready()) {
            self.tick = running.then(|| self.worker.tick());
            match running {
                true => crew.work_all(Exchange::look),
                false => crew.rest(),
            }
        }
    }

    /// Looks whether nothing has happened for too long.
    fn look(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = self.worker.core.now();
            let running = self.account.running.get() > 0;
            let rested = now.saturating_duration_since(self.account.moved.get());
            let longest = self.worker.settings.options.keep_alive_timeout;
            match self.parting {
                Some(end @ End::Fault(..)) => return Poll::Ready(end),
                Some(_) if running => self.timer = self.until(PART_TIME),
                Some(end) => return Poll::Ready(end),
                None if running => self.timer = self.until(longest),
                None if rested < longest => self.timer = self.until(longest - rested),
                None => self.part(End::Expired(Deadline::Idle), cx),
            }
        }
        Poll::Pending
    }

    fn until(&self, time: Duration) -> Local<'static, ()> {
        let core = &self.worker.core;
        core.until(core.now() + time)
    }
}

/// What an error of the codec says of the client.
fn end(error: &h2::Error) -> End {
    match error.reason() {
        _ if error.is_io() || error.is_remote() => End::ClientLeft,
        Some(Reason::NO_ERROR) => End::Done,
        Some(Reason::ENHANCE_YOUR_CALM) => End::Fault(Blame::Client, "http2-flood"),
        _ => End::Fault(Blame::Client, "http2-protocol"),
    }
}

/// How often in a row a connection does what there is to do before others have their turn.
const ROUNDS: usize = 8;
/// What a stream may send before its server has taken it: what a fast upload needs over ten milliseconds.
const STREAM_WINDOW: u32 = 256 * 1024;
/// The same for all streams of a connection together: the most memory that one client's uploads take. Large enough that a
/// few uploads that are stuck stop no other, and that small frames are not taken for a flood: `h2` bears as many of them
/// unread as half of it has room for.
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// What of an answer waits for the client at the most, beside what the kernel holds.
const SEND_BUFFER: usize = 64 * 1024;
/// Streams that the client withdrew and that are still remembered, or not even looked at.
const RESETS: usize = 20;
/// For how long they are remembered.
const RESET_TIME: Duration = Duration::from_secs(5);
/// Broken streams of one connection.
const ERRORS: usize = 100;
/// How many requests more than were answered a client may withdraw (CVE-2023-44487).
const WITHDRAWN: u64 = 100;
/// How long a client has to take its last answers once it is asked to finish. Who has nothing to take leaves at once.
const PART_TIME: Duration = Duration::from_secs(10);
/// How long one has that is cut, to take the word for it.
const CUT_TIME: Duration = Duration::from_secs(1);
