//! The body of an answer, on its way to a client of HTTP/2.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http::{HeaderMap, StatusCode};
use http_body::{Body as _, Frame};
use sekisho_api::End;

use super::account::Running;
use crate::codec::{Download, may_stand_behind};
use crate::conn::Conn;
use crate::grpc;

/// Sends a body, as fast as the client takes it.
#[derive(Debug)]
pub(super) struct Pump {
    stream: SendStream<Bytes>,
    body: Download,
    /// What was read of it and not taken.
    waiting: Bytes,
    /// Nothing comes behind that.
    over: bool,
    /// It answers a call of gRPC.
    call: bool,
}

impl Pump {
    pub(super) fn new(stream: SendStream<Bytes>, body: Download, call: bool) -> Self {
        Self { stream, body, waiting: Bytes::new(), over: false, call }
    }

    /// Breaks off without a word.
    pub(super) fn reset(&mut self) {
        self.stream.send_reset(Reason::INTERNAL_ERROR);
    }

    /// Sends what there is. Ready when nothing is left to do.
    pub(super) fn poll(&mut self, conn: &Conn, running: &Running, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if !self.waiting.is_empty() {
                match self.poll_send(conn, running, cx) {
                    Poll::Ready(true) => {}
                    Poll::Ready(false) => return Poll::Ready(()),
                    Poll::Pending => {
                        self.body.poll_upload(cx);
                        return Poll::Pending;
                    }
                }
            }
            self.body.be_modest(running.is_crowded());
            match Pin::new(&mut self.body).poll_frame(cx) {
                // Only who waits for the server would not be told otherwise that the client does not want the rest.
                Poll::Pending => return self.stream.poll_reset(cx).map(drop),
                Poll::Ready(None) => return self.end(),
                Poll::Ready(Some(Err(_))) => {
                    self.cut(StatusCode::BAD_GATEWAY, End::ServerLeft);
                    return Poll::Ready(());
                }
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => {
                        self.over = self.body.is_end_stream();
                        if self.over && data.is_empty() {
                            return self.end();
                        }
                        self.waiting = data;
                    }
                    Err(frame) => return self.trailers(frame),
                },
            }
        }
    }

    /// Sends what is waiting. Ready with false when there is nothing more to send, or nobody to send it to.
    fn poll_send(&mut self, conn: &Conn, running: &Running, cx: &mut Context<'_>) -> Poll<bool> {
        while !self.waiting.is_empty() {
            let room = if self.over && self.waiting.len() <= LITTLE {
                self.waiting.len()
            } else {
                self.stream.reserve_capacity(self.waiting.len().min(PIECE));
                match self.stream.poll_capacity(cx) {
                    Poll::Ready(Some(Ok(room))) => room.min(self.waiting.len()),
                    Poll::Ready(_) => return Poll::Ready(false),
                    Poll::Pending => return Poll::Pending,
                }
            };
            if room == 0 {
                continue;
            }
            let part = self.waiting.split_to(room);
            let last = self.over && self.waiting.is_empty();
            running.account().carried(part.len());
            if self.stream.send_data(part, last).is_err() || last {
                return Poll::Ready(false);
            }
            conn.touch();
        }
        Poll::Ready(true)
    }

    fn end(&mut self) -> Poll<()> {
        let _ = self.stream.send_data(Bytes::new(), true);
        Poll::Ready(())
    }

    fn trailers(&mut self, frame: Frame<Bytes>) -> Poll<()> {
        let fields = frame.into_trailers().unwrap_or_default();
        let passing = fields.iter().filter(|(name, _)| may_stand_behind(name));
        let passing: HeaderMap = passing.map(|(name, value)| (name.clone(), value.clone())).collect();
        if passing.is_empty() {
            return self.end();
        }
        let _ = self.stream.send_trailers(passing);
        Poll::Ready(())
    }

    /// Breaks an answer off: what was sent must not pass for the whole (RFC 9113, section 8.1). A caller of gRPC looks for
    /// an end in the trailers, and finds this one.
    pub(super) fn cut(&mut self, status: StatusCode, end: End) {
        if !self.call || self.stream.send_trailers(grpc::trailers(status, end)).is_err() {
            self.stream.send_reset(Reason::INTERNAL_ERROR);
        }
    }
}

/// The most that is asked room for at once.
const PIECE: usize = 64 * 1024;
/// The last piece of a body is left to the codec as it is, if it is no larger than this: it is held there instead of here
/// until the client takes it, and nothing has to wait for that.
const LITTLE: usize = 4096;
