//! TLS that begins in mid-stream.

use std::pin::Pin;
use std::time::{Duration, Instant};

use sekisho_api::{Blame, Deadline, End, Observation, Side, Stream};
use tokio::io::AsyncWrite;

use super::Driver;
use crate::dial::within;
use crate::io::Io;

/// A client whose user is asked whether to trust the certificate goes on only after that.
const PROMPT: Duration = Duration::from_secs(60);

impl Driver<'_> {
    pub(super) async fn secure(&mut self, side: Side) -> Result<(), End> {
        let timeouts = &self.serving.live.vip.timeouts;
        let deadline = Instant::now() + timeouts.handshake;
        let facts = match side {
            Side::Client => {
                let Some(acceptor) =
                    self.serving.live.acceptor.as_ref().filter(|_| self.client.plain().is_some())
                else {
                    return Err(End::Fault(Blame::Gateway, "starttls-without-certificate"));
                };
                flush(&mut self.client).await;
                let stream = take_plain(&mut self.client)?;
                let handshake = Box::pin(acceptor.accept(stream));
                match within(self.worker.ticker(), deadline, handshake).await {
                    Some(Ok(stream)) => self.client = Io::Tls(Box::new(stream)),
                    Some(Err(error)) => return Err(error.end()),
                    None => return Err(End::Expired(Deadline::Handshake)),
                }
                self.head = Instant::now() + timeouts.head.max(PROMPT);
                // For the log, and for what servers are told of the client.
                self.facts.tls = self.client.tls().cloned();
                self.facts.tls.clone()
            }
            Side::Server => {
                let Some((io, lease)) = self.server.take() else { return Err(End::ServerLeft) };
                match self.serving.core.start_tls(io, &lease, deadline).await {
                    Ok(io) => {
                        let facts = io.tls().cloned();
                        self.server = Some((io, lease));
                        facts
                    }
                    Err(failure) => {
                        lease.server().observe(Observation::Failed(failure), Instant::now());
                        self.route.exclude.push(lease.server().id());
                        _ = self.engine.server_failed();
                        return Ok(());
                    }
                }
            }
        };
        self.engine.secured(side, facts.unwrap_or_default());
        Ok(())
    }
}

async fn flush(io: &mut Io) {
    let _ = std::future::poll_fn(|cx| Pin::new(&mut *io).poll_flush(cx)).await;
}

/// The plain socket of a side that is about to speak TLS.
fn take_plain(io: &mut Io) -> Result<tokio::net::TcpStream, End> {
    match std::mem::replace(io, Io::Closed) {
        Io::Plain(plain) => Ok(plain.into_inner()),
        other => {
            *io = other;
            Err(End::Fault(Blame::Gateway, "tls-inside-tls"))
        }
    }
}
