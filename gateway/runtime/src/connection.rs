//! One client connection from acceptance to its one named end.

use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::{Duration, Instant};

use sekisho_api::{Blame, Core, Deadline, End, Facts, Lease, Networks, Record, Stream};
use sekisho_config::TlsMode;
use tokio::net::TcpStream;

use crate::companions::Companion;
use crate::converse::{self, Front, Related};
use crate::dial::within;
use crate::io::Io;
use crate::limits::{Admission, ClientPlace};
use crate::plain::PlainStream;
use crate::proxy_header::{self, Without};
use crate::relay::{Patience, Relay};
use crate::slot::{Serve, Serving};
use crate::tls::HandshakeError;
use crate::worker::Worker;

/// Serves one connection. Nothing of an earlier stage is kept in a later one: a relay holds two sockets and a lease.
#[expect(clippy::manual_async_fn, reason = "an async fn holds what it binds anew twice, in every connection")]
pub(crate) fn serve(
    worker: Rc<Worker>,
    serving: Rc<Serving>,
    stream: TcpStream,
    mut facts: Facts,
    mut admission: Admission,
    began: Instant,
) -> impl Future<Output = ()> {
    async move {
        if let Some(proxies) = &serving.live.vip.proxies {
            match Box::pin(introduce(&worker, &serving, &stream, proxies, &mut facts, began)).await {
                Ok(place) => admission.client = Some(place),
                Err(end) => {
                    let took = began.elapsed();
                    return serving.core.record(&Record { took, end, ..blank(&facts, began) });
                }
            }
        }
        let implicit = serving.live.vip.tls.as_ref().is_some_and(|tls| tls.mode == TlsMode::Implicit);
        let io = match serving.live.acceptor.as_ref().filter(|_| implicit) {
            None => Io::Plain(PlainStream::new(stream)),
            Some(_) => match Box::pin(secure(&worker, &serving, stream, began)).await {
                Ok(io) => {
                    facts.tls = io.tls().cloned();
                    io
                }
                Err(end) => {
                    let took = began.elapsed();
                    return serving.core.record(&Record { took, end, ..blank(&facts, began) });
                }
            },
        };
        let converse = match &serving.handler {
            Serve::Service(service) | Serve::Pair(_, service) => {
                service.clone().serve(Box::new(io), facts).await;
                return;
            }
            Serve::Conversation(converse) | Serve::Companion(converse, _) => converse,
            // Datagrams only: configured on UDP, and never listened for here.
            Serve::Exchange(_) => return,
        };
        let conversation = converse.open(&facts);
        let mut cut = Cut { serving: &serving, facts: &mut facts, began, armed: true };
        let front = Box::pin(converse::run(&worker, &serving, conversation, io, cut.facts, began)).await;
        let (ended, lease) = follow(&worker, &serving, cut.facts, front).await;
        cut.armed = false;
        finish(&serving, cut.facts, began, &ended, lease);
        drop(admission);
    }
}

/// Books a connection whose task is dropped before its end: the drain timeout is over, or something in it panicked.
struct Cut<'a> {
    serving: &'a Serving,
    facts: &'a mut Facts,
    began: Instant,
    armed: bool,
}

impl Drop for Cut<'_> {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        let end = match std::thread::panicking() {
            true => End::Fault(Blame::Gateway, "panic"),
            false => End::Expired(Deadline::Drain),
        };
        let took = self.began.elapsed();
        self.serving.core.record(&Record { took, end, ..blank(self.facts, self.began) });
    }
}

/// What comes after a conversation. Boxed, as each stage is: a task is as large as its largest one.
fn follow(
    worker: &Worker,
    serving: &Serving,
    facts: &Facts,
    front: Front,
) -> Pin<Box<dyn Future<Output = (Ended, Option<Lease>)>>> {
    match front {
        Front::Ended(ended, lease) => Box::pin(std::future::ready((ended, lease))),
        Front::Relay(ended, related) => Box::pin(relate(worker, serving, facts, ended, *related)),
    }
}

/// Relays to the end.
fn relate(
    worker: &Worker,
    serving: &Serving,
    facts: &Facts,
    mut ended: Ended,
    (related, lease): (Related, Lease),
) -> impl Future<Output = (Ended, Option<Lease>)> + use<> {
    let companion = companion(worker, serving, facts, &lease);
    let timeouts = &serving.live.vip.timeouts;
    let patience = Patience {
        idle: timeouts.idle,
        response: timeouts.response.filter(|_| !related.answered),
        half_closed: timeouts.half_closed,
        keepalive: timeouts.keepalive,
    };
    let streams = (related.client, related.server);
    let first = (related.to_server, related.to_client);
    let relay = Relay::new(worker.shared.clone(), streams, first, lease.server().clone(), patience);
    let mut relay = relay.listed(related.listed);
    async move {
        // By reference: a second place for it would be held as long.
        let outcome = (&mut relay).await;
        drop(companion);
        ended.end = outcome.end;
        ended.received += outcome.received;
        ended.sent += outcome.sent;
        ended.answered = outcome.answered;
        (ended, Some(lease))
    }
}

