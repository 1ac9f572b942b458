//! Taking in what changed elsewhere.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use sekisho_api::Key;

use super::{Follower, Learned, Lesson, RENEWALS};
use crate::clock::Moment;
use crate::table::entry::Entry;
use crate::table::shard::Shard;
use crate::table::stamp::Stamp;
use crate::table::{Table, credible};

impl Follower {
    /// Takes in what somebody else has.
    pub fn learn(&self, lesson: &Lesson<'_>, now: Instant) -> Learned {
        let now = self.table.clock.read(now);
        let last = now.minus(lesson.idle);
        let alive = last.plus(Duration::from_nanos(self.table.expire.load(Relaxed))) > now;
        if !alive || lesson.server.is_empty() || lesson.server.len() > LONGEST_NAME {
            return Learned::Refused;
        }
        let told = lesson.stamp.map(|stamp| self.table.meet(stamp, now));
        let hash = self.table.hasher.hash(lesson.key, lesson.scope);
        let home = self.table.home(hash);
        let mut shard = home.shard.lock();
        let used = || self.table.clock.millis(last).map_or(0, |millis| Stamp::at(millis).get());
        let buried = shard.feed.as_ref().and_then(|feed| feed.buried(hash)).unwrap_or(0);
        let latest = self.table.latest(now);
        let gone = credible(buried, latest).max(credible(self.table.cleared_at.load(Relaxed), latest));
        if gone > 0 && told.unwrap_or_else(used) <= gone {
            return Learned::Older;
        }
        let version = || told.unwrap_or_else(|| self.table.version(now));
        let Some(slot) = shard.find(hash, lesson.key, lesson.scope, now) else {
            let entry = Entry::new(home, hash, lesson.key, lesson.scope);
            let Some(slot) = shard.insert(entry, &lesson.server.into(), version(), last) else {
                return Learned::Refused;
            };
            shard.learned_from(slot, self.id);
            return Learned::New;
        };
        let Some(node) = shard.slab.get(slot) else { return Learned::Refused };
        if *node.server == *lesson.server {
            let renewed = shard.renew(slot, last, told.unwrap_or(0));
            if renewed {
                shard.learned_from(slot, self.id);
            }
            return if renewed { Learned::Renewed } else { Learned::Known };
        }
        let ours_used = if node.open > 0 { now } else { node.last };
        let wins = match told {
            Some(version) => (version, lesson.server) > (credible(node.version, latest), &*node.server),
            None => last >= ours_used,
        };
        if !wins {
            // Whoever told does not know better: it is told, although it may have told this before.
            shard.mark(slot);
            return Learned::Older;
        }
        shard.assign(slot, &lesson.server.into(), version());
        shard.renew(slot, last, 0);
        shard.learned_from(slot, self.id);
        Learned::Moved
    }

    /// Takes an entry out because somebody elsewhere wanted it gone; false if there is none, or a later one.
    pub fn forget(&self, key: &Key, scope: Option<&Arc<str>>, stamp: Stamp, now: Instant) -> bool {
        let now = self.table.clock.read(now);
        let (version, latest) = (self.table.meet(stamp, now), self.table.latest(now));
        let known = |known| credible(known, latest);
        let hash = self.table.hasher.hash(key, scope);
        let home = self.table.home(hash);
        let mut shard = home.shard.lock();
        if shard.feed.as_ref().and_then(|feed| feed.buried(hash)).is_some_and(|stamp| known(stamp) >= version)
        {
            return false;
        }
        match shard.peek(hash, key, scope) {
            Some(slot) if shard.slab.get(slot).is_some_and(|node| known(node.version) > version) => false,
            Some(slot) => shard.remove(slot, version),
            None => {
                // It may yet come from somebody who has not heard.
                shard.bury(&Arc::new(Entry::new(home, hash, key, scope)), version);
                false
            }
        }
    }

    /// Takes all entries out that are not later than the moment at which somebody elsewhere wanted them gone; says how
    /// many those were. None, if that clock is too far ahead: its word would be news whenever it is repeated.
    pub fn clear(&self, stamp: Stamp, now: Instant) -> usize {
        let now = self.table.clock.read(now);
        let (version, latest) = (stamp.get(), self.table.latest(now));
        let news = |known| (credible(known, latest) < version).then_some(version);
        if version > latest || self.table.cleared_at.fetch_update(Relaxed, Relaxed, news).is_err() {
            return 0;
        }
        self.table.meet(stamp, now);
        let _whole = self.table.whole.lock();
        let mut count = 0;
        for home in &self.table.shards {
            let mut shard = home.shard.lock();
            for slot in 0..shard.slab.places() {
                if shard.slab.get(slot).is_some_and(|node| credible(node.version, latest) <= version) {
                    count += usize::from(shard.take(slot).is_some());
                }
            }
        }
        count
    }
}

impl Table {
    /// The stamp that counts of one from elsewhere: no clock may run so far ahead that nobody could follow.
    fn meet(&self, stamp: Stamp, now: Moment) -> u64 {
        let version = stamp.get().min(self.latest(now));
        self.versions.fetch_max(version, Relaxed);
        version
    }
}

impl Shard {
    /// Says who told of the latest change of an entry.
    fn learned_from(&mut self, slot: u32, follower: u32) {
        if let Some(node) = self.slab.get_mut(slot) {
            node.origin = follower;
        }
    }

    /// An entry was used elsewhere as late as `last`, and its server was known there at `version`; says whether that
    /// is so much later that others should know.
    fn renew(&mut self, slot: u32, last: Moment, version: u64) -> bool {
        let stale = self.expiry() / RENEWALS;
        let Some(node) = self.slab.get_mut(slot) else { return false };
        node.version = node.version.max(version);
        node.last = node.last.max(last);
        let tell = last.since(node.logged) >= stale;
        if tell {
            node.logged = last;
            self.slab.freshen(slot);
            self.mark(slot);
        }
        tell
    }
}

/// The longest server name that is learned, in bytes.
const LONGEST_NAME: usize = 255;
