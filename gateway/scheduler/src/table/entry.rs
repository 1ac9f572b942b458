//! An entry as a lease holds it.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::Mutex;
use sekisho_api::{Hold, Key, KeyKind};
use smallvec::SmallVec;

use super::shard::Shard;
use super::slab::NIL;
use crate::clock::Clock;

/// Where a shard lives; entries know the way back.
#[derive(Debug)]
pub(crate) struct Home {
    pub(super) shard: Mutex<Shard>,
    clock: Arc<Clock>,
}

impl Home {
    pub(super) fn new(clock: Arc<Clock>) -> Self {
        Self { shard: Mutex::new(Shard::new()), clock }
    }
}

/// The part of an entry that never changes. A lease holds it without allocating: it is the entry's own `Arc`.
pub(crate) struct Entry {
    pub(super) home: Weak<Home>,
    pub(super) slot: u32,
    pub(super) hash: u64,
    pub(super) key: Key,
    /// The pool whose own entry this is; none: every pool's.
    pub(super) scope: Option<Arc<str>>,
}

impl Entry {
    /// An entry without a place yet.
    pub(super) fn new(home: &Arc<Home>, hash: u64, key: &Key, scope: Option<&Arc<str>>) -> Self {
        Self { home: Arc::downgrade(home), slot: NIL, hash, key: key.clone(), scope: scope.cloned() }
    }

    /// Bytes of its key and its scope's name.
    pub(super) fn bytes(&self) -> usize {
        self.key.expose().len() + self.scope.as_ref().map_or(0, |scope| scope.len())
    }

    /// Whether it is the entry of this key in this scope.
    pub(super) fn is(&self, key: &Key, scope: Option<&Arc<str>>) -> bool {
        self.key == *key && self.scope.as_deref() == scope.map(|scope| &**scope)
    }
}

impl Hold for Entry {
    fn released(&self, now: Option<Instant>) {
        // Without its table, or without its place in it, the entry was removed meanwhile: nothing to settle.
        if let Some(home) = self.home.upgrade() {
            let now = home.clock.read_or_latest(now);
            home.shard.lock().close(self, now);
        }
    }

    fn key(&self, kind: KeyKind) -> Option<&Key> {
        (self.key.kind() == kind).then_some(&self.key)
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("key", &self.key).finish_non_exhaustive()
    }
}

/// An entry that is held until this is dropped or handed to a lease.
#[derive(Debug)]
pub(crate) struct Held(Option<Arc<Entry>>);

impl Held {
    pub(super) fn new(entry: Arc<Entry>) -> Self {
        Self(Some(entry))
    }

    /// Whether this is the entry of `key`.
    pub(crate) fn is_of(&self, key: &Key) -> bool {
        self.0.as_ref().is_some_and(|entry| entry.key == *key)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(entry) = self.0.take() {
            entry.released(None);
        }
    }
}

/// What one lease holds: seldom more than one entry.
#[derive(Debug, Default)]
pub(crate) struct Holds(SmallVec<[Held; 2]>);

impl Holds {
    pub(crate) fn push(&mut self, held: Held) {
        self.0.push(held);
    }

    /// Whether the entry of `key` is among them.
    pub(crate) fn has(&self, key: &Key) -> bool {
        self.0.iter().any(|held| held.is_of(key))
    }

    /// For a lease: one entry is its own hold, several are allocated one together.
    pub(crate) fn into_hold(mut self) -> Option<Arc<dyn Hold>> {
        if self.0.len() > 1 {
            let entries = self.0.iter_mut().filter_map(|held| held.0.take()).collect();
            return Some(Arc::new(Several(entries)));
        }
        let entry = self.0.pop()?.0.take()?;
        Some(entry)
    }
}

/// Several entries held by one lease.
#[derive(Debug)]
struct Several(Box<[Arc<Entry>]>);

impl Hold for Several {
    fn released(&self, now: Option<Instant>) {
        self.0.iter().for_each(|entry| entry.released(now));
    }

    fn key(&self, kind: KeyKind) -> Option<&Key> {
        self.0.iter().find_map(|entry| entry.key(kind))
    }
}
