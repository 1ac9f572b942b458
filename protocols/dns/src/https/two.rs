//! A client connection of HTTP/2: many requests at a time.

use std::cell::Cell;
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, DATE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use httpdate::HttpDate;
use sekisho_api::{Blame, BoxStream, Core, Deadline, End, Facts, Local};

use super::answer::answer;
use super::head::HEAD;
use super::reply::{Refusal, Reply};
use super::request::{MESSAGE, Said, Wanted, wanted};
use super::{Resolver, keep_alive};
use crate::stream::within;

type Accepted = (Request<RecvStream>, SendResponse<Bytes>);

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

/// What the requests of one connection tell it.
#[derive(Debug)]
struct Account {
    /// Requests under way.
    running: Cell<usize>,
    /// When a request last came or ended.
    moved: Cell<Instant>,
    /// Requests that were answered.
    answered: Cell<u64>,
    /// Requests that the client withdrew.
    withdrawn: Cell<u64>,
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
    fn begin(&self, (request, respond): Accepted, cx: &mut Context<'_>) {
        let running = Running::new(&self.account);
        let (front, facts) = (self.front.clone(), self.facts.clone());
        let mut task: Local<'static, ()> = Box::pin(exchange(front, facts, request, respond, running));
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

/// A request under way, counted while it lives.
struct Running(Rc<Account>);

impl Account {
    fn new(now: Instant) -> Self {
        Self {
            running: Cell::default(),
            moved: Cell::new(now),
            answered: Cell::default(),
            withdrawn: Cell::default(),
        }
    }
}

impl Running {
    fn new(account: &Rc<Account>) -> Self {
        account.running.set(account.running.get() + 1);
        Self(account.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.set(self.0.running.get().saturating_sub(1));
    }
}

/// Serves one request, unless the client withdraws it first.
async fn exchange<R: Resolver>(
    front: Rc<R>,
    facts: Rc<Facts>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    running: Running,
) {
    let bodiless = request.method() == Method::HEAD;
    let mut replying = pin!(reply(&front, &facts, request));
    let replied = poll_fn(|cx| match replying.as_mut().poll(cx) {
        Poll::Ready(reply) => Poll::Ready(Some(reply)),
        Poll::Pending => respond.poll_reset(cx).map(|_| None),
    });
    let account = &running.0;
    let Some(reply) = replied.await else {
        return account.withdrawn.set(account.withdrawn.get() + 1);
    };
    account.answered.set(account.answered.get() + 1);
    account.moved.set(front.core().now());
    // Only a client that withdrew the request or left makes these fail, and the connection sees that itself.
    if let Ok(mut stream) = respond.send_response(head(&reply), bodiless)
        && !bodiless
    {
        let _ = stream.send_data(reply.body, true);
    }
}

async fn reply<R: Resolver>(front: &Rc<R>, facts: &Rc<Facts>, request: Request<RecvStream>) -> Reply {
    let (head, body) = request.into_parts();
    let field = |name| head.headers.get(name).map(HeaderValue::as_bytes);
    let said = Said {
        method: head.method.as_str().as_bytes(),
        path: head.uri.path().as_bytes(),
        query: head.uri.query().map(str::as_bytes),
        content_type: field(CONTENT_TYPE),
        length: field(CONTENT_LENGTH).and_then(|length| str::from_utf8(length).ok()?.parse().ok()),
    };
    let core = &**front.core();
    let message = match wanted(&said, front.path().as_bytes()) {
        Ok(Wanted::Answer(message)) => message,
        Ok(Wanted::Body) => match within(core, core.now() + BODY_TIME, whole(body)).await {
            Some(Ok(message)) => message,
            Some(Err(refusal)) => return refusal.into(),
            None => return Refusal::Slow.into(),
        },
        Err(refusal) => {
            // Not all clients look at an answer that comes before the end of what they send.
            if refusal != Refusal::TooLarge {
                let _ = within(core, core.now() + BODY_TIME, whole(body)).await;
            }
            return refusal.into();
        }
    };
    drop(head);
    answer(front, facts, message).await
}

/// Reads a body: one message.
async fn whole(mut body: RecvStream) -> Result<Bytes, Refusal> {
    let Some(first) = piece(&mut body).await? else { return Ok(Bytes::new()) };
    if body.is_end_stream() {
        return Ok(first);
    }
    let mut message = BytesMut::from(first);
    while let Some(piece) = piece(&mut body).await? {
        if piece.len() > MESSAGE - message.len() {
            return Err(Refusal::TooLarge);
        }
        message.extend_from_slice(&piece);
    }
    Ok(message.freeze())
}

/// The next piece of a body; no piece is longer than a message.
async fn piece(body: &mut RecvStream) -> Result<Option<Bytes>, Refusal> {
    let piece = body.data().await.transpose().map_err(|_| Refusal::Malformed)?;
    // Fails only on a stream that is closed, which the next look at the body tells.
    let _ = body.flow_control().release_capacity(piece.as_ref().map_or(0, Bytes::len));
    Ok(piece)
}

/// The head of an answer.
fn head(reply: &Reply) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let fields = response.headers_mut();
    fields.reserve(5);
    if let Ok(date) = HeaderValue::try_from(HttpDate::from(SystemTime::now()).to_string()) {
        fields.insert(DATE, date);
    }
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(reply.kind));
    fields.insert(CONTENT_LENGTH, HeaderValue::from(reply.body.len()));
    let cache = match reply.max_age {
        Some(max_age) => HeaderValue::try_from(format!("max-age={max_age}")),
        None => Ok(HeaderValue::from_static("no-store")),
    };
    if let Ok(cache) = cache {
        fields.insert(CACHE_CONTROL, cache);
    }
    if let Some(allow) = reply.allow {
        fields.insert(ALLOW, HeaderValue::from_static(allow));
    }
    response
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
/// From a request's head to the last byte of its body.
const BODY_TIME: Duration = Duration::from_secs(5);
/// How long a client has to notice that it is asked to finish.
const PART_TIME: Duration = Duration::from_secs(2);
