//! A connection of HTTP/2 that many requests share.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Reason, SendStream};
use http::{Request, header::HeaderMap};
use sekisho_api::{BoxStream, Core, Failure, Server};

use super::driver::{Life, Wire, drive};
use super::pulse::{Pulse, Rhythm};
use crate::gate::Gate;

/// A connection to a server, for as many requests at once as both sides allow. A task of its own drives it; it closes
/// when nobody holds it any more and its last request is over.
pub(crate) struct Connection {
    send: RefCell<SendRequest<Bytes>>,
    /// The server is told of TLS: what it is asked for has that scheme.
    secure: bool,
    /// Requests under way, and whether the server is still there.
    life: Rc<Life>,
    /// The most of them.
    most: usize,
    /// No further request goes over it, whatever the server says.
    aside: Cell<bool>,
    /// When a look found that nothing was under way.
    rested: Cell<Option<Instant>>,
    /// It has rested for so long that its server may have gone meanwhile.
    stale: Cell<bool>,
    /// After how long that is so; zero: never.
    patience: Duration,
    /// How many there are may be limited: whom to offer its room, and as which worker's.
    gate: Option<(Arc<Gate>, usize)>,
}

/// What a connection is held to.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    /// The most requests at once.
    pub(crate) most: u32,
    /// The largest head of an answer.
    pub(crate) max_head: usize,
    /// How its server is asked for signs of life.
    pub(crate) rhythm: Rhythm,
    /// Where connections are limited: the server's gate, and the worker's number there.
    pub(crate) gate: Option<(Arc<Gate>, usize)>,
}

impl Connection {
    /// Begins HTTP/2 on a fresh connection. It is there when the server has said what it allows, which shows that it
    /// speaks HTTP/2 at all.
    ///
    /// # Errors
    /// How the server failed.
    pub(crate) async fn open(
        stream: BoxStream,
        core: &Rc<dyn Core>,
        server: &Arc<dyn Server>,
        terms: Terms,
    ) -> Result<Rc<Self>, Failure> {
        let secure = stream.tls().is_some();
        let mut late = core.until(core.now() + SETTINGS_TIME);
        let life = Rc::<Life>::default();
        let wire = Wire::new(stream, life.clone());
        let opened = async {
            let settings = settings(terms.most, terms.max_head);
            let (send, mut driver) = settings.handshake::<_, Bytes>(wire).await.map_err(|e| failure(&e))?;
            poll_fn(|cx| match Pin::new(&mut driver).poll(cx) {
                Poll::Ready(Ok(())) => Poll::Ready(Err(Failure::Reset)),
                Poll::Ready(Err(error)) => Poll::Ready(Err(failure(&error))),
                // None are allowed before the server's settings are there.
                Poll::Pending if send.current_max_send_streams() > 0 => Poll::Ready(Ok(())),
                Poll::Pending => Poll::Pending,
            })
            .await?;
            Ok((send, driver))
        };
        let mut opened = std::pin::pin!(opened);
        let opened = poll_fn(|cx| match opened.as_mut().poll(cx) {
            Poll::Pending => late.as_mut().poll(cx).map(|()| Err(Failure::ResponseTimeout)),
            opened => opened,
        });
        let (send, driver) = opened.await?;
        let pulse = Pulse::new(terms.rhythm, core.now());
        core.spawn(Box::pin(drive(driver, life.clone(), pulse, core.clone(), server.clone())));
        Ok(Rc::new(Self {
            send: RefCell::new(send),
            secure,
            life,
            most: terms.most as usize,
            aside: Cell::new(false),
            rested: Cell::new(None),
            stale: Cell::new(false),
            patience: terms.rhythm.interval,
            gate: terms.gate,
        }))
    }

    /// Whether it is alive, and its server has not asked to finish (RFC 9113, section 6.8).
    pub(crate) fn lives(&self) -> bool {
        let cx = &mut Context::from_waker(Waker::noop());
        !self.aside.get() && matches!(self.send.borrow_mut().poll_ready(cx), Poll::Ready(Ok(())))
    }

    /// A place on it, unless it is full.
    pub(crate) fn place(self: &Rc<Self>) -> Option<Place> {
        let most = self.most.min(self.send.borrow().current_max_send_streams());
        let running = &self.life.running;
        (running.get() < most).then(|| {
            running.set(running.get() + 1);
            self.rested.set(None);
            if self.stale.take() {
                self.life.doubt();
            }
            Place(self.clone())
        })
    }

