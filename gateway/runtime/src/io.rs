//! A connection of either kind.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use sekisho_api::{Stream, TlsFacts};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::listen::keep_alive;
use crate::plain::PlainStream;
use crate::tls::TlsStream;

/// A connection, plain or TLS.
#[derive(Debug)]
pub(crate) enum Io {
    Plain(PlainStream),
    Tls(Box<TlsStream>),
    /// Neither any more: it ended while its TLS was being made. Reads as ended.
    Closed,
}

impl Io {
    /// Writes what only the end follows. TLS has a word of its own for that, and nothing is kept back for it.
    pub(crate) fn poll_write_last(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(plain) => plain.poll_write_last(cx, bytes),
            other => Pin::new(other).poll_write(cx, bytes),
        }
    }

    /// Turns TCP keepalive on. A socket that refuses does without.
    pub(crate) fn keep_alive(&self, interval: Duration) {
        let _ = match self {
            Self::Plain(plain) => keep_alive(&SockRef::from(plain.tcp()), interval),
            Self::Tls(tls) => keep_alive(&SockRef::from(tls.tcp()), interval),
            Self::Closed => Ok(()),
        };
    }
}

/// The same call on whichever it is.
macro_rules! either {
    ($io:expr, $stream:ident => $call:expr, closed => $closed:expr) => {
        match $io {
            Io::Plain($stream) => $call,
            Io::Tls($stream) => $call,
            Io::Closed => $closed,
        }
    };
}

impl Stream for Io {
    fn tls(&self) -> Option<&Arc<TlsFacts>> {
        either!(self, stream => stream.tls(), closed => None)
    }

    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_readable(cx), closed => Poll::Ready(Ok(())))
    }

    fn plain(&mut self) -> Option<&mut TcpStream> {
        either!(self, stream => stream.plain(), closed => None)
    }
}

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_read(cx, buf), closed => Poll::Ready(Ok(())))
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_write(cx, buf), closed => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_write_vectored(cx, bufs), closed => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_flush(cx), closed => Poll::Ready(Ok(())))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_shutdown(cx), closed => Poll::Ready(Ok(())))
    }
}
