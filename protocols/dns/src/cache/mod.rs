//! Answers kept as they came, given again to whoever asks the same in the same manner.
//!
//! One cache serves a pool, its VIPs and all workers. It is cut into shards by key; each is behind a lock of its own,
//! which is held for one look-up with its copy or one insertion. No function takes a second lock while it holds one,
//! and nothing of another module is called under one but pure functions on bytes: there is nothing to wait for in a
//! circle.
//!
//! ```text
//! manner   how a question is asked: who may be given what is kept, and what never is
//! keep     whether an answer is kept, and for how long
//! entry    an answer as it is kept, and as it is given again
//! sieve    who leaves when room is needed
//! shard    entries found by key, within a number of bytes
//! ```

mod entry;
mod keep;
mod manner;
mod shard;
mod sieve;
#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::Hasher as _;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use sekisho_api::Metric;
use siphasher::sip::SipHasher13;

use crate::wire::{Query, lower_hash, masked};
use entry::{Entry, Prefix};
use manner::Manner;
use shard::Shard;

/// How much is kept, and for how long. Durations count in whole seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CacheSettings {
    /// The most bytes in all, with everything that keeping takes.
    pub(crate) bytes: usize,
    /// The longest that an answer is fresh, whatever its TTLs say.
    pub(crate) max_ttl: Duration,
    /// The shortest that an answer is fresh. Above zero this gives out answers for longer than their owner allows,
    /// with TTLs raised to match.
    pub(crate) min_ttl: Duration,
    /// The longest that *no such name* and *no such record* are fresh, and referrals.
    pub(crate) negative_ttl: Duration,
    /// How long SERVFAIL and REFUSED are fresh; zero: they are not kept. At most [`CacheSettings::LONGEST_ERROR`].
    pub(crate) error_ttl: Duration,
    /// How long an answer is still known after that, for when no server answers; zero: not at all.
    pub(crate) stale: Duration,
    /// Into how many parts the cache is cut, about: fewer where the parts would be too small for large answers.
    pub(crate) shards: usize,
}

impl CacheSettings {
    /// A day: most TTLs are shorter, and what is wrong is forgotten in time.
    pub(crate) const MAX_TTL: Duration = Duration::from_secs(86_400);
    /// The longest that RFC 2308, section 5, has found to work well: three hours.
    pub(crate) const NEGATIVE_TTL: Duration = Duration::from_secs(3 * 3_600);
    /// Long enough to spare a server that is in trouble, short enough to see it recover.
    pub(crate) const ERROR_TTL: Duration = Duration::from_secs(5);
    /// The most for errors. RFC 2308, section 7.1, has five minutes at the most.
    pub(crate) const LONGEST_ERROR: Duration = Duration::from_secs(60);
    /// Many more than workers, so that two seldom want one at a time.
    pub(crate) const SHARDS: usize = 64;
    /// The smallest part that a cache is cut into; it takes answers of up to an eighth of it.
    const SMALLEST_SHARD: usize = 1 << 20;
}

/// What a cache has done, and what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheCounts {
    /// Fresh answers given.
    pub(crate) hits: u64,
    /// Look-ups without one.
    pub(crate) misses: u64,
    /// Answers given although they were no longer fresh.
    pub(crate) stale: u64,
    /// Answers taken in.
    pub(crate) stored: u64,
    /// Answers that left to make room.
    pub(crate) evicted: u64,
    /// Answers held, also those that are of no use any more: they leave first.
    pub(crate) entries: u64,
    /// Bytes that they and their places take.
    pub(crate) bytes: u64,
}

impl CacheCounts {
    /// Each of them, as an operator reads it.
    pub(crate) fn metrics(self) -> [Metric; 7] {
        let metric = |name, help, value| Metric { name, help, value };
        [
            metric(
                "cache_hits_total",
                "Queries answered from the pool's cache with a fresh answer.",
                self.hits,
            ),
            metric(
                "cache_misses_total",
                "Queries that the pool's cache had no fresh answer to.",
                self.misses,
            ),
            metric(
                "cache_stale_total",
                "Queries answered with what was fresh once, as no server was to be had.",
                self.stale,
            ),
            metric("cache_stored_total", "Answers taken into the pool's cache.", self.stored),
            metric("cache_evicted_total", "Answers that left the pool's cache to make room.", self.evicted),
            metric("cache_entries", "Answers in the pool's cache.", self.entries),
            metric("cache_bytes", "Memory that the pool's cache takes for them.", self.bytes),
        ]
    }
}

/// The packet cache of a pool.
pub(crate) struct Cache {
    shelves: Box<[Shelf]>,
    terms: keep::Terms,
    seed: (u64, u64),
}

/// A shard on cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
struct Shelf {
    shard: RwLock<Shard>,
    hits: AtomicU64,
    misses: AtomicU64,
    stale: AtomicU64,
    stored: AtomicU64,
    evicted: AtomicU64,
}

impl Cache {
    /// An empty cache. Whoever knows `seed` could make questions that share a key; they would displace each other,
    /// and never be given each other's answers.
    pub(crate) fn new(settings: &CacheSettings, seed: (u64, u64)) -> Self {
        let most = (settings.bytes / CacheSettings::SMALLEST_SHARD).max(1);
        let shards = settings.shards.clamp(1, most).next_power_of_two();
        let shards = if shards > most { shards / 2 } else { shards };
        let shelf = |_| Shelf {
            shard: RwLock::new(Shard::new(settings.bytes / shards)),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            stale: AtomicU64::new(0),
            stored: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
        };
        Self { shelves: (0..shards).map(shelf).collect(), terms: keep::Terms::new(settings), seed }
    }

