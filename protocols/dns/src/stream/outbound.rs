//! What waits to be written to a stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use sekisho_api::BoxStream;

use super::framing;

/// Messages that wait to be written, behind their lengths.
#[derive(Debug, Default)]
pub(crate) struct Outbound {
    // INVARIANT: written <= bytes.len().
    bytes: Vec<u8>,
    written: usize,
    total: u64,
}

impl Outbound {
    /// Appends a message. One that is too long for a length is not a message, and false.
    pub(crate) fn push(&mut self, message: &[u8]) -> bool {
        framing::frame(&mut self.bytes, message).is_some()
    }

    /// As [`Outbound::push`], and `change` may still change it in its place.
    pub(crate) fn push_changed(&mut self, message: &[u8], change: impl FnOnce(&mut [u8])) -> bool {
        let Some(at) = framing::frame(&mut self.bytes, message) else { return false };
        change(self.bytes.get_mut(at..).unwrap_or_default());
        true
    }

    /// How many bytes wait.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Whether none does.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes were written since the beginning.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Forgets what waits, and the room for it.
    pub(crate) fn clear(&mut self) {
        (self.bytes, self.written) = (Vec::new(), 0);
    }

    /// Gives room back that nothing waits in.
    pub(crate) fn rest(&mut self) {
        if self.is_empty() {
            self.clear();
        }
    }

    /// Writes what there is; ready once all of it has left.
    ///
    /// # Errors
    /// Those of the stream: nothing can be written any more.
    pub(crate) fn poll_write(
        &mut self,
        stream: &mut BoxStream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while let Some(rest) = self.bytes.get(self.written..).filter(|rest| !rest.is_empty()) {
            let n = ready!(Pin::new(&mut **stream).poll_write(cx, rest))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += n.min(rest.len());
            self.total += n as u64;
        }
        self.written = 0;
        if self.bytes.capacity() > KEPT {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
        Pin::new(&mut **stream).poll_flush(cx)
    }
}

/// Room that stays between two writes.
const KEPT: usize = 64 << 10;
