//! Over how many workers datagrams are spread: as few as can carry them.
//!
//! One worker that takes what many sockets of an address would share has fuller batches and wakes up less often: at a
//! moderate rate the same questions cost a quarter less. Only requests that stand alone are spread like this; a flow
//! stays with the worker that the kernel's hash gives it.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Load of a worker, in thousandths of a core, from which it gets help: the rest is for what comes all at once.
const BUSY: u32 = 650;
/// Load of all together, for each of half as many, from which down half as many are tried. They need less than they
/// now have: how much less only trying tells.
const CALM: u32 = 600;
/// Looks in a row that must agree: ten a second.
const BUSY_FOR: u32 = 3;
const CALM_FOR: u32 = 20;
/// The longest wait before another try, after tries that failed.
const CALM_MOST: u32 = 600;
/// Turns within one look that left datagrams behind, from which a worker counts as busy whatever its load: others may
/// keep it from the core.
const BEHIND: u32 = 3;

/// How busy each worker is, for the one that decides.
#[derive(Debug)]
pub(crate) struct Loads(Box<[Worked]>);

/// What a worker says of itself at every tick.
#[derive(Debug, Default)]
struct Worked {
    load: AtomicU32,
    rounds: AtomicU32,
}

impl Loads {
    pub(crate) fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| Worked::default()).collect())
    }

    /// What a worker has measured of itself.
    pub(crate) fn report(&self, worker: usize, load: u32) {
        if let Some(slot) = self.0.get(worker) {
            slot.load.store(load, Relaxed);
            slot.rounds.fetch_add(1, Relaxed);
        }
    }

    /// How often each worker has reported.
    pub(crate) fn rounds(&self) -> Vec<u32> {
        self.0.iter().map(|slot| slot.rounds.load(Relaxed)).collect()
    }

    fn of(&self, active: usize) -> impl Iterator<Item = u32> {
        self.0.iter().take(active).map(|slot| slot.load.load(Relaxed))
    }

    fn workers(&self) -> usize {
        self.0.len().max(1)
    }
}

/// Measures one worker.
#[derive(Debug)]
pub(crate) struct Meter {
    at: Instant,
    spent: Duration,
    behind: u32,
}

impl Meter {
    pub(crate) fn new(now: Instant) -> Self {
        Self { at: now, spent: processor_time(), behind: 0 }
    }

    /// A turn has left datagrams behind.
    pub(crate) fn left_behind(&mut self) {
        self.behind = self.behind.saturating_add(1);
    }

    /// The load since the last look, in thousandths of a core.
    pub(crate) fn look(&mut self, now: Instant) -> u32 {
        let spent = processor_time();
        let (used, passed) = (spent.saturating_sub(self.spent), now.saturating_duration_since(self.at));
        (self.at, self.spent) = (now, spent);
        if std::mem::take(&mut self.behind) >= BEHIND {
            return 1000;
        }
        let load = used.as_micros().saturating_mul(1000).checked_div(passed.as_micros()).unwrap_or(0);
        u32::try_from(load).unwrap_or(1000).min(1000)
    }
}

/// Processor time of this thread since it began.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Decides over how many workers datagrams are spread.
#[derive(Debug)]
pub(crate) struct Spread {
    active: usize,
    busy: u32,
    calm: u32,
    /// How long it must be calm before fewer are tried.
    patience: u32,
    /// Looks since fewer were tried.
    tried: u32,
}

impl Default for Spread {
    fn default() -> Self {
        Self { active: 1, busy: 0, calm: 0, patience: CALM_FOR, tried: CALM_MOST }
    }
}

