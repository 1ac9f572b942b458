//! Consistent hashing: a Maglev table (Eisenbud et al., NSDI 2016, section 3.4).

use std::hash::Hasher;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use siphasher::sip::SipHasher13;
use smallvec::SmallVec;

use super::random::mix;
use crate::field::Field;
use crate::spec::{HashKind, PoolSpec};

/// The table of a pool, over the *configured* servers by name and seed, so that every node has the same one and a
/// server that comes back gets its old clients.
///
/// A client whose server is unusable goes on along a sequence of slots of its own; nobody else moves.
#[derive(Debug)]
pub(crate) struct Maglev {
    seed: u64,
    names: Box<[Arc<str>]>,
    table: ArcSwap<Table>,
    rebuilding: Mutex<()>,
}

#[derive(Debug)]
struct Table {
    weights: SmallVec<[u32; 8]>,
    // INVARIANT: not empty; its length is a prime.
    slots: Box<[u16]>,
}

impl Maglev {
    pub(super) fn new(spec: &PoolSpec) -> Self {
        let names: Box<[_]> = spec.servers.iter().map(|server| Arc::clone(&server.name)).collect();
        let weights = spec.servers.iter().map(|server| server.weight).collect();
        let table = ArcSwap::from_pointee(Table::build(spec.seed, &names, weights));
        Self { seed: spec.seed, names, table, rebuilding: Mutex::new(()) }
    }

    /// The place for `hash`: the first usable server with room (and, with bounded loads, below its bound) on the
    /// hash's own way through the table.
    pub(super) fn pick(&self, field: &Field<'_>, hash: u64, kind: HashKind) -> Option<usize> {
        let bound = match kind {
            HashKind::Maglev => None,
            HashKind::BoundedLoad(factor) => Some(Bound::new(field, factor)),
        };
        let fits = |index: usize| {
            let weight = field.open_weight(index);
            weight > 0 && bound.as_ref().is_none_or(|bound| bound.allows(field, index, weight))
        };
        let table = self.current(field);
        let length = table.slots.len() as u64;
        // The step is never zero and the length is prime, so the way visits every slot.
        let step = 1 + mix(hash) % (length - 1).max(1);
        let mut slot = hash % length;
        for _ in 0..TRIES {
            let index = usize::from(table.slots.get(slot as usize).copied()?);
            if fits(index) {
                return Some(index);
            }
            slot = (slot + step) % length;
        }
        // Nearly all are unusable: those left are asked in turn from a place of the hash's own.
        let servers = field.len();
        let start = (hash % servers.max(1) as u64) as usize;
        let around = || (0..servers).map(|i| (start + i) % servers);
        around().find(|&index| fits(index)).or_else(|| around().find(|&index| field.open_weight(index) > 0))
    }

    /// The table; built anew after an operator changed a weight.
    fn current(&self, field: &Field<'_>) -> arc_swap::Guard<Arc<Table>> {
        let table = self.table.load();
        let weights = || (0..field.len()).filter_map(|i| field.server(i)).map(|server| server.weight());
        if weights().eq(table.weights.iter().copied()) {
            return table;
        }
        // Whoever comes while one rebuilds goes on with the old table.
        let Some(_one) = self.rebuilding.try_lock() else { return table };
        self.table.store(Arc::new(Table::build(self.seed, &self.names, weights().collect())));
        self.table.load()
    }
}

impl Table {
    fn build(seed: u64, names: &[Arc<str>], weights: SmallVec<[u32; 8]>) -> Self {
        let length = prime_from(slots(&weights));
        let heaviest = weights.iter().copied().max().unwrap_or(0).max(1);
        let mut ways: Vec<Way> = names.iter().map(|name| Way::new(seed, name, length)).collect();
        let mut slots = vec![FREE; length as usize].into_boxed_slice();
        let mut filled = 0;
        while filled < length {
            let before = filled;
            for (index, (way, &weight)) in ways.iter_mut().zip(&weights).enumerate() {
                way.credit += u64::from(weight);
                if way.credit < u64::from(heaviest) || filled == length {
                    continue;
                }
                way.credit -= u64::from(heaviest);
                way.claim(&mut slots, u16::try_from(index).unwrap_or(FREE));
                filled += 1;
            }
            if filled == before && weights.iter().all(|&weight| weight == 0) {
                // Nobody has weight: no slot matters, for no server is a candidate.
                slots.fill(0);
                break;
            }
        }
        Self { weights, slots }
    }
}

/// A server's way through the table: its permutation of the slots.
struct Way {
    next: u64,
    step: u64,
    length: u64,
    credit: u64,
}

impl Way {
    fn new(seed: u64, name: &str, length: u64) -> Self {
        let mut hasher = SipHasher13::new_with_keys(seed, DOMAIN);
        hasher.write(name.as_bytes());
        let hash = hasher.finish();
        Self { next: hash % length, step: 1 + mix(hash) % (length - 1).max(1), length, credit: 0 }
    }

    /// Takes the next free slot of the permutation.
    fn claim(&mut self, slots: &mut [u16], index: u16) {
        for _ in 0..self.length {
            let slot = slots.get_mut(self.next as usize);
            self.next = (self.next + self.step) % self.length;
            if let Some(slot) = slot
                && *slot == FREE
            {
                *slot = index;
                return;
            }
        }
    }
}

/// The most leases that bounded loads allow a server: its share of all leases, times the factor.
struct Bound {
    allowance: f64,
}

impl Bound {
    fn new(field: &Field<'_>, factor: f64) -> Self {
        let (leases, weights) = field.candidates().fold((1.0, 0.0), |(l, w), (_, server, weight)| {
            (l + f64::from(server.active()), w + weight as f64)
        });
        Self { allowance: if weights > 0.0 { factor.max(1.0) * leases / weights } else { 0.0 } }
    }

    fn allows(&self, field: &Field<'_>, index: usize, weight: u64) -> bool {
        let active = field.server(index).map_or(0, |server| server.active());
        f64::from(active) < (self.allowance * weight as f64).ceil()
    }
}

/// How many slots give every weight its share: a hundred a server, ten a weight.
fn slots(weights: &[u32]) -> u64 {
    let by_servers = weights.len() as u64 * 100;
    let lightest = weights.iter().copied().filter(|&weight| weight > 0).min().unwrap_or(1);
    let total: u64 = weights.iter().map(|&weight| u64::from(weight)).sum();
    by_servers.max(total / u64::from(lightest) * 100).clamp(101, MOST_SLOTS)
}

/// The smallest prime that is not below `from`; 65537 is the largest asked for.
fn prime_from(from: u64) -> u64 {
    let prime = |n: u64| (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d));
    (from..).find(|&n| prime(n)).unwrap_or(MOST_SLOTS)
}

const MOST_SLOTS: u64 = 65_537;
/// Slots looked at before the servers are asked one by one.
const TRIES: u32 = 128;
const FREE: u16 = u16::MAX;
/// Sets this use of the seed apart from others.
const DOMAIN: u64 = 0x7365_6b69_7368_6f02;
