//! What went well and what failed over a sliding window.

use std::time::Duration;

use super::ring::{COUNT_BITS, Ring};
use crate::clock::Moment;

/// Good and bad outcomes of the last so many seconds: half of each slice's bits for either.
#[derive(Debug)]
pub(crate) struct Tally(Ring<SLICES>);

impl Tally {
    pub(crate) fn new(window: Duration) -> Self {
        Self(Ring::new(window))
    }

    /// Changes the window's length, which forgets what was counted.
    pub(crate) fn resize(&self, window: Duration) {
        self.0.resize(window);
    }

    /// Forgets what was counted.
    pub(crate) fn forget(&self) {
        self.0.forget();
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
        let add = |(good, bad), (more_good, more_bad)| (good + more_good, bad + more_bad);
        self.0.counts(now).map(unpack).fold((0, 0), add)
    }

    fn count(&self, now: Moment, change: impl Fn(u64, u64) -> (u64, u64)) {
        self.0.count(now, |packed| {
            let (good, bad) = unpack(packed);
            let (good, bad) = change(good, bad);
            good.min(MOST) << BITS | bad.min(MOST)
        });
    }
}

/// Slices of a window.
const SLICES: usize = 10;
/// Bits of a count, and the most that they hold.
const BITS: u32 = COUNT_BITS / 2;
const MOST: u64 = (1 << BITS) - 1;

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
