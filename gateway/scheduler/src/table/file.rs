//! A table's journal: bytes out, bytes in. Writing them anywhere is the runtime's business.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sekisho_api::{Key, KeyKind};

use super::Table;
use super::entry::Entry;
use super::record::{Next, Record, read};
use super::slab::{Node, Which};
use crate::clock::Moment;

/// What was appended to a journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "a journal that misses changes is wrong until a snapshot is taken"]
pub struct Journalled {
    /// Records appended.
    pub records: usize,
    /// More changed than is remembered one by one: the journal is incomplete until [`Table::snapshot`] replaces it.
    pub snapshot_needed: bool,
}

/// What came of a journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Records that took effect.
    pub applied: usize,
    /// Whole records without effect: expired, older than what is known, of a kind of key that nobody knows.
    pub dropped: usize,
    /// The bytes do not end with a whole record.
    pub torn: bool,
    /// How many bytes are whole records: cut the file here before appending to it.
    pub valid_bytes: usize,
}

/// Both clocks at one moment.
#[derive(Clone, Copy)]
struct Clocks {
    wall: SystemTime,
    now: Moment,
}

impl Clocks {
    fn to_wall(self, moment: Moment) -> u64 {
        let past = self.wall.checked_sub(self.now.since(moment)).unwrap_or(UNIX_EPOCH);
        past.duration_since(UNIX_EPOCH)
            .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// A time after now (somebody set the clock back) counts as now.
    fn to_moment(self, millis: u64) -> Moment {
        let then = UNIX_EPOCH.checked_add(Duration::from_millis(millis)).unwrap_or(self.wall);
        self.now.minus(self.wall.duration_since(then).unwrap_or_default())
    }
}

impl Table {
    /// Appends what changed since the last call, each key once, to `out`. An entry that is only used again and again
    /// is written a few times per expiry, not at each use.
    pub fn journal(&self, out: &mut Vec<u8>, wall: SystemTime, now: Instant) -> Journalled {
        let clocks = Clocks { wall, now: self.clock.moment(now) };
        let _whole = self.whole.lock();
        let mut told = Journalled::default();
        if self.cleared.swap(false, Relaxed) {
            Record::AllRemoved.write(out);
            told.records += 1;
        }
        for home in &self.shards {
            let mut shard = home.shard.lock();
            let changes = std::mem::take(&mut shard.changes);
            told.snapshot_needed |= changes.overflow;
            for entry in &changes.gone {
                removed(entry).write(out);
            }
            told.records += changes.gone.len();
            for slot in changes.dirty {
                let Some(node) = shard.slab.get_mut(slot).filter(|node| node.dirty) else { continue };
                node.dirty = false;
                node.logged = clocks.now;
                bound(node, clocks).write(out);
                told.records += 1;
            }
        }
        told
    }

    /// Appends the whole table to `out`, for a journal that begins anew; says how many entries that are.
    pub fn snapshot(&self, out: &mut Vec<u8>, wall: SystemTime, now: Instant) -> usize {
        let clocks = Clocks { wall, now: self.clock.moment(now) };
        let _whole = self.whole.lock();
        self.cleared.store(false, Relaxed);
        let mut entries = 0;
        for home in &self.shards {
            let mut shard = home.shard.lock();
            shard.changes = super::shard::Changes::default();
            // Oldest first, so that reading it back keeps the order in which entries make room.
            for which in [Which::Closed, Which::Open] {
                for node in shard.slab.iter(which) {
                    if shard.expires(node).is_none_or(|at| at > clocks.now) {
                        bound(node, clocks).write(out);
                        entries += 1;
                    }
                }
            }
            for slot in 0..shard.slab.places() {
                if let Some(node) = shard.slab.get_mut(slot) {
                    node.dirty = false;
                    node.logged = clocks.now;
                }
            }
        }
        entries
    }

