//! What an operator does with a table.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use sekisho_api::{Key, KeyKind};

use super::Table;
use super::entry::Entry;
use super::shard::Shard;
use super::slab::{Node, Which};
use crate::clock::Moment;

/// Where an entry of a table is. Once it is gone, another may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryPlace {
    shard: u32,
    slot: u32,
}

impl EntryPlace {
    /// A number that stands for it.
    pub fn number(self) -> u64 {
        u64::from(self.shard) << 32 | u64::from(self.slot)
    }

    /// What [`number`](Self::number) stands for; any number stands for some place, if not for one of this table.
    pub fn of(number: u64) -> Self {
        // Each half of 64 bits has 32.
        Self { shard: (number >> 32) as u32, slot: number as u32 }
    }
}

/// One entry, for an operator's eyes. The key's value shows only through [`Key::expose`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryView {
    /// Where it is, as long as it is there: [`Table::at`].
    pub place: EntryPlace,
    /// The key.
    pub key: Key,
    /// The pool whose own entry this is; none: every pool's that has a server of the name.
    pub pool: Option<Arc<str>>,
    /// The server's name.
    pub server: Arc<str>,
    /// Leases that hold it.
    pub open: u32,
    /// When it expires; none while it is held.
    pub expires_in: Option<Duration>,
    /// Rises with every change.
    pub version: u64,
}

impl EntryView {
    fn of(shard: &Shard, number: usize, node: &Node, now: Moment) -> Option<Self> {
        let expires_in = match shard.expires(node) {
            Some(at) if at <= now => return None,
            Some(at) => Some(at.since(now)),
            None => None,
        };
        Some(Self {
            place: EntryPlace { shard: u32::try_from(number).ok()?, slot: node.entry.slot },
            key: node.entry.key.clone(),
            pool: node.entry.scope.clone(),
            server: Arc::clone(&node.server),
            open: node.open,
            expires_in,
            version: node.version,
        })
    }
}

impl Table {
    /// At most `limit` entries, of one kind and one server if given, in no certain order.
    pub fn list(
        &self,
        kind: Option<KeyKind>,
        server: Option<&str>,
        limit: usize,
        now: Instant,
    ) -> Vec<EntryView> {
        let now = self.clock.moment(now);
        let mut views = Vec::new();
        for (number, home) in self.shards.iter().enumerate() {
            let shard = home.shard.lock();
            let nodes = shard.slab.iter(Which::Open).chain(shard.slab.iter(Which::Closed));
            let wanted = nodes.filter(|node| {
                kind.is_none_or(|kind| node.entry.key.kind() == kind)
                    && server.is_none_or(|server| *node.server == *server)
            });
            let found = wanted.filter_map(|node| EntryView::of(&shard, number, node, now));
            views.extend(found.take(limit - views.len()));
        }
        views
    }

    /// The entries of a key: every pool's, and those that single pools of `pools` have of their own.
    pub fn get(&self, key: &Key, pools: &[Arc<str>], now: Instant) -> Vec<EntryView> {
        let now = self.clock.moment(now);
        let scopes = std::iter::once(None).chain(pools.iter().map(Some));
        scopes
            .filter_map(|scope| {
                let hash = self.hasher.hash(key, scope);
                let number = self.number(hash);
                let shard = self.home(hash).shard.lock();
                let node = shard.slab.get(shard.peek(hash, key, scope)?)?;
                EntryView::of(&shard, number, node, now)
            })
            .collect()
    }

    /// The entry at a place, unless it has expired.
    pub fn at(&self, place: EntryPlace, now: Instant) -> Option<EntryView> {
        let number = place.shard as usize;
        let shard = self.shards.get(number)?.shard.lock();
        EntryView::of(&shard, number, shard.slab.get(place.slot)?, self.clock.moment(now))
    }

    /// Removes the entry of a key, in every pool's scope or that of one; false if there was none.
    pub fn remove(&self, key: &Key, pool: Option<&Arc<str>>) -> bool {
        let hash = self.hasher.hash(key, pool);
        let mut shard = self.home(hash).shard.lock();
        let slot = shard.peek(hash, key, pool);
        slot.is_some_and(|slot| shard.remove(slot, self.version(self.clock.read_or_latest(None))))
    }

    /// Binds a key to a server, whether or not it has an entry; false if the table's bounds leave no room at all.
    pub fn assign(&self, key: &Key, pool: Option<&Arc<str>>, server: &Arc<str>, now: Instant) -> bool {
        let now = self.clock.moment(now);
        let hash = self.hasher.hash(key, pool);
        let home = self.home(hash);
        let mut shard = home.shard.lock();
        match shard.find(hash, key, pool, now) {
            Some(slot) => {
                shard.assign(slot, server, self.version(now));
                true
            }
            None => shard.insert(Entry::new(home, hash, key, pool), server, self.version(now), now).is_some(),
        }
    }

    /// Removes all entries; says how many there were.
    pub fn clear(&self) -> usize {
        let _whole = self.whole.lock();
        self.cleared.store(true, Relaxed);
        self.cleared_at.store(self.version(self.clock.read_or_latest(None)), Relaxed);
        self.shards.iter().map(|home| home.shard.lock().clear()).sum()
    }
}
