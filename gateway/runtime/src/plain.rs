//! A TCP connection without TLS, as a [`Stream`].

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use sekisho_api::{Stream, TlsFacts};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A TCP connection without TLS. Holds no buffer.
#[derive(Debug)]
pub(crate) struct PlainStream(TcpStream);

impl PlainStream {
    /// The connection as a stream.
    pub(crate) fn new(tcp: TcpStream) -> Self {
        Self(tcp)
    }

    /// The connection.
    pub(crate) fn tcp(&self) -> &TcpStream {
        &self.0
    }

    /// The connection again; nothing of it has been read ahead.
    pub(crate) fn into_inner(self) -> TcpStream {
        self.0
    }
}

impl Stream for PlainStream {
    fn tls(&self) -> Option<&Arc<TlsFacts>> {
        None
    }

    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read_ready(cx)
    }

    fn plain(&mut self) -> Option<&mut TcpStream> {
        Some(&mut self.0)
    }
}

impl AsyncRead for PlainStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for PlainStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
