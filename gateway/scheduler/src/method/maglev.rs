//! Consistent hashing: a Maglev table (Eisenbud et al., NSDI 2016, section 3.4).

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::fill::fill;
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
        let slots = fill(seed, names, &weights, SLOTS).into_boxed_slice();
        Self { weights, slots }
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
