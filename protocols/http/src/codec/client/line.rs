//! A connection of HTTP/1.1.

use std::fmt;
use std::future::Future as _;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use http::{Response, StatusCode};
use http_body::Frame;
use sekisho_api::BoxStream;
use tokio::io::{AsyncRead as _, AsyncReadExt as _, ReadBuf};

use super::answer::{self, Parsed};
use super::body::Body;
use super::buffers::{self, Buffers};
use super::send::{Outgoing, Stopped};
use super::{Broken, Lost, Malformed};
use crate::codec::chunks::Piece;
use crate::conn::{Conn, UploadFault};

/// A connection to a server, driven by whoever uses it: no task of its own, so that a request costs no wake-up of
/// another task and an answer none back. Between two requests it holds no buffer.
pub(crate) struct Line {
    stream: BoxStream,
    max_head: usize,
    /// The request under way, until its answer is over.
    request: Option<Outgoing>,
    /// Bytes that were read and not yet understood.
    input: BytesMut,
    /// The size of the next read.
    room: usize,
    /// A buffer is borrowed.
    held: bool,
    /// The last read filled its buffer.
    full: bool,
    /// Bytes of the input that are known to be no whole head.
    seen: usize,
    /// Interim answers to this request.
    interim: u16,
    /// Bytes of them that the client is told.
    told: usize,
    /// The answer's body.
    pub(super) body: Body,
    /// A byte of the answer has come.
    heard: bool,
    /// The connection can serve another request, as far as the last answer tells.
    keeps: bool,
    /// Bytes of requests before this one, and of all answers.
    moved: u64,
    shareable: bool,
    /// Reads stay small, however fast they are filled.
    modest: bool,
}

impl Line {
    /// Begins HTTP on a fresh connection. Not `shareable`: its server was told which client it is for.
    pub(super) fn new(stream: BoxStream, max_head: usize, shareable: bool) -> Self {
        Self {
            stream,
            max_head,
            request: None,
            input: BytesMut::new(),
            room: buffers::SMALL,
            held: false,
            full: false,
            seen: 0,
            interim: 0,
            told: 0,
            body: Body::Length(0),
            heard: false,
            keeps: true,
            moved: 0,
            shareable,
            modest: false,
        }
    }

    /// Whether requests of any client may go over it.
    pub(super) fn shareable(&self) -> bool {
        self.shareable
    }

    /// Whether the next request can go over it: neither closed by the server nor full of bytes that nobody asked for,
    /// as far as is known.
    ///
    /// Registers no waker, so that an idle connection wakes nobody.
    pub(super) fn idle(&mut self) -> bool {
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        Pin::new(&mut self.stream)
            .poll_read(&mut Context::from_waker(Waker::noop()), &mut buffer)
            .is_pending()
    }

    /// Gives everything back that only a busy connection needs. False: it cannot serve another request.
    pub(super) fn rest(&mut self, buffers: &Buffers) -> bool {
        let Some(request) = self.request.take() else { return false };
        let clean = self.keeps && self.body.over() && request.over() && self.input.is_empty();
        self.moved += request.written();
        request.finish(buffers);
        self.give_buffer(buffers);
        (self.room, self.full, self.modest) = (buffers::SMALL, false, false);
        clean
    }

    /// The stream alone, with what came behind the answer.
    pub(super) fn switch(mut self, buffers: &Buffers) -> (BoxStream, BytesMut) {
        let rest = BytesMut::from(&*self.input);
        self.give_buffer(buffers);
        if let Some(request) = self.request.take() {
            request.finish(buffers);
        }
        (self.stream, rest)
    }

    /// Bytes over it so far, both ways.
    pub(super) fn moved(&self) -> u64 {
        self.moved + self.request.as_ref().map_or(0, Outgoing::written)
    }

    /// Begins to send a request.
    pub(super) fn begin(&mut self, mut request: Outgoing) {
        request.lay_out();
        self.request = Some(request);
        (self.seen, self.interim, self.told) = (0, 0, 0);
        (self.heard, self.keeps) = (false, true);
    }

    /// The request as it was before it was sent; `None` if it must not be said twice.
    pub(super) fn recall(&mut self) -> Option<Outgoing> {
        self.request.take().filter(|_| !self.heard)?.again()
    }

    /// The length of the answer's body, or of what is left of it, if it is known.
    pub(super) fn length(&self) -> Option<u64> {
        self.body.left()
    }

    /// Whether it reads little at a time: its client has many answers at once, of which each may have to wait.
    pub(super) fn be_modest(&mut self, modest: bool) {
        self.modest = modest;
    }

    /// Whether the answer's last byte has been read.
    pub(super) fn over(&self) -> bool {
        self.body.over()
    }

    /// Sends on, while the client waits for what it sends to be taken.
    pub(super) fn poll_upload(&mut self, cx: &mut Context<'_>) {
        // Whoever asks for the answer hears what became of it.
        let _ = self.poll_send(cx);
    }

