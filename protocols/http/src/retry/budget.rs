//! How many of a worker's requests may be tried again.

use std::cell::RefCell;
use std::time::Instant;

/// Requests and further tries of the last ten seconds, in one worker.
///
/// Where every server fails, every request wants another try, which is what the servers need least. So further tries may
/// be a share of the requests, and a few besides, without which a quiet site would have none.
#[derive(Debug, Default)]
pub(crate) struct Budget(RefCell<Option<Window>>);

/// What may be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Percent of the requests.
    pub(crate) share: u64,
    /// So many a second besides.
    pub(crate) floor: u64,
}

#[derive(Debug)]
struct Window {
    base: Instant,
    second: u64,
    /// Requests and further tries, by second.
    slices: [(u64, u64); SECONDS],
}

impl Budget {
    /// A request came.
    pub(crate) fn earn(&self, now: Instant) {
        self.count(now, |slice| slice.0 += 1);
    }

    /// Whether there may be one more try.
    pub(crate) fn has(&self, allowance: Allowance, now: Instant) -> bool {
        let mut window = self.0.borrow_mut();
        let window = window.get_or_insert_with(|| Window::new(now));
        window.pass(now);
        let (requests, tries) = window.slices.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        tries < requests * allowance.share / 100 + allowance.floor * SECONDS as u64
    }

    /// There is one more try.
    pub(crate) fn spend(&self, now: Instant) {
        self.count(now, |slice| slice.1 += 1);
    }

    fn count(&self, now: Instant, count: impl FnOnce(&mut (u64, u64))) {
        let mut window = self.0.borrow_mut();
        let window = window.get_or_insert_with(|| Window::new(now));
        window.pass(now);
        let place = window.second as usize % SECONDS;
        if let Some(slice) = window.slices.get_mut(place) {
            count(slice);
        }
    }
}

impl Window {
    fn new(base: Instant) -> Self {
        Self { base, second: 0, slices: [(0, 0); SECONDS] }
    }

    /// Time passes, which empties the slices that it comes to.
    fn pass(&mut self, now: Instant) {
        let second = now.saturating_duration_since(self.base).as_secs().max(self.second);
        for passed in (self.second + 1..=second).take(SECONDS) {
            self.slices.get_mut(passed as usize % SECONDS).into_iter().for_each(|slice| *slice = (0, 0));
        }
        self.second = second;
    }
}

const SECONDS: usize = 10;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ALLOWANCE: Allowance = Allowance { share: 20, floor: 1 };

    /// How many of so many requests get another try, all at once.
    fn storm(budget: &Budget, requests: usize, now: Instant) -> usize {
        let again = |_: &usize| {
            budget.earn(now);
            let has = budget.has(ALLOWANCE, now);
            if has {
                budget.spend(now);
            }
            has
        };
        (0..requests).filter(again).count()
    }

    #[test]
    fn further_tries_are_a_share_of_the_requests_and_a_few_besides() {
        let (budget, now) = (Budget::default(), Instant::now());
        assert_eq!(storm(&budget, 10_000, now), 2010);
        assert!(!budget.has(ALLOWANCE, now));
    }

    #[test]
    fn what_was_spent_is_forgotten_with_the_requests_it_was_spent_for() {
        let (budget, start) = (Budget::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(storm(&budget, 100, start), 30);
        assert_eq!(storm(&budget, 100, after(5)), 20);
        assert_eq!(storm(&budget, 100, after(12)), 30, "those of the beginning are forgotten");
        assert_eq!(storm(&budget, 100, after(1000)), 30);
        // A clock that a worker reads seldom does not run backwards.
        assert_eq!(storm(&budget, 100, after(999)), 20);
    }

    #[test]
    fn quiet_site_has_its_few_tries() {
        let (budget, now) = (Budget::default(), Instant::now());
        assert_eq!(storm(&budget, 5, now), 5);
    }
}
