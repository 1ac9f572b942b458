//! A connection to a server that may have only so many.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use sekisho_api::{Lease, Local};

use super::reach::{take, whose};
use crate::codec::Upstream;
use crate::conn::Conn;
use crate::gate::{Gates, NotReached, Permit};
use crate::pool_options::Spoken;

/// What a request may go over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) version: Spoken,
    pub(super) idempotent: bool,
    pub(super) fresh: bool,
}

/// The right to make a connection; or one that became free while that was waited for.
///
/// # Errors
/// That too many wait, or that the time for it is over.
pub(super) async fn room(
    conn: &Conn,
    lease: &Lease,
    gates: &Arc<Gates>,
    wish: Wish,
) -> Result<Result<Box<Upstream>, Permit>, NotReached> {
    let (core, pool, server) = (&conn.worker.core, &conn.worker.pool, lease.server().id());
    let free = || {
        let place = if wish.version == Spoken::One { None } else { pool.shared().place(whose(conn, lease)) };
        let idle = || take(conn, lease, wish.idempotent, conn.now());
        place.map(Upstream::at).or_else(|| (!wish.fresh && wish.version != Spoken::Two).then(idle)?)
    };
    pool.limited(server, &gates.of(server));
    let mut waiting = gates.queue(server, pool.number());
    let mut late: Option<Local<'static, ()>> = None;
    // Idle ones that this request cannot have stand in the way of a new one.
    let mut cleared = false;
    poll_fn(|cx| {
        loop {
            if late.is_some()
                && let Some(upstream) = free()
            {
                return Poll::Ready(Ok(Ok(upstream)));
            }
            if let Poll::Ready(permit) = waiting.poll(cx) {
                return Poll::Ready(permit.map(Err));
            }
            if cleared || !pool.close_one(server) {
                let late = late.get_or_insert_with(|| core.until(conn.now() + gates.patience));
                return late.as_mut().poll(cx).map(|()| Err(waiting.expired()));
            }
            cleared = true;
        }
    })
    .await
}
