//! Waiting for a server that has room.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use sekisho_api::{Lease, Unavailable};

use super::choose::Refused;
use super::{Ask, Pool};
use crate::queue::Asker;

/// A place in a pool's queue. Dropping it leaves the queue.
pub struct Waiting {
    pool: Arc<Pool>,
    ticket: u64,
    deadline: Instant,
    served: bool,
}

impl Pool {
    /// Takes a place at the end of the queue.
    ///
    /// # Errors
    /// `Full` if the queue is full, or there is none.
    pub fn enqueue(self: &Arc<Self>, now: Instant) -> Result<Waiting, Unavailable> {
        self.clock.read(now);
        let ticket = self.queue.join(self.spec.queue.capacity).ok_or(Unavailable::Full)?;
        let deadline = now.checked_add(self.spec.queue.timeout).unwrap_or(now);
        Ok(Waiting { pool: Arc::clone(self), ticket, deadline, served: false })
    }
}

impl Waiting {
    /// Ready with a lease once it is this client's turn and a server has room. Woken when a lease is settled, a
    /// server's health or weight changes, or somebody ahead leaves; not at the deadline, which is the caller's timer.
    ///
    /// # Errors
    /// `QueueTimeout` from the deadline on; otherwise why waiting no longer helps.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        ask: &Ask<'_>,
        now: Instant,
    ) -> Poll<Result<Lease, Unavailable>> {
        let moment = self.pool.clock.read(now);
        if now >= self.deadline {
            return Poll::Ready(Err(Unavailable::QueueTimeout));
        }
        if !self.pool.queue.register(self.ticket, cx.waker()) {
            return Poll::Pending;
        }
        let outcome = match self.pool.attempt(ask, moment, Asker::Waiter(self.ticket)) {
            Ok(lease) => Ok(lease),
            Err(Refused::Useless(why)) => Err(why),
            Err(Refused::Full(want)) => {
                self.pool.queue.wait_on(self.ticket, want);
                return Poll::Pending;
            }
        };
        self.served = true;
        self.pool.queue.leave(self.ticket, true);
        Poll::Ready(outcome)
    }

    /// Goes on waiting in this pool, which a reload has put in the place of the one that was waited in; false if it is
    /// another one, with a queue of its own.
    pub fn follow(&mut self, pool: &Arc<Pool>) -> bool {
        let same = Arc::ptr_eq(&self.pool.queue, &pool.queue);
        if same && !Arc::ptr_eq(&self.pool, pool) {
            self.pool = Arc::clone(pool);
        }
        same
    }

    /// When waiting ends.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.served {
            self.pool.queue.leave(self.ticket, false);
        }
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("pool", self.pool.name()).finish_non_exhaustive()
    }
}
