//! What a server carries and carried.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};

use sekisho_api::Failure;

use crate::clock::Moment;
use crate::measure::Row;

#[derive(Debug)]
pub(crate) struct Counts {
    active: AtomicU32,
    served: AtomicU64,
    /// By [`Failure`], in the order of [`Failure::ALL`].
    failures: [AtomicU64; Failure::ALL.len()],
    bytes: AtomicU64,
    timeouts: AtomicU64,
    strays: AtomicU64,
    repeats: AtomicU64,
    ejections: AtomicU64,
    /// Probes that passed, and those that failed.
    probes: [AtomicU64; 2],
    row: Row,
    /// When it last answered; zero: never.
    answered: AtomicU64,
    since: Moment,
}

impl Counts {
    pub(super) fn new(now: Moment) -> Self {
        Self {
            active: AtomicU32::new(0),
            served: AtomicU64::new(0),
            failures: Failure::ALL.map(|_| AtomicU64::new(0)),
            bytes: AtomicU64::new(0),
            timeouts: AtomicU64::new(0),
            strays: AtomicU64::new(0),
            repeats: AtomicU64::new(0),
            ejections: AtomicU64::new(0),
            probes: [AtomicU64::new(0), AtomicU64::new(0)],
            row: Row::default(),
            answered: AtomicU64::new(0),
            since: now,
        }
    }

    pub(super) fn active(&self) -> u32 {
        self.active.load(SeqCst)
    }

    pub(super) fn served(&self) -> u64 {
        self.served.load(Relaxed)
    }

    pub(super) fn failures(&self) -> [(Failure, u64); Failure::ALL.len()] {
        Failure::ALL
            .map(|failure| (failure, self.failures_of(failure).map_or(0, |count| count.load(Relaxed))))
    }

    fn failures_of(&self, failure: Failure) -> Option<&AtomicU64> {
        self.failures.get(Failure::ALL.iter().position(|&one| one == failure)?)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    pub(super) fn timeouts(&self) -> u64 {
        self.timeouts.load(Relaxed)
    }

    pub(super) fn strays(&self) -> u64 {
        self.strays.load(Relaxed)
    }

    pub(super) fn repeats(&self) -> u64 {
        self.repeats.load(Relaxed)
    }

    pub(super) fn probes(&self) -> (u64, u64) {
        let [passed, failed] = &self.probes;
        (passed.load(Relaxed), failed.load(Relaxed))
    }

    /// A probe ended.
    pub(super) fn probed(&self, passed: bool) {
        let [passes, fails] = &self.probes;
        if passed { passes } else { fails }.fetch_add(1, Relaxed);
    }

    /// It did not answer in time.
    pub(super) fn timed_out(&self) {
        self.timeouts.fetch_add(1, Relaxed);
    }

    /// A datagram of it answered nothing that was asked.
    pub(super) fn strayed(&self) {
        self.strays.fetch_add(1, Relaxed);
    }

    /// Another server was asked what it had not answered yet.
    pub(super) fn repeated(&self) {
        self.repeats.fetch_add(1, Relaxed);
    }

    /// When counting began.
    pub(super) fn since(&self) -> Moment {
        self.since
    }

    /// Takes a place unless `limit` are taken.
    pub(super) fn take(&self, limit: u32) -> bool {
        let taken =
            self.active.fetch_update(SeqCst, SeqCst, |active| (active < limit).then(|| active + 1)).is_ok();
        if taken {
            self.served.fetch_add(1, Relaxed);
        }
        taken
    }

    /// So many came without taking a place.
    pub(super) fn came(&self, connections: u64) {
        self.served.fetch_add(connections, Relaxed);
    }

    /// Gives a place back.
    pub(super) fn give_back(&self) {
        let given = self.active.fetch_update(SeqCst, SeqCst, |active| active.checked_sub(1));
        debug_assert!(given.is_ok(), "a lease was settled twice");
    }

    pub(super) fn moved(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
    }

    /// Counts a failure and says how many there are in a row.
    pub(super) fn failed(&self, failure: Failure) -> u32 {
        if let Some(count) = self.failures_of(failure) {
            count.fetch_add(1, Relaxed);
        }
        self.row.failed(failure)
    }

    /// Failures in a row.
    pub(super) fn in_a_row(&self) -> u32 {
        self.row.length()
    }

    /// A connection was made.
    pub(super) fn connected(&self) {
        self.row.connected();
    }

    /// It was ejected.
    pub(super) fn ejected(&self) {
        self.ejections.fetch_add(1, Relaxed);
    }

    pub(super) fn ejections(&self) -> u64 {
        self.ejections.load(Relaxed)
    }

    /// It answered, so that nothing that failed before counts any more.
    pub(super) fn answered(&self, now: Moment) {
        self.answered.store(now.get(), Relaxed);
        self.forget_failures();
    }

    /// When it last answered.
    pub(super) fn last_answer(&self) -> Option<Moment> {
        Moment::from_raw(self.answered.load(Relaxed))
    }

    /// Nothing that failed before counts any more.
    pub(super) fn forget_failures(&self) {
        self.row.forget();
    }
}
