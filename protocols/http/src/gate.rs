//! How many connections a server may have, whichever worker and VIP they are of: `max-connections` of `[pool.NAME.http]`.
//!
//! Nothing here is touched by a request that finds a connection: only opening and closing one is counted, and waiting.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sekisho_api::{BoxStream, Failure, Stream, TlsFacts, Unavailable};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

/// Why a request did not reach a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotReached {
    /// The server failed.
    Failed(Failure),
    /// It has as many connections as it may.
    Unavailable(Unavailable),
}

impl From<Failure> for NotReached {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// The gates of all servers that have one. They outlive a reload as long as a connection does.
#[derive(Debug, Default)]
pub(crate) struct Registry(Mutex<HashMap<u64, Weak<Gate>>>);

/// What holds for the servers of one pool.
#[derive(Debug)]
pub(crate) struct Gates {
    registry: Arc<Registry>,
    known: Mutex<HashMap<u64, Arc<Gate>>>,
    /// The most connections of a server.
    most: usize,
    /// The most requests that wait for one.
    pending: usize,
    /// For how long.
    pub(crate) patience: Duration,
    waited: AtomicU64,
    refused: AtomicU64,
}

impl Gates {
    /// At most so many connections of each server, and so many requests that wait for so long.
    pub(crate) fn new(
        registry: &Arc<Registry>,
        most: usize,
        pending: usize,
        patience: Duration,
    ) -> Arc<Self> {
        Arc::new(Self {
            registry: registry.clone(),
            known: Mutex::default(),
            most,
            pending,
            patience,
            waited: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// The gate of a server ([`sekisho_api::Server::id`]).
    pub(crate) fn of(&self, server: u64) -> Arc<Gate> {
        let mut known = lock(&self.known);
        if let Some(gate) = known.get(&server) {
            return gate.clone();
        }
        // Servers come and go without a reload.
        known.retain(|_, gate| Arc::strong_count(gate) > 1);
        let mut all = lock(&self.registry.0);
        all.retain(|_, gate| gate.strong_count() > 0);
        let gate = all.get(&server).and_then(Weak::upgrade).unwrap_or_default();
        all.insert(server, Arc::downgrade(&gate));
        known.insert(server, gate.clone());
        gate
    }

    /// A place in the line of those who want to open a connection; `worker` is the number of the pool of connections
    /// from which one will do as well.
    pub(crate) fn queue(self: &Arc<Self>, server: u64, worker: usize) -> Waiting {
        Waiting { gates: self.clone(), gate: self.of(server), worker, ticket: None }
    }

    /// Connections that are open, requests that had to wait, and those that were refused.
    pub(crate) fn counts(&self) -> [u64; 3] {
        let open = lock(&self.known).values().map(|gate| lock(&gate.state).open as u64).sum();
        [open, self.waited.load(Relaxed), self.refused.load(Relaxed)]
    }
}

/// The connections of one server.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    /// How many wait: read without the lock, by those who have a connection to spare.
    waiting: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    open: usize,
    tickets: u64,
    line: VecDeque<Ticket>,
}

#[derive(Debug)]
struct Ticket {
    number: u64,
    worker: usize,
    waker: Waker,
}

impl Gate {
    /// Whether somebody waits for a connection.
    pub(crate) fn is_wanted(&self) -> bool {
        self.waiting.load(Relaxed) > 0
    }

    /// A connection of this worker's has room. False: whoever is first in the line is another worker's, whom it serves
    /// only by being closed.
    pub(crate) fn offer(&self, worker: usize) -> bool {
        match lock(&self.state).line.front() {
            Some(first) if first.worker != worker => false,
            Some(first) => {
                first.waker.wake_by_ref();
                true
            }
            None => true,
        }
    }

    /// Whether a connection is open, or somebody waits for one.
    pub(crate) fn is_used(&self) -> bool {
        let state = lock(&self.state);
        state.open > 0 || !state.line.is_empty()
    }

    fn leave(&self, number: u64) {
        let mut state = lock(&self.state);
        state.line.retain(|ticket| ticket.number != number);
        self.waiting.store(state.line.len(), Relaxed);
        state.call();
    }
}

impl State {
    fn call(&self) {
        self.line.front().into_iter().for_each(|first| first.waker.wake_by_ref());
    }
}

/// A request that wants to open a connection. Dropped, it leaves the line.
#[derive(Debug)]
pub(crate) struct Waiting {
    gates: Arc<Gates>,
    gate: Arc<Gate>,
    worker: usize,
    ticket: Option<u64>,
}

impl Waiting {
    /// Ready when a connection may be opened, or the line is too long. First come, first served.
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<Permit, NotReached>> {
        let mut state = lock(&self.gate.state);
        let first = match (self.ticket, state.line.front()) {
            (Some(number), Some(first)) => first.number == number,
            (_, front) => front.is_none(),
        };
        if first && state.open < self.gates.most {
            state.open += 1;
            if self.ticket.take().is_some() {
                state.line.pop_front();
                self.gate.waiting.store(state.line.len(), Relaxed);
            }
            // There may be room for more of them.
            state.call();
            return Poll::Ready(Ok(Permit(self.gate.clone())));
        }
        match self.ticket {
            Some(number) => {
                let own = state.line.iter_mut().find(|ticket| ticket.number == number);
                own.into_iter().for_each(|ticket| ticket.waker.clone_from(cx.waker()));
            }
            None if state.line.len() >= self.gates.pending => {
                self.gates.refused.fetch_add(1, Relaxed);
                return Poll::Ready(Err(NotReached::Unavailable(Unavailable::Full)));
            }
            None => {
                state.tickets += 1;
                let number = state.tickets;
                state.line.push_back(Ticket { number, worker: self.worker, waker: cx.waker().clone() });
                self.gate.waiting.store(state.line.len(), Relaxed);
                self.ticket = Some(number);
                self.gates.waited.fetch_add(1, Relaxed);
            }
        }
        Poll::Pending
    }

    /// It has waited for too long.
    pub(crate) fn expired(&self) -> NotReached {
        self.gates.refused.fetch_add(1, Relaxed);
        NotReached::Unavailable(Unavailable::QueueTimeout)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(number) = self.ticket {
            self.gate.leave(number);
        }
    }
}

/// The right to one connection, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Gate>);

impl Permit {
    /// The stream that this is the right to.
    pub(crate) fn around(self, stream: BoxStream) -> BoxStream {
        Box::new(Permitted { stream, _permit: self })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.open = state.open.saturating_sub(1);
        state.call();
    }
}

/// A stream that counts while it is there.
struct Permitted {
    stream: BoxStream,
    _permit: Permit,
}

impl Stream for Permitted {
    fn tls(&self) -> Option<&Arc<TlsFacts>> {
        self.stream.tls()
    }

    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_readable(cx)
    }

    fn plain(&mut self) -> Option<&mut TcpStream> {
        self.stream.plain()
    }
}

impl AsyncRead for Permitted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_read(cx, buffer)
    }
}

