//! What the requests and the bytes of one connection of HTTP/2 tell it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::HeaderMap;

use crate::forward::Own;

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
    /// What is written about the client in all of its requests.
    pub(super) own: Rc<Own>,
    /// The client did not begin as it has to.
    pub(super) no_preface: Cell<bool>,
    /// Bytes that came.
    read: Cell<u64>,
    /// Bytes of heads and bodies, both ways.
    carried: Cell<u64>,
    /// Both of them, and the time, when noise was looked for last.
    looked: Cell<(u64, u64, Instant)>,
}

impl Account {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            running: Cell::default(),
            moved: Cell::new(now),
            answered: Cell::default(),
            withdrawn: Cell::default(),
            own: Rc::default(),
            no_preface: Cell::default(),
            read: Cell::default(),
            carried: Cell::default(),
            looked: Cell::new((0, 0, now)),
        }
    }

    /// So many bytes came. Gives how many came before.
    pub(super) fn read(&self, bytes: usize) -> u64 {
        self.read.replace(self.read.get() + bytes as u64)
    }

    /// So many bytes of a message passed.
    pub(super) fn carried(&self, bytes: usize) {
        self.carried.set(self.carried.get() + bytes as u64);
    }

    /// The head of a request came.
    pub(super) fn head(&self, headers: &HeaderMap) {
        self.carried(PER_HEAD + headers.values().map(|value| value.len()).sum::<usize>());
    }

    /// Whether what came lately were frames about frames for the most part: pings, settings, priorities, windows,
    /// padding. They cost the gateway as much as the client, and few of them have a purpose.
    pub(super) fn is_noise(&self, now: impl FnOnce() -> Instant) -> bool {
        let (read, carried, since) = self.looked.get();
        let purpose = self.carried.get() - carried;
        if self.read.get() - read <= NOISE + purpose.saturating_mul(NOISE_PER_PURPOSE) {
            return false;
        }
        let now = now();
        self.looked.set((self.read.get(), self.carried.get(), now));
        now.saturating_duration_since(since) < NOISE_TIME
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

    /// The connection's account.
    pub(super) fn account(&self) -> &Rc<Account> {
        &self.0
    }

    /// Whether the connection has so many requests that each has to be content with little memory.
    pub(super) fn is_crowded(&self) -> bool {
        self.0.running.get() > CROWD
    }

    /// It was answered, or the client was told why not.
    pub(super) fn answered(&self) {
        self.0.answered.set(self.0.answered.get() + 1);
    }

    /// The answer has been sent. The time is read only where it is the connection's last for now.
    pub(super) fn ended(&self, now: impl FnOnce() -> Instant) {
        if self.0.running.get() <= 1 {
            self.0.moved.set(now());
        }
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
/// What the smallest request is worth.
const PER_HEAD: usize = 64;
/// What a connection may say beside its requests in a minute: a ping every millisecond.
const NOISE: u64 = 1 << 20;
const NOISE_TIME: Duration = Duration::from_secs(60);
/// Frames' heads, windows and padding for one byte that has a purpose; nginx reckons the same.
const NOISE_PER_PURPOSE: u64 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_about_frames_are_noise_where_they_come_in_quick_succession() {
        let began = Instant::now();
        let account = Account::new(began);
        account.read(1 << 20);
        assert!(!account.is_noise(|| began));
        account.carried(1000);
        account.read(8000);
        assert!(!account.is_noise(|| began));
        account.read(1);
        assert!(account.is_noise(|| began + Duration::from_secs(59)));
        account.read((1 << 20) + 1);
        assert!(!account.is_noise(|| began + Duration::from_secs(120)), "as much in a longer time is none");
        account.read(1 << 20);
        assert!(!account.is_noise(|| unreachable!("the time is read only where there is a suspicion")));
    }
}
