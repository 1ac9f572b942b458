//! One stream of HTTP/2 as a stream of bytes, for a tunnel.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use h2::{Reason, RecvStream, SendStream};
use sekisho_api::{Stream, TlsFacts};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::codec::Place;

use super::account::Account;

/// The client's end of a tunnel. The client may send more only for what has been read, and what it does not take is not
/// taken from the server. END_STREAM is the end of one direction; a reset (RFC 8441, section 5) is the other's failure,
/// and dropping the tunnel before its end is one.
#[derive(Debug)]
pub(crate) struct Duplex {
    from: RecvStream,
    /// What came and was not read yet.
    ahead: Bytes,
    to: SendStream<Bytes>,
    /// Whom the bytes are told.
    account: Option<Rc<Account>>,
    /// The client was told that nothing more will come.
    told: bool,
    /// Where the stream is a server's.
    place: Option<Place>,
}

impl Duplex {
    pub(crate) fn new(from: RecvStream, to: SendStream<Bytes>) -> Self {
        Self { from, ahead: Bytes::new(), to, account: None, told: false, place: None }
    }

    /// The bytes have a purpose that the connection is told of.
    pub(super) fn counted(mut self, account: Rc<Account>) -> Self {
        self.account = Some(account);
        self
    }

    fn carried(&self, bytes: usize) {
        if let Some(account) = &self.account {
            account.carried(bytes);
        }
    }

    /// A server's end, which has a place on its connection for as long as it lives.
    pub(crate) fn at(place: Place, from: RecvStream, to: SendStream<Bytes>) -> Self {
        let mut end = Self::new(from, to);
        end.place = Some(place);
        end
    }

    /// Waits until there is something to read; nothing is there at the client's end.
    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.ahead.is_empty() {
            match ready!(self.from.poll_data(cx)) {
                Some(data) => self.ahead = data.map_err(|_| io::ErrorKind::ConnectionReset)?,
                None => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Duplex {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_ahead(cx))?;
        let n = self.ahead.len().min(buffer.remaining());
        buffer.put_slice(self.ahead.get(..n).unwrap_or_default());
        self.ahead.advance(n);
        self.carried(n);
        // Fails only on a stream that is closed, which the next read tells.
        let _ = self.from.flow_control().release_capacity(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Duplex {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.to.reserve_capacity(bytes.len());
        while self.to.capacity() == 0 {
            match ready!(self.to.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            }
        }
        let n = bytes.len().min(self.to.capacity());
        self.carried(n);
        let part = Bytes::copy_from_slice(bytes.get(..n).unwrap_or_default());
        self.to.send_data(part, false).map_err(|_| io::ErrorKind::ConnectionReset)?;
        Poll::Ready(Ok(n))
    }

    /// The connection flushes itself. What is seen here is that the client does not want the rest.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.to.poll_reset(cx) {
            Poll::Ready(_) if !self.told => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.told = true;
        let told = self.to.send_data(Bytes::new(), true);
        Poll::Ready(told.map_err(|_| io::ErrorKind::ConnectionReset.into()))
    }
}

impl Stream for Duplex {
    fn tls(&self) -> Option<&Arc<TlsFacts>> {
        None
    }

    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_ahead(cx)
    }

    fn plain(&mut self) -> Option<&mut TcpStream> {
        None
    }
}

impl Drop for Duplex {
    fn drop(&mut self) {
        if !self.told || !self.from.is_end_stream() {
            self.to.send_reset(Reason::CANCEL);
        }
    }
}
