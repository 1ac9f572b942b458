//! The persistence table: which server a client's key belongs to.

mod entry;
mod feed;
mod file;
mod operator;
mod rebind;
mod record;
mod remote;
mod shard;
mod slab;
mod stamp;
#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use sekisho_api::{Key, KeyKind};
use siphasher::sip::SipHasher13;

use crate::clock::{Clock, Moment};
use crate::spec::TableSpec;
use entry::{Entry, Home};
pub(crate) use entry::{Held, Holds};
pub use file::{Journalled, Replayed};
pub use operator::{EntryPlace, EntryView};
pub use remote::{Change, Digest, Follower, Learned, Lesson};
use shard::Limits;
pub use shard::TableCounts;
pub use stamp::Stamp;

/// The table of one persistence domain: key → server *name*, shared by all pools and VIPs of the domain.
///
/// Bounded in entries and bytes: the entry that was left longest ago makes room, entries in use last. An entry
/// expires a configured time after its last client left, and never while one is connected.
///
/// Pools with servers of the same names keep a user on the same machine over their protocols. A pool that has no
/// server of the name keeps an entry of its own beside it, so that two unlike pools may share a domain.
pub struct Table {
    name: Arc<str>,
    clock: Arc<Clock>,
    hasher: KeyHasher,
    shards: Box<[Arc<Home>]>,
    /// The latest stamp that was given or met.
    versions: AtomicU64,
    expire: AtomicU64,
    max_entries: AtomicUsize,
    max_bytes: AtomicUsize,
    /// Cleared since the journal was last written.
    cleared: AtomicBool,
    /// The stamp of the latest clearing; zero: there was none.
    cleared_at: AtomicU64,
    /// How many followers there were.
    followers: AtomicU32,
    /// Held by whoever goes over all shards.
    whole: Mutex<()>,
}

/// What looking for a key gave.
#[derive(Debug)]
pub(crate) enum Found<T> {
    /// The entry names a member of the pool; it is held.
    Member(T, Held),
    /// There is none that concerns this pool.
    Nothing,
}

impl Table {
    pub(crate) fn new(spec: &TableSpec, clock: &Arc<Clock>, seed: u64) -> Self {
        // Small tables stay whole, so that their bounds are exact and the least recently used is so over all.
        let many = spec.max_entries >= 256 * SHARDS && spec.max_bytes >= 4096 * SHARDS;
        let shards =
            (0..if many { SHARDS } else { 1 }).map(|_| Arc::new(Home::new(Arc::clone(clock)))).collect();
        let table = Self {
            name: Arc::clone(&spec.name),
            clock: Arc::clone(clock),
            hasher: KeyHasher(seed),
            shards,
            versions: AtomicU64::new(0),
            expire: AtomicU64::new(0),
            max_entries: AtomicUsize::new(0),
            max_bytes: AtomicUsize::new(0),
            cleared: AtomicBool::new(false),
            cleared_at: AtomicU64::new(0),
            followers: AtomicU32::new(0),
            whole: Mutex::new(()),
        };
        table.reconfigure(spec);
        table
    }