/// Makes the stream the one that its client's datagrams follow, where the VIP has such.
fn companion(worker: &Worker, serving: &Serving, facts: &Facts, lease: &Lease) -> Option<Box<Companion>> {
    let Serve::Companion(..) = serving.handler else { return None };
    let pool = worker.with_live(|live| live.server(lease.server().id()).map(|side| side.pool.clone()))?;
    let pool = serving.live.vip.pools.iter().position(|name| *name == pool)?;
    Some(serving.live.counts.companions.enter(facts, pool, lease.server()))
}

/// What a conversation's record says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) end: End,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) attempts: u32,
    pub(crate) key: Option<sekisho_api::KeyKind>,
    pub(crate) known_by: Option<&'static str>,
    pub(crate) answered: Option<Duration>,
}

fn finish(serving: &Serving, facts: &Facts, began: Instant, ended: &Ended, lease: Option<Lease>) {
    let now = Instant::now();
    serving.core.record(&Record {
        server: lease.as_ref().map(Lease::server),
        why: lease.as_ref().map(Lease::why),
        key: ended.key,
        known_by: ended.known_by,
        answered: ended.answered,
        took: now.saturating_duration_since(began),
        received: ended.received,
        sent: ended.sent,
        attempts: ended.attempts,
        end: ended.end,
        ..blank(facts, began)
    });
    if let Some(lease) = lease {
        lease.settle(now);
    }
}

/// Records a connection that its client's limit refused.
pub(crate) fn refused(_: &Rc<Worker>, serving: &Serving, facts: &Facts, began: Instant) {
    let end = End::Limited("max-connections-per-client");
    serving.core.record(&Record { end, ..blank(facts, began) });
}

/// Learns from a proxy who the client is, and counts that one.
async fn introduce(
    worker: &Rc<Worker>,
    serving: &Serving,
    stream: &TcpStream,
    proxies: &Networks,
    facts: &mut Facts,
    began: Instant,
) -> Result<ClientPlace, End> {
    if !proxies.contains(facts.client.ip()) {
        return Err(End::Fault(Blame::Client, "untrusted-proxy"));
    }
    let deadline = began + serving.live.vip.timeouts.handshake;
    let introduction = match within(worker.ticker(), deadline, pin!(proxy_header::read(stream))).await {
        Some(Ok(introduction)) => introduction,
        Some(Err(Without::Left)) => return Err(End::ClientLeft),
        Some(Err(Without::Malformed)) => return Err(End::Fault(Blame::Client, "proxy-header")),
        None => return Err(End::Expired(Deadline::Handshake)),
    };
    introduction.apply(facts);
    let place = serving.live.counts.clients.enter(facts.client.ip());
    place.ok_or(End::Limited("max-connections-per-client"))
}

async fn secure(
    worker: &Rc<Worker>,
    serving: &Serving,
    stream: TcpStream,
    began: Instant,
) -> Result<Io, End> {
    let Some(acceptor) = &serving.live.acceptor else { return Ok(Io::Plain(PlainStream::new(stream))) };
    let handshake = pin!(acceptor.accept(stream));
    let deadline = began + serving.live.vip.timeouts.handshake;
    match within(worker.ticker(), deadline, handshake).await {
        Some(Ok(stream)) => Ok(Io::Tls(Box::new(stream))),
        Some(Err(error)) => Err(HandshakeError::end(&error)),
        None => Err(End::Expired(Deadline::Handshake)),
    }
}

fn blank<'a>(facts: &'a Facts, began: Instant) -> Record<'a> {
    Record {
        facts,
        server: None,
        why: None,
        key: None,
        known_by: None,
        began,
        answered: None,
        took: Duration::ZERO,
        received: 0,
        sent: 0,
        attempts: 0,
        end: End::Done,
        request: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of the future that an async function gives.
    fn size6<A, B, C, D, E, F, Fut>(_: fn(A, B, C, D, E, F) -> Fut) -> usize {
        size_of::<Fut>()
    }

    fn size5<A, B, C, D, E, Fut>(_: fn(A, B, C, D, E) -> Fut) -> usize {
        size_of::<Fut>()
    }

    #[test]
    fn idle_connection_is_a_small_task_without_buffers() {
        // A relay: the task, and the stage it is in. No buffer is part of either.
        let (task, relay) = (size6(serve), size5(relate));
        assert!(task <= 448, "the task has {task} bytes");
        assert!(relay <= 544, "the relay has {relay} bytes");
    }

    #[test]
    fn conversation_is_a_small_stage_too() {
        // Clients that never log in are many, too. The protocol's own state is apart.
        let stage = size6(converse::run);
        assert!(stage <= 1792, "a conversation has {stage} bytes");
    }
}
