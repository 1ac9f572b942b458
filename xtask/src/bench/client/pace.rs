//! Fixed moments, at which a client does something whether what it did before is done or not.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use super::super::{Outcome, failed};

/// The moments of one of several clients, evenly between those of the others.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    due: Instant,
}

impl Pace {
    /// Client number `index` of `clients`, who share `per_second` evenly; the first moment is within an interval.
    pub(crate) fn new(index: usize, clients: usize, per_second: u32) -> Outcome<Self> {
        let slack = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        slack.map_err(failed("cannot ask for exact timers"))?;
        let count = |number: usize| u32::try_from(number).map_err(failed("too many clients"));
        let interval = Duration::from_secs(1) * count(clients)? / per_second;
        Ok(Self { interval, due: Instant::now() + interval * count(index)? / count(clients)? })
    }

    /// Waits for the next moment, and gives it.
    pub(crate) fn wait(&mut self) -> Instant {
        let due = self.due;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        self.due += self.interval;
        due
    }
}

/// How long ago a moment is, in microseconds.
pub(crate) fn micros_since(due: Instant) -> u32 {
    u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX)
}
