//! A connection to the server that was chosen.

use std::time::{Duration, Instant};

use sekisho_api::{BoxStream, Failure, Lease, Observation};

use super::room::{Wish, room};
use crate::codec::{Connection, Terms, Upstream};
use crate::conn::Conn;
use crate::gate::{NotReached, Permit};
use crate::pool_options::{PoolOptions, Spoken};
use crate::shared::{Maker, Next, Whose};

/// A connection that a request can go over.
pub(super) struct Reached {
    pub(super) upstream: Box<Upstream>,
    /// It has served before: what it dies of may be its age.
    pub(super) reused: bool,
    /// From when on the server has had the chance to answer.
    pub(super) since: Instant,
}

/// Reaches the lease's server, which is one of the pool of this place: over a connection that is there, unless it has to
/// be `fresh`, or over a new one. What is not `idempotent` goes over those alone that were busy a moment ago.
///
/// # Errors
/// How the server failed, which the scheduler knows already; or that it has as many connections as it may.
pub(super) async fn reach(
    conn: &Conn,
    lease: &Lease,
    pool: usize,
    idempotent: bool,
    fresh: bool,
) -> Result<Reached, NotReached> {
    let now = conn.now();
    let version = conn.worker.settings.spoken(pool);
    let one = version == Spoken::One;
    if !one && let Some(place) = conn.worker.pool.shared().place(whose(conn, lease)) {
        // Connections that are asked to finish take no requests: what a second one dies of is no age.
        return Ok(Reached { upstream: Upstream::at(place), reused: !fresh, since: now });
    }
    if version != Spoken::Two
        && !fresh
        && let Some(upstream) = take(conn, lease, idempotent, now)
    {
        return Ok(Reached { upstream, reused: true, since: now });
    }
    if !one && let Some(options) = conn.worker.settings.pool(pool) {
        return Box::pin(share(conn, lease, options, idempotent, fresh)).await;
    }
    let core = &conn.worker.core;
    let permit = match conn.worker.settings.gates(pool) {
        None => None,
        Some(gates) => match Box::pin(room(conn, lease, gates, Wish { version, idempotent, fresh })).await? {
            Ok(upstream) => return Ok(Reached { upstream, reused: !fresh, since: conn.now() }),
            Err(permit) => Some(permit),
        },
    };
    let stream = permitted(core.connect(lease, &conn.facts).await?, permit);
    let upstream = Upstream::new(stream, max_head(conn), core.shareable(lease));
    Ok(Reached { upstream, reused: false, since: conn.now() })
}

/// Reaches a server that may speak HTTP/2: only one of those who have to wait makes a connection, for all of them.
async fn share(
    conn: &Conn,
    lease: &Lease,
    options: &PoolOptions,
    idempotent: bool,
    fresh: bool,
) -> Result<Reached, NotReached> {
    let (core, shared) = (&conn.worker.core, conn.worker.pool.shared());
    let (server, whose) = (lease.server(), whose(conn, lease));
    let maker = loop {
        if options.version == Spoken::Agreed && shared.is_old(server.id()) {
            break None;
        }
        match shared.next(whose) {
            Next::Place(place) => {
                return Ok(Reached { upstream: Upstream::at(place), reused: !fresh, since: conn.now() });
            }
            Next::Wait(making) => making.wait().await?,
            Next::Make(maker) => break Some(maker),
        }
    };
    let failed = |maker: Option<Maker>, why: NotReached| {
        maker.into_iter().for_each(|maker| maker.failed(why));
        why
    };
    let wish = Wish { version: options.version, idempotent, fresh };
    let permit = match &options.gates {
        None => None,
        Some(gates) => match room(conn, lease, gates, wish).await {
            Ok(Ok(upstream)) => return Ok(Reached { upstream, reused: !fresh, since: conn.now() }),
            Ok(Err(permit)) => Some(permit),
            Err(why) => return Err(failed(maker, why)),
        },
    };
    let stream = match core.connect(lease, &conn.facts).await {
        Ok(stream) => permitted(stream, permit),
        Err(failure) => return Err(failed(maker, failure.into())),
    };
    let agreed = stream.tls().map(|tls| tls.alpn.as_deref() == Some(b"h2"));
    let opened = match (options.version, agreed) {
        (_, Some(true)) | (Spoken::Two, None) => {
            // One that takes a single client's requests serves nobody who waits, of whichever worker.
            let number = if core.shareable(lease) { conn.worker.pool.number() } else { NOBODY };
            let terms = Terms {
                most: options.max_streams,
                max_head: max_head(conn),
                rhythm: options.rhythm,
                gate: options.gates.as_ref().map(|gates| (gates.of(server.id()), number)),
            };
            Connection::open(stream, core, server, terms).await
        }
        (Spoken::Two, Some(false)) => Err(Failure::Tls),
        (Spoken::One | Spoken::Agreed, _) => {
            shared.agreed_on_old(server.id());
            let upstream = Upstream::new(stream, max_head(conn), core.shareable(lease));
            return Ok(Reached { upstream, reused: false, since: conn.now() });
        }
    };
    let place = opened.and_then(|connection| shared.keep(whose, connection).ok_or(Failure::Refused));
    match place {
        Ok(place) => Ok(Reached { upstream: Upstream::at(place), reused: false, since: conn.now() }),
        Err(failure) => {
            server.observe(Observation::Failed(failure), conn.now());
            Err(failed(maker, failure.into()))
        }
    }
}

/// A connection with the right to it, where that is needed.
fn permitted(stream: BoxStream, permit: Option<Permit>) -> BoxStream {
    match permit {
        Some(permit) => permit.around(stream),
        None => stream,
    }
}

/// Whose requests the connection to the lease's server takes.
pub(super) fn whose(conn: &Conn, lease: &Lease) -> Whose {
    Whose::new(lease.server().id(), (!conn.worker.core.shareable(lease)).then_some(&conn.facts))
}

/// A kept connection to the lease's server. What must not be said twice goes over one that was busy a moment ago,
/// because those that servers close for being idle are older.
pub(super) fn take(conn: &Conn, lease: &Lease, idempotent: bool, now: Instant) -> Option<Box<Upstream>> {
    let (pool, server) = (&conn.worker.pool, lease.server());
    if !server.reusable() {
        pool.forget(server.id());
        return None;
    }
    if let Some(own) = conn.take_kept(server.id()) {
        return Some(own);
    }
    pool.take(server.id(), now, (!idempotent).then_some(FRESH))
}

fn max_head(conn: &Conn) -> usize {
    conn.worker.settings.options.max_header_size.max(ANSWER_HEAD)
}

/// No worker has this number.
const NOBODY: usize = 0;
/// Servers close idle connections after five seconds at the earliest, as far as is known.
const FRESH: Duration = Duration::from_secs(3);
/// The largest head of an answer, whatever requests are held to.
const ANSWER_HEAD: usize = 64 * 1024;
