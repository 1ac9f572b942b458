//! A stream whose other end is the test's.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use sekisho_api::{BoxStream, Stream, TlsFacts};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The other end.
#[derive(Debug, Default)]
pub(super) struct End {
    /// What comes from it, piece by piece; an empty one is its end.
    pub(super) sent: VecDeque<Vec<u8>>,
    /// Bytes that it still takes.
    pub(super) room: usize,
    /// What it took.
    pub(super) taken: Vec<u8>,
    /// It was told that nothing more will come.
    pub(super) told: bool,
    /// How often it was read from when there was something.
    pub(super) reads: usize,
}

/// A stream that does as its other end says. Nobody is woken.
#[derive(Debug)]
pub(super) struct Scripted(Rc<RefCell<End>>);

impl Scripted {
    pub(super) fn pair() -> (BoxStream, Rc<RefCell<End>>) {
        let end = Rc::default();
        (Box::new(Self(Rc::clone(&end))), end)
    }
}

impl AsyncRead for Scripted {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut end = self.0.borrow_mut();
        let Some(mut piece) = end.sent.pop_front() else { return Poll::Pending };
        end.reads += 1;
        let rest = piece.split_off(piece.len().min(buffer.remaining()));
        buffer.put_slice(&piece);
        if !rest.is_empty() {
            end.sent.push_front(rest);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Scripted {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut end = self.0.borrow_mut();
        let n = end.room.min(bytes.len());
        if n == 0 {
            return Poll::Pending;
        }
        end.room -= n;
        end.taken.extend_from_slice(&bytes[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().told = true;
        Poll::Ready(Ok(()))
    }
}

impl Stream for Scripted {
    fn tls(&self) -> Option<&Arc<TlsFacts>> {
        None
    }

    fn poll_readable(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.0.borrow().sent.is_empty() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn plain(&mut self) -> Option<&mut tokio::net::TcpStream> {
        None
    }
}
