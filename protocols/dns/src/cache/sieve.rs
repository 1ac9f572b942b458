//! Entries in numbered places, in the order they came, and who leaves when room is needed.

use std::mem::size_of;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

use super::entry::Entry;

/// No place.
pub(super) const NIL: u32 = u32::MAX;

/// Places are added a quarter at a time, and not fewer than this.
const FEWEST_NEW: usize = 16;

/// The entries of a shard under SIEVE (Zhang and others, NSDI 2024).
///
/// A hand walks from the oldest entry to the newest. What was used since it last came by stays where it is, what was
/// not leaves. Why not least recently used: a hit writes nothing but one bit, and that only once between two visits
/// of the hand, so workers share the lock; and names that are asked for once, a flood of random subdomains, leave
/// before anything that was ever asked for twice.
#[derive(Debug)]
pub(super) struct Sieve {
    places: Vec<Place>,
    /// The first free place; the others hang on it by `next`.
    free: u32,
    newest: u32,
    oldest: u32,
    hand: u32,
    held: usize,
}

#[derive(Debug)]
struct Place {
    entry: Option<Entry>,
    used: AtomicBool,
    newer: u32,
    older: u32,
    /// The next place of the same bucket, or the next free one.
    next: u32,
}

impl Sieve {
    pub(super) const fn new() -> Self {
        Self { places: Vec::new(), free: NIL, newest: NIL, oldest: NIL, hand: NIL, held: 0 }
    }

    /// Entries held.
    pub(super) const fn len(&self) -> usize {
        self.held
    }

    /// Bytes that the places take.
    pub(super) const fn allocated(&self) -> usize {
        self.places.capacity() * size_of::<Place>()
    }

    /// Bytes that the next [`Sieve::push`] allocates.
    pub(super) fn growth(&self) -> usize {
        self.more() * size_of::<Place>()
    }

    fn more(&self) -> usize {
        let room = self.free != NIL || self.places.len() < self.places.capacity();
        if room { 0 } else { (self.places.len() / 4).max(FEWEST_NEW) }
    }

    pub(super) fn get(&self, at: u32) -> Option<&Entry> {
        self.places.get(at as usize)?.entry.as_ref()
    }

    /// The next place of the same bucket.
    pub(super) fn next(&self, at: u32) -> u32 {
        self.places.get(at as usize).map_or(NIL, |place| place.next)
    }

    pub(super) fn set_next(&mut self, at: u32, next: u32) {
        self.change(at, |place| place.next = next);
    }

    /// Keeps the entry from the next visit of the hand.
    pub(super) fn touch(&self, at: u32) {
        // Reading first leaves the cache line shared between the workers.
        if let Some(place) = self.places.get(at as usize).filter(|place| !place.used.load(Relaxed)) {
            place.used.store(true, Relaxed);
        }
    }

    /// Takes in the newest entry and says where it is; `None` if there are more places than numbers.
    pub(super) fn push(&mut self, entry: Entry) -> Option<u32> {
        let place = Place {
            entry: Some(entry),
            used: AtomicBool::new(false),
            newer: NIL,
            older: self.newest,
            next: NIL,
        };
        let at = match self.places.get_mut(self.free as usize) {
            Some(free) => {
                let at = self.free;
                self.free = free.next;
                *free = place;
                at
            }
            None => {
                let at = u32::try_from(self.places.len()).ok().filter(|&at| at != NIL)?;
                self.places.reserve_exact(self.more());
                self.places.push(place);
                at
            }
        };
        match self.newest {
            NIL => self.oldest = at,
            newest => self.change(newest, |place| place.newer = at),
        }
        self.newest = at;
        self.held += 1;
        Some(at)
    }

    /// Gives a place up.
    pub(super) fn remove(&mut self, at: u32) -> Option<Entry> {
        let free = self.free;
        let place = self.places.get_mut(at as usize)?;
        let entry = place.entry.take()?;
        place.next = free;
        let (newer, older) = (place.newer, place.older);
        self.free = at;
        self.held -= 1;
        match newer {
            NIL => self.newest = older,
            _ => self.change(newer, |place| place.older = older),
        }
        match older {
            NIL => self.oldest = newer,
            _ => self.change(older, |place| place.newer = newer),
        }
        if self.hand == at {
            self.hand = newer;
        }
        Some(entry)
    }

    /// Who leaves next. Ends: each step takes a used bit away, and whoever has none leaves.
    pub(super) fn victim(&mut self, now: Instant) -> Option<u32> {
        loop {
            let at = if self.hand == NIL { self.oldest } else { self.hand };
            let place = self.places.get_mut(at as usize)?;
            let useless = place.entry.as_ref().is_none_or(|entry| entry.useless(now));
            if useless || !std::mem::take(place.used.get_mut()) {
                return Some(at);
            }
            self.hand = place.newer;
        }
    }

    fn change(&mut self, at: u32, change: impl FnOnce(&mut Place)) {
        if let Some(place) = self.places.get_mut(at as usize) {
            change(place);
        }
    }
}
