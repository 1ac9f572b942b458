//! The filling of a Maglev table: which server has which slot.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::random::mix;

/// The place in `names` of each of `count` slots' server: shares go by weight, and a name's slots depend on the seed and
/// little else. `count` is a prime.
pub(super) fn fill(seed: u64, names: &[impl AsRef<str>], weights: &[u32], count: u64) -> Vec<u16> {
    let heaviest = weights.iter().copied().max().unwrap_or(0).max(1);
    let mut ways: Vec<Way> = names
        .iter()
        .zip(weights)
        .enumerate()
        .map(|(i, (name, &w))| Way::new(seed, name.as_ref(), i, w, count))
        .collect();
    // By name, so that nodes whose files list the servers in another order agree.
    ways.sort_unstable_by_key(|way| names.get(usize::from(way.server)).map(AsRef::as_ref));
    let mut slots = vec![FREE; count as usize];
    let mut filled = 0;
    while filled < count {
        let before = filled;
        for way in &mut ways {
            way.credit += u64::from(way.weight);
            if way.credit < u64::from(heaviest) || filled == count {
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
    slots
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
    fn new(seed: u64, name: &str, index: usize, weight: u32, count: u64) -> Self {
        let mut hasher = SipHasher13::new_with_keys(seed, DOMAIN);
        hasher.write(name.as_bytes());
        let hash = hasher.finish();
        let server = u16::try_from(index).unwrap_or(FREE);
        Self { server, weight, next: hash % count, step: 1 + mix(hash) % (count - 1), credit: 0 }
    }

    /// Takes the next free slot of the permutation.
    fn claim(&mut self, slots: &mut [u16]) {
        let count = slots.len() as u64;
        for _ in 0..count {
            let slot = slots.get_mut(self.next as usize);
            self.next = (self.next + self.step) % count;
            if let Some(slot) = slot
                && *slot == FREE
            {
                *slot = self.server;
                return;
            }
        }
    }
}

const FREE: u16 = u16::MAX;
/// Sets this use of the seed apart from others.
const DOMAIN: u64 = 0x7365_6b69_7368_6f02;
