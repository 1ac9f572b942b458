//! A request's body on its way to the server.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::chunks::{Malformed, Piece};
use crate::conn::{Conn, UploadFault};
use crate::retry::{Recorder, Replay};
use crate::two::Streamed;

/// A request's body. Reading it is what asks the client for more, so that a slow server slows the client.
///
/// It owns nothing: the bytes stay in the connection until they are asked for, and are read from the client then.
#[derive(Debug)]
pub(crate) struct Upload {
    empty: bool,
    /// The most bytes that are read.
    most: u64,
    conn: Rc<Conn>,
    gate: Option<Gate>,
    /// Where the body comes from, if it is not what follows the head on the connection.
    streamed: Option<Box<Streamed>>,
    kept: Option<Kept>,
}

/// A body for which there may be more than one try.
#[derive(Debug)]
enum Kept {
    /// It is kept as it is read.
    Recorded(Rc<Recorder>),
    /// This is what was kept.
    Replayed(Box<Replay>),
}

/// The request was given up and the connection with it: there is nobody to answer, or no way to.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("request given up")]
pub(crate) struct Aborted;

/// Holds a body back until the server asked for it (RFC 9110, section 10.1.1), or is taken not to know how.
#[derive(Debug)]
struct Gate {
    asked: Arc<AtomicBool>,
    until: Instant,
}

impl Upload {
    /// The body of the request whose head the connection took last; none where it takes no heads.
    pub(crate) fn new(conn: Rc<Conn>) -> Self {
        let empty = conn.inbound.borrow().is_done();
        Self { empty, most: most(&conn), conn, gate: None, streamed: None, kept: None }
    }

    /// The body of a request that has a stream of its own.
    pub(crate) fn streamed(conn: Rc<Conn>, body: Streamed) -> Self {
        Self {
            empty: body.is_done(),
            most: most(&conn),
            conn,
            gate: None,
            streamed: Some(Box::new(body)),
            kept: None,
        }
    }

    /// None.
    pub(crate) fn nothing(conn: Rc<Conn>) -> Self {
        Self { empty: true, most: u64::MAX, conn, gate: None, streamed: None, kept: None }
    }

    /// A body that was read before, and is booked.
    pub(crate) fn replayed(conn: Rc<Conn>, body: Replay) -> Self {
        let kept = Some(Kept::Replayed(Box::new(body)));
        Self { empty: false, kept, ..Self::nothing(conn) }
    }

    /// Keeps the body as it is read, unless it is announced to have more bytes than this.
    pub(crate) fn record(&mut self, most: usize) -> Option<Rc<Recorder>> {
        let length = self.length();
        if most == 0 || length.is_some_and(|length| length > most as u64) {
            return None;
        }
        let recorder = Recorder::new(most, length);
        self.kept = Some(Kept::Recorded(recorder.clone()));
        Some(recorder)
    }

    /// Whether there is nothing to send, so that the request can be sent again.
    pub(crate) fn is_empty(&self) -> bool {
        self.empty
    }

    /// Its length, if the client said so beforehand.
    pub(crate) fn length(&self) -> Option<u64> {
        self.size_hint().exact()
    }

    /// The most bytes of it that are read, in place of what the VIP says.
    pub(crate) fn limit(&mut self, most: u64) {
        self.most = most;
    }

    /// Whether it is announced to be larger than that.
    pub(crate) fn is_too_large(&self) -> bool {
        self.length().is_some_and(|length| length > self.most)
    }

