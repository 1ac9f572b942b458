//! Server connections between two requests.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use sekisho_api::ByNumber;

use crate::codec::Upstream;
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
}

#[derive(Debug)]
struct Idle {
    upstream: Box<Upstream>,
    since: Instant,
}

impl Pool {
    /// At most `most` connections to one server, none of them idle for longer than `longest`.
    pub(crate) fn new(most: usize, longest: Duration) -> Self {
        Self { idle: RefCell::default(), most, longest, shared: Rc::new(Shared::new(longest)) }
    }

    /// The connections of HTTP/2.
    pub(crate) fn shared(&self) -> &Rc<Shared> {
        &self.shared
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
        if self.most == 0 {
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
        self.idle.borrow_mut().retain(|_, connections| {
            connections.retain_mut(|idle| {
                now.saturating_duration_since(idle.since) < self.longest && idle.upstream.idle()
            });
            !connections.is_empty()
        });
        self.shared.sweep(now);
    }
}