    /// The next frame of the answer's body; the rest of the request's body is sent meanwhile.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &Buffers,
    ) -> Poll<Option<Result<Frame<Bytes>, Lost>>> {
        if self.poll_send(cx).is_err() {
            return Poll::Ready(Some(Err(Lost)));
        }
        loop {
            match self.body.next(&mut self.input) {
                Err(Malformed) => return Poll::Ready(Some(Err(Lost))),
                Ok(Some(Piece::Data(data))) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(Some(Piece::Trailers(fields))) => return Poll::Ready(Some(Ok(Frame::trailers(fields)))),
                Ok(Some(Piece::End)) => return Poll::Ready(None),
                Ok(None) => {}
            }
            match ready!(self.poll_read(cx, buffers)) {
                Ok(1..) => {}
                Ok(0) if matches!(self.body, Body::Close) => {
                    self.body = Body::Length(0);
                    return Poll::Ready(None);
                }
                Ok(0) | Err(_) => return Poll::Ready(Some(Err(Lost))),
            }
        }
    }

    /// Waits for the head of the answer, while the request is sent.
    pub(super) fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
        conn: &Conn,
    ) -> Poll<Result<Response<()>, Broken>> {
        if let Some(deadline) = conn.expired() {
            return Poll::Ready(Err(Broken::Expired(deadline)));
        }
        self.poll_send(cx).map_err(Broken::Upload)?;
        if self.told > 0 {
            conn.tell(cx);
        }
        loop {
            match ready!(self.poll_read(cx, &conn.worker.buffers)) {
                // A connection whose first bytes come before the request's is none to send it over.
                Ok(1..) if self.request.as_ref().is_none_or(Outgoing::unsent) => {
                    return Poll::Ready(Err(Broken::Unsent));
                }
                Ok(1..) => self.heard = true,
                Ok(0) | Err(_) => return Poll::Ready(Err(self.ended())),
            }
            match self.answer(conn) {
                Err(Malformed) => return Poll::Ready(Err(Broken::Malformed)),
                Ok(Some(answer)) => return Poll::Ready(Ok(answer)),
                // An interim answer may have set the body free.
                Ok(None) => {
                    self.poll_send(cx).map_err(Broken::Upload)?;
                    if self.told > 0 {
                        conn.tell(cx);
                    }
                }
            }
        }
    }

    /// The head of the final answer, if it is there.
    fn answer(&mut self, conn: &Conn) -> Result<Option<Response<()>>, Malformed> {
        let Some(request) = &mut self.request else { return Err(Malformed) };
        loop {
            match answer::parse(&mut self.input, self.seen, request.asked(), self.max_head)? {
                Parsed::More => {
                    self.seen = self.input.len();
                    return Ok(None);
                }
                Parsed::Interim(message) => {
                    if message.status() == StatusCode::CONTINUE {
                        request.invite();
                    } else if request.tells() && self.told < MOST_TOLD {
                        self.told += conn.inbound.borrow_mut().tell(message);
                    }
                    self.seen = 0;
                    self.interim += 1;
                    if self.interim > MOST_INTERIM {
                        return Err(Malformed);
                    }
                }
                Parsed::Switched(message) => {
                    (self.body, self.keeps) = (Body::Close, false);
                    return Ok(Some(message));
                }
                Parsed::Final(head) => {
                    request.answered();
                    self.body = head.framing.into();
                    self.keeps = head.keeps;
                    return Ok(Some(head.message));
                }
            }
        }
    }

    fn ended(&self) -> Broken {
        match &self.request {
            _ if self.heard => Broken::Cut,
            Some(request) if request.unsent() => Broken::Unsent,
            _ => Broken::Silent,
        }
    }

    /// Sends on. A server that takes no more may still answer.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), UploadFault> {
        let Some(request) = self.request.as_mut().filter(|request| request.busy()) else { return Ok(()) };
        match request.poll_send(&mut self.stream, cx) {
            Ok(()) => Ok(()),
            Err(Stopped::Refused) => {
                self.keeps = false;
                if !request.unsent() {
                    request.give_up();
                }
                Ok(())
            }
            Err(Stopped::Upload(fault)) => Err(fault),
        }
    }

    /// Reads once. A buffer is borrowed only while there are bytes for it; it grows while a body fills it.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffers: &Buffers) -> Poll<io::Result<usize>> {
        let room = if self.modest { buffers::SMALL } else { buffers::LARGE };
        if self.full && self.input.is_empty() && self.room != room {
            self.give_buffer(buffers);
            self.room = room;
        }
        if !self.held {
            self.held = true;
            self.input = buffers.take(self.room);
        }
        // From its beginning where nobody has a part of it any more, which is nearly always; otherwise what is left of
        // it, unless that is little.
        if !self.input.try_reclaim(self.room) && self.input.capacity() - self.input.len() < self.room / 4 {
            self.input.reserve(self.room);
        }
        let spare = self.input.capacity() - self.input.len();
        let read = pin!(self.stream.read_buf(&mut self.input)).poll(cx);
        match &read {
            Poll::Pending if self.input.is_empty() => self.give_buffer(buffers),
            Poll::Ready(Ok(n)) => {
                self.moved += *n as u64;
                self.full = *n == spare;
            }
            _ => {}
        }
        read
    }

    fn give_buffer(&mut self, buffers: &Buffers) {
        if self.held {
            self.held = false;
            buffers.give(std::mem::take(&mut self.input), self.room);
        }
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("body", &self.body).field("keeps", &self.keeps).finish_non_exhaustive()
    }
}

/// Interim answers to one request: a server has few things to say beforehand.
pub(super) const MOST_INTERIM: u16 = 1000;
/// Bytes of them after which the client is told no more.
pub(super) const MOST_TOLD: usize = 64 * 1024;