    /// Whether it is idle, and another worker has use for another one in its place.
    pub(crate) fn is_in_the_way(&self) -> bool {
        let wanted = |(gate, worker): &(Arc<Gate>, usize)| gate.is_wanted() && !gate.offer(*worker);
        self.life.running.get() == 0 && self.gate.as_ref().is_some_and(wanted)
    }

    /// For how long nothing has been under way, as far as looks like this one have found.
    pub(crate) fn rested(&self, now: Instant) -> Duration {
        if self.life.running.get() > 0 {
            return Duration::ZERO;
        }
        let since = self.rested.get().unwrap_or(now);
        self.rested.set(Some(since));
        let rested = now.saturating_duration_since(since);
        self.stale.set(!self.patience.is_zero() && rested >= self.patience);
        rested
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("running", &self.life.running.get()).finish_non_exhaustive()
    }
}

/// A place on a connection, for one request.
#[derive(Debug)]
pub(crate) struct Place(Rc<Connection>);

impl Place {
    /// Begins a request there.
    pub(super) fn begin(
        &self,
        request: Request<()>,
        bodiless: bool,
    ) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
        let mut send = self.0.send.borrow().clone();
        send.send_request(request, bodiless)
    }

    /// Whether the server can be asked for another protocol (RFC 8441, section 3).
    pub(super) fn changes(&self) -> bool {
        self.0.send.borrow().is_extended_connect_protocol_enabled()
    }

    /// Whether the connection to the server is a secure one.
    pub(super) fn secure(&self) -> bool {
        self.0.secure
    }

    /// No further request goes over the connection: it may be dead without a word.
    pub(super) fn doubt(&self) {
        self.0.aside.set(true);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let running = &self.0.life.running;
        running.set(running.get().saturating_sub(1));
        if let Some((gate, worker)) = &self.0.gate
            && gate.is_wanted()
            && !gate.offer(*worker)
            && running.get() == 0
        {
            self.0.aside.set(true);
        }
    }
}

/// What is offered to servers, and what bounds them.
fn settings(most: u32, max_head: usize) -> Builder {
    // The window of all streams together holds what those of each may, so that clients that do not take their answers
    // never stop others.
    let window = most.saturating_mul(STREAM_WINDOW).clamp(CONNECTION_WINDOW, MOST_WINDOW);
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .initial_max_send_streams(0)
        .max_header_list_size(u32::try_from(max_head).unwrap_or(u32::MAX))
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(window)
        .max_send_buffer_size(SEND_BUFFER)
        .max_concurrent_reset_streams(RESETS)
        .max_local_error_reset_streams(Some(ERRORS))
        .reset_stream_duration(RESET_TIME);
    builder
}

/// How a server failed on whose connection nothing can be said.
fn failure(error: &h2::Error) -> Failure {
    if error.is_io() || error.reason() == Some(Reason::NO_ERROR) {
        Failure::Reset
    } else {
        Failure::Malformed
    }
}

/// Whether a header field belongs to a connection and has no place in HTTP/2 (RFC 9113, section 8.2.2).
pub(super) fn remove_connection_fields(headers: &mut HeaderMap) {
    use http::header::{CONNECTION, TRANSFER_ENCODING, UPGRADE};
    for name in [CONNECTION, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers.remove("proxy-connection");
    headers.remove("http2-settings");
}

/// How long a server may take to say what it allows, which is the first that it says.
const SETTINGS_TIME: Duration = Duration::from_secs(5);
/// What of an answer waits for its client at the most.
const STREAM_WINDOW: u32 = 256 * 1024;
/// The least for a connection: `h2` bears as many small frames unread as half of it has room for.
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// RFC 9113, section 6.9.1.
const MOST_WINDOW: u32 = (1 << 31) - 1;
/// What of a request's body waits for the server at the most, beside what the kernel holds.
const SEND_BUFFER: usize = 64 * 1024;
/// Requests that clients withdrew and that are still remembered: what comes late for one that is forgotten counts as an
/// error of the server's.
const RESETS: usize = 1024;
/// For how long they are remembered.
const RESET_TIME: Duration = Duration::from_secs(10);
/// Broken streams in the connection's life.
const ERRORS: usize = 10_000;
