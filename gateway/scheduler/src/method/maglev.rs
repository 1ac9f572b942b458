//! Consistent hashing: a Maglev table (Eisenbud et al., NSDI 2016, section 3.4).

use std::hash::Hasher;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use siphasher::sip::SipHasher13;
use smallvec::SmallVec;

use super::random::mix;
use crate::field::Field;
use crate::server::ServerState;
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
    // INVARIANT: [`SLOTS`] of them.
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
        // The step is never zero and the size is prime, so the way visits every slot.
        let step = 1 + mix(hash) % (SLOTS - 1);
        let mut slot = hash % SLOTS;
        for _ in 0..TRIES {
            let index = usize::from(table.slots.get(slot as usize).copied()?);
            if fits(index) {
                return Some(index);
            }
            slot = (slot + step) % SLOTS;
        }
        // Nearly all are unusable: those left are asked in turn from a place of the hash's own.
        let servers = field.len();
        let start = (hash % servers.max(1) as u64) as usize;
        let around = || (0..servers).map(|i| (start + i) % servers);
        around().find(|&index| fits(index)).or_else(|| around().find(|&index| field.open_weight(index) > 0))
    }

    /// The place for `hash` if every server that `counts` is usable.
    pub(super) fn home(
        &self,
        field: &Field<'_>,
        hash: u64,
        counts: impl Fn(&ServerState) -> bool,
    ) -> Option<usize> {
        let table = self.current(field);
        let step = 1 + mix(hash) % (SLOTS - 1);
        let mut slot = hash % SLOTS;
        for _ in 0..TRIES {
            let index = usize::from(table.slots.get(slot as usize).copied()?);
            if field.server(index).is_some_and(&counts) {
                return Some(index);
            }
            slot = (slot + step) % SLOTS;
        }
        None
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
        let heaviest = weights.iter().copied().max().unwrap_or(0).max(1);
        let mut ways: Vec<Way> = names
            .iter()
            .zip(&weights)
            .enumerate()
            .map(|(i, (name, &w))| Way::new(seed, name, i, w))
            .collect();
        // By name, so that nodes whose files list the servers in another order agree.
        ways.sort_unstable_by_key(|way| names.get(usize::from(way.server)));
        let mut slots = vec![FREE; SLOTS as usize].into_boxed_slice();
        let mut filled = 0;
        while filled < SLOTS {
            let before = filled;
            for way in &mut ways {
                way.credit += u64::from(way.weight);
                if way.credit < u64::from(heaviest) || filled == SLOTS {
                    continue;
                }
                way.credit -= u64::from(heaviest);
                way.claim(&mut slots);
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
    server: u16,
    weight: u32,
    next: u64,
    step: u64,
    credit: u64,
}

impl Way {
    fn new(seed: u64, name: &str, index: usize, weight: u32) -> Self {
        let mut hasher = SipHasher13::new_with_keys(seed, DOMAIN);
        hasher.write(name.as_bytes());
        let hash = hasher.finish();
        let server = u16::try_from(index).unwrap_or(FREE);
        Self { server, weight, next: hash % SLOTS, step: 1 + mix(hash) % (SLOTS - 1), credit: 0 }
    }

    /// Takes the next free slot of the permutation.
    fn claim(&mut self, slots: &mut [u16]) {
        for _ in 0..SLOTS {
            let slot = slots.get_mut(self.next as usize);
            self.next = (self.next + self.step) % SLOTS;
            if let Some(slot) = slot
                && *slot == FREE
            {
                *slot = self.server;
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

/// Slots of every table, a prime, as in the paper: enough for 655 servers at a hundred each. One size for all, since
/// another size would move every client the day a pool outgrew the smaller one.
const SLOTS: u64 = 65_537;
/// Slots looked at before the servers are asked one by one.
const TRIES: u32 = 128;
const FREE: u16 = u16::MAX;
/// Sets this use of the seed apart from others.
const DOMAIN: u64 = 0x7365_6b69_7368_6f02;
