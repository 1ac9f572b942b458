//! What is said to either side, and how a client is left.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use sekisho_api::{Deadline, End, Side};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::Driver;
use crate::dial::within;
use crate::io::Io;

/// How long a client that was refused is listened to after the last word, so that it reads the word and not a reset.
const LINGER: Duration = Duration::from_secs(2);

/// How much of what it still sends is discarded meanwhile.
const LINGER_BYTES: usize = 256 * 1024;

impl Driver<'_> {
    /// Writes to a side.
    ///
    /// # Errors
    /// Why nothing more can be said to the client.
    pub(super) async fn write(&mut self, side: Side, bytes: &[u8]) -> Result<(), End> {
        let idle = Instant::now() + self.serving.live.vip.timeouts.idle;
        let io = match side {
            Side::Client => &mut self.client,
            Side::Server => match &mut self.server {
                Some((io, _)) => {
                    self.told = true;
                    io
                }
                None => return Ok(()),
            },
        };
        let mut rest = bytes;
        // Nearly always the kernel takes it at once, and there is nothing to wait for.
        let written = match poll_fn(|cx| Poll::Ready(at_once(io, cx, &mut rest))).await {
            Poll::Ready(done) => Some(done),
            Poll::Pending => within(self.worker.ticker(), idle, Box::pin(write_all(io, rest))).await,
        };
        match (written, side) {
            (Some(Ok(())), Side::Client) => {
                self.ended.sent += bytes.len() as u64;
                self.owes = self.owes.filter(|_| !self.engine.committed());
            }
            (Some(Ok(())), Side::Server) => self.owes = self.owes.or_else(|| Some(Instant::now())),
            (Some(Err(_)), Side::Client) => return Err(End::ClientLeft),
            (None, Side::Client) => return Err(End::Expired(Deadline::Idle)),
            (_, Side::Server) => _ = self.engine.server_failed(),
        }
        Ok(())
    }

    /// Ends a conversation whose client was told something: it hears the end of the stream, and what it still sends
    /// is discarded for a while, for a socket closed with unread input makes a reset that destroys the last word.
    pub(super) async fn linger(&mut self) {
        let client = &mut self.client;
        let goodbye = async {
            let _ = client.shutdown().await;
            let mut left = LINGER_BYTES;
            let mut scrap = [0; 512];
            while left > 0 {
                match tokio::io::AsyncReadExt::read(client, &mut scrap).await {
                    Ok(n) if n > 0 => left = left.saturating_sub(n),
                    _ => break,
                }
            }
        };
        within(self.worker.ticker(), Instant::now() + LINGER, Box::pin(goodbye)).await;
    }
}

/// Writes what is taken without waiting; `rest` is what is left, which may be nothing where TLS keeps it.
fn at_once(io: &mut Io, cx: &mut Context<'_>, rest: &mut &[u8]) -> Poll<io::Result<()>> {
    while !rest.is_empty() {
        match std::task::ready!(Pin::new(&mut *io).poll_write(cx, rest))? {
            0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            n => *rest = rest.get(n..).unwrap_or_default(),
        }
    }
    Pin::new(io).poll_flush(cx)
}

async fn write_all(io: &mut Io, bytes: &[u8]) -> io::Result<()> {
    io.write_all(bytes).await?;
    io.flush().await
}
