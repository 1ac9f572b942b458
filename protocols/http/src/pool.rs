//! Server connections between two requests.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sekisho_api::ByNumber;

use crate::codec::Upstream;
use crate::gate::Gate;
use crate::shared::Shared;

/// The idle server connections of one worker, by [`sekisho_api::Server::id`]. The one used last is used next: it is
/// the likeliest to be alive, and the others grow old enough to be closed.
#[derive(Debug)]
pub(crate) struct Pool {
    idle: RefCell<ByNumber<Vec<Idle>>>,
    most: usize,
    longest: Duration,
    /// Those of HTTP/2, which serve many requests at a time.
    shared: Rc<Shared>,
    /// Of the servers whose connections are limited.
    gates: RefCell<ByNumber<Arc<Gate>>>,
    /// There are such servers.
    gated: Cell<bool>,
}

#[derive(Debug)]
struct Idle {
    upstream: Box<Upstream>,
    since: Instant,
}

impl Pool {
    /// At most `most` connections to one server, none of them idle for longer than `longest`.
    pub(crate) fn new(most: usize, longest: Duration) -> Self {
        Self {
            idle: RefCell::default(),
            most,
            longest,
            shared: Rc::new(Shared::new(longest)),
            gates: RefCell::default(),
            gated: Cell::new(false),
        }
    }

    /// The connections of HTTP/2.
    pub(crate) fn shared(&self) -> &Rc<Shared> {
        &self.shared
    }

    /// Which pool of all workers' it is.
    pub(crate) fn number(&self) -> usize {
        Rc::as_ptr(&self.shared).addr()
    }

    /// The connections to this server are limited.
    pub(crate) fn limited(&self, server: u64, gate: &Arc<Gate>) {
        self.gated.set(true);
        self.gates.borrow_mut().entry(server).or_insert_with(|| gate.clone());
    }

    /// Whether somebody waits for a connection to this server.
    pub(crate) fn is_wanted(&self, server: u64) -> bool {
        self.gated.get() && self.gates.borrow().get(&server).is_some_and(|gate| gate.is_wanted())
    }

    /// Whether a connection to this server is worth more to another worker.
    fn is_wanted_elsewhere(&self, server: u64) -> bool {
        if !self.gated.get() {
            return false;
        }
        let gates = self.gates.borrow();
        gates.get(&server).is_some_and(|gate| gate.is_wanted() && !gate.offer(self.number()))
    }

    /// Closes the connection to this server that has been idle for longest: there may be another one then.
    pub(crate) fn close_one(&self, server: u64) -> bool {
        let mut idle = self.idle.borrow_mut();
        let Some(connections) = idle.get_mut(&server).filter(|connections| !connections.is_empty()) else {
            return false;
        };
        connections.remove(0);
        true
    }

    /// A living connection to this server that has been idle for less than `fresh`.
    pub(crate) fn take(&self, server: u64, now: Instant, fresh: Option<Duration>) -> Option<Box<Upstream>> {
        let mut idle = self.idle.borrow_mut();
        let connections = idle.get_mut(&server)?;
        loop {
            let last = connections.last()?;
            let age = now.saturating_duration_since(last.since);
            if fresh.is_some_and(|fresh| age >= fresh) {
                return None;
            }
            let mut idle = connections.pop()?;
            if age < self.longest && idle.upstream.idle() {
                return Some(idle.upstream);
            }
        }
    }

    /// Keeps a connection for the next request.
    pub(crate) fn put(&self, server: u64, upstream: Box<Upstream>, now: Instant) {
        if self.most == 0 || self.is_wanted_elsewhere(server) {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        let connections = idle.entry(server).or_default();
        if connections.len() >= self.most {
            connections.remove(0);
        }
        connections.push(Idle { upstream, since: now });
    }

    /// Forgets the connections to a server that is not to be used any more.
    pub(crate) fn forget(&self, server: u64) {
        self.idle.borrow_mut().remove(&server);
        self.shared.forget(server);
    }

    /// Closes what is too old, and what the server has closed.
    pub(crate) fn sweep(&self, now: Instant) {
        self.idle.borrow_mut().retain(|server, connections| {
            if self.is_wanted_elsewhere(*server) {
                return false;
            }
            connections.retain_mut(|idle| {
                now.saturating_duration_since(idle.since) < self.longest && idle.upstream.idle()
            });
            !connections.is_empty()
        });
        self.shared.sweep(now);
        if self.gated.get() {
            let mut gates = self.gates.borrow_mut();
            gates.retain(|_, gate| gate.is_used());
            self.gated.set(!gates.is_empty());
        }
    }
}
