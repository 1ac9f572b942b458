//! A connection to the server that was chosen.

use std::time::{Duration, Instant};

use sekisho_api::{Failure, Lease};

use crate::codec::Upstream;
use crate::conn::Conn;

/// A connection that a request can go over.
pub(super) struct Reached {
    pub(super) upstream: Box<Upstream>,
    /// It has served before: what it dies of may be its age.
    pub(super) reused: bool,
    /// From when on the server has had the chance to answer.
    pub(super) since: Instant,
}

/// Reaches the lease's server: over a connection that is there, unless it has to be `fresh`, or over a new one. What is
/// not `idempotent` goes over those alone that were busy a moment ago.
///
/// # Errors
/// How the server failed; the scheduler knows it already.
pub(super) async fn reach(
    conn: &Conn,
    lease: &Lease,
    idempotent: bool,
    fresh: bool,
) -> Result<Reached, Failure> {
    let now = conn.now();
    if !fresh && let Some(upstream) = take(conn, lease, idempotent, now) {
        return Ok(Reached { upstream, reused: true, since: now });
    }
    let core = &conn.worker.core;
    let stream = core.connect(lease, &conn.facts).await?;
    let upstream = Upstream::new(stream, max_head(conn), core.shareable(lease));
    Ok(Reached { upstream, reused: false, since: conn.now() })
}

/// A kept connection to the lease's server. What must not be said twice goes over one that was busy a moment ago,
/// because those that servers close for being idle are older.
fn take(conn: &Conn, lease: &Lease, idempotent: bool, now: Instant) -> Option<Box<Upstream>> {
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

/// Servers close idle connections after five seconds at the earliest, as far as is known.
const FRESH: Duration = Duration::from_secs(3);
/// The largest head of an answer, whatever requests are held to.
const ANSWER_HEAD: usize = 64 * 1024;
