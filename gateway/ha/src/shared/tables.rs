//! Between the tables and what stands in the store.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sekisho_api::{Key, KeyKind};
use sekisho_scheduler::{Follower, Learned, Lesson, Stamp, TableChange};

use super::entry::{Entry, Sealer, Subject};

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clocks {
    pub(super) now: Instant,
    pub(super) wall: SystemTime,
}

/// A change as the store is told of it.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) name: Vec<u8>,
    pub(super) value: Vec<u8>,
    /// How long the entry lives.
    pub(super) life: Duration,
    /// How much longer a life must be to be worth a word.
    pub(super) grain: Duration,
}

/// The tables of all domains, as one whom the store is shared with.
#[derive(Debug)]
pub(super) struct Tables {
    sealer: Sealer,
    prefix: String,
    kinds: Vec<KeyKind>,
    followers: Vec<Follower>,
    /// Where the next look begins.
    turn: usize,
    /// Since when this gateway has decided without having read the store; none once it has.
    ignorant: Option<SystemTime>,
    /// Whether an entry was refused because of its date since somebody asked.
    ahead: Cell<bool>,
}

/// A change, taken out of its table: it is sealed once the table's lock is no longer held.
struct Taken {
    key: Option<(Key, Option<Arc<str>>)>,
    server: Option<Arc<str>>,
    idle: Duration,
    stamp: Stamp,
}

impl Tables {
    pub(super) fn new(sealer: Sealer, prefix: &str, kinds: Vec<KeyKind>, followers: Vec<Follower>) -> Self {
        Self {
            sealer,
            prefix: prefix.to_owned(),
            kinds,
            followers,
            turn: 0,
            ignorant: None,
            ahead: Cell::new(false),
        }
    }

    /// Nothing of the store is known yet: what this gateway decides from `since` on gives way to what it will read.
    pub(super) fn ignorant(self, since: Option<SystemTime>) -> Self {
        Self { ignorant: since, ..self }
    }

    /// Whether what is decided here gives way.
    pub(super) fn is_ignorant(&self) -> bool {
        self.ignorant.is_some()
    }

    /// Whether entries were met since that are dated more than a day ahead, and refused.
    pub(super) fn met_the_future(&self) -> bool {
        self.ahead.take()
    }

    /// The store has been read.
    pub(super) fn has_read(&mut self) {
        self.ignorant = None;
    }

    /// Another configuration knows these kinds of keys.
    pub(super) fn knows(&mut self, kinds: Vec<KeyKind>) {
        self.kinds = kinds;
    }

    /// Begins anew: everything is told again.
    pub(super) fn rewind(&mut self) {
        self.followers.iter_mut().for_each(Follower::rewind);
    }

    /// Has told again what has been in use for long.
    pub(super) fn renew(&self, now: Instant) {
        self.followers.iter().for_each(|follower| follower.table().renew(now));
    }

    /// How often [`renew`](Self::renew) is due.
    pub(super) fn renewal(&self) -> Duration {
        let shortest = self.followers.iter().map(|follower| follower.table().spec().expire).min();
        (shortest.unwrap_or(RENEWAL_MAX) / GRAINS).clamp(RENEWAL_MIN, RENEWAL_MAX)
    }

    /// Tells at most `limit` changes; fewer are all there are.
    pub(super) fn tell(&mut self, limit: usize, now: Instant, mut each: impl FnMut(Told)) -> usize {
        let Self { sealer, prefix, followers, .. } = self;
        let mut told = 0;
        let mut changes = Vec::new();
        let count = followers.len();
        for i in 0..count {
            let Some(follower) = followers.get_mut((self.turn + i) % count) else { continue };
            let seen = follower.changes(limit - told, now, |change| changes.push(take(change)));
            let (domain, expire) = (follower.table().name(), follower.table().spec().expire);
            for change in changes.drain(..) {
                if let Some(change) = change.seal(sealer, prefix, domain, expire) {
                    each(change);
                }
            }
            told += seen;
            if told >= limit {
                self.turn = (self.turn + i) % count;
                break;
            }
        }
        told
    }

    /// Takes in an entry of the store that has so long to live. None for one that cannot be read.
    pub(super) fn learn(&self, name: &[u8], value: &[u8], left: Duration, clocks: Clocks) -> Option<Learned> {
        let rest = std::str::from_utf8(name).ok()?.strip_prefix(&self.prefix)?;
        let (domain, id) = rest.rsplit_once(':')?;
        let follower = self.followers.iter().find(|follower| **follower.table().name() == *domain);
        // Other gateways may have more domains.
        let Some(follower) = follower else { return Some(Learned::Refused) };
        self.sealer
            .open(name, value, |entry| {
                let ours = self.sealer.name(domain, &entry.what) == id;
                ours.then(|| self.take_in(follower, entry, left, clocks)).flatten()
            })
            .flatten()
    }

