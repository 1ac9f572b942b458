//! A TCP connection with TLS on it, in either role.

use std::fmt;
use std::io::{self, BufRead, IoSlice, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::Connection;
use sekisho_api::{Stream, TlsFacts};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::handshake::Socket;

/// A TCP connection with TLS on it.
///
/// Idle it holds the keys and the 4 KiB that rustls reads records into. What a peer does not take is kept to
/// [`UNSENT`] bytes; then writing waits. An end without `close_notify` is an error of kind `UnexpectedEof`, so that
/// a cut-off answer is never taken for a complete one.
pub(crate) struct TlsStream {
    tcp: TcpStream,
    // Boxed: handshakes hand the stream from future to future, and futures are as large as what they hold.
    session: Box<Connection>,
    facts: Arc<TlsFacts>,
    closing: bool,
}

impl TlsStream {
    /// A stream whose handshake is complete.
    pub(super) fn new(tcp: TcpStream, mut session: Box<Connection>, facts: TlsFacts) -> Self {
        session.set_buffer_limit(Some(UNSENT));
        Self { tcp, session, facts: Arc::new(facts), closing: false }
    }

    /// The TCP connection below.
    pub(crate) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// Whether the handshake resumed an earlier session.
    #[cfg(test)]
    pub(super) fn resumed(&self) -> bool {
        self.session.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
    }

    /// The session itself.
    #[cfg(test)]
    pub(super) fn session(&self) -> &Connection {
        &self.session
    }

    /// Takes what the connection has and decrypts it; 0 at its end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let read = loop {
            ready!(self.tcp.poll_read_ready(cx))?;
            match self.session.read_tls(&mut Socket(&self.tcp)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => break read?,
            }
        };
        let processed = self.session.process_new_packets();
        // A key update is answered, a broken record gets its alert: as far as the connection takes it now.
        let sent = self.poll_drain(cx);
        processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if let Poll::Ready(sent) = sent {
            sent?;
        }
        Poll::Ready(Ok(read))
    }

    /// Sends what is encrypted and not sent.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.session.wants_write() {
            ready!(self.tcp.poll_write_ready(cx))?;
            match self.session.write_tls(&mut Socket(&self.tcp)) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Poll::Ready(Err(error)),
                _ => {}
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Encrypts with `write` and sends. What the connection does not take at once is sent before the next write, or
    /// by a flush.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(&mut rustls::Writer<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_drain(cx))?;
        let written = write(&mut self.session.writer())?;
        if let Poll::Ready(sent) = self.poll_drain(cx) {
            sent?;
        }
        Poll::Ready(Ok(written))
    }
}

impl Stream for TlsStream {
    fn tls(&self) -> Option<&Arc<TlsFacts>> {
        Some(&self.facts)
    }

    /// Exact: records that carry no bytes, such as the tickets of a server, do not count as readable.
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.session.reader().fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                _ => return Poll::Ready(Ok(())),
            }
            ready!(self.poll_fill(cx))?;
        }
    }

    fn plain(&mut self) -> Option<&mut TcpStream> {
        None
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        loop {
            let mut reader = this.session.reader();
            while buf.remaining() > 0 {
                // Through `fill_buf`, so that a large buffer need not be zeroed for a small record.
                let n = match reader.fill_buf() {
                    Ok(chunk) => {
                        let part = chunk.get(..chunk.len().min(buf.remaining())).unwrap_or_default();
                        buf.put_slice(part);
                        part.len()
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // What came before the cut is delivered first.
                    Err(_) if buf.filled().len() > before => break,
                    Err(error) => return Poll::Ready(Err(error)),
                };
                if n == 0 {
                    return Poll::Ready(Ok(()));
                }
                reader.consume(n);
            }
            if buf.filled().len() > before || buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            ready!(this.poll_fill(cx))?;
        }
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_send(cx, |writer| writer.write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_send(cx, |writer| writer.write_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_drain(cx)
    }

    /// Says `close_notify` and closes this direction.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.closing {
            this.closing = true;
            this.session.send_close_notify();
        }
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.tcp).poll_shutdown(cx)
    }
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream")
            .field("tcp", &self.tcp)
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

/// The most encrypted bytes kept for a peer that does not take them: four records, one system call.
const UNSENT: usize = 64 << 10;
