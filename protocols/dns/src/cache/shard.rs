//! One shard: entries found by key, within a number of bytes.

use std::mem::size_of;
use std::time::Instant;

use super::entry::Entry;
use super::sieve::{NIL, Sieve};

/// Bytes of the budget for each bucket. Entries are seldom smaller than this, so chains stay short.
const PER_BUCKET: usize = 256;

/// Entries of the keys that belong here.
///
/// INVARIANT: what [`Shard::bytes`] says never exceeds the budget once a call has returned, and it counts everything:
/// this value, the buckets, the places whether full or not, and each entry's own allocation.
#[derive(Debug)]
pub(super) struct Shard {
    /// The first place of each bucket. Never resized: a full shard's number of entries is known from its budget.
    buckets: Box<[u32]>,
    sieve: Sieve,
    /// What the entries have allocated.
    heap: usize,
    budget: usize,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Inserted {
    pub(super) kept: bool,
    /// Entries that left for it; its own predecessor is not one.
    pub(super) evicted: u64,
}

impl Shard {
    pub(super) fn new(budget: usize) -> Self {
        let buckets = (budget / PER_BUCKET).next_power_of_two() / 2;
        Self { buckets: vec![NIL; buckets.max(1)].into(), sieve: Sieve::new(), heap: 0, budget }
    }

    pub(super) const fn len(&self) -> usize {
        self.sieve.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        size_of::<Self>() + self.buckets.len() * size_of::<u32>() + self.sieve.allocated() + self.heap
    }

    /// What `take` makes of the entry of this key, which counts as used if it makes anything.
    pub(super) fn find<T>(&self, key: u64, take: impl FnOnce(&Entry) -> Option<T>) -> Option<T> {
        let at = self.place(key);
        let taken = take(self.sieve.get(at)?)?;
        self.sieve.touch(at);
        Some(taken)
    }

    /// Takes an entry in, in place of one of the same key. Others leave until there is room; none does for an entry
    /// that would need more than an eighth of the shard.
    pub(super) fn insert(&mut self, entry: Entry, now: Instant) -> Inserted {
        let mut inserted = Inserted::default();
        let (key, heap) = (entry.key, entry.heap());
        if heap > self.budget / 8 {
            return inserted;
        }
        let former = self.place(key);
        if self.sieve.get(former).is_some_and(|former| former.outlasts(&entry, now)) {
            return inserted;
        }
        self.remove(former);
        while self.bytes() + heap + self.sieve.growth() > self.budget {
            let Some(at) = self.sieve.victim(now) else { return inserted };
            self.remove(at);
            inserted.evicted += 1;
        }
        let first = self.bucket(key);
        let Some(at) = self.sieve.push(entry) else { return inserted };
        self.sieve.set_next(at, first);
        self.set_bucket(key, at);
        self.heap += heap;
        inserted.kept = true;
        inserted
    }

    fn place(&self, key: u64) -> u32 {
        let mut at = self.bucket(key);
        while self.sieve.get(at).is_some_and(|entry| entry.key != key) {
            at = self.sieve.next(at);
        }
        at
    }

    fn remove(&mut self, at: u32) {
        let Some(key) = self.sieve.get(at).map(|entry| entry.key) else { return };
        let next = self.sieve.next(at);
        let mut before = self.bucket(key);
        if before == at {
            self.set_bucket(key, next);
        } else {
            while before != NIL && self.sieve.next(before) != at {
                before = self.sieve.next(before);
            }
            self.sieve.set_next(before, next);
        }
        if let Some(entry) = self.sieve.remove(at) {
            self.heap -= entry.heap();
        }
    }

    fn bucket(&self, key: u64) -> u32 {
        self.buckets.get(self.index(key)).copied().unwrap_or(NIL)
    }

    fn set_bucket(&mut self, key: u64, at: u32) {
        let index = self.index(key);
        if let Some(bucket) = self.buckets.get_mut(index) {
            *bucket = at;
        }
    }

    /// The low bits of the key; the shard was chosen by the high ones.
    const fn index(&self, key: u64) -> usize {
        key as usize & (self.buckets.len() - 1)
    }
}
