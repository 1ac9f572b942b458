//! One part of a table, behind one lock.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashTable;
use sekisho_api::Key;

use super::entry::Entry;
use super::feed::Feed;
use super::slab::{Node, Slab, Which};
use crate::clock::Moment;

/// The entries of a shard, found by hash, ordered by use, bounded.
#[derive(Debug)]
pub(crate) struct Shard {
    index: HashTable<u32>,
    pub(super) slab: Slab,
    bytes: usize,
    limits: Limits,
    counts: TableCounts,
    pub(super) changes: Changes,
    /// What followers have not been told yet; none: nobody follows.
    pub(super) feed: Option<Box<Feed>>,
}

/// What a shard keeps to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) entries: usize,
    pub(super) bytes: usize,
    pub(super) expire: Duration,
}

/// What the journal has not been told yet: bounded by the number of places.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Places whose entries changed; each dirty entry once.
    pub(super) dirty: Vec<u32>,
    /// Entries that were taken away.
    pub(super) gone: Vec<Arc<Entry>>,
    /// Too much happened to be told one by one.
    pub(super) overflow: bool,
}

/// What happened in a table since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableCounts {
    /// Look-ups that found the client's server.
    pub hits: u64,
    /// Look-ups that did not.
    pub misses: u64,
    /// Entries made.
    pub inserts: u64,
    /// Entries whose server changed.
    pub moves: u64,
    /// Entries that made room for others.
    pub evictions: u64,
    /// Entries that expired.
    pub expired: u64,
}

impl TableCounts {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            hits: self.hits + other.hits,
            misses: self.misses + other.misses,
            inserts: self.inserts + other.inserts,
            moves: self.moves + other.moves,
            evictions: self.evictions + other.evictions,
            expired: self.expired + other.expired,
        }
    }
}

impl Shard {
    pub(super) fn new() -> Self {
        Self {
            index: HashTable::new(),
            slab: Slab::default(),
            bytes: 0,
            limits: Limits { entries: 0, bytes: 0, expire: Duration::ZERO },
            counts: TableCounts::default(),
            changes: Changes::default(),
            feed: None,
        }
    }

