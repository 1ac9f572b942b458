//! The body of a request of HTTP/2.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use h2::RecvStream;
use http::{HeaderMap, header::CONTENT_LENGTH};

use super::account::Account;
use crate::codec::Piece;
use crate::conn::UploadFault;

/// A body as it comes. The client may send more only for what has been taken, so that a slow server slows its client and
/// nobody else, and no more than a window is ever held.
#[derive(Debug)]
pub(crate) struct Streamed {
    body: RecvStream,
    /// Bytes handed on that the client has not been credited with yet.
    taken: usize,
    /// What is still to come, if the client said how much.
    left: Option<u64>,
    trailers: bool,
    /// Raised when somebody asks for it.
    wanted: Rc<Cell<bool>>,
    account: Rc<Account>,
}

impl Streamed {
    pub(super) fn new(body: RecvStream, headers: &HeaderMap, account: Rc<Account>) -> Self {
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        Self { body, taken: 0, left: length, trailers: false, wanted: Rc::default(), account }
    }

    /// Raised when somebody asks for the body.
    pub(super) fn wanted(&self) -> Rc<Cell<bool>> {
        self.wanted.clone()
    }

    /// Whether nothing is to come.
    pub(crate) fn is_done(&self) -> bool {
        self.body.is_end_stream() || self.trailers
    }

    /// What is still to come, if that is known.
    pub(crate) fn remaining(&self) -> Option<u64> {
        if self.body.is_end_stream() { Some(0) } else { self.left }
    }

    /// The next piece. Asking for it says that the one before has been passed on.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, UploadFault>> {
        self.wanted.set(true);
        let taken = std::mem::take(&mut self.taken);
        if taken > 0 {
            // Fails only on a stream that is closed, which the next look at the body tells.
            let _ = self.body.flow_control().release_capacity(taken);
        }
        loop {
            match ready!(self.body.poll_data(cx)) {
                Some(Ok(data)) if data.is_empty() => {}
                Some(Ok(data)) => {
                    self.taken = data.len();
                    self.account.carried(data.len());
                    self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                    return Poll::Ready(Ok(Piece::Data(data)));
                }
                Some(Err(error)) => return Poll::Ready(Err(fault(&error))),
                None => break,
            }
        }
        let trailers = ready!(self.body.poll_trailers(cx));
        self.trailers = true;
        Poll::Ready(match trailers {
            Ok(Some(fields)) => Ok(Piece::Trailers(fields)),
            Ok(None) => Ok(Piece::End),
            Err(error) => Err(fault(&error)),
        })
    }
}

/// What broke a body off: the client's word or its end, or that it broke the rules.
fn fault(error: &h2::Error) -> UploadFault {
    if error.is_io() || error.is_remote() { UploadFault::Left } else { UploadFault::Malformed }
}
