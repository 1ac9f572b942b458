//! A client connection of HTTP/2: many requests at a time.

mod account;
mod exchange;

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use h2::server::{Builder, Connection};
use sekisho_api::{Blame, BoxStream, Core, Deadline, End, Facts, Local};

use super::head::HEAD;
use super::request::MESSAGE;
use super::{Resolver, keep_alive};
use crate::stream::within;
use account::{Account, Running};
use exchange::{Accepted, exchange};

/// Serves a connection to its end.
pub(super) async fn serve<R: Resolver>(front: Rc<R>, stream: BoxStream, facts: Rc<Facts>) -> End {
    let core = front.core().clone();
    let shaking = settings(front.in_flight()).handshake(stream);
    let connection = match within(&*core, core.now() + HANDSHAKE_TIME, shaking).await {
        Some(Ok(connection)) => connection,
        Some(Err(error)) => return end(&error),
        None => return End::Expired(Deadline::Head),
    };
    let now = core.now();
    let mut serving = Serving {
        timer: core.until(now + keep_alive(&*front)),
        drained: core.drained(),
        account: Rc::new(Account::new(now)),
        parting: None,
        connection,
        front,
        core,
        facts,
    };
    poll_fn(|cx| serving.poll(cx)).await
}

/// What is offered to clients, and what bounds them. Windows are small: a query is one short message.
fn settings(in_flight: usize) -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(u32::try_from(in_flight).unwrap_or(u32::MAX))
        .max_header_list_size(HEAD as u32)
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_send_buffer_size(MESSAGE + 1)
        .max_concurrent_reset_streams(RESETS)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(Some(ERRORS))
        .reset_stream_duration(RESET_TIME);
    builder
}

/// A connection being served.
struct Serving<R: Resolver> {
    connection: Connection<BoxStream, Bytes>,
    front: Rc<R>,
    core: Rc<dyn Core>,
    facts: Rc<Facts>,
    account: Rc<Account>,
    /// Ready when it may be time to part; a look that finds otherwise winds it up again.
    timer: Local<'static, ()>,
    drained: Local<'static, ()>,
    /// Why the client was asked to finish.
    parting: Option<End>,
}

impl<R: Resolver> Serving<R> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        loop {
            let mut accepted: Vec<Accepted> = Vec::new();
            let over = loop {
                match self.connection.poll_accept(cx) {
                    Poll::Ready(Some(Ok(request))) => accepted.push(request),
                    Poll::Ready(Some(Err(error))) => break Some(end(&error)),
                    Poll::Ready(None) => break Some(End::Done),
                    Poll::Pending => break None,
                }
            };
            if let Some(end) = over {
                return Poll::Ready(self.parting.unwrap_or(end));
            }
            if accepted.is_empty() {
                break;
            }
            // All requests that came together are begun before anything is written, so that what can be answered
            // at once leaves in one piece.
            self.account.moved.set(self.core.now());
            for request in accepted {
                self.begin(request, cx);
            }
        }
        if self.account.withdrawn.get() > self.account.answered.get() + WITHDRAWN
            && self.parting.replace(End::Fault(Blame::Client, "rapid-reset")).is_none()
        {
            self.connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
            self.timer = self.core.until(self.core.now() + PART_TIME);
            cx.waker().wake_by_ref();
        }
        if self.parting.is_none() && self.drained.as_mut().poll(cx).is_ready() {
            self.part(End::Drained, cx);
        }
        self.look(cx)
    }

    /// Begins a request; what cannot be answered at once goes on beside the connection.
    fn begin(&self, accepted: Accepted, cx: &mut Context<'_>) {
        let running = Running::new(&self.account);
        let (front, facts) = (self.front.clone(), self.facts.clone());
        let mut task: Local<'static, ()> = Box::pin(exchange(front, facts, accepted, running));
        if task.as_mut().poll(cx).is_pending() {
            self.core.spawn(task);
        }
    }

    /// Asks the client to finish (RFC 9113, section 6.8).
    fn part(&mut self, end: End, cx: &mut Context<'_>) {
        self.parting = Some(end);
        self.connection.graceful_shutdown();
        self.timer = self.core.until(self.core.now() + PART_TIME);
        cx.waker().wake_by_ref();
    }

    /// Looks whether nothing has happened for too long.
    fn look(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = self.core.now();
            let running = self.account.running.get() > 0;
            let rested = now.saturating_duration_since(self.account.moved.get());
            let longest = keep_alive(&*self.front);
            match self.parting {
                Some(_) if running => self.timer = self.core.until(now + PART_TIME),
                Some(end) => return Poll::Ready(end),
                None if running => self.timer = self.core.until(now + longest),
                None if rested < longest => self.timer = self.core.until(now + (longest - rested)),
                None => self.part(End::Expired(Deadline::Idle), cx),
            }
        }
        Poll::Pending
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

/// The windows of a stream and of a connection: one message of any length, and what HTTP/2 begins with anyhow.
const WINDOW: u32 = 65_535;
/// Streams that the client withdrew and that are still remembered, or not even looked at.
const RESETS: usize = 20;
/// For how long they are remembered.
const RESET_TIME: Duration = Duration::from_secs(5);
/// Broken streams of one connection.
const ERRORS: usize = 100;
/// How many requests more than were answered a client may withdraw (CVE-2023-44487).
const WITHDRAWN: u64 = 100;
/// For HTTP/2's preface and first settings.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// How long a client has to take its last answers once it is asked to finish. Who has nothing to take leaves at once.
const PART_TIME: Duration = Duration::from_secs(10);