    pub(super) fn limit(&mut self, limits: Limits) {
        self.limits = limits;
        while self.len() > limits.entries || self.bytes > limits.bytes {
            self.evict();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn counts(&self) -> TableCounts {
        self.counts
    }

    pub(super) fn count_lookup(&mut self, hit: bool) {
        *(if hit { &mut self.counts.hits } else { &mut self.counts.misses }) += 1;
    }

    /// The place of a key's entry, unless it has expired.
    pub(super) fn find(
        &mut self,
        hash: u64,
        key: &Key,
        scope: Option<&Arc<str>>,
        now: Moment,
    ) -> Option<u32> {
        let slot = self.peek(hash, key, scope)?;
        if self.expired(slot, now) {
            self.expire(slot);
            return None;
        }
        Some(slot)
    }

    /// The place of a key's entry, expired or not.
    pub(super) fn peek(&self, hash: u64, key: &Key, scope: Option<&Arc<str>>) -> Option<u32> {
        let same = |&slot: &u32| self.slab.get(slot).is_some_and(|node| node.entry.is(key, scope));
        self.index.find(hash, same).copied()
    }

    pub(super) fn server(&self, slot: u32) -> Option<&Arc<str>> {
        self.slab.get(slot).map(|node| &node.server)
    }

    /// How long an entry lives after its last client left.
    pub(super) fn expiry(&self) -> Duration {
        self.limits.expire
    }

    /// When the entry expires; none while it is in use.
    pub(super) fn expires(&self, node: &Node) -> Option<Moment> {
        (node.open == 0).then(|| node.last.plus(self.limits.expire))
    }

    pub(super) fn expired(&self, slot: u32, now: Moment) -> bool {
        self.slab.get(slot).and_then(|node| self.expires(node)).is_some_and(|at| now >= at)
    }

    /// Makes an entry; none if the table's bounds leave no room for it at all.
    pub(super) fn insert(
        &mut self,
        mut entry: Entry,
        server: &Arc<str>,
        version: u64,
        last: Moment,
    ) -> Option<u32> {
        self.sweep(last);
        let bytes = entry.bytes() + server.len();
        if self.limits.entries == 0 || bytes > self.limits.bytes {
            self.counts.evictions += 1;
            return None;
        }
        while self.len() >= self.limits.entries || self.bytes + bytes > self.limits.bytes {
            self.evict();
        }
        let slot = self.slab.vacancy()?;
        entry.slot = slot;
        let hash = entry.hash;
        let node = Node::new(Arc::new(entry), Arc::clone(server), version, last);
        self.slab.fill(slot, node);
        let slab = &self.slab;
        self.index.insert_unique(hash, slot, |&slot| slab.get(slot).map_or(0, |node| node.entry.hash));
        self.bytes += bytes;
        self.counts.inserts += 1;
        self.mark(slot);
        Some(slot)
    }

    /// Binds an entry to another server.
    pub(super) fn assign(&mut self, slot: u32, server: &Arc<str>, version: u64) {
        let Some(node) = self.slab.get_mut(slot) else { return };
        let before = node.bytes();
        node.server = Arc::clone(server);
        node.version = version;
        let after = node.bytes();
        self.bytes = self.bytes + after - before;
        self.counts.moves += 1;
        self.mark(slot);
        while self.bytes > self.limits.bytes {
            self.evict();
        }
    }

    /// A lease holds the entry.
    pub(super) fn open(&mut self, slot: u32) -> Option<Arc<Entry>> {
        let node = self.slab.get(slot)?;
        let (entry, open) = (Arc::clone(&node.entry), node.open.saturating_add(1));
        self.slab.set_open(slot, open);
        Some(entry)
    }

    /// A lease lets go of the entry, if it is still here.
    pub(super) fn close(&mut self, entry: &Entry, now: Moment) {
        let Some(node) = self.slab.get_mut(entry.slot) else { return };
        if !std::ptr::eq(Arc::as_ptr(&node.entry), entry) {
            return;
        }
        node.last = node.last.max(now);
        let open = node.open.saturating_sub(1);
        // Told to the journal now and then only: a file need not know to the second when somebody left.
        let stale = now.since(node.logged) >= self.limits.expire / 16;
        if open == 0 && stale {
            node.logged = now;
        }
        self.slab.set_open(entry.slot, open);
        if open == 0 && stale {
            self.mark(entry.slot);
        }
    }

    /// Takes an entry out because somebody wants it gone, and remembers that for journal and followers.
    pub(super) fn remove(&mut self, slot: u32, version: u64) -> bool {
        let Some(node) = self.take(slot) else { return false };
        self.bury(&node.entry, version);
        true
    }

    /// Remembers for followers that somebody wants an entry gone.
    pub(super) fn bury(&mut self, entry: &Arc<Entry>, version: u64) {
        if let Some(feed) = &mut self.feed {
            feed.bury(entry, version);
        }
    }

    /// Takes an entry out, and remembers that for the journal.
    pub(super) fn take(&mut self, slot: u32) -> Option<Node> {
        let node = self.detach(slot)?;
        if self.changes.gone.len() < MOST_GONE {
            self.changes.gone.push(Arc::clone(&node.entry));
        } else {
            self.changes.overflow = true;
        }
        Some(node)
    }

    /// Takes an entry out as a journal tells it.
    pub(super) fn forget(&mut self, slot: u32) {
        self.detach(slot);
    }

    /// Empties the shard.
    pub(super) fn clear(&mut self) -> usize {
        let count = self.len();
        self.index = HashTable::new();
        self.slab = Slab::default();
        self.bytes = 0;
        self.changes = Changes::default();
        if let Some(feed) = &mut self.feed {
            feed.clear();
        }
        count
    }

    /// Sets when the entry was last left, as a journal remembers it.
    pub(super) fn restore(&mut self, slot: u32, version: u64, last: Moment) {
        if let Some(node) = self.slab.get_mut(slot) {
            node.version = version;
            node.last = node.last.max(last);
            node.logged = node.last;
            node.dirty = false;
        }
    }

    /// Has journal and followers told of an entry.
    pub(super) fn mark(&mut self, slot: u32) {
        let Some(node) = self.slab.get_mut(slot) else { return };
        if let Some(feed) = &mut self.feed {
            node.origin = 0;
            node.number = feed.enter(slot);
        }
        if !std::mem::replace(&mut node.dirty, true) {
            // A place that was emptied and filled again may stand here twice; more than that is told as a whole.
            if self.changes.dirty.len() < 2 * self.slab.places() as usize + 16 {
                self.changes.dirty.push(slot);
            } else {
                self.changes.overflow = true;
            }
        }
        if let Some(feed) = &mut self.feed {
            feed.tidy(&self.slab);
        }
    }

    /// Takes a few of the longest expired out: the price of a look-up stays the same, whatever expires at once.
    fn sweep(&mut self, now: Moment) {
        for _ in 0..2 {
            match self.slab.oldest(Which::Closed) {
                Some(slot) if self.expired(slot, now) => self.expire(slot),
                _ => return,
            }
        }
    }

    fn expire(&mut self, slot: u32) {
        self.detach(slot);
        self.counts.expired += 1;
    }

    /// The entry left longest ago makes room; if all are in use, the one longest in use.
    fn evict(&mut self) {
        let oldest = self.slab.oldest(Which::Closed).or_else(|| self.slab.oldest(Which::Open));
        if let Some(slot) = oldest {
            self.detach(slot);
            self.counts.evictions += 1;
        }
    }

    fn detach(&mut self, slot: u32) -> Option<Node> {
        let node = self.slab.remove(slot)?;
        self.bytes -= node.bytes();
        if let Ok(place) = self.index.find_entry(node.entry.hash, |&other| other == slot) {
            place.remove();
        }
        Some(node)
    }
}

/// The most removals told one by one.
const MOST_GONE: usize = 4096;
