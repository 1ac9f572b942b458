//! What waits to be written to a stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

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
            let Poll::Ready(n) = Pin::new(&mut **stream).poll_write(cx, rest)? else {
                self.forget_written();
                return Poll::Pending;
            };
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

    /// What waits moves to the front once it is the smaller part: a peer that never takes all of it would have what it
    /// was ever sent stay here, and so each byte is moved about once.
    fn forget_written(&mut self) {
        if self.written > self.len() {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
    }
}

/// Room that stays between two writes.
const KEPT: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sekisho_api::{Stream, TlsFacts};
    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
    use tokio::net::TcpStream;

    use super::*;

    /// Takes so many bytes at a time and is never ready for more.
    #[derive(Debug)]
    struct Slow {
        each: usize,
        full: bool,
        taken: Vec<u8>,
    }

    impl AsyncWrite for Slow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.full = !self.full;
            if !self.full {
                return Poll::Pending;
            }
            let n = self.each.min(bytes.len());
            self.taken.extend_from_slice(&bytes[..n]);
            Poll::Ready(Ok(n))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncRead for Slow {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl Stream for Slow {
        fn tls(&self) -> Option<&Arc<TlsFacts>> {
            None
        }
        fn poll_readable(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
        fn plain(&mut self) -> Option<&mut TcpStream> {
            None
        }
    }

    #[test]
    fn peer_that_always_leaves_something_waiting_makes_nothing_grow() {
        let slow = Slow { each: 102, full: false, taken: Vec::new() };
        let (mut stream, mut cx) =
            (Box::new(slow) as BoxStream, Context::from_waker(std::task::Waker::noop()));
        let mut out = Outbound::default();
        out.push(&[0; 1000]);
        for number in 0..100_000_u32 {
            out.push(&[number as u8; 100]);
            assert!(out.poll_write(&mut stream, &mut cx).is_pending());
            assert_eq!(out.total(), u64::from(number + 1) * 102);
        }
        assert_eq!(out.len(), 1002);
        assert!(out.bytes.capacity() < 1 << 14, "{} bytes for {}", out.bytes.capacity(), out.len());
    }
}
