//! One request over a connection of HTTP/2, and its answer.

use std::fmt;
use std::future::Future as _;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream, SendStream};
use http::header::{HeaderValue, SEC_WEBSOCKET_KEY};
use http::{HeaderMap, Response, StatusCode};
use http_body::Frame;
use sekisho_api::{BoxStream, Deadline};

use super::connection::Place;
use super::{answer, request};
use crate::codec::chunks::Piece;
use crate::codec::client::line::{MOST_INTERIM, MOST_TOLD};
use crate::codec::client::{Broken, Lost, Outgoing};
use crate::conn::{Conn, UploadFault};
use crate::two::{Duplex, Nowhere};

/// One request and its answer. Dropped before the end of both, it tells the server that nobody waits any more, and the
/// connection lives on.
pub(crate) struct Stream {
    place: Place,
    /// The request under way.
    request: Option<Outgoing>,
    /// The way that its body takes; `None` once the server has all of it, or wants no more.
    sending: Option<SendStream<Bytes>>,
    /// What of the body was read from the client and not sent yet.
    waiting: Bytes,
    /// What follows its head is another protocol's, if the server likes.
    opens: bool,
    /// Nothing comes behind that.
    last: bool,
    /// Some of the body was read from the client.
    begun: bool,
    /// Part of the body will not be sent.
    abandoned: bool,
    answer: Answer,
    /// The server has not looked at the request (RFC 9113, section 8.7).
    refused: bool,
    /// The server has broken off this one request, and not the connection.
    reset: bool,
    /// A part of the answer has come.
    heard: bool,
    /// Interim answers to this request.
    interim: u16,
    /// Bytes of them that the client is told.
    told: usize,
    /// What of the answer's body is still to come, where it is known.
    left: Option<u64>,
    /// Bytes handed on that the server has not been credited with yet.
    taken: usize,
    /// Bytes of bodies, both ways.
    moved: u64,
}

/// The answer, as far as it is there.
enum Answer {
    /// None will come.
    None(Option<Broken>),
    Awaited(ResponseFuture),
    Body(RecvStream),
    Over,
}

impl Stream {
    /// A request that is still to be begun.
    pub(crate) fn new(place: Place) -> Self {
        Self {
            place,
            request: None,
            sending: None,
            waiting: Bytes::new(),
            opens: false,
            last: false,
            begun: false,
            abandoned: false,
            answer: Answer::None(None),
            refused: false,
            reset: false,
            heard: false,
            interim: 0,
            told: 0,
            left: None,
            taken: 0,
            moved: 0,
        }
    }

    /// Begins to send a request.
    pub(in super::super) fn begin(&mut self, request: Outgoing) {
        let asked = request.asked();
        self.opens = asked.upgrade || asked.connect;
        // Without a key, nothing could be proved to the client.
        if asked.upgrade && !(self.place.changes() && key(&request).is_some()) {
            self.answer = Answer::None(Some(Broken::Unchangeable));
            return;
        }
        let bodiless = request.is_bodiless() && !self.opens;
        let asked = request.head().map(|head| {
            let message = match asked.upgrade {
                true => request::socket(head, self.place.secure()),
                false => request::translate(head, request.framing(), self.place.secure()),
            };
            self.place.begin(message, bodiless)
        });
        // Nobody is held up: what the client has is read as soon as the server has room for it.
        request.invite();
        self.request = Some(request);
        self.answer = match asked {
            Some(Ok((awaited, sending))) => {
                self.sending = (!bodiless).then_some(sending);
                Answer::Awaited(awaited)
            }
            Some(Err(error)) => Answer::None(Some(self.unsent(&error))),
            None => Answer::None(Some(Broken::Malformed)),
        };
    }