    /// Takes on the limits of a new configuration; what is over them goes.
    pub(crate) fn reconfigure(&self, spec: &TableSpec) {
        let _whole = self.whole.lock();
        self.expire.store(u64::try_from(spec.expire.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        self.max_entries.store(spec.max_entries, Relaxed);
        self.max_bytes.store(spec.max_bytes, Relaxed);
        let count = self.shards.len();
        let share = |all: usize, i: usize| all / count + usize::from(i < all % count);
        for (i, home) in self.shards.iter().enumerate() {
            home.shard.lock().limit(Limits {
                entries: share(spec.max_entries, i),
                bytes: share(spec.max_bytes, i),
                expire: spec.expire,
            });
        }
    }

    /// The persistence domain's name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The limits it keeps.
    pub fn spec(&self) -> TableSpec {
        TableSpec {
            name: Arc::clone(&self.name),
            max_entries: self.max_entries.load(Relaxed),
            max_bytes: self.max_bytes.load(Relaxed),
            expire: Duration::from_nanos(self.expire.load(Relaxed)),
        }
    }

    /// Entries now, expired ones that nobody has met included.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|home| home.shard.lock().len()).sum()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of keys and names now.
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(|home| home.shard.lock().bytes()).sum()
    }

    /// What happened since the start.
    pub fn counts(&self) -> TableCounts {
        self.shards
            .iter()
            .map(|home| home.shard.lock().counts())
            .fold(TableCounts::default(), TableCounts::plus)
    }

    /// Finds the entry that concerns `pool` and holds it; `member` says which server of the pool a name is.
    pub(crate) fn find<T>(
        &self,
        key: &Key,
        pool: &Arc<str>,
        now: Moment,
        member: impl Fn(&str) -> Option<T>,
    ) -> Found<T> {
        for scope in [None, Some(pool)] {
            let hash = self.hasher.hash(key, scope);
            let mut shard = self.home(hash).shard.lock();
            let slot = shard.find(hash, key, scope, now);
            if let Some(slot) = slot
                && let Some(server) = shard.server(slot).and_then(|name| member(name))
                && let Some(entry) = shard.open(slot)
            {
                shard.count_lookup(true);
                return Found::Member(server, Held::new(entry));
            }
            if slot.is_none() || scope.is_some() {
                shard.count_lookup(false);
                break;
            }
        }
        Found::Nothing
    }

    /// What [`Table::find`] would find; changes and counts nothing.
    pub(crate) fn glance<T>(
        &self,
        key: &Key,
        pool: &Arc<str>,
        now: Moment,
        member: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        [None, Some(pool)].into_iter().find_map(|scope| {
            let hash = self.hasher.hash(key, scope);
            let shard = self.home(hash).shard.lock();
            let slot = shard.peek(hash, key, scope).filter(|&slot| !shard.expired(slot, now))?;
            member(shard.server(slot)?)
        })
    }

    /// How many leases hold the entry that concerns `pool`: that of every pool, or its own.
    pub(crate) fn open(&self, key: &Key, pool: &Arc<str>, now: Moment) -> u32 {
        [None, Some(pool)]
            .into_iter()
            .map(|scope| {
                let hash = self.hasher.hash(key, scope);
                let shard = self.home(hash).shard.lock();
                let slot = shard.peek(hash, key, scope).filter(|&slot| !shard.expired(slot, now));
                slot.and_then(|slot| shard.slab.get(slot)).map_or(0, |node| node.open)
            })
            .sum()
    }

    /// Binds the key to `server` for `pool` and holds the entry. `keep` says of the server that the key is bound to
    /// now whether it keeps it: none if the pool has no such server.
    pub(crate) fn bind(
        &self,
        key: &Key,
        pool: &Arc<str>,
        server: &Arc<str>,
        now: Moment,
        keep: impl Fn(&str) -> Option<bool>,
    ) -> Option<Held> {
        for scope in [None, Some(pool)] {
            let hash = self.hasher.hash(key, scope);
            let home = self.home(hash);
            let mut shard = home.shard.lock();
            let slot = match shard.find(hash, key, scope, now) {
                None => shard.insert(Entry::new(home, hash, key, scope), server, self.version(now), now)?,
                Some(slot) => {
                    let bound = shard.server(slot)?;
                    if **bound != **server {
                        match keep(bound) {
                            // A user's connections are counted wherever they are.
                            Some(true) if key.kind() == KeyKind::USER => {}
                            Some(true) => return None,
                            None if scope.is_none() => continue,
                            _ => shard.assign(slot, server, self.version(now)),
                        }
                    }
                    slot
                }
            };
            return shard.open(slot).map(Held::new);
        }
        None
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "there is at least one shard, and the index is below their number"
    )]
    fn home(&self, hash: u64) -> &Arc<Home> {
        // The upper bits choose the shard, the lower ones the place in it.
        &self.shards[self.number(hash)]
    }

    /// The shard's number.
    fn number(&self, hash: u64) -> usize {
        (hash >> 48) as usize % self.shards.len()
    }

    /// The stamp of a change that happens now.
    fn version(&self, now: Moment) -> u64 {
        let floor = self.clock.millis(now).map_or(0, |millis| Stamp::at(millis).get());
        let latest = self.latest(now);
        // A clock that was years ahead and was set back: what it said then is not gone on with.
        let next = |last| match credible(last, latest) == last {
            true => last.saturating_add(1).max(floor),
            false => latest,
        };
        self.versions.fetch_update(Relaxed, Relaxed, |last| Some(next(last))).map_or(floor, next)
    }

    /// The latest stamp of a clock that is not too far ahead of this one.
    fn latest(&self, now: Moment) -> u64 {
        let latest = |millis: u64| Stamp::at(millis.saturating_add(AHEAD)).get();
        self.clock.millis(now).map_or(u64::MAX, latest)
    }
}

/// A stamp of this node as it counts: one that its clock cannot have said, even if it goes back a little now and then,
/// is older than any.
fn credible(version: u64, latest: u64) -> u64 {
    if version > latest.saturating_add(Stamp::at(SLACK).get()) { 0 } else { version }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("name", &self.name).field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Hashes keys with a seed that clients do not know, so that they cannot crowd one bucket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyHasher(u64);

impl KeyHasher {
    fn hash(self, key: &Key, scope: Option<&Arc<str>>) -> u64 {
        SeededSip(self.0).hash_one((key.kind().name(), key.expose(), scope))
    }
}

struct SeededSip(u64);

impl BuildHasher for SeededSip {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, 0x7365_6b69_7368_6f03)
    }
}

/// How far ahead of ours another node's clock may be, in milliseconds: a day.
const AHEAD: u64 = 86_400_000;
/// By how much a clock is corrected without being thought wrong before, in milliseconds.
const SLACK: u64 = 60_000;
/// Shards of a large table: workers seldom meet in one.
const SHARDS: usize = 16;