sekisho_api::write_through!(Permitted, stream);

impl fmt::Debug for Permitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stream.fmt(f)
    }
}

/// Nothing that is done under a lock here can fail half-way.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(waiting: &mut Waiting) -> Poll<Result<Permit, NotReached>> {
        waiting.poll(&Context::from_waker(Waker::noop()))
    }

    fn gates(most: usize, pending: usize) -> Arc<Gates> {
        Gates::new(&Arc::default(), most, pending, Duration::from_secs(1))
    }

    fn open(gates: &Arc<Gates>, server: u64) -> Option<Permit> {
        match poll(&mut gates.queue(server, 1)) {
            Poll::Ready(Ok(permit)) => Some(permit),
            Poll::Ready(Err(_)) | Poll::Pending => None,
        }
    }

    #[test]
    fn server_has_no_more_connections_than_it_may_and_others_have_their_own() {
        let gates = gates(2, 9);
        let held = [open(&gates, 1).unwrap(), open(&gates, 1).unwrap()];
        assert!(open(&gates, 1).is_none() && open(&gates, 2).is_some());
        assert_eq!(gates.counts(), [2, 1, 0]);
        drop(held);
        assert!(open(&gates, 1).is_some());
        assert!(!gates.of(1).is_wanted(), "who has left does not wait");
    }

    #[test]
    fn who_waits_longest_is_first_and_the_line_is_bounded() {
        let gates = gates(1, 2);
        let held = open(&gates, 1).unwrap();
        let (mut first, mut second) = (gates.queue(1, 1), gates.queue(1, 2));
        assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
        let refused = poll(&mut gates.queue(1, 1));
        assert!(matches!(refused, Poll::Ready(Err(NotReached::Unavailable(Unavailable::Full)))));
        drop(held);
        assert!(poll(&mut second).is_pending(), "not before the first");
        assert!(open(&gates, 1).is_none(), "nor does anybody jump the line");
        drop(first);
        assert!(matches!(poll(&mut second), Poll::Ready(Ok(_))));
    }

    #[test]
    fn connection_that_is_free_serves_who_is_first_if_he_is_of_the_same_worker() {
        let gates = gates(1, 9);
        let gate = gates.of(1);
        assert!(gate.offer(1), "nobody waits");
        let _held = open(&gates, 1).unwrap();
        let mut waiting = gates.queue(1, 2);
        assert!(poll(&mut waiting).is_pending() && gate.is_wanted());
        assert!(gate.offer(2) && !gate.offer(1));
    }

    #[test]
    fn server_that_nobody_has_a_connection_to_is_forgotten() {
        let gates = gates(1, 9);
        let held = open(&gates, 1).unwrap();
        (2..100).for_each(|server| drop(open(&gates, server)));
        assert!(lock(&gates.known).len() <= 2 && lock(&gates.registry.0).len() <= 2);
        assert!(open(&gates, 1).is_none(), "what is open is not");
        drop(held);
    }

    #[test]
    fn connections_count_across_a_reload() {
        let registry = Arc::default();
        let (old, new) = (
            Gates::new(&registry, 1, 9, Duration::from_secs(1)),
            Gates::new(&registry, 1, 9, Duration::from_secs(1)),
        );
        let held = open(&old, 1).unwrap();
        drop(old);
        assert!(open(&new, 1).is_none());
        drop(held);
        assert!(open(&new, 1).is_some());
    }
}