    /// Waits for the head of the answer, while the request is sent.
    pub(in super::super) fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
        conn: &Conn,
    ) -> Poll<Result<Response<()>, Broken>> {
        if let Some(deadline) = conn.expired() {
            if deadline == Deadline::Response {
                self.place.doubt();
            }
            return Poll::Ready(Err(Broken::Expired(deadline)));
        }
        self.poll_send(cx).map_err(Broken::Upload)?;
        if self.told > 0 {
            conn.tell(cx);
        }
        while let Poll::Ready(Some(message)) = self.poll_interim(cx) {
            match message {
                Ok(message) => self.interim(message, conn)?,
                Err(error) => return Poll::Ready(Err(self.broken(&error))),
            }
            conn.tell(cx);
        }
        let answer = match &mut self.answer {
            Answer::Awaited(awaited) => ready!(Pin::new(awaited).poll(cx)),
            Answer::None(why) => return Poll::Ready(Err(why.take().unwrap_or(Broken::Silent))),
            Answer::Body(_) | Answer::Over => return Poll::Ready(Err(Broken::Cut)),
        };
        let to_head = self.request.as_ref().is_some_and(|request| request.asked().to_head);
        let answer = answer.map_err(|error| self.broken(&error))?;
        self.heard = true;
        if self.opens && answer.status().is_success() {
            let (head, body) = answer::opened(answer, self.request.as_ref().and_then(key));
            self.answer = Answer::Body(body);
            return Poll::Ready(Ok(head));
        }
        let (head, length, body) = answer::translate(answer, to_head).map_err(|_| Broken::Malformed)?;
        let over = body.is_end_stream() || length == Some(0) && without_body(&head, to_head);
        self.left = if over { Some(0) } else { length };
        self.answer = if over { Answer::Over } else { Answer::Body(body) };
        Poll::Ready(Ok(head))
    }

    /// The next frame of the answer's body; the rest of the request's body is sent meanwhile.
    pub(in super::super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Lost>>> {
        if self.poll_send(cx).is_err() {
            return Poll::Ready(Some(Err(Lost)));
        }
        let body = match &mut self.answer {
            Answer::Body(body) => body,
            Answer::Over => return Poll::Ready(None),
            // It was given up with its request, and is not whole.
            Answer::None(_) | Answer::Awaited(_) => return Poll::Ready(Some(Err(Lost))),
        };
        // Whoever asks for more has passed on what there was: the server may send as much again.
        let taken = mem::take(&mut self.taken);
        if taken > 0 {
            // Fails only on a stream that is closed, which the next look at the body tells.
            let _ = body.flow_control().release_capacity(taken);
        }
        let frame = loop {
            match ready!(body.poll_data(cx)) {
                Some(Ok(data)) if data.is_empty() => {}
                Some(Ok(data)) => {
                    self.taken = data.len();
                    self.moved += data.len() as u64;
                    let length = data.len() as u64;
                    match self.left.map(|left| left.checked_sub(length)) {
                        Some(None) => return Poll::Ready(Some(Err(Lost))),
                        left => self.left = left.flatten(),
                    }
                    if body.is_end_stream() {
                        self.answer = Answer::Over;
                    }
                    return Poll::Ready(self.complete().map(|()| Some(Frame::data(data))).transpose());
                }
                Some(Err(error)) if self.abandoned && said_enough(&error) => break None,
                Some(Err(_)) => return Poll::Ready(Some(Err(Lost))),
                None => match ready!(body.poll_trailers(cx)) {
                    Ok(fields) => break fields.map(Frame::trailers),
                    Err(error) if self.abandoned && said_enough(&error) => break None,
                    Err(_) => return Poll::Ready(Some(Err(Lost))),
                },
            }
        };
        self.answer = Answer::Over;
        Poll::Ready(self.complete().map(|()| frame).transpose())
    }

    /// The tunnel that the server has opened, as a stream of bytes.
    pub(in super::super) fn switch(self) -> BoxStream {
        match (self.answer, self.sending) {
            (Answer::Body(from), Some(to)) => Box::new(Duplex::at(self.place, from, to)),
            _ => Box::new(Nowhere),
        }
    }

    /// Sends on, while the client waits for what it sends to be taken.
    pub(in super::super) fn poll_upload(&mut self, cx: &mut Context<'_>) {
        // Whoever asks for the answer hears what became of it.
        if self.poll_send(cx).is_err() {
            self.answer = Answer::None(None);
        }
    }

    /// The request as it was before it was sent; `None` if it must not be said twice.
    pub(in super::super) fn recall(&mut self) -> Option<Outgoing> {
        let mut request = self.request.take().filter(|_| !self.heard)?;
        if self.begun || !self.refused {
            request.seen();
        }
        request.again()
    }

    /// Whether the request may have failed for its connection's age: what the server breaks off alone did not.
    pub(in super::super) fn may_be_old(&self) -> bool {
        !self.reset
    }

    /// The length of what is left of the answer's body, if it is known.
    pub(in super::super) fn length(&self) -> Option<u64> {
        self.left
    }

    /// Whether the answer's last byte has been read.
    pub(in super::super) fn over(&self) -> bool {
        matches!(self.answer, Answer::Over)
    }

    /// Bytes over it so far, both ways.
    pub(in super::super) fn moved(&self) -> u64 {
        self.moved
    }

    /// An answer that has ended must be as long as it said.
    fn complete(&self) -> Result<(), Lost> {
        if self.over() && self.left.is_some_and(|left| left > 0) { Err(Lost) } else { Ok(()) }
    }

    fn poll_interim(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Response<()>, h2::Error>>> {
        match &mut self.answer {
            Answer::Awaited(awaited) => awaited.poll_informational(cx),
            _ => Poll::Ready(None),
        }
    }

    fn interim(&mut self, message: Response<()>, conn: &Conn) -> Result<(), Broken> {
        self.heard = true;
        self.interim += 1;
        if self.interim > MOST_INTERIM || message.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Broken::Malformed);
        }
        let tells = self.request.as_ref().is_some_and(Outgoing::tells);
        if message.status() != StatusCode::CONTINUE && tells && self.told < MOST_TOLD {
            self.told += conn.inbound.borrow_mut().tell(answer::interim(message));
        }
        Ok(())
    }

    /// Sends on. A server that takes no more may still answer. No more is read from the client before the server has
    /// taken what was.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), UploadFault> {
        if self.opens {
            return Ok(());
        }
        loop {
            let (Some(sending), Some(request)) = (&mut self.sending, &mut self.request) else {
                return Ok(());
            };
            if !self.waiting.is_empty() {
                sending.reserve_capacity(self.waiting.len().min(PIECE));
                let room = match sending.capacity() {
                    0 => match sending.poll_capacity(cx) {
                        Poll::Pending => return Ok(()),
                        Poll::Ready(Some(Ok(room))) => room,
                        Poll::Ready(_) => {
                            self.give_up();
                            return Ok(());
                        }
                    },
                    room => room,
                };
                let part = self.waiting.split_to(room.min(self.waiting.len()));
                self.moved += part.len() as u64;
                let end = self.last && self.waiting.is_empty();
                match sending.send_data(part, end) {
                    Err(_) => {
                        self.give_up();
                        return Ok(());
                    }
                    Ok(()) if end => self.sending = None,
                    Ok(()) => {}
                }
                continue;
            }
            let piece = match request.poll_body(cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(piece) => piece?,
            };
            let sent = match piece {
                Piece::Data(data) => {
                    self.begun = true;
                    self.last = request.is_taken();
                    if !self.last || !data.is_empty() {
                        self.waiting = data;
                        continue;
                    }
                    sending.send_data(Bytes::new(), true)
                }
                Piece::Trailers(fields) => {
                    self.begun = true;
                    let fields = request::trailers(&fields, request.declared());
                    end(sending, fields)
                }
                Piece::End => sending.send_data(Bytes::new(), true),
            };
            if sent.is_err() {
                self.give_up();
            }
            self.sending = None;
        }
    }

    /// The server takes no more of the body.
    fn give_up(&mut self) {
        self.sending = None;
        self.waiting = Bytes::new();
        self.abandoned = true;
    }

    /// What an error says before there is an answer.
    fn broken(&mut self, error: &h2::Error) -> Broken {
        let refused = error.reason() == Some(Reason::REFUSED_STREAM) || error.is_go_away();
        if self.heard {
            return if error.is_library() { Broken::Malformed } else { Broken::Cut };
        }
        if error.is_remote() && refused {
            return self.unsent(error);
        }
        if error.is_library() || error.reason() == Some(Reason::HTTP_1_1_REQUIRED) {
            return Broken::Malformed;
        }
        self.reset = error.is_reset();
        Broken::Silent
    }

    /// Nobody has looked at the request.
    fn unsent(&mut self, _: &h2::Error) -> Broken {
        self.refused = true;
        Broken::Unsent
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("left", &self.left).field("moved", &self.moved).finish_non_exhaustive()
    }
}

/// Ends a request, with these fields behind its body.
fn end(sending: &mut SendStream<Bytes>, fields: HeaderMap) -> Result<(), h2::Error> {
    if fields.is_empty() { sending.send_data(Bytes::new(), true) } else { sending.send_trailers(fields) }
}

/// What a client of HTTP/1.1 has its WebSocket confirmed by.
fn key(request: &Outgoing) -> Option<&HeaderValue> {
    request.head()?.headers.get(SEC_WEBSOCKET_KEY).filter(|_| request.asked().upgrade)
}

fn without_body(head: &Response<()>, to_head: bool) -> bool {
    to_head || head.status() == StatusCode::NO_CONTENT || head.status() == StatusCode::NOT_MODIFIED
}

/// Whether a server that did not want the whole of a request says that its answer is complete (RFC 9113, section 8.1).
fn said_enough(error: &h2::Error) -> bool {
    error.is_reset() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR)
}

/// The most that is asked room for at once: what one request reserves, another one cannot have.
const PIECE: usize = 64 * 1024;
