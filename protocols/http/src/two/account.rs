//! What the requests of one connection of HTTP/2 tell it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

/// What the requests of one connection tell it.
#[derive(Debug)]
pub(super) struct Account {
    /// Requests under way.
    pub(super) running: Cell<usize>,
    /// When a request last came or ended.
    pub(super) moved: Cell<Instant>,
    /// Requests that were answered.
    pub(super) answered: Cell<u64>,
    /// Requests that the client withdrew.
    pub(super) withdrawn: Cell<u64>,
}

impl Account {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            running: Cell::default(),
            moved: Cell::new(now),
            answered: Cell::default(),
            withdrawn: Cell::default(),
        }
    }
}

/// A request under way, counted while it lives.
#[derive(Debug)]
pub(super) struct Running(Rc<Account>);

impl Running {
    pub(super) fn new(account: &Rc<Account>) -> Self {
        account.running.set(account.running.get() + 1);
        Self(account.clone())
    }

    /// Whether the connection has so many requests that each has to be content with little memory.
    pub(super) fn is_crowded(&self) -> bool {
        self.0.running.get() > CROWD
    }

    /// It was answered, or the client was told why not.
    pub(super) fn answered(&self) {
        self.0.answered.set(self.0.answered.get() + 1);
    }

    /// The answer has been sent.
    pub(super) fn ended(&self, now: Instant) {
        self.0.moved.set(now);
    }

    /// The client does not want the answer any more.
    pub(super) fn withdrawn(&self) {
        self.0.withdrawn.set(self.0.withdrawn.get() + 1);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.set(self.0.running.get().saturating_sub(1));
    }
}

/// Requests at once above which each has less memory.
const CROWD: usize = 8;
