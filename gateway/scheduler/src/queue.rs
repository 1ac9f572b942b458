//! Where clients wait while the servers are full.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst, fence};
use std::task::Waker;

use parking_lot::Mutex;

use crate::server::ServerState;

/// The clients of a pool that wait for a server, first come first served.
///
/// # No wake-up is lost
///
/// A waiter registers its waker and *then* tries for a server; a lease is settled and *then* the line is looked at.
/// Whichever comes second sees the other. Every place that becomes free wakes the first waiter it may suit; a waiter
/// that was woken and does not use the place (it gave up, or waits for one certain server) wakes the next one, and
/// one that succeeds does so too, in case there was more than one place.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// As many as are in line, for the path on which nobody waits.
    length: AtomicUsize,
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    waiters: VecDeque<Waiter>,
    next_ticket: u64,
}

#[derive(Debug)]
struct Waiter {
    // INVARIANT: tickets rise along the line.
    ticket: u64,
    waker: Option<Waker>,
    want: Want,
    woken: bool,
}

/// What a waiter waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// Any server.
    Any,
    /// The server with this id, which it was kept on before.
    Only(u64),
    /// Some servers but not all: others need not wait behind it.
    Picky,
}

/// Who is asking for a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// Somebody who has not waited: everybody in line comes first.
    Newcomer,
    /// The waiter with this ticket: who waits before it for a certain server comes first there.
    Waiter(u64),
}

/// Which free places belong to somebody in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claims {
    /// None.
    Nothing,
    /// All of them.
    Everything,
    /// Those on certain servers.
    Some,
}

impl Queue {
    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.length.load(SeqCst)
    }

    /// Takes a place at the end of a line of at most `capacity`; `None` if it is full.
    pub(crate) fn join(&self, capacity: usize) -> Option<u64> {
        let mut line = self.line.lock();
        if line.waiters.len() >= capacity {
            return None;
        }
        let ticket = line.next_ticket;
        line.next_ticket += 1;
        line.waiters.push_back(Waiter { ticket, waker: None, want: Want::Any, woken: false });
        self.length.store(line.waiters.len(), SeqCst);
        Some(ticket)
    }

    /// Registers the waker and says whether the waiter may try for a server now.
    pub(crate) fn register(&self, ticket: u64, waker: &Waker) -> bool {
        let mut line = self.line.lock();
        let mut first = true;
        let Some(position) = line.position(ticket) else { return true };
        for earlier in line.waiters.iter().take(position) {
            first &= earlier.want != Want::Any;
        }
        let Some(waiter) = line.waiters.get_mut(position) else { return true };
        match &mut waiter.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        let woken = std::mem::take(&mut waiter.woken);
        drop(line);
        fence(SeqCst);
        woken || first
    }

    /// The waiter tried in vain and waits on; `want` is what it learned to wait for.
    pub(crate) fn wait_on(&self, ticket: u64, want: Want) {
        let next = {
            let mut line = self.line.lock();
            let Some(position) = line.position(ticket) else { return };
            let Some(waiter) = line.waiters.get_mut(position) else { return };
            waiter.want = want;
            // The free place may suit somebody who is less particular.
            if want == Want::Any { None } else { line.wake_from(position + 1, None) }
        };
        wake(next);
    }

    /// Leaves the line; whoever may use the place that was meant for this waiter is woken.
    pub(crate) fn leave(&self, ticket: u64, served: bool) {
        let next = {
            let mut line = self.line.lock();
            let Some(position) = line.position(ticket) else { return };
            let woken = line.waiters.remove(position).is_some_and(|waiter| waiter.woken);
            self.length.store(line.waiters.len(), SeqCst);
            if woken || served { line.wake_from(0, None) } else { None }
        };
        wake(next);
    }

    /// A place on this server became free.
    pub(crate) fn freed(&self, server: u64) {
        fence(SeqCst);
        if self.len() > 0 {
            let next = self.line.lock().wake_from(0, Some(server));
            wake(next);
        }
    }

    /// A server changed for better or worse: the first in line looks, and wakes the next if it left. Whoever waits
    /// for one server learns anew whether to.
    pub(crate) fn stir(&self) {
        fence(SeqCst);
        if self.len() > 0 {
            let mut line = self.line.lock();
            line.waiters.iter_mut().for_each(|waiter| waiter.want = Want::Any);
            let next = line.wake_from(0, None);
            drop(line);
            wake(next);
        }
    }

    /// Which free places `asker` must leave to others.
    pub(crate) fn claims(&self, asker: Asker) -> Claims {
        if self.len() == 0 {
            return Claims::Nothing;
        }
        let line = self.line.lock();
        let mut claims = Claims::Nothing;
        for waiter in line.before(asker) {
            match (waiter.want, asker) {
                (Want::Any, Asker::Newcomer) => return Claims::Everything,
                (Want::Only(_), _) => claims = Claims::Some,
                _ => {}
            }
        }
        claims
    }

    /// Whether the claims leave a place on this server to `asker`. Nobody waits for a server without a limit.
    pub(crate) fn leaves(&self, claims: Claims, asker: Asker, server: &ServerState) -> bool {
        match claims {
            Claims::Nothing => true,
            Claims::Everything => server.max_connections().is_none(),
            Claims::Some => {
                !self.line.lock().before(asker).any(|waiter| waiter.want == Want::Only(server.id()))
            }
        }
    }
}

impl Line {
    fn position(&self, ticket: u64) -> Option<usize> {
        self.waiters.binary_search_by_key(&ticket, |waiter| waiter.ticket).ok()
    }

    fn before(&self, asker: Asker) -> impl Iterator<Item = &Waiter> {
        let end = match asker {
            Asker::Newcomer => u64::MAX,
            Asker::Waiter(ticket) => ticket,
        };
        self.waiters.iter().take_while(move |waiter| waiter.ticket < end)
    }

    /// Marks the first waiter from `start` on that is not woken yet and could use `server` (none: any).
    fn wake_from(&mut self, start: usize, server: Option<u64>) -> Option<Waker> {
        let waiter = self.waiters.iter_mut().skip(start).find(|waiter| {
            let suits = match (waiter.want, server) {
                (Want::Only(wanted), Some(server)) => wanted == server,
                _ => true,
            };
            suits && !waiter.woken
        })?;
        waiter.woken = true;
        waiter.waker.clone()
    }
}

/// Outside the lock: a waker may run anything.
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
