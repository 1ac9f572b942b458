//! Reading and writing a stream for hyper.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::ReadBufCursor;
use sekisho_api::BoxStream;
use smallvec::SmallVec;
use tokio::io::ReadBuf;

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
