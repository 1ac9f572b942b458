//! Two drawn at random, the less loaded taken.

use std::cmp::Ordering;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{Mode, least};
use crate::field::Field;

/// A seeded sequence of random numbers that any number of workers draw from: SplitMix64 over a shared counter.
#[derive(Debug)]
pub(crate) struct Draws {
    seed: u64,
    count: AtomicU64,
}

impl Draws {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, count: AtomicU64::new(1) }
    }

    /// The number of this draw.
    pub(super) fn count(&self, mode: Mode) -> u64 {
        match mode {
            Mode::Commit => self.count.fetch_add(1, Relaxed),
            Mode::Peek => self.count.load(Relaxed),
        }
    }

    /// A random number.
    pub(super) fn draw(&self, mode: Mode) -> u64 {
        mix(self.seed.wrapping_add(self.count(mode).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }
}

/// The less loaded of two different candidates, drawn by weight.
pub(super) fn two(field: &Field<'_>, random: u64) -> Option<usize> {
    let total: u64 = field.candidates().map(|(.., weight)| weight).sum();
    let one = draw(field, total, None, random)?;
    let rest = total.saturating_sub(field.open_weight(one));
    let Some(other) = draw(field, rest, Some(one), mix(random)) else { return Some(one) };
    let load = |index| {
        let active = field.server(index).map_or(0, |server| u64::from(server.active()));
        (active, field.open_weight(index).max(1))
    };
    // A tie goes to the first drawn, which was drawn by weight.
    Some(if least::compare(load(other), load(one)) == Ordering::Less { other } else { one })
}

fn draw(field: &Field<'_>, total: u64, but: Option<usize>, random: u64) -> Option<usize> {
    let mut left = random.checked_rem(total)?;
    let mut last = None;
    for (index, _, weight) in field.candidates().filter(|&(index, ..)| Some(index) != but) {
        if left < weight {
            return Some(index);
        }
        left -= weight;
        last = Some(index);
    }
    // Weights changed while they were counted.
    last
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
pub(super) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
