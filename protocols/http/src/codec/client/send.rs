//! A request on its way to a server.

use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use http::header::EXPECT;
use http::{HeaderMap, HeaderName, Method, Version, request};
use http_body::{Body as _, Frame};
use sekisho_api::BoxStream;
use tokio::io::AsyncWrite as _;

use super::answer::Asked;
use super::buffers::Buffers;
use super::request::{Framing, declared, write_chunk_size, write_head, write_last_chunk};
use crate::codec::{Piece, Upload};
use crate::conn::UploadFault;

/// A request on its way to a server. Its head is written once and kept until the answer comes, so that it can be sent
/// again over another connection.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// Bytes to write, and how many of them are written.
    bytes: Vec<u8>,
    at: usize,
    /// A large piece of the body that stands behind them, and what ends its chunk.
    piece: Bytes,
    after: &'static [u8],
    /// What is still to be read from the client.
    body: Option<Upload>,
    framing: Framing,
    declared: Box<[HeaderName]>,
    /// Raised when the server asks for the body that is held back until then; `None` once some of it was read.
    invited: Option<Arc<AtomicBool>>,
    /// Written so far.
    written: u64,
    flushed: bool,
    /// The rest of it will not be sent.
    abandoned: bool,
    idempotent: bool,
    asked: Asked,
    /// Whether the client understands interim answers.
    modern: bool,
    /// Whether it can be sent again although a server may have seen it.
    repeatable: bool,
    /// The head as a message, where the version that it is said in is not known beforehand.
    head: Option<Box<request::Parts>>,
    /// Some of the body stands in the bytes to write, which are HTTP/1.1.
    laid_out: bool,
}

/// Why no more of a request can be sent.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The server takes no more; it may have answered all the same.
    Refused,
    /// The request's own body failed.
    Upload(UploadFault),
}

impl Outgoing {
    /// Prepares a request. `own`: the connection's forwarding fields, if the head has none.
    pub(crate) fn new(head: &request::Parts, body: Upload, buffers: &Buffers, own: Option<&[u8]>) -> Self {
        let mut ready = Self::unwritten(head, body, buffers.head());
        write_head(&mut ready.bytes, head, ready.framing, own);
        ready
    }

    fn unwritten(head: &request::Parts, mut body: Upload, bytes: Vec<u8>) -> Self {
        let framing = match body.length() {
            _ if body.is_empty() => Framing::Nothing,
            Some(length) => Framing::Length(length),
            None => Framing::Chunked,
        };
        let idempotent = head.method.is_idempotent();
        let expects = framing != Framing::Nothing && head.headers.contains_key(EXPECT);
        let declared = match framing {
            Framing::Chunked => declared(&head.headers),
            _ => Box::default(),
        };
        Self {
            bytes,
            at: 0,
            piece: Bytes::new(),
            after: b"",
            invited: expects.then(|| body.wait_for_server()),
            body: (framing != Framing::Nothing).then_some(body),
            framing,
            declared,
            written: 0,
            flushed: false,
            abandoned: false,
            idempotent,
            asked: Asked {
                to_head: head.method == Method::HEAD,
                upgrade: false,
                connect: head.method == Method::CONNECT,
            },
            modern: head.version >= Version::HTTP_11,
            repeatable: idempotent && framing == Framing::Nothing,
            head: None,
            laid_out: false,
        }
    }

    /// Prepares a request of which it shows later which version it is said in.
    pub(crate) fn open(head: request::Parts, body: Upload) -> Self {
        let mut open = Self::unwritten(&head, body, Vec::new());
        open.head = Some(Box::new(head));
        open
    }

    /// Whether saying it twice has the effect of saying it once (RFC 9110, section 9.2.2).
    pub(crate) fn is_idempotent(&self) -> bool {
        self.idempotent
    }

    /// The server may change to the protocol that the head names.
    pub(crate) fn upgrades(&mut self) {
        self.asked.upgrade = true;
    }

    /// Writes the head that HTTP/1.1 begins with, unless it stands there.
    pub(super) fn lay_out(&mut self) {
        if let Some(head) = &self.head
            && self.bytes.is_empty()
            && self.written == 0
        {
            write_head(&mut self.bytes, head, self.framing, None);
        }
    }

