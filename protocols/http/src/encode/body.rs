//! A body on its way through an encoder.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use super::decide::DIGESTS;
use super::encoder::Encoder;
use crate::codec::Aborted;

/// A body that is coded as it comes. What the server sends before it pauses is passed on at once, so that events arrive
/// when they happen; a body that breaks off is never ended.
#[derive(Debug)]
pub(crate) struct Encoded<B> {
    source: B,
    /// `None` once the body has ended.
    encoder: Option<Encoder>,
    /// What came and is not coded yet.
    piece: Bytes,
    /// The encoder may hold what the client has not.
    holds: bool,
    /// Bytes that may be coded before others have their turn.
    turn: usize,
    trailers: Option<HeaderMap>,
    /// The source broke off.
    broken: bool,
}

impl<B: Body<Data = Bytes, Error = Aborted> + Unpin> Encoded<B> {
    pub(crate) fn new(source: B, encoder: Encoder) -> Self {
        let (piece, trailers) = (Bytes::new(), None);
        Self { source, encoder: Some(encoder), piece, holds: false, turn: TURN, trailers, broken: false }
    }

    /// What is coded.
    pub(crate) fn source(&mut self) -> &mut B {
        &mut self.source
    }

    /// Codes a step of the piece at hand. `Some`: there is something to pass on.
    fn step(&mut self) -> Result<Option<Frame<Bytes>>, Aborted> {
        let Some(encoder) = &mut self.encoder else { return Err(Aborted) };
        let step = self.piece.split_to(self.piece.len().min(STEP));
        self.turn = self.turn.saturating_sub(step.len());
        encoder.write(&step).map_err(|_| Aborted)?;
        self.holds = true;
        if self.piece.is_empty() && self.source.is_end_stream() {
            return self.finish().map(Some);
        }
        Ok((encoder.ready() >= ENOUGH).then(|| Frame::data(encoder.take())))
    }

    fn flush(&mut self) -> Result<Option<Frame<Bytes>>, Aborted> {
        let Some(encoder) = self.encoder.as_mut().filter(|_| self.holds) else { return Ok(None) };
        encoder.flush().map_err(|_| Aborted)?;
        self.holds = false;
        Ok(Some(encoder.take()).filter(|coded| !coded.is_empty()).map(Frame::data))
    }

    fn finish(&mut self) -> Result<Frame<Bytes>, Aborted> {
        let encoder = self.encoder.take().ok_or(Aborted)?;
        encoder.finish().map(Frame::data).map_err(|_| Aborted)
    }
}

impl<B: Body<Data = Bytes, Error = Aborted> + Unpin> Body for Encoded<B> {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        let this = &mut *self;
        loop {
            if this.broken {
                return Poll::Ready(Some(Err(Aborted)));
            }
            if this.encoder.is_none() {
                return Poll::Ready(this.trailers.take().map(|fields| Ok(Frame::trailers(fields))));
            }
            if !this.piece.is_empty() {
                if this.turn == 0 {
                    this.turn = TURN;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                match this.step().transpose() {
                    Some(coded) => return Poll::Ready(Some(coded)),
                    None => continue,
                }
            }
            match Pin::new(&mut this.source).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => this.piece = data,
                    Err(frame) => {
                        this.trailers = frame.into_trailers().ok().map(without_digests);
                        return Poll::Ready(Some(this.finish()));
                    }
                },
                Poll::Ready(Some(Err(Aborted))) => {
                    // As where nothing is coded: whoever writes has to have written what there was before.
                    this.broken = true;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(None) => return Poll::Ready(Some(this.finish())),
                Poll::Pending => {
                    this.turn = TURN;
                    return match this.flush().transpose() {
                        Some(coded) => Poll::Ready(Some(coded)),
                        None => Poll::Pending,
                    };
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.encoder.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_end_stream() { SizeHint::with_exact(0) } else { SizeHint::default() }
    }
}

/// The trailers of a coded body: what was reckoned over the server's bytes is not true of the client's.
fn without_digests(mut fields: HeaderMap) -> HeaderMap {
    for name in &DIGESTS {
        fields.remove(name);
    }
    fields
}

/// What is coded at once.
const STEP: usize = 16 * 1024;
/// What may be coded before the worker's other connections have their turn: one to two milliseconds' worth.
const TURN: usize = 64 * 1024;
/// So much is passed on although more may follow at once.
const ENOUGH: usize = 4096;