    fn take_in(
        &self,
        follower: &Follower,
        entry: &Entry<'_>,
        left: Duration,
        Clocks { now, wall }: Clocks,
    ) -> Option<Learned> {
        let stamp = Stamp::from_raw(entry.stamp);
        // A table counts such a stamp as less than it is, and would go on telling the store what it does not take.
        let today = wall.duration_since(UNIX_EPOCH).unwrap_or_default() + AHEAD;
        if u128::from(stamp.millis()) > today.as_millis() {
            self.ahead.set(true);
            return Some(Learned::Refused);
        }
        let renewed = |any| if any { Learned::Moved } else { Learned::Known };
        if entry.what == Subject::ALL {
            return Some(renewed(follower.clear(stamp, now) > 0));
        }
        let kind = self.kinds.iter().copied().find(|kind| kind.name() == entry.what.kind);
        let key = kind.and_then(|kind| Key::new(kind, entry.what.key));
        // Nor need they have the same protocols.
        let Some(key) = key else { return Some(Learned::Refused) };
        let scope: Option<Arc<str>> = (!entry.what.scope.is_empty()).then(|| entry.what.scope.into());
        if entry.server.is_empty() {
            return Some(renewed(follower.forget(&key, scope.as_ref(), stamp, now)));
        }
        let idle = follower.table().spec().expire.saturating_sub(left);
        let stamp = self.precedence(follower, &key, scope.as_ref(), stamp, Clocks { now, wall });
        let lesson =
            Lesson { key: &key, scope: scope.as_ref(), server: entry.server, idle, stamp: Some(stamp) };
        Some(follower.learn(&lesson, now))
    }

    /// The stamp that an entry counts with: where ours was made in ignorance of it, that of now.
    fn precedence(
        &self,
        follower: &Follower,
        key: &Key,
        scope: Option<&Arc<str>>,
        stamp: Stamp,
        Clocks { now, wall }: Clocks,
    ) -> Stamp {
        let Some(since) = self.ignorant.map(start) else { return stamp };
        let pools: Vec<_> = scope.cloned().into_iter().collect();
        let ours = follower.table().get(key, &pools, now);
        let ours = ours.iter().find(|entry| entry.pool.as_ref() == scope);
        let ignorant = stamp < since && ours.is_some_and(|entry| Stamp::from_raw(entry.version) >= since);
        if ignorant { start(wall + Duration::from_millis(1)) } else { stamp }
    }
}

/// The first stamp of a time.
fn start(wall: SystemTime) -> Stamp {
    let millis = wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    Stamp::at(u64::try_from(millis).unwrap_or(u64::MAX))
}

fn take(change: TableChange<'_>) -> Taken {
    let of = |key: &Key, scope: Option<&Arc<str>>| Some((key.clone(), scope.cloned()));
    let (key, server, idle, stamp) = match change {
        TableChange::Bound { key, scope, server, idle, stamp } => {
            (of(key, scope), Some(Arc::clone(server)), idle, stamp)
        }
        TableChange::Removed { key, scope, stamp } => (of(key, scope), None, Duration::ZERO, stamp),
        TableChange::Cleared { stamp } => (None, None, Duration::ZERO, stamp),
    };
    Taken { key, server, idle, stamp }
}

impl Taken {
    fn seal(&self, sealer: &Sealer, prefix: &str, domain: &str, expire: Duration) -> Option<Told> {
        let what = self.key.as_ref().map_or(Subject::ALL, |(key, scope)| Subject {
            kind: key.kind().name(),
            scope: scope.as_deref().unwrap_or_default(),
            key: key.expose(),
        });
        let server = self.server.as_deref().unwrap_or_default();
        let entry = Entry { stamp: self.stamp.get(), server, what };
        let name = format!("{prefix}{domain}:{}", sealer.name(domain, &what)).into_bytes();
        let value = sealer.seal(&name, &entry)?;
        // Nothing lives for no time at all, as the store sees it.
        let life = expire.saturating_sub(self.idle).max(Duration::from_millis(1));
        Some(Told { name, value, life, grain: expire / GRAINS })
    }
}

/// How far ahead of ours another node's clock may be: as far as for a table.
const AHEAD: Duration = Duration::from_secs(86_400);
/// A life that is longer by less than this part of the whole is as good as the same.
const GRAINS: u32 = 32;
const RENEWAL_MIN: Duration = Duration::from_millis(250);
const RENEWAL_MAX: Duration = Duration::from_secs(60);
