//! A request's body on its way to the server.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::conn::{Conn, UploadFault};

/// A request's body. Reading it is what asks the client for more, so that a slow server slows the client.
#[derive(Debug)]
pub(crate) struct Upload {
    incoming: Option<Incoming>,
    conn: Rc<Conn>,
    gate: Option<Gate>,
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
    pub(super) fn new(incoming: Incoming, conn: Rc<Conn>) -> Self {
        let incoming = Some(incoming).filter(|body| !body.is_end_stream());
        Self { incoming, conn, gate: None }
    }

    /// Whether there is nothing to send, so that the request can be sent again.
    pub(crate) fn is_empty(&self) -> bool {
        self.incoming.is_none()
    }

    /// Its length, if the client said so beforehand.
    pub(crate) fn length(&self) -> Option<u64> {
        self.size_hint().exact()
    }

    /// Holds the body back until the returned flag is raised.
    pub(super) fn wait_for_server(&mut self) -> Arc<AtomicBool> {
        let asked = Arc::new(AtomicBool::new(false));
        self.gate = Some(Gate { asked: asked.clone(), until: self.conn.now() + PATIENCE });
        asked
    }

    fn fault(&self, fault: UploadFault) -> Poll<Option<Result<Frame<Bytes>, UploadFault>>> {
        self.conn.update_upload(|upload| upload.fault = Some(fault));
        Poll::Ready(Some(Err(fault)))
    }

    fn data(&self, bytes: u64, last: bool) -> Result<(), UploadFault> {
        self.conn.touch();
        self.conn.update_upload(|upload| {
            upload.bytes += bytes;
            upload.starved = false;
            upload.done = last || self.is_end_stream();
        });
        match self.conn.worker.settings.options.max_body {
            Some(most) if self.conn.upload().bytes > most => Err(UploadFault::TooLarge),
            _ => Ok(()),
        }
    }
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
        let Some(incoming) = &mut this.incoming else { return Poll::Ready(None) };
        match Pin::new(incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
                match this.data(bytes, frame.is_trailers()) {
                    Ok(()) => Poll::Ready(Some(Ok(frame))),
                    Err(fault) => this.fault(fault),
                }
            }
            Poll::Ready(None) => {
                this.conn.update_upload(|upload| upload.done = true);
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => this.fault(fault_of(&error)),
            Poll::Pending => {
                this.conn.update_upload(|upload| upload.starved = true);
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// hyper says what is wrong with a body only in the source of its error.
fn fault_of(error: &hyper::Error) -> UploadFault {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return match io.kind() {
                io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
                    UploadFault::Malformed
                }
                _ => UploadFault::Left,
            };
        }
        source = cause.source();
    }
    UploadFault::Left
}

/// How long a body waits for a server that does not answer `Expect: 100-continue`; the RFC leaves it open, curl
/// waits as long.
const PATIENCE: Duration = Duration::from_secs(1);
