//! What a client sent and nobody has taken yet, and how much of it belongs to the request under way.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use http::Response;
use sekisho_api::BoxStream;
use tokio::io::{AsyncReadExt as _, ReadBuf};

use super::framing::{Framing, Length};
use super::head::{self, Head, Preface, Refused};
use super::words::Words;
use crate::codec::chunks::{Chunks, Limits, Malformed, Piece};

/// The client's bytes. Empty, it owns no memory.
#[derive(Debug, Default)]
pub(crate) struct Inbound {
    bytes: BytesMut,
    /// Bytes of an incomplete head that were looked at already.
    looked: usize,
    body: Body,
    /// What the client is told before its answer.
    words: Words,
    /// How much of a body is read at once.
    room: usize,
}

/// What is still to come of the request's body.
#[derive(Debug, Default)]
enum Body {
    #[default]
    Done,
    Known(u64),
    Chunked(Box<Chunks>),
}

impl Inbound {
    /// Whether nothing was read ahead.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Reads what is there and takes a head out of it, once it is complete. `worktop` is where a head stands that
    /// came in one piece, as nearly all do; only the rest of what was read is kept.
    ///
    /// Ready with nothing at the end of the client's bytes.
    pub(super) fn poll_head(
        &mut self,
        stream: &mut BoxStream,
        worktop: &mut [u8],
        limits: Limits,
        cx: &mut Context<'_>,
        mut heard: impl FnMut(),
    ) -> Poll<Result<Option<Head>, Ended>> {
        loop {
            if let Some(head) = self.take_head(limits)? {
                return Poll::Ready(Ok(Some(head)));
            }
            let mut buffer = ReadBuf::new(worktop);
            ready!(Pin::new(&mut **stream).poll_read(cx, &mut buffer))?;
            let mut read = buffer.filled();
            if read.is_empty() {
                return Poll::Ready(Ok(None));
            }
            heard();
            if self.bytes.is_empty() {
                read = read.get(head::blank(read)..).unwrap_or_default();
                match head::preface(read) {
                    Preface::Whole => {
                        self.bytes.extend_from_slice(read);
                        return Poll::Ready(Err(Ended::Preface));
                    }
                    Preface::Begun => {
                        self.bytes.extend_from_slice(read);
                        continue;
                    }
                    Preface::None => {}
                }
                if let Some((head, length)) = head::parse(read, limits)? {
                    self.begin(&head.framing, limits);
                    self.bytes.extend_from_slice(read.get(length..).unwrap_or_default());
                    return Poll::Ready(Ok(Some(head)));
                }
                self.looked = read.len();
            }
            self.bytes.extend_from_slice(read);
        }
    }

    /// Takes a head out of what was read before. An incomplete one is looked at again when a line of it has been
    /// completed: dripping bytes must not cost the gateway more than the client.
    fn take_head(&mut self, limits: Limits) -> Result<Option<Head>, Ended> {
        let blank = head::blank(&self.bytes);
        if blank > 0 {
            self.bytes.advance(blank);
            self.looked = 0;
        }
        let new = self.bytes.get(self.looked..).unwrap_or_default();
        if new.is_empty() || (self.looked > 0 && self.bytes.len() < limits.size && !new.contains(&b'\n')) {
            return Ok(None);
        }
        match head::preface(&self.bytes) {
            Preface::Whole => return Err(Ended::Preface),
            Preface::Begun => return Ok(None),
            Preface::None => {}
        }
        self.looked = self.bytes.len();
        let Some((head, length)) = head::parse(&self.bytes, limits)? else { return Ok(None) };
        self.bytes.advance(length);
        self.begin(&head.framing, limits);
        Ok(Some(head))
    }

    fn begin(&mut self, framing: &Framing, limits: Limits) {
        self.looked = 0;
        self.room = FIRST_ROOM;
        self.words.expect(framing.expects);
        self.body = match framing.length {
            Length::Known(0) => Body::Done,
            Length::Known(length) => Body::Known(length),
            Length::Chunked => Body::Chunked(Box::new(Chunks::new(limits))),
        };
        if self.bytes.is_empty() {
            self.bytes = BytesMut::new();
        }
    }

