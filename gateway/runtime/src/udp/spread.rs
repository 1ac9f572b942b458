//! Over how many workers datagrams are spread: as few as can carry them.
//!
//! One worker that takes what many sockets of an address would share has fuller batches and wakes up less often: at a
//! moderate rate the same questions cost a quarter less. Only requests that stand alone are spread like this; a flow
//! stays with the worker that the kernel's hash gives it.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Load of a worker, in thousandths of a core, from which it gets help.
const BUSY: u32 = 800;
/// Load that each of half as many would have at the most, for one to be let go.
const CALM: u32 = 350;
/// Looks in a row that must agree: ten a second.
const BUSY_FOR: u32 = 2;
const CALM_FOR: u32 = 50;
/// Turns within one look that left datagrams behind, from which a worker counts as busy whatever its load: others may
/// keep it from the core.
const BEHIND: u32 = 3;

/// How busy each worker is, for the one that decides.
#[derive(Debug)]
pub(crate) struct Loads(Box<[AtomicU32]>);

impl Loads {
    pub(crate) fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| AtomicU32::new(0)).collect())
    }

    /// What a worker has measured of itself.
    pub(crate) fn report(&self, worker: usize, load: u32) {
        if let Some(slot) = self.0.get(worker) {
            slot.store(load, Relaxed);
        }
    }

    fn of(&self, active: usize) -> impl Iterator<Item = u32> {
        self.0.iter().take(active).map(|load| load.load(Relaxed))
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
}

impl Default for Spread {
    fn default() -> Self {
        Self { active: 1, busy: 0, calm: 0 }
    }
}

impl Spread {
    /// Looks at the loads and says over how many, the first of all: twice as many once one has been busy for a while, half as many once they would be calm.
    pub(crate) fn decide(&mut self, loads: &Loads) -> usize {
        let busiest = loads.of(self.active).max().unwrap_or(0);
        let together: u32 = loads.of(self.active).sum();
        let half = u32::try_from(self.active / 2).unwrap_or(u32::MAX);
        self.busy = if busiest >= BUSY { self.busy + 1 } else { 0 };
        self.calm = if together <= half.saturating_mul(CALM) { self.calm + 1 } else { 0 };
        if self.busy >= BUSY_FOR {
            (self.active, self.busy, self.calm) = ((self.active * 2).min(loads.workers()), 0, 0);
        } else if self.calm >= CALM_FOR && self.active > 1 {
            (self.active, self.calm) = (self.active / 2, 0);
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
        assert_eq!(after(&mut spread, &loads(&[700, 0, 0, 0]), 1000), 1);
    }

    #[test]
    fn a_busy_worker_gets_help_soon_and_loses_it_late() {
        let mut spread = Spread::default();
        assert_eq!(after(&mut spread, &loads(&[900, 0, 0, 0]), 1), 1);
        assert_eq!(after(&mut spread, &loads(&[900, 0, 0, 0]), 1), 2);
        assert_eq!(after(&mut spread, &loads(&[900, 900, 0, 0]), 2), 4);
        assert_eq!(after(&mut spread, &loads(&[900, 900, 900, 900]), 100), 4);
        assert_eq!(after(&mut spread, &loads(&[100, 100, 100, 100]), CALM_FOR - 1), 4);
        assert_eq!(after(&mut spread, &loads(&[100, 100, 100, 100]), 1), 2);
        assert_eq!(after(&mut spread, &loads(&[100, 100, 0, 0]), CALM_FOR), 1);
    }

    #[test]
    fn help_that_would_be_needed_again_at_once_stays() {
        let mut spread = Spread::default();
        after(&mut spread, &loads(&[900, 0]), 2);
        assert_eq!(after(&mut spread, &loads(&[450, 450]), 1000), 2);
    }

    #[test]
    fn number_that_is_no_power_of_two_is_reached_and_left() {
        let mut spread = Spread::default();
        let mut seen = vec![1];
        for load in [900, 900, 900, 0, 0, 0, 0] {
            let now = after(&mut spread, &loads(&[load; 3]), CALM_FOR);
            seen.push(now);
        }
        assert_eq!(seen, [1, 3, 3, 3, 1, 1, 1, 1]);
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
