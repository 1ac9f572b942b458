//! Telling followers what changes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::{Change, RENEWALS};
use crate::clock::Moment;
use crate::table::feed::{Bell, Feed};
use crate::table::shard::Shard;
use crate::table::slab::{Node, Which};
use crate::table::stamp::Stamp;
use crate::table::{Table, credible};

/// Somebody who follows a table's changes and tells it of others. As long as there is none, a table remembers nothing
/// for them.
pub struct Follower {
    pub(super) table: Arc<Table>,
    pub(super) id: u32,
    bell: Arc<Bell>,
    cursors: Box<[Cursor]>,
    /// The stamp of the last clearing that was told.
    cleared: u64,
    /// Where the next look begins, so that one busy shard does not keep the others back.
    turn: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    entered: u64,
    graves: u64,
    /// Up to here everything is told, also what the follower told itself.
    everything: u64,
}

impl Table {
    /// Begins to follow: the first changes are all entries there are. `bell` is called when there is something, once
    /// until the next [`Follower::changes`]. It is called on the way of a client: it must not block, nor touch a table.
    pub fn follow(self: &Arc<Self>, bell: impl Fn() + Send + Sync + 'static) -> Follower {
        let _whole = self.whole.lock();
        let id = self.followers.fetch_add(1, Relaxed).wrapping_add(1).max(1);
        let bell = Arc::new(Bell::new(Box::new(bell)));
        for home in &self.shards {
            let mut shard = home.shard.lock();
            shard.feed().attach(id, Arc::clone(&bell));
        }
        let cursors = vec![Cursor::default(); self.shards.len()].into_boxed_slice();
        let mut follower = Follower { table: Arc::clone(self), id, bell, cursors, cleared: 0, turn: 0 };
        follower.rewind();
        follower
    }

    /// Has followers told again of entries that have been in use for long, since elsewhere they would expire. To be
    /// called a few times per expiry.
    pub fn renew(&self, now: Instant) {
        let now = self.clock.moment(now);
        let after = Duration::from_nanos(self.expire.load(Relaxed)) / RENEWALS;
        for home in &self.shards {
            let mut shard = home.shard.lock();
            if shard.feed.is_none() {
                continue;
            }
            let long = |node: &&Node| now.since(node.logged) >= after;
            let due: Vec<_> = shard.slab.iter(Which::Open).filter(long).map(|node| node.entry.slot).collect();
            for slot in due {
                if let Some(node) = shard.slab.get_mut(slot) {
                    node.logged = now;
                }
                shard.mark(slot);
            }
        }
    }
}

impl Follower {
    /// The table.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Begins anew: everything is told again.
    pub fn rewind(&mut self) {
        for (cursor, home) in self.cursors.iter_mut().zip(&self.table.shards) {
            let last = home.shard.lock().feed.as_ref().map_or(0, |feed| feed.last());
            *cursor = Cursor { everything: last, ..Cursor::default() };
        }
        self.cleared = 0;
    }

    /// Tells at most `limit` changes that were not told yet, and says how many; fewer than `limit` are all. What this
    /// follower told itself is left out. Removals come before entries that were made since.
    pub fn changes(&mut self, limit: usize, now: Instant, mut each: impl FnMut(Change<'_>)) -> usize {
        self.bell.answer();
        let now = self.table.clock.moment(now);
        let mut told = 0;
        let latest = self.table.latest(now);
        let cleared = credible(self.table.cleared_at.load(Relaxed), latest);
        if cleared != self.cleared && cleared > 0 && limit > 0 {
            self.cleared = cleared;
            told += 1;
            each(Change::Cleared { stamp: Stamp::from_raw(cleared) });
        }
        let count = self.cursors.len();
        for i in (0..count).map(|i| (self.turn + i) % count.max(1)) {
            let (Some(cursor), Some(home)) = (self.cursors.get_mut(i), self.table.shards.get(i)) else {
                continue;
            };
            told += cursor.read(&home.shard.lock(), (self.id, latest), limit - told, now, &mut each);
            if told >= limit {
                self.turn = i;
                return told;
            }
        }
        told
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _whole = self.table.whole.lock();
        for home in &self.table.shards {
            let mut shard = home.shard.lock();
            if shard.feed.as_mut().is_some_and(|feed| !feed.detach(self.id)) {
                shard.feed = None;
            }
        }
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower")
            .field("table", &self.table.name)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Cursor {
    fn read(
        &mut self,
        shard: &Shard,
        (id, latest): (u32, u64),
        limit: usize,
        now: Moment,
        each: &mut impl FnMut(Change<'_>),
    ) -> usize {
        let Some(feed) = &shard.feed else { return 0 };
        let mut told = 0;
        for grave in feed.graves_after(self.graves) {
            if told >= limit {
                return told;
            }
            self.graves = grave.number;
            told += 1;
            let (entry, stamp) = (&grave.entry, Stamp::from_raw(credible(grave.version, latest)));
            each(Change::Removed { key: &entry.key, scope: entry.scope.as_ref(), stamp });
        }
        for (number, slot) in feed.entered_after(self.entered) {
            if told >= limit {
                return told;
            }
            self.entered = number;
            let Some(node) = shard.slab.get(slot).filter(|node| node.number == number) else { continue };
            let own = node.origin == id && number > self.everything;
            if own || shard.expires(node).is_some_and(|at| at <= now) {
                continue;
            }
            told += 1;
            each(Change::Bound {
                key: &node.entry.key,
                scope: node.entry.scope.as_ref(),
                server: &node.server,
                idle: if node.open > 0 { Duration::ZERO } else { now.since(node.last) },
                stamp: Stamp::from_raw(credible(node.version, latest)),
            });
        }
        told
    }
}

impl Shard {
    /// The feed, which begins with all entries, those left longest ago first.
    fn feed(&mut self) -> &mut Feed {
        if self.feed.is_none() {
            let closed = self.slab.iter(Which::Closed);
            let slots: Vec<_> =
                closed.chain(self.slab.iter(Which::Open)).map(|node| node.entry.slot).collect();
            let feed = self.feed.insert(Box::default());
            for slot in slots {
                if let Some(node) = self.slab.get_mut(slot) {
                    (node.origin, node.number) = (0, feed.enter(slot));
                }
            }
        }
        self.feed.get_or_insert_default()
    }
}