    /// Holds the body back until the returned flag is raised.
    pub(super) fn wait_for_server(&mut self) -> Arc<AtomicBool> {
        let asked = Arc::new(AtomicBool::new(false));
        self.gate = Some(Gate { asked: asked.clone(), until: self.conn.now() + PATIENCE });
        asked
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, UploadFault>> {
        if let Some(streamed) = &mut self.streamed {
            return streamed.poll_piece(cx);
        }
        let conn = &*self.conn;
        let mut inbound = conn.inbound.borrow_mut();
        loop {
            match inbound.piece() {
                Ok(Some(piece)) => return Poll::Ready(Ok(piece)),
                Ok(None) => {}
                Err(Malformed) => return Poll::Ready(Err(UploadFault::Malformed)),
            }
            match inbound.poll_more(&mut conn.stream.borrow_mut(), cx) {
                Poll::Ready(Ok(n)) if n > 0 => conn.heard(),
                Poll::Ready(_) => return Poll::Ready(Err(UploadFault::Left)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn fault(&self, fault: UploadFault) -> Poll<Option<Result<Frame<Bytes>, UploadFault>>> {
        self.conn.update_upload(|upload| upload.fault = Some(fault));
        Poll::Ready(Some(Err(fault)))
    }

    /// Keeps a piece, where the body is kept; `None` is its end.
    fn keep(&self, frame: Option<&Frame<Bytes>>) {
        let Some(Kept::Recorded(recorder)) = &self.kept else { return };
        frame.and_then(Frame::data_ref).into_iter().for_each(|data| recorder.data(data));
        if self.is_end_stream() {
            recorder.end(frame.and_then(Frame::trailers_ref));
        }
    }

    /// Books a piece.
    fn took(&self, bytes: u64) -> Result<(), UploadFault> {
        self.conn.touch();
        self.conn.update_upload(|upload| {
            upload.bytes += bytes;
            upload.starved = false;
            upload.done = self.is_end_stream();
        });
        if self.conn.upload().bytes > self.most { Err(UploadFault::TooLarge) } else { Ok(()) }
    }
}

fn most(conn: &Conn) -> u64 {
    conn.worker.settings.options.max_body.unwrap_or(u64::MAX)
}

impl Body for Upload {
    type Data = Bytes;
    type Error = UploadFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadFault>>> {
        let this = &mut *self;
        if let Some(gate) = &this.gate {
            if !gate.asked.load(Ordering::Relaxed) && this.conn.now() < gate.until {
                // The connection's tick looks again.
                return Poll::Pending;
            }
            this.gate = None;
        }
        if this.empty {
            return Poll::Ready(None);
        }
        if let Some(Kept::Replayed(body)) = &mut this.kept {
            return Poll::Ready(body.frame().map(Ok));
        }
        let (frame, bytes) = match this.poll_piece(cx) {
            Poll::Ready(Ok(Piece::Data(data))) => {
                let bytes = data.len() as u64;
                (Frame::data(data), bytes)
            }
            Poll::Ready(Ok(Piece::Trailers(mut fields))) => {
                // Those of HTTP/2 pass unannounced.
                this.conn.worker.settings.tls_fields.remove(&mut fields);
                (Frame::trailers(fields), 0)
            }
            Poll::Ready(Ok(Piece::End)) => {
                this.keep(None);
                this.conn.update_upload(|upload| upload.done = true);
                return Poll::Ready(None);
            }
            Poll::Ready(Err(fault)) => return this.fault(fault),
            Poll::Pending => {
                this.conn.update_upload(|upload| upload.starved = true);
                return Poll::Pending;
            }
        };
        this.keep(Some(&frame));
        match this.took(bytes) {
            Ok(()) => Poll::Ready(Some(Ok(frame))),
            Err(fault) => this.fault(fault),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.empty
            || match (&self.kept, &self.streamed) {
                (Some(Kept::Replayed(body)), _) => body.is_done(),
                (_, Some(streamed)) => streamed.is_done(),
                _ => self.conn.inbound.borrow().is_done(),
            }
    }

    fn size_hint(&self) -> SizeHint {
        if self.empty {
            return SizeHint::with_exact(0);
        }
        let left = match (&self.kept, &self.streamed) {
            (Some(Kept::Replayed(body)), _) => body.remaining(),
            (_, Some(streamed)) => streamed.remaining(),
            _ => self.conn.inbound.borrow().remaining(),
        };
        left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// How long a body waits for a server that does not answer `Expect: 100-continue`; the RFC leaves it open, curl
/// waits as long.
const PATIENCE: Duration = Duration::from_secs(1);
