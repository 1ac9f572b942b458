//! The bytes below the codec, watched.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use sekisho_api::BoxStream;
use tokio::io::{AsyncRead, ReadBuf};

use super::account::Account;

/// A client's stream on the way to the codec: what is read is counted, and who does not begin as RFC 9113, section 3.4,
/// has it is told so before the codec gives up without a word.
#[derive(Debug)]
pub(super) struct Wire {
    stream: BoxStream,
    account: Rc<Account>,
}

impl Wire {
    pub(super) fn new(stream: BoxStream, account: Rc<Account>) -> Self {
        Self { stream, account }
    }

    /// Says goodbye, if the client takes it at once: the codec has written its settings, and nothing else.
    fn dismiss(&mut self, cx: &mut Context<'_>) {
        if let Poll::Ready(Ok(_)) = Pin::new(&mut *self.stream).poll_write(cx, GOAWAY) {
            let _ = Pin::new(&mut *self.stream).poll_flush(cx);
            let _ = Pin::new(&mut *self.stream).poll_shutdown(cx);
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut *self.stream).poll_read(cx, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        let so_far = self.account.read(read.len());
        if let Some(rest) = usize::try_from(so_far).ok().and_then(|so_far| PREFACE.get(so_far..))
            && !rest.iter().zip(read).all(|(expected, found)| expected == found)
        {
            self.account.no_preface.set(true);
            self.dismiss(cx);
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        Poll::Ready(Ok(()))
    }
}

sekisho_api::write_through!(Wire, stream);

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// No stream was looked at, and the client broke the rules (RFC 9113, sections 6.8 and 7).
const GOAWAY: &[u8] = b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x01";