    /// Everything that was read and not taken.
    pub(crate) fn into_bytes(self) -> BytesMut {
        self.bytes
    }

    /// Whether the request's body has been taken to its end.
    pub(in crate::codec) fn is_done(&self) -> bool {
        matches!(self.body, Body::Done)
    }

    /// What is still to come of the body, if that is known.
    pub(in crate::codec) fn remaining(&self) -> Option<u64> {
        match self.body {
            Body::Done => Some(0),
            Body::Known(length) => Some(length),
            Body::Chunked(_) => None,
        }
    }

    /// The body's next piece, out of what was read already. `None`: more has to be read.
    pub(in crate::codec) fn piece(&mut self) -> Result<Option<Piece>, Malformed> {
        let piece = match &mut self.body {
            Body::Done => return Ok(Some(Piece::End)),
            Body::Known(_) if self.bytes.is_empty() => return Ok(None),
            Body::Known(length) => {
                let n = usize::try_from(*length).unwrap_or(usize::MAX).min(self.bytes.len());
                *length -= n as u64;
                if *length == 0 {
                    self.body = Body::Done;
                }
                Piece::Data(self.bytes.split_to(n).freeze())
            }
            Body::Chunked(chunks) => match chunks.next(&mut self.bytes)? {
                Some(piece) => piece,
                None => return Ok(None),
            },
        };
        if matches!(piece, Piece::End | Piece::Trailers(_)) {
            self.body = Body::Done;
        }
        if self.is_done() && self.bytes.is_empty() {
            self.bytes = BytesMut::new();
        }
        Ok(Some(piece))
    }

    /// Reads more of a body; invites the client to send it first, where it waits for that and has sent nothing.
    /// Ready with the number of bytes, 0 at the end of the client's.
    pub(in crate::codec) fn poll_more(
        &mut self,
        stream: &mut BoxStream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.words.invites() {
            ready!(self.words.poll_invite(stream, cx))?;
        }
        self.bytes.reserve(self.room);
        let n = ready!(pin!(stream.read_buf(&mut self.bytes)).poll(cx))?;
        if n >= self.room {
            self.room = (self.room * 2).min(MOST_ROOM);
        }
        Poll::Ready(Ok(n))
    }

    /// The server has an interim answer for the client, which is told it by [`Self::poll_tell`], or before the final
    /// one. Gives the number of its bytes.
    pub(in crate::codec) fn tell(&mut self, message: Response<()>) -> usize {
        self.words.tell(message)
    }

    /// Tells the client what there is to tell.
    pub(crate) fn poll_tell(&mut self, stream: &mut BoxStream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.words.poll_tell(stream, cx)
    }

    /// Interim answers are not written: whoever asks for them tells the client.
    pub(crate) fn keep_interim(&mut self) {
        self.words.keep();
    }

    /// The interim answers that came since this was asked for last.
    pub(crate) fn interim(&mut self) -> Vec<Response<()>> {
        self.words.kept()
    }

    /// An answer begins: gives what has to be said before.
    pub(super) fn withdraw(&mut self, sheet: &mut Vec<u8>) {
        self.words.withdraw(sheet);
    }

    /// Looks whether the client is still there, by reading at most one byte, which is kept. Ready with false at the
    /// end of its bytes; pending if it says nothing.
    pub(super) fn poll_look(
        &mut self,
        stream: &mut BoxStream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        let mut byte = [0u8];
        let mut buffer = ReadBuf::new(&mut byte);
        ready!(Pin::new(&mut **stream).poll_read(cx, &mut buffer))?;
        self.bytes.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(!buffer.filled().is_empty()))
    }
}

/// Why no request will come.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    /// The client speaks HTTP/2; what it said so far is still there.
    #[error("the preface of HTTP/2")]
    Preface,
    /// The head is refused.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The stream failed.
    #[error(transparent)]
    Stream(#[from] io::Error),
}

/// What is read of a body at once, to begin with and at the most: it grows while the client fills it.
const FIRST_ROOM: usize = 16 * 1024;
const MOST_ROOM: usize = 256 * 1024;