    /// What the answer to `query` is kept under, never 0; `None`: it is not kept. `subnet` is the client subnet that
    /// the server is told, if any.
    pub(crate) fn key(&self, query: &Query<'_>, subnet: Option<(IpAddr, u8)>) -> Option<u64> {
        question_key(query, Manner::of(query)?, subnet, self.seed)
    }

    /// Writes the fresh answer to `query` into `out` and says how long it is. It bears the id, RD, CD and the case of
    /// the question as they were asked, and TTLs that time has passed for.
    ///
    /// `key` and `subnet` are those of [`Cache::key`]. `None` also where `out` is too short for the answer.
    pub(crate) fn find(
        &self,
        key: u64,
        query: &Query<'_>,
        subnet: Option<(IpAddr, u8)>,
        now: Instant,
        out: &mut [u8],
    ) -> Option<usize> {
        let found = self.look(key, query, subnet, |entry| entry.fresh(query, now, out));
        self.count(key, |shelf| if found.is_some() { &shelf.hits } else { &shelf.misses });
        found
    }

    /// The same for when no server answers: an answer that is no longer fresh will do. Its TTLs are 30 seconds, and
    /// it says that it is stale where the client speaks EDNS.
    pub(crate) fn find_stale(
        &self,
        key: u64,
        query: &Query<'_>,
        subnet: Option<(IpAddr, u8)>,
        now: Instant,
        out: &mut [u8],
    ) -> Option<usize> {
        let mut fresh = true;
        let found = self.look(key, query, subnet, |entry| {
            entry.fresh(query, now, out).or_else(|| {
                fresh = false;
                entry.stale(query, now, out)
            })
        })?;
        self.count(key, |shelf| if fresh { &shelf.hits } else { &shelf.stale });
        Some(found)
    }

    /// Keeps the answer to `request`, if it may be kept. `answer` is what the server said and decides; `given` is what
    /// the client gets of it, without an OPT or a client subnet that it did not ask for, and is what is kept.
    pub(crate) fn store(&self, key: u64, request: &Query<'_>, answer: &[u8], given: &[u8], now: Instant) {
        let Some(manner) = Manner::of(request).filter(|_| key != 0) else { return };
        let asked = keep::Asked { key, query: request, manner };
        let Some(entry) = keep::entry(&asked, answer, given, self.terms, self.seed, now) else { return };
        let Some(shelf) = self.shelf(key) else { return };
        let inserted = shelf.shard.write().insert(entry, now);
        shelf.stored.fetch_add(inserted.kept.into(), Relaxed);
        shelf.evicted.fetch_add(inserted.evicted, Relaxed);
    }

    /// What it has done, and what it holds; nearly of one moment.
    pub(crate) fn counts(&self) -> CacheCounts {
        let mut counts = CacheCounts::default();
        for shelf in &self.shelves {
            counts.hits += shelf.hits.load(Relaxed);
            counts.misses += shelf.misses.load(Relaxed);
            counts.stale += shelf.stale.load(Relaxed);
            counts.stored += shelf.stored.load(Relaxed);
            counts.evicted += shelf.evicted.load(Relaxed);
            let shard = shelf.shard.read();
            counts.entries += shard.len() as u64;
            counts.bytes += shard.bytes() as u64;
        }
        counts
    }

    fn look(
        &self,
        key: u64,
        query: &Query<'_>,
        subnet: Option<Prefix>,
        give: impl FnOnce(&Entry) -> Option<usize>,
    ) -> Option<usize> {
        let manner = Manner::of(query)?;
        let subnet = subnet.map(canonical);
        let shard = self.shelf(key)?.shard.read();
        shard.find(key, |entry| if entry.answers(query, manner, subnet) { give(entry) } else { None })
    }

    fn count(&self, key: u64, counter: impl FnOnce(&Shelf) -> &AtomicU64) {
        if let Some(shelf) = self.shelf(key) {
            counter(shelf).fetch_add(1, Relaxed);
        }
    }

    /// By the high bits; the low ones choose the bucket.
    fn shelf(&self, key: u64) -> Option<&Shelf> {
        self.shelves.get((key >> 32) as usize & (self.shelves.len() - 1))
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

/// A keyed hash of the question in lower case, the manner and the subnet; never 0. `None` without a question.
fn question_key(query: &Query<'_>, manner: Manner, subnet: Option<Prefix>, seed: (u64, u64)) -> Option<u64> {
    let question = lower_hash(seed, query.question.as_ref()?);
    // An odd factor keeps different manners different; and as nobody without the seed knows anything of a question's
    // hash, nobody can make up for the difference with another question.
    let mut key = question ^ u64::from(manner.bits()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    if let Some((address, bits)) = subnet.map(canonical) {
        let mut hasher = SipHasher13::new_with_keys(seed.0, seed.1);
        hasher.write_u64(key);
        hasher.write_u8(bits);
        match address {
            IpAddr::V4(address) => hasher.write(&address.octets()),
            IpAddr::V6(address) => hasher.write(&address.octets()),
        }
        key = hasher.finish();
    }
    Some(key.max(1))
}

/// Without the bits that are not told.
fn canonical((address, bits): Prefix) -> Prefix {
    (masked(address, bits), bits)
}
