//! What either side says, and for how long it is waited for.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use sekisho_api::{Deadline, End, Failure, Observation, Side, Stream};
use sekisho_engine::{Engine, Need};
use tokio::io::{AsyncRead, ReadBuf};

use super::Driver;
use crate::io::Io;
use crate::vip::{Waited, wait};

/// What reading brought.
enum Came {
    Bytes,
    Failed(Side),
    Kicked,
}

impl Driver<'_> {
    /// Waits for either side.
    ///
    /// # Errors
    /// That the operator ended the conversation.
    pub(super) async fn read(&mut self, client: bool, server: bool, need: Need) -> Result<(), End> {
        let timeouts = &self.serving.live.vip.timeouts;
        // Once the client has heard of this server, its silence is only a fault where the configuration says when.
        let due = !self.engine.committed() || timeouts.response.is_some();
        let owes = self.owes.filter(|_| self.server.is_some() && due);
        // While an answer is owed, its deadline finds a server that is gone; most conversations end before there is none.
        if owes.is_none()
            && let Some((io, _)) = self.server.as_mut()
            && !std::mem::replace(&mut self.kept_alive, true)
        {
            io.keep_alive(timeouts.keepalive);
        }
        let (deadline, name) = match (need, owes) {
            (Need::NeedMore, _) if self.server.is_none() => (self.head, Deadline::Head),
            // Whatever the client says meanwhile.
            (_, Some(since)) => {
                let greeting = timeouts.greeting.filter(|_| !self.engine.committed());
                let patience = greeting.or(timeouts.response).unwrap_or(timeouts.idle);
                (since + patience, Deadline::Response)
            }
            _ => (Instant::now() + timeouts.idle, Deadline::Idle),
        };
        let told = self.drain_told;
        let drain = self.serving.core.drain();
        let draining = async move { if told { std::future::pending().await } else { drain.begun().await } };
        let (engine, ended, owes) = (&mut self.engine, &mut self.ended, &mut self.owes);
        let (heard, listed, committed) = (&mut self.heard, &self.listed, engine.committed());
        let (from_client, from_server) = (&mut self.client, &mut self.server);
        let waited = wait(self.worker, draining, deadline, |cx| {
            if listed.as_ref().is_some_and(|listed| listed.kicked(cx)) {
                return Poll::Ready(Came::Kicked);
            }
            let mut came = false;
            if client {
                match fill(cx, from_client, engine, Side::Client) {
                    Poll::Ready(Ok(n)) => {
                        ended.received += n as u64;
                        came = true;
                    }
                    Poll::Ready(Err(_)) => return Poll::Ready(Came::Failed(Side::Client)),
                    Poll::Pending => {}
                }
            }
            if let Some((io, _)) = from_server.as_mut().filter(|_| server) {
                match fill(cx, io, engine, Side::Server) {
                    Poll::Ready(Ok(_)) => {
                        *heard = true;
                        // Once nothing can be said again, an answer is what the client hears of: a server that says
                        // this and that to the gateway still owes it.
                        if !committed {
                            *owes = None;
                        }
                        came = true;
                    }
                    Poll::Ready(Err(_)) => return Poll::Ready(Came::Failed(Side::Server)),
                    Poll::Pending => {}
                }
            }
            if came { Poll::Ready(Came::Bytes) } else { Poll::Pending }
        })
        .await;
        match waited {
            Waited::Done(Came::Bytes) => {}
            Waited::Done(Came::Kicked) => return Err(End::Kicked),
            Waited::Done(Came::Failed(Side::Client)) => self.engine.ended(Side::Client),
            Waited::Done(Came::Failed(Side::Server)) => _ = self.engine.server_failed(),
            Waited::Draining => {
                self.drain_told = true;
                self.engine.draining();
            }
            // A server that stays silent before anything was committed is replaced, as one that refuses is.
            Waited::Expired if name == Deadline::Response && !self.engine.committed() => {
                self.release(Some(Failure::ResponseTimeout));
                _ = self.engine.server_failed();
            }
            Waited::Expired => {
                if let Some((_, lease)) = self.server.as_ref().filter(|_| name == Deadline::Response) {
                    lease.server().observe(Observation::Failed(Failure::ResponseTimeout), Instant::now());
                }
                self.engine.expired(name);
            }
        }
        Ok(())
    }
}

/// Reads what is there into the engine; 0 for the end, which the engine is told.
pub(super) fn fill(
    cx: &mut Context<'_>,
    io: &mut Io,
    engine: &mut Engine,
    side: Side,
) -> Poll<io::Result<usize>> {
    // Memory is reserved only once there is something to read.
    std::task::ready!(io.poll_readable(cx))?;
    let mut room = [std::mem::MaybeUninit::uninit(); 4096];
    let wanted = engine.room(side).min(room.len());
    let Some(room) = room.get_mut(..wanted).filter(|room| !room.is_empty()) else { return Poll::Pending };
    let mut into = ReadBuf::uninit(room);
    std::task::ready!(Pin::new(io).poll_read(cx, &mut into))?;
    let read = into.filled();
    if read.is_empty() {
        engine.ended(side);
    }
    Poll::Ready(Ok(engine.offer(side, read)))
}