    /// The head as a message, of a request that was prepared for more than one version.
    pub(super) fn head(&self) -> Option<&request::Parts> {
        self.head.as_deref()
    }

    /// How the body is framed; what of a known length is still to be read.
    pub(super) fn framing(&self) -> Framing {
        self.framing
    }

    /// The trailers that may stand behind the body, where its client has to say so beforehand.
    pub(super) fn declared(&self) -> Option<&[HeaderName]> {
        let free = self.head.as_ref().is_some_and(|head| head.version == Version::HTTP_2);
        (!free).then_some(&self.declared)
    }

    /// Whether there is no body.
    pub(super) fn is_bodiless(&self) -> bool {
        self.body.is_none()
    }

    /// Whether all of the body has been read from the client, and nothing comes behind it.
    pub(super) fn is_taken(&self) -> bool {
        self.body.as_ref().is_none_or(|body| body.is_end_stream())
    }

    /// A server may have seen it.
    pub(super) fn seen(&mut self) {
        self.written = self.written.max(1);
    }

    /// The next piece of the body, held to the length that was said.
    pub(super) fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, UploadFault>> {
        let frame = match &mut self.body {
            Some(body) if !body.is_end_stream() => ready!(Pin::new(body).poll_frame(cx)).transpose()?,
            _ => None,
        };
        let piece = match frame.map(Frame::into_data) {
            Some(Ok(data)) => {
                if let Framing::Length(left) = &mut self.framing {
                    *left = left.checked_sub(data.len() as u64).ok_or(UploadFault::Malformed)?;
                }
                return Poll::Ready(Ok(Piece::Data(data)));
            }
            Some(Err(frame)) => Piece::Trailers(frame.into_trailers().unwrap_or_default()),
            None => Piece::End,
        };
        self.body = None;
        Poll::Ready(match self.framing {
            Framing::Length(1..) => Err(UploadFault::Left),
            _ => Ok(piece),
        })
    }

    /// What the reading of its answer depends on.
    pub(super) fn asked(&self) -> Asked {
        self.asked
    }

    /// Whether interim answers are for the client.
    pub(super) fn tells(&self) -> bool {
        self.modern
    }

    /// Whether the server has seen nothing of it.
    pub(super) fn unsent(&self) -> bool {
        self.written == 0
    }

    /// Whether all of it is with the server.
    pub(super) fn over(&self) -> bool {
        self.body.is_none() && self.pending() == 0 && self.flushed && !self.abandoned
    }

    /// Whether there is something to do for [`Self::poll_send`].
    pub(super) fn busy(&self) -> bool {
        !self.abandoned && !self.over()
    }

    /// The server asked for the body.
    pub(super) fn invite(&self) {
        if let Some(invited) = &self.invited {
            invited.store(true, Ordering::Relaxed);
        }
    }

    /// The answer is there. A body that the server neither asked for nor was sent a byte of is not sent any more.
    pub(super) fn answered(&mut self) {
        if self.body.is_some()
            && self.invited.as_ref().is_some_and(|invited| !invited.load(Ordering::Relaxed))
        {
            self.give_up();
        }
    }

    /// Forgets what was not sent.
    pub(super) fn give_up(&mut self) {
        self.body = None;
        self.piece = Bytes::new();
        self.abandoned = true;
    }

    /// As it was before it was sent; `None` if a server may have seen what must not be said twice.
    pub(super) fn again(mut self) -> Option<Self> {
        if self.written > 0 && !self.repeatable {
            return None;
        }
        if self.head.is_some() {
            // The next server may speak another version, in which that would be missing.
            if self.laid_out {
                return None;
            }
            // A body that ended before a byte of it came is none.
            if self.body.is_none() && self.framing == Framing::Chunked {
                self.framing = Framing::Nothing;
            }
        }
        (self.at, self.written, self.flushed) = (0, 0, false);
        Some(self)
    }

    /// Gives the buffer back.
    pub(super) fn finish(self, buffers: &Buffers) {
        buffers.give_head(self.bytes);
    }

