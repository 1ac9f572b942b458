//! What changed in a shard, in the order in which followers are told.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::AcqRel, Ordering::Acquire, Ordering::Release};

use super::entry::Entry;
use super::slab::Slab;

/// The changes of a shard, numbered from 1. Each entry stands here once, at its latest change, so that whoever reads
/// from the beginning meets the whole shard.
#[derive(Debug, Default)]
pub(super) struct Feed {
    last: u64,
    /// Numbers and places, rising; one that its place's entry no longer has is void.
    entered: VecDeque<(u64, u32)>,
    /// The latest removals.
    graves: VecDeque<Grave>,
    /// The stamps of those removals, by the entry's hash.
    buried: HashMap<u64, u64>,
    /// Those who want to know at once that there is something.
    bells: Vec<(u32, Arc<Bell>)>,
}

/// An entry that somebody wanted gone.
#[derive(Debug)]
pub(super) struct Grave {
    pub(super) number: u64,
    pub(super) entry: Arc<Entry>,
    pub(super) version: u64,
}

/// What is called when something changes: once until its owner has looked.
pub(super) struct Bell {
    rung: AtomicBool,
    ring: Box<dyn Fn() + Send + Sync>,
}

impl Bell {
    pub(super) fn new(ring: Box<dyn Fn() + Send + Sync>) -> Self {
        Self { rung: AtomicBool::new(false), ring }
    }

    /// Its owner looks now.
    pub(super) fn answer(&self) {
        self.rung.store(false, Release);
    }

    pub(super) fn ring(&self) {
        if !self.rung.load(Acquire) && !self.rung.swap(true, AcqRel) {
            (self.ring)();
        }
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bell").field("rung", &self.rung).finish_non_exhaustive()
    }
}

impl Feed {
    /// The number of the latest change.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn attach(&mut self, id: u32, bell: Arc<Bell>) {
        self.bells.push((id, bell));
    }

    /// Whether anybody is left.
    pub(super) fn detach(&mut self, id: u32) -> bool {
        self.bells.retain(|(other, _)| *other != id);
        !self.bells.is_empty()
    }

    /// Numbers the change of the entry in this place.
    pub(super) fn enter(&mut self, slot: u32) -> u64 {
        self.last += 1;
        self.entered.push_back((self.last, slot));
        self.ring();
        self.last
    }

    pub(super) fn bury(&mut self, entry: &Arc<Entry>, version: u64) {
        self.last += 1;
        if self.graves.len() >= MOST_GRAVES
            && let Some(oldest) = self.graves.pop_front()
            && self.buried.get(&oldest.entry.hash) == Some(&oldest.version)
        {
            self.buried.remove(&oldest.entry.hash);
        }
        self.graves.push_back(Grave { number: self.last, entry: Arc::clone(entry), version });
        self.buried.insert(entry.hash, version);
        self.ring();
    }

    /// The stamp under which the entry of this hash was removed.
    pub(super) fn buried(&self, hash: u64) -> Option<u64> {
        self.buried.get(&hash).copied()
    }

    pub(super) fn clear(&mut self) {
        self.entered.clear();
        self.graves.clear();
        self.buried.clear();
        self.ring();
    }

    /// Drops what is void once it is the greater part.
    pub(super) fn tidy(&mut self, slab: &Slab) {
        if self.entered.len() > 2 * slab.places() as usize + 64 {
            self.entered.retain(|&(number, slot)| slab.get(slot).is_some_and(|node| node.number == number));
        }
    }

    /// The changes after `number`, oldest first, with numbers and places.
    pub(super) fn entered_after(&self, number: u64) -> impl Iterator<Item = (u64, u32)> {
        let from = self.entered.partition_point(|&(other, _)| other <= number);
        self.entered.range(from..).copied()
    }

    /// The removals after `number`, oldest first.
    pub(super) fn graves_after(&self, number: u64) -> impl Iterator<Item = &Grave> {
        let from = self.graves.partition_point(|grave| grave.number <= number);
        self.graves.range(from..)
    }

    fn ring(&self) {
        self.bells.iter().for_each(|(_, bell)| bell.ring());
    }
}

/// The most removals of a shard that are remembered.
const MOST_GRAVES: usize = 4096;
