//! What is said to either side, and how a client is left.

use std::io;
use std::time::{Duration, Instant};

use sekisho_api::{Deadline, End, Side};
use tokio::io::AsyncWriteExt;

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
                Some((io, _)) => io,
                None => return Ok(()),
            },
        };
        let written = within(self.worker.ticker(), idle, Box::pin(write_all(io, bytes))).await;
        match (written, side) {
            (Some(Ok(())), Side::Client) => self.ended.sent += bytes.len() as u64,
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

async fn write_all(io: &mut Io, bytes: &[u8]) -> io::Result<()> {
    io.write_all(bytes).await?;
    io.flush().await
}
