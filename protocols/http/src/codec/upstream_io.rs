//! A server's stream as hyper sees it.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use sekisho_api::BoxStream;
use smallvec::SmallVec;
use tokio::io::ReadBuf;

/// Bytes over one server connection since it was made.
#[derive(Debug, Default)]
pub(super) struct Meter {
    pub(super) read: Cell<u64>,
    pub(super) written: Cell<u64>,
}

/// Reads and writes a server connection and counts.
#[derive(Debug)]
pub(super) struct UpstreamIo {
    pub(super) stream: BoxStream,
    pub(super) meter: Rc<Meter>,
}

impl Read for UpstreamIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let n = ready!(read_into(&mut self.stream, cx, buffer))?;
        self.meter.read.set(self.meter.read.get() + n as u64);
        Poll::Ready(Ok(()))
    }
}

impl Write for UpstreamIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let n = ready!(Pin::new(&mut *self.stream).poll_write(cx, bytes))?;
        self.meter.written.set(self.meter.written.get() + n as u64);
        Poll::Ready(Ok(n))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let n = ready!(write_all_in_one(&mut self.stream, cx, bytes))?;
        self.meter.written.set(self.meter.written.get() + n as u64);
        Poll::Ready(Ok(n))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_shutdown(cx)
    }
}

/// Writes several pieces. Small ones are put together first: to copy a head and a short body costs less than what
/// `writev` costs more than `send`.
pub(super) fn write_all_in_one(
    stream: &mut BoxStream,
    cx: &mut Context<'_>,
    pieces: &[io::IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    let stream = Pin::new(&mut **stream);
    if let [one] = pieces {
        return stream.poll_write(cx, one);
    }
    if pieces.iter().map(|piece| piece.len()).sum::<usize>() > SMALL {
        return stream.poll_write_vectored(cx, pieces);
    }
    let mut together = SmallVec::<[u8; SMALL]>::new();
    for piece in pieces {
        together.extend_from_slice(piece);
    }
    stream.poll_write(cx, &together)
}

/// What is put together before it is written.
const SMALL: usize = 4096;

/// Reads into hyper's buffer and says how much came.
pub(super) fn read_into(
    stream: &mut BoxStream,
    cx: &mut Context<'_>,
    mut buffer: ReadBufCursor<'_>,
) -> Poll<io::Result<usize>> {
    // SAFETY: tokio's buffer only ever initialises bytes, never the reverse.
    let mut tokio_buffer = ReadBuf::uninit(unsafe { buffer.as_mut() });
    ready!(Pin::new(&mut **stream).poll_read(cx, &mut tokio_buffer))?;
    let n = tokio_buffer.filled().len();
    // SAFETY: tokio's buffer says that these first `n` bytes have been initialised.
    unsafe { buffer.advance(n) };
    Poll::Ready(Ok(n))
}
