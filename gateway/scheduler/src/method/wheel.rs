//! Taking turns smoothly by weight.

use parking_lot::Mutex;

use super::Mode;

/// Smooth weighted round robin: with weights 5, 1, 1 the turns are `a a b a c a a`, not `a a a a a b c`.
///
/// Every candidate gains its weight; the richest is chosen and pays what all gained together. The sum of all fortunes
/// stays zero, and over a whole cycle each is chosen exactly as often as its weight says. The lock is held for a few
/// nanoseconds a server.
#[derive(Debug)]
pub(crate) struct Wheel(Mutex<Box<[i64]>>);

impl Wheel {
    pub(super) fn new(servers: usize) -> Self {
        Self(Mutex::new(vec![0; servers].into_boxed_slice()))
    }

    /// The next of `candidates`, which are places with weights.
    pub(super) fn next(&self, candidates: impl Iterator<Item = (usize, u64)>, mode: Mode) -> Option<usize> {
        let mut fortunes = self.0.lock();
        if mode == Mode::Peek {
            let mut copy = fortunes.clone();
            drop(fortunes);
            return turn(&mut copy, candidates);
        }
        turn(&mut fortunes, candidates)
    }
}

fn turn(fortunes: &mut [i64], candidates: impl Iterator<Item = (usize, u64)>) -> Option<usize> {
    let mut stake = 0i64;
    let mut best: Option<(usize, i64)> = None;
    for (index, weight) in candidates {
        // Weights are below 2^42 (32 bits in thousandths), so a wheel of a million servers cannot overflow.
        let weight = i64::try_from(weight).unwrap_or(i64::MAX >> 20);
        let Some(fortune) = fortunes.get_mut(index) else { continue };
        *fortune = fortune.saturating_add(weight);
        stake = stake.saturating_add(weight);
        if best.is_none_or(|(_, most)| *fortune > most) {
            best = Some((index, *fortune));
        }
    }
    let (index, _) = best?;
    if let Some(fortune) = fortunes.get_mut(index) {
        *fortune = fortune.saturating_sub(stake);
    }
    Some(index)
}
