//! The client's stream as hyper sees it.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Buf as _;
use hyper::rt::{Read, ReadBufCursor, Write};

use super::upstream_io::{read_into, write_all_in_one};
use crate::conn::Conn;

/// Reads and writes the connection's stream and keeps its book. Shutting it down does nothing: how a connection
/// closes is not the codec's business.
#[derive(Debug)]
pub(super) struct ServerIo(pub(super) Rc<Conn>);

impl Read for ServerIo {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let conn = &*self.0;
        let mut ahead = conn.ahead.borrow_mut();
        if !ahead.is_empty() {
            let n = ahead.len().min(buffer.remaining());
            if let Some(bytes) = ahead.get(..n) {
                buffer.put_slice(bytes);
            }
            ahead.advance(n);
            if ahead.is_empty() {
                *ahead = bytes::Bytes::new();
            }
            conn.heard();
            return Poll::Ready(Ok(()));
        }
        let mut stream = conn.stream.borrow_mut();
        read_into(&mut stream, cx, buffer).map_ok(|n| if n > 0 { conn.heard() } else { conn.end() })
    }
}

impl Write for ServerIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut **self.0.stream.borrow_mut()).poll_write(cx, bytes);
        self.book(&written, bytes.len());
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = write_all_in_one(&mut self.0.stream.borrow_mut(), cx, bytes);
        self.book(&written, bytes.iter().map(|b| b.len()).sum());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.0.stream.borrow().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut **self.0.stream.borrow_mut()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl ServerIo {
    fn book(&self, written: &Poll<io::Result<usize>>, offered: usize) {
        match written {
            Poll::Ready(Ok(n)) => self.0.said(*n < offered),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.0.said(true),
        }
    }
}

/// Looks whether the client is still there, by reading at most one byte, which is kept for the codec. Only while
/// the codec itself does not read.
pub(super) fn look(conn: &Conn, cx: &mut Context<'_>) -> io::Result<()> {
    if !conn.ahead.borrow().is_empty() {
        return Ok(());
    }
    let mut byte = [0u8];
    let mut buffer = tokio::io::ReadBuf::new(&mut byte);
    match Pin::new(&mut **conn.stream.borrow_mut()).poll_read(cx, &mut buffer) {
        Poll::Pending => Ok(()),
        Poll::Ready(Err(error)) => Err(error),
        Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
            conn.half_closed();
            Ok(())
        }
        Poll::Ready(Ok(())) => {
            *conn.ahead.borrow_mut() = bytes::Bytes::copy_from_slice(buffer.filled());
            Ok(())
        }
    }
}