    /// Sends what can be sent now. The head, and what of the body is there already, leave in one write.
    pub(super) fn poll_send(&mut self, stream: &mut BoxStream, cx: &mut Context<'_>) -> Result<(), Stopped> {
        loop {
            self.fill(cx).map_err(Stopped::Upload)?;
            if self.pending() == 0 {
                break;
            }
            self.flushed = false;
            match self.poll_write(stream, cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(n)) if n > 0 => self.advance(n),
                Poll::Ready(_) => return Err(Stopped::Refused),
            }
        }
        if !self.flushed {
            match Pin::new(stream).poll_flush(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.flushed = true,
                Poll::Ready(Err(_)) => return Err(Stopped::Refused),
            }
        }
        Ok(())
    }

    fn pending(&self) -> usize {
        self.bytes.len().saturating_sub(self.at) + self.piece.len() + self.after.len()
    }

    /// Reads from the client what fits. A large piece is not copied, and nothing is read behind it.
    fn fill(&mut self, cx: &mut Context<'_>) -> Result<(), UploadFault> {
        while let Some(body) = &mut self.body {
            if !self.piece.is_empty() || self.bytes.len() - self.at >= TOGETHER {
                return Ok(());
            }
            if self.at == self.bytes.len() && self.after.is_empty() {
                self.bytes.clear();
                self.at = 0;
            }
            let frame = match body.is_end_stream() {
                true => None,
                false => match Pin::new(body).poll_frame(cx) {
                    Poll::Pending => return Ok(()),
                    Poll::Ready(frame) => frame.transpose()?,
                },
            };
            self.laid_out = true;
            self.bytes.extend_from_slice(mem::take(&mut self.after));
            match frame.map(Frame::into_data) {
                Some(Ok(data)) => self.data(data)?,
                Some(Err(frame)) => self.last(frame.trailers_ref())?,
                None => self.last(None)?,
            }
        }
        Ok(())
    }

    fn data(&mut self, data: Bytes) -> Result<(), UploadFault> {
        if data.is_empty() {
            return Ok(());
        }
        // Whoever is waited for, it is not the server any more.
        self.invited = None;
        match &mut self.framing {
            Framing::Nothing => return Err(UploadFault::Malformed),
            Framing::Length(left) => {
                *left = left.checked_sub(data.len() as u64).ok_or(UploadFault::Malformed)?;
            }
            Framing::Chunked => {
                write_chunk_size(&mut self.bytes, data.len());
                self.after = b"\r\n";
            }
        }
        if data.len() + self.bytes.len() - self.at > TOGETHER {
            self.piece = data;
        } else {
            self.bytes.extend_from_slice(&data);
            self.bytes.extend_from_slice(mem::take(&mut self.after));
        }
        Ok(())
    }

    fn last(&mut self, trailers: Option<&HeaderMap>) -> Result<(), UploadFault> {
        match self.framing {
            Framing::Length(1..) => return Err(UploadFault::Left),
            Framing::Chunked => {
                let none = HeaderMap::new();
                write_last_chunk(&mut self.bytes, trailers.unwrap_or(&none), &self.declared);
            }
            Framing::Length(0) | Framing::Nothing => {}
        }
        self.body = None;
        Ok(())
    }

    fn poll_write(&self, stream: &mut BoxStream, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let stream = Pin::new(stream);
        let bytes = self.bytes.get(self.at..).unwrap_or_default();
        match [bytes, &self.piece, self.after] {
            [only, [], []] | [[], only, []] | [[], [], only] => stream.poll_write(cx, only),
            all if stream.is_write_vectored() => stream.poll_write_vectored(cx, &all.map(io::IoSlice::new)),
            [[], first, _] | [first, ..] => stream.poll_write(cx, first),
        }
    }

    fn advance(&mut self, mut n: usize) {
        self.written += n as u64;
        let bytes = n.min(self.bytes.len() - self.at);
        self.at += bytes;
        n -= bytes;
        let piece = n.min(self.piece.len());
        self.piece.advance(piece);
        n -= piece;
        self.after = self.after.get(n..).unwrap_or_default();
        if self.piece.is_empty() {
            // Lets go of the buffer that an empty piece would keep.
            self.piece = Bytes::new();
        }
    }

    /// Bytes written so far.
    pub(super) fn written(&self) -> u64 {
        self.written
    }
}

/// Up to this size a head and pieces of a body are put together: to copy them costs less than what `writev` costs
/// more than `send`.
const TOGETHER: usize = 4096;
