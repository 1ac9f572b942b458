//! What went well and what failed over a sliding window.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::clock::Moment;

/// Good and bad outcomes of the last so many seconds, as a ring of slices.
///
/// A slice is one atomic: the upper 20 bits say which turn of time it counts, 22 each its good and its bad outcomes.
#[derive(Debug)]
pub(crate) struct Tally {
    slice_nanos: AtomicU64,
    slices: [AtomicU64; SLICES],
}

impl Tally {
    pub(crate) fn new(window: Duration) -> Self {
        let this = Self { slice_nanos: AtomicU64::new(1), slices: Default::default() };
        this.resize(window);
        this
    }

    /// Changes the window's length, which forgets what was counted.
    pub(crate) fn resize(&self, window: Duration) {
        let slice = u64::try_from(window.as_nanos()).unwrap_or(u64::MAX) / SLICES as u64;
        if self.slice_nanos.swap(slice.max(1), Relaxed) != slice.max(1) {
            self.forget();
        }
    }

    /// Forgets what was counted.
    pub(crate) fn forget(&self) {
        self.slices.iter().for_each(|slice| slice.store(0, Relaxed));
    }

    /// Something went well.
    pub(crate) fn good(&self, now: Moment) {
        self.count(now, |good, bad| (good + 1, bad));
    }

    /// Something failed.
    pub(crate) fn bad(&self, now: Moment) {
        self.count(now, |good, bad| (good, bad + 1));
    }

    /// What was taken for good a moment ago has failed.
    pub(crate) fn spoilt(&self, now: Moment) {
        self.count(now, |good, bad| (good.saturating_sub(1), bad + 1));
    }

    /// Good and bad outcomes of the window that ends now.
    pub(crate) fn sums(&self, now: Moment) -> (u64, u64) {
        let last = self.turn(now);
        let first = last.saturating_sub(SLICES as u64 - 1);
        (first..=last)
            .filter_map(|turn| {
                let packed = self.slices.get((turn % SLICES as u64) as usize)?.load(Relaxed);
                (packed & TAG == tag(turn)).then(|| unpack(packed))
            })
            .fold((0, 0), |(good, bad), (more_good, more_bad)| (good + more_good, bad + more_bad))
    }

    fn count(&self, now: Moment, change: impl Fn(u64, u64) -> (u64, u64)) {
        let turn = self.turn(now);
        let Some(slice) = self.slices.get((turn % SLICES as u64) as usize) else { return };
        // The closure always answers Some, so the update cannot fail.
        let _ = slice.fetch_update(Relaxed, Relaxed, |packed| {
            let (good, bad) = if packed & TAG == tag(turn) { unpack(packed) } else { (0, 0) };
            let (good, bad) = change(good, bad);
            Some(tag(turn) | good.min(MOST) << BITS | bad.min(MOST))
        });
    }

    fn turn(&self, now: Moment) -> u64 {
        now.get() / self.slice_nanos.load(Relaxed).max(1)
    }
}

/// Slices of a window.
const SLICES: usize = 10;
/// Bits of a count, and the most that they hold.
const BITS: u32 = 22;
const MOST: u64 = (1 << BITS) - 1;
const TAG: u64 = !((1 << (2 * BITS)) - 1);

fn tag(turn: u64) -> u64 {
    turn << (2 * BITS)
}

fn unpack(packed: u64) -> (u64, u64) {
    (packed >> BITS & MOST, packed & MOST)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::clock::Clock;

    #[test]
    fn outcomes_count_for_one_window_and_no_longer() {
        let start = Clock::new(Instant::now()).moment(Instant::now());
        let after = |seconds| start.plus(Duration::from_secs(seconds));
        let tally = Tally::new(Duration::from_secs(10));
        for second in 0..10 {
            tally.good(after(second));
            tally.good(after(second));
            tally.bad(after(second));
            tally.spoilt(after(second));
        }
        assert_eq!(tally.sums(after(9)), (10, 20));
        assert_eq!(tally.sums(after(14)), (5, 10));
        assert_eq!(tally.sums(after(30)), (0, 0));
        tally.bad(after(30));
        tally.forget();
        assert_eq!(tally.sums(after(30)), (0, 0));
    }

    #[test]
    fn a_count_never_runs_into_its_neighbour() {
        let start = Clock::new(Instant::now()).moment(Instant::now());
        let tally = Tally::new(Duration::from_secs(10));
        tally.count(start, |_, _| (MOST, MOST));
        tally.good(start);
        tally.bad(start);
        assert_eq!(tally.sums(start), (MOST, MOST));
        tally.count(start, |_, _| (0, 0));
        tally.spoilt(start);
        assert_eq!(tally.sums(start), (0, 1));
    }
}