    /// Takes in a journal, of which the end may be missing or spoilt: what comes before it counts. `kinds` are the
    /// kinds of key that the protocols know.
    pub fn replay(&self, bytes: &[u8], kinds: &[KeyKind], wall: SystemTime, now: Instant) -> Replayed {
        let clocks = Clocks { wall, now: self.clock.moment(now) };
        let _whole = self.whole.lock();
        let mut replayed = Replayed::default();
        let mut rest = bytes;
        loop {
            match read(rest) {
                Next::End => return replayed,
                Next::Torn => {
                    replayed.torn = true;
                    return replayed;
                }
                Next::Record(record, length) => {
                    let applied = record.is_some_and(|record| self.apply(record, kinds, clocks).is_some());
                    *(if applied { &mut replayed.applied } else { &mut replayed.dropped }) += 1;
                    replayed.valid_bytes += length;
                    rest = rest.get(length..).unwrap_or_default();
                }
            }
        }
    }

    /// Applies one record; none if it has no effect.
    fn apply(&self, record: Record<'_>, kinds: &[KeyKind], clocks: Clocks) -> Option<()> {
        let key = |kind: &[u8], value: &[u8]| {
            let kind = kinds.iter().copied().find(|known| known.name().as_bytes() == kind)?;
            Key::new(kind, value)
        };
        match record {
            Record::AllRemoved => {
                for home in &self.shards {
                    home.shard.lock().clear();
                }
            }
            Record::Removed { kind, scope, key: value } => {
                let (key, scope) = (key(kind, value)?, scope_of(scope)?);
                let hash = self.hasher.hash(&key, scope.as_ref());
                let mut shard = self.home(hash).shard.lock();
                let slot = shard.peek(hash, &key, scope.as_ref())?;
                shard.forget(slot);
            }
            Record::Bound { version, left, kind, scope, server, key: value } => {
                let (key, scope) = (key(kind, value)?, scope_of(scope)?);
                let server: Arc<str> =
                    std::str::from_utf8(server).ok().filter(|name| !name.is_empty())?.into();
                let last = clocks.to_moment(left);
                if last.plus(Duration::from_nanos(self.expire.load(Relaxed))) <= clocks.now {
                    return None;
                }
                self.versions.fetch_max(version, Relaxed);
                self.restore(&key, scope.as_ref(), &server, version, last)?;
            }
        }
        Some(())
    }

    fn restore(
        &self,
        key: &Key,
        scope: Option<&Arc<str>>,
        server: &Arc<str>,
        version: u64,
        last: Moment,
    ) -> Option<()> {
        let hash = self.hasher.hash(key, scope);
        let home = self.home(hash);
        let mut shard = home.shard.lock();
        let slot = match shard.peek(hash, key, scope) {
            Some(slot) if shard.slab.get(slot).is_some_and(|node| node.version > version) => return None,
            Some(slot) => {
                shard.assign(slot, server, version);
                slot
            }
            None => shard.insert(Entry::new(home, hash, key, scope), server, version, last)?,
        };
        shard.restore(slot, version, last);
        Some(())
    }
}

/// Pool names of a journal: none for every pool's; none at all if it is no name.
fn scope_of(bytes: &[u8]) -> Option<Option<Arc<str>>> {
    let name = std::str::from_utf8(bytes).ok()?;
    Some((!name.is_empty()).then(|| name.into()))
}

fn scope_bytes(entry: &Entry) -> &[u8] {
    entry.scope.as_ref().map_or(&[], |scope| scope.as_bytes())
}

fn bound<'a>(node: &'a Node, clocks: Clocks) -> Record<'a> {
    let last = if node.open > 0 { clocks.now } else { node.last };
    Record::Bound {
        version: node.version,
        left: clocks.to_wall(last),
        kind: node.entry.key.kind().name().as_bytes(),
        scope: scope_bytes(&node.entry),
        server: node.server.as_bytes(),
        key: node.entry.key.expose(),
    }
}

fn removed(entry: &Entry) -> Record<'_> {
    Record::Removed {
        kind: entry.key.kind().name().as_bytes(),
        scope: scope_bytes(entry),
        key: entry.key.expose(),
    }
}