impl Spread {
    /// Looks at the loads and says over how many, the first of all: twice as many once one has been busy for a while;
    /// half as many, as a trial, once they could perhaps carry it. A trial that fails makes the next one wait longer.
    pub(crate) fn decide(&mut self, loads: &Loads) -> usize {
        let busiest = loads.of(self.active).max().unwrap_or(0);
        let together: u32 = loads.of(self.active).sum();
        let half = u32::try_from(self.active / 2).unwrap_or(u32::MAX);
        self.busy = if busiest >= BUSY { self.busy + 1 } else { 0 };
        self.calm = if together <= half.saturating_mul(CALM) { self.calm + 1 } else { 0 };
        self.tried = self.tried.saturating_add(1);
        if self.busy >= BUSY_FOR && self.active < loads.workers() {
            let failed = self.tried <= CALM_FOR;
            self.patience = if failed { (self.patience * 2).min(CALM_MOST) } else { CALM_FOR };
            (self.active, self.busy, self.calm) = ((self.active * 2).min(loads.workers()), 0, 0);
        } else if self.calm >= self.patience && self.active > 1 {
            (self.active, self.busy, self.calm, self.tried) = (self.active / 2, 0, 0, 0);
        }
        self.active
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(spread: &mut Spread, loads: &Loads, looks: u32) -> usize {
        (0..looks).map(|_| spread.decide(loads)).last().unwrap_or(0)
    }

    fn loads(each: &[u32]) -> Loads {
        let loads = Loads::new(each.len());
        each.iter().enumerate().for_each(|(worker, &load)| loads.report(worker, load));
        loads
    }

    #[test]
    fn one_worker_carries_what_it_can() {
        let mut spread = Spread::default();
        assert_eq!(after(&mut spread, &loads(&[BUSY - 1, 0, 0, 0]), 1000), 1);
    }

    #[test]
    fn a_busy_worker_gets_help_soon_and_loses_it_late() {
        let mut spread = Spread::default();
        assert_eq!(after(&mut spread, &loads(&[950, 0, 0, 0]), BUSY_FOR - 1), 1);
        assert_eq!(after(&mut spread, &loads(&[950, 0, 0, 0]), 1), 2);
        assert_eq!(after(&mut spread, &loads(&[950, 950, 0, 0]), BUSY_FOR), 4);
        assert_eq!(after(&mut spread, &loads(&[950, 950, 950, 950]), 100), 4);
        assert_eq!(after(&mut spread, &loads(&[100, 100, 100, 100]), CALM_FOR - 1), 4);
        assert_eq!(after(&mut spread, &loads(&[100, 100, 100, 100]), 1), 2);
        assert_eq!(after(&mut spread, &loads(&[100, 100, 0, 0]), CALM_FOR), 1);
    }

    #[test]
    fn fewer_are_tried_ever_more_seldom_while_they_are_not_enough() {
        let mut spread = Spread::default();
        after(&mut spread, &loads(&[950, 0]), BUSY_FOR);
        let mut changes = 0;
        let mut active = 2;
        for _ in 0..2400 {
            // Two carry it with ease, one does not.
            let now = spread.decide(&if active == 2 { loads(&[CALM / 2 - 10; 2]) } else { loads(&[950, 0]) });
            changes += u32::from(now != active);
            active = now;
        }
        assert!((2..=16).contains(&changes), "{changes} changes in four minutes");
    }

    #[test]
    fn fewer_that_are_enough_stay() {
        let mut spread = Spread::default();
        after(&mut spread, &loads(&[950, 0]), BUSY_FOR);
        assert_eq!(after(&mut spread, &loads(&[CALM / 2 - 10; 2]), CALM_FOR), 1);
        assert_eq!(after(&mut spread, &loads(&[BUSY - 1, 0]), 1000), 1);
    }

    #[test]
    fn number_that_is_no_power_of_two_is_reached_and_left() {
        let mut spread = Spread::default();
        let mut seen = vec![1];
        for load in [950, 950, 0, 0, 0] {
            let now = after(&mut spread, &loads(&[load; 3]), CALM_FOR);
            seen.push(now);
        }
        assert_eq!(seen, [1, 3, 3, 1, 1, 1]);
    }

    #[test]
    fn a_thread_that_works_is_busy_and_one_that_was_behind_counts_as_such() {
        let began = Instant::now();
        let mut meter = Meter::new(began);
        let mut sum = 0_u64;
        while processor_time() < meter.spent + Duration::from_millis(20) {
            sum = sum.wrapping_add(std::hint::black_box(1));
        }
        assert!(meter.look(began + Duration::from_millis(20)) >= 900, "{sum}");
        (0..BEHIND).for_each(|_| meter.left_behind());
        assert_eq!(meter.look(began + Duration::from_secs(100)), 1000);
        assert!(meter.look(began + Duration::from_secs(200)) < 100);
    }
}
