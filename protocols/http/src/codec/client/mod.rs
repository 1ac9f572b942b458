//! One connection to a server.
//!
//! | module | idea |
//! |---|---|
//! | `line` | a connection of HTTP/1.1, and the request under way on it |
//! | `two` | a connection of HTTP/2, and the requests under way on it |
//! | `request`, `send` | a request's head as bytes; its way to the server |
//! | `answer`, `fields`, `framing` | an answer's head, and where its body ends |
//! | `body`, `chunks` | an answer's body |
//! | `buffers` | what a connection borrows while it is busy |

mod answer;
mod body;
pub(super) mod buffers;
mod fields;
mod framing;
mod line;
mod oracle;
mod request;
mod send;
#[cfg(test)]
mod tests;
mod two;

use std::future::{Future, poll_fn};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use http::Response;
use http_body::Frame;
use sekisho_api::{BoxStream, Deadline};

pub(crate) use self::buffers::Buffers;
use self::line::Line;
pub(super) use self::oracle::{oracle, said_alike};
pub(crate) use self::send::Outgoing;
use self::two::Stream;
pub(crate) use self::two::{Connection, Place, Rhythm, Terms};
pub(super) use super::chunks::Malformed;
use crate::conn::{Conn, UploadFault};

/// The way of one request to a server, and of its answer back.
#[derive(Debug)]
pub(crate) enum Upstream {
    /// A connection of HTTP/1.1, for one request after the other.
    One(Line),
    /// One request over a connection of HTTP/2.
    Two(Stream),
}

/// Why a request got no answer.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The connection was dead before a byte was sent: [`Upstream::recall`] gives the request back.
    Unsent,
    /// The connection ended, and not a byte of an answer had come. [`Upstream::recall`] gives back what may be said
    /// twice.
    Silent,
    /// The connection ended in the midst of the answer's head.
    Cut,
    /// What came is not HTTP.
    Malformed,
    /// This deadline passed.
    Expired(Deadline),
    /// The request's own body failed.
    Upload(UploadFault),
    /// The server has no way to change the protocol to the one that was asked for. Nothing was sent.
    Unchangeable,
}

/// An answer's body will never be complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost;

impl Upstream {
    /// Begins HTTP/1.1 on a fresh connection. Not `shareable`: its server was told which client it is for.
    pub(crate) fn new(stream: BoxStream, max_head: usize, shareable: bool) -> Box<Self> {
        Box::new(Self::One(Line::new(stream, max_head, shareable)))
    }

    /// A request over HTTP/2.
    pub(crate) fn at(place: Place) -> Box<Self> {
        Box::new(Self::Two(Stream::new(place)))
    }

    /// Whether requests of any client may go over it.
    pub(crate) fn shareable(&self) -> bool {
        match self {
            Self::One(line) => line.shareable(),
            Self::Two(_) => false,
        }
    }

    /// Whether the next request can go over it, as far as is known.
    pub(crate) fn idle(&mut self) -> bool {
        match self {
            Self::One(line) => line.idle(),
            Self::Two(_) => false,
        }
    }

    /// Gives everything back that only a busy connection needs. False: it cannot serve another request.
    pub(crate) fn rest(&mut self, buffers: &Buffers) -> bool {
        match self {
            Self::One(line) => line.rest(buffers),
            Self::Two(_) => false,
        }
    }

    /// The stream alone, with what came behind the answer.
    pub(super) fn switch(self, buffers: &Buffers) -> (BoxStream, BytesMut) {
        match self {
            Self::One(line) => line.switch(buffers),
            Self::Two(stream) => (stream.switch(), BytesMut::new()),
        }
    }

    /// Bytes over it so far, both ways.
    pub(crate) fn moved(&self) -> u64 {
        match self {
            Self::One(line) => line.moved(),
            Self::Two(stream) => stream.moved(),
        }
    }

    /// Sends a request and waits for the head of its answer. The body is sent meanwhile, and on while the answer's
    /// body is read.
    pub(crate) fn send<'u>(
        &'u mut self,
        request: Outgoing,
        conn: &'u Conn,
    ) -> impl Future<Output = Result<Response<()>, Broken>> + use<'u> {
        match self {
            Self::One(line) => line.begin(request),
            Self::Two(stream) => stream.begin(request),
        }
        poll_fn(move |cx| match self {
            Self::One(line) => line.poll_answer(cx, conn),
            Self::Two(stream) => stream.poll_answer(cx, conn),
        })
    }

    /// The request as it was before it was sent; `None` if it must not be said twice.
    pub(crate) fn recall(&mut self) -> Option<Outgoing> {
        match self {
            Self::One(line) => line.recall(),
            Self::Two(stream) => stream.recall(),
        }
    }

    /// Whether a request that got no answer may have failed for its connection's age.
    pub(crate) fn may_be_old(&self) -> bool {
        match self {
            Self::One(_) => true,
            Self::Two(stream) => stream.may_be_old(),
        }
    }

    /// The length of the answer's body, or of what is left of it, if it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Self::One(line) => line.length(),
            Self::Two(stream) => stream.length(),
        }
    }

    /// Whether it reads little at a time: its client has many answers at once, of which each may have to wait.
    pub(super) fn be_modest(&mut self, modest: bool) {
        match self {
            Self::One(line) => line.be_modest(modest),
            // Its window is what bounds it.
            Self::Two(_) => {}
        }
    }

    /// Whether the answer's last byte has been read.
    pub(super) fn over(&self) -> bool {
        match self {
            Self::One(line) => line.over(),
            Self::Two(stream) => stream.over(),
        }
    }

    /// Sends on of the request's body, while the client takes nothing of the answer's.
    pub(super) fn poll_upload(&mut self, cx: &mut Context<'_>) {
        match self {
            Self::One(line) => line.poll_upload(cx),
            Self::Two(stream) => stream.poll_upload(cx),
        }
    }

    /// Reads what is there of an answer that nobody wants, if that is not much. True: it was all of it.
    pub(crate) fn drain(&mut self, buffers: &Buffers) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..DRAINED {
            if self.over() {
                return true;
            }
            match self.poll_frame(&mut cx, buffers) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(None) => return self.over(),
                Poll::Pending | Poll::Ready(Some(Err(Lost))) => return false,
            }
        }
        false
    }

    /// The next frame of the answer's body; the rest of the request's body is sent meanwhile.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &Buffers,
    ) -> Poll<Option<Result<Frame<Bytes>, Lost>>> {
        match self {
            Self::One(line) => line.poll_frame(cx, buffers),
            Self::Two(stream) => stream.poll_frame(cx),
        }
    }
}

/// Pieces of an unwanted answer that are read for the sake of its connection.
const DRAINED: usize = 16;
