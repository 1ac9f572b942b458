//! An answer's body on its way to the client.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use sekisho_api::End;

use super::client::{Lost, Upstream};
use super::tunnel::Tunnel;
use super::upload::Aborted;
use crate::encode::{Encoded, Encoder};
use crate::exchange::Exchange;

/// An answer's body.
#[derive(Debug)]
pub(crate) enum Download {
    /// Nothing.
    Empty,
    /// A text of the gateway's own.
    Full(Bytes),
    /// What a server sends.
    Relay(Relay),
    /// The same in a coding that the client takes.
    Encoded(Box<Encoded<Relay>>),
    /// No body, but another protocol from here on.
    Tunnel(Box<Tunnel>),
}

/// What a server sends, with the connection that it comes over and the account of the request.
#[derive(Debug)]
pub(crate) struct Relay {
    /// `None` once the last byte has been read, or none will be.
    upstream: Option<Box<Upstream>>,
    exchange: Exchange,
    broken: bool,
}

impl Download {
    /// A text of the gateway's own.
    pub(crate) fn full(text: Bytes) -> Self {
        Self::Full(text)
    }

    /// What a server sends. Without a body the request is over at once.
    pub(crate) fn relay(upstream: Box<Upstream>, exchange: Exchange, encoder: Option<Encoder>) -> Self {
        let over = upstream.over();
        let mut relay = Relay { upstream: Some(upstream), exchange, broken: false };
        if over {
            relay.finish();
            return Self::Empty;
        }
        match encoder {
            Some(encoder) => Self::Encoded(Box::new(Encoded::new(relay, encoder))),
            None => Self::Relay(relay),
        }
    }

    /// A text instead of what a server sends. What there is of that already is thrown away, so that the connection can
    /// serve again; what would have to be waited for costs the connection.
    pub(crate) fn instead(mut upstream: Box<Upstream>, mut exchange: Exchange, text: Bytes) -> Self {
        let conn = exchange.conn().clone();
        let mut cx = Context::from_waker(Waker::noop());
        let mut left = if conn.upload().done { THROWN_AWAY } else { 0 };
        while !upstream.over() && left > 0 {
            match upstream.poll_frame(&mut cx, &conn.worker.buffers) {
                Poll::Ready(Some(Ok(frame))) => {
                    left = left.saturating_sub(frame.data_ref().map_or(left, Bytes::len));
                }
                Poll::Ready(None | Some(Err(_))) | Poll::Pending => break,
            }
        }
        if upstream.over() {
            exchange.keep(upstream);
        }
        exchange.sent(text.len() as u64);
        exchange.end(End::Done);
        Self::Full(text)
    }

    /// Whether little of it is read at a time.
    pub(crate) fn be_modest(&mut self, modest: bool) {
        if let Some(upstream) = self.upstream() {
            upstream.be_modest(modest);
        }
    }

    /// Sends on of the request's body while the client takes nothing of this one: who does not read may still have
    /// something to say.
    pub(crate) fn poll_upload(&mut self, cx: &mut Context<'_>) {
        if let Some(upstream) = self.upstream() {
            upstream.poll_upload(cx);
        }
    }

    fn upstream(&mut self) -> Option<&mut Upstream> {
        let relay = match self {
            Self::Relay(relay) => relay,
            Self::Encoded(encoded) => encoded.source(),
            Self::Empty | Self::Full(_) | Self::Tunnel(_) => return None,
        };
        relay.upstream.as_deref_mut()
    }

    /// The protocol that the server has changed to.
    pub(crate) fn tunnel(upstream: Box<Upstream>, exchange: Exchange) -> Self {
        Self::Tunnel(Tunnel::new(upstream, exchange))
    }
}

impl Relay {
    /// What the server sends next.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        if self.broken {
            return Poll::Ready(Some(Err(Aborted)));
        }
        let Some(upstream) = &mut self.upstream else { return Poll::Ready(None) };
        let conn = self.exchange.conn();
        if conn.is_listing_due() {
            self.exchange.list_answering();
        }
        match ready!(upstream.poll_frame(cx, &conn.worker.buffers)) {
            Some(Ok(frame)) => {
                let over = upstream.over();
                conn.touch();
                if over {
                    self.finish();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            None => {
                self.finish();
                Poll::Ready(None)
            }
            Some(Err(Lost)) => {
                self.upstream = None;
                self.exchange.cut();
                // The codec drops what it has not written when a body fails. It writes first when the body makes
                // it wait, so that the client sees as much of the answer as there was.
                self.broken = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    /// Books what goes to the client.
    fn count(&mut self, frame: &Poll<Option<Result<Frame<Bytes>, Aborted>>>) {
        if let Poll::Ready(Some(Ok(frame))) = frame {
            self.exchange.sent(frame.data_ref().map_or(0, |data| data.len() as u64));
        }
    }

    /// The last byte has been read: the connection is free for the next request, unless this one's body is still
    /// being sent.
    fn finish(&mut self) {
        if let Some(upstream) = self.upstream.take() {
            self.exchange.keep(upstream);
        }
        self.exchange.end(End::Done);
    }
}

/// What the server sends, before it is coded.
impl Body for Relay {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        self.poll(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.upstream.is_none() && !self.broken
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        match &mut *self {
            Self::Empty | Self::Tunnel(_) => Poll::Ready(None),
            Self::Full(text) => {
                let text = std::mem::take(text);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(text))))
            }
            Self::Relay(relay) => {
                let frame = relay.poll(cx);
                relay.count(&frame);
                frame
            }
            Self::Encoded(encoded) => {
                let frame = Pin::new(&mut **encoded).poll_frame(cx);
                encoded.source().count(&frame);
                frame
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty | Self::Tunnel(_) => true,
            Self::Full(text) => text.is_empty(),
            Self::Relay(relay) => relay.is_end_stream(),
            Self::Encoded(encoded) => encoded.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty | Self::Tunnel(_) => SizeHint::with_exact(0),
            Self::Full(text) => SizeHint::with_exact(text.len() as u64),
            Self::Relay(relay) => match &relay.upstream {
                Some(upstream) => upstream.length().map_or_else(SizeHint::default, SizeHint::with_exact),
                None => SizeHint::with_exact(0),
            },
            Self::Encoded(encoded) => encoded.size_hint(),
        }
    }
}

/// The most of a server's error that is read for nothing: pages of errors are smaller.
const THROWN_AWAY: usize = 64 * 1024;
