//! Two streams that belong together, byte for byte, once a server has switched protocols (RFC 9110, section 7.8).

mod direction;

use std::fmt;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use http::Response;
use sekisho_api::{Blame, BoxStream, Deadline, End, Failure, Local};

use self::direction::{Direction, Failed};
use super::client::Upstream;
use super::download::Download;
use crate::answer::Answer;
use crate::exchange::Exchange;

/// A client's connection and a server's that are one from now on. The server is kept busy, and the request is accounted
/// for, until it ends.
pub(crate) struct Tunnel {
    exchange: Exchange,
    server: BoxStream,
    up: Direction,
    down: Direction,
    /// When a byte last moved, or a side ended.
    active: Instant,
    /// Looked at again when it is ready: it only ever moves away, but for the end of a side.
    deadline: Local<'static, ()>,
    half: bool,
    /// Bytes that are in the account, both ways.
    reported: (u64, u64),
    /// Ready when the operator has ended it.
    kicked: Local<'static, ()>,
    end: Option<End>,
}

impl Tunnel {
    /// Begins with what the server said behind its answer.
    pub(super) fn new(upstream: Box<Upstream>, exchange: Exchange) -> Box<Self> {
        let conn = exchange.conn();
        let (server, rest) = upstream.switch(&conn.worker.buffers);
        let active = conn.now();
        let deadline = conn.worker.core.until(active + conn.worker.settings.options.tunnel_timeout);
        Box::new(Self {
            server,
            up: Direction::new(BytesMut::new()),
            down: Direction::new(rest),
            active,
            deadline,
            half: false,
            reported: (0, 0),
            kicked: exchange.list_tunnel(),
            end: None,
            exchange,
        })
    }

    /// The client is told by `head`; it has said `rest` behind its request.
    pub(crate) fn begin(&mut self, head: &[u8], rest: BytesMut) {
        self.up = Direction::new(rest);
        self.down.begin(head);
        self.exchange.conn().rest();
    }

    /// The server changed to something else than was asked for: nothing begins, and the client is told this.
    pub(crate) fn refuse(mut self: Box<Self>, answer: Answer) -> Response<Download> {
        self.exchange.failed(Failure::Malformed);
        self.exchange.refused(answer.status(), answer.end);
        self.end = Some(answer.end);
        let pages = self.exchange.conn().worker.settings.pages.as_deref();
        answer.into_response(false, pages, self.exchange.request_id())
    }

    /// Relays until both sides have ended, one fails, or nothing has moved for too long.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if self.kicked.as_mut().poll(cx).is_ready() {
            return self.over(End::Kicked);
        }
        let conn = self.exchange.conn().clone();
        let buffers = &conn.worker.buffers;
        let mut client = conn.stream.borrow_mut();
        let before = self.moved();
        let up = self.up.poll(cx, &mut client, &mut self.server, buffers);
        let down = self.down.poll(cx, &mut self.server, &mut client, buffers);
        let left = match (&up, &down) {
            (Poll::Ready(Err(Failed::Reading)), _) | (_, Poll::Ready(Err(Failed::Writing))) => {
                Some((End::ClientLeft, &mut self.server))
            }
            (Poll::Ready(Err(Failed::Writing)), _) | (_, Poll::Ready(Err(Failed::Reading))) => {
                Some((End::ServerLeft, &mut *client))
            }
            _ => None,
        };
        if let Some((end, other)) = left {
            break_off(other);
            return self.over(end);
        }
        if up.is_ready() && down.is_ready() {
            return self.over(End::Done);
        }
        let half = up.is_ready() || down.is_ready();
        if self.moved() != before || half != self.half {
            self.active = conn.now();
            self.report(REPORT);
        }
        let longest = conn.worker.settings.options.tunnel_timeout;
        let (patience, name) = match half {
            true => (HALF_CLOSED.min(longest), Deadline::HalfClosed),
            false => (longest, Deadline::Idle),
        };
        if half != self.half {
            self.half = half;
            self.deadline = conn.worker.core.until(self.active + patience);
        }
        while self.deadline.as_mut().poll(cx).is_ready() {
            let now = conn.now();
            if now.saturating_duration_since(self.active) >= patience {
                return self.over(End::Expired(name));
            }
            self.deadline = conn.worker.core.until(self.active + patience);
        }
        Poll::Pending
    }

    fn moved(&self) -> (u64, u64) {
        (self.up.moved(), self.down.moved())
    }

    /// Puts into the account what has moved, if it is worth it.
    fn report(&mut self, at_least: u64) {
        let (up, down) = (self.up.moved() - self.reported.0, self.down.moved() - self.reported.1);
        if up + down >= at_least {
            self.reported = self.moved();
            self.exchange.relayed(up, down);
        }
    }

    fn over(&mut self, end: End) -> Poll<End> {
        self.end = Some(end);
        Poll::Ready(end)
    }
}

impl Drop for Tunnel {
    /// What is dropped before its end is cut: by the end of draining, or with its worker.
    fn drop(&mut self) {
        self.report(1);
        self.exchange.end(self.end.unwrap_or_else(|| match self.exchange.conn().has_panicked() {
            true => End::Fault(Blame::Gateway, "panic"),
            false => End::Expired(Deadline::Drain),
        }));
    }
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel").field("up", &self.up).field("down", &self.down).finish_non_exhaustive()
    }
}

/// A side that failed becomes a reset of the other, which must not take it for a clean end. TLS without its closing
/// word says as much.
fn break_off(stream: &mut BoxStream) {
    if let Some(socket) = stream.plain() {
        let _ = socket.set_zero_linger();
    }
}

/// Bytes between two reports to the scheduler.
const REPORT: u64 = 256 * 1024;
/// How long the other side has once one has ended: as `timeouts.half-closed` of a VIP that relays.
const HALF_CLOSED: Duration = Duration::from_secs(30);
