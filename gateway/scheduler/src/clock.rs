//! Moments as plain numbers, so that they fit into atomics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment in nanoseconds on the time line of one [`Clock`]; never zero, which atomics use for *none*.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

impl Moment {
    /// The time since `earlier`; zero if it is not earlier.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The moment `span` later.
    pub(crate) fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(nanos(span)))
    }

    /// The moment `span` earlier.
    pub(crate) fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(span)).max(1))
    }

    /// The number, for an atomic.
    pub(crate) fn get(self) -> u64 {
        self.0
    }

    /// The moment in an atomic; none for zero.
    pub(crate) fn from_raw(raw: u64) -> Option<Self> {
        (raw != 0).then_some(Self(raw))
    }
}

/// Turns `Instant`s into [`Moment`]s and remembers the latest, for leases that are dropped without a time.
///
/// A reload hands the clock on, so that moments stay comparable for the life of the process.
#[derive(Debug)]
pub(crate) struct Clock {
    base: Instant,
    latest: AtomicU64,
    /// Milliseconds since 1970 at `base`, by what was last said of the time of day; zero: nothing was.
    epoch: AtomicU64,
}

impl Clock {
    pub(crate) fn new(now: Instant) -> Self {
        Self { base: now, latest: AtomicU64::new(ORIGIN), epoch: AtomicU64::new(0) }
    }

    /// Takes on what time of day it is at `now`.
    pub(crate) fn set_day(&self, wall: SystemTime, now: Instant) {
        let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let at_base = since.saturating_sub(now.saturating_duration_since(self.base));
        self.epoch.store(u64::try_from(at_base.as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    /// The seconds since 1970 at `moment`; none before anybody said what time of day it is.
    pub(crate) fn day(&self, moment: Moment) -> Option<u64> {
        self.millis(moment).map(|millis| millis / 1000)
    }

    /// The milliseconds since 1970 at `moment`; none before anybody said what time of day it is.
    pub(crate) fn millis(&self, moment: Moment) -> Option<u64> {
        let epoch = self.epoch.load(Relaxed);
        let since = Duration::from_nanos(moment.0.saturating_sub(ORIGIN)).as_millis();
        let until = Duration::from_nanos(ORIGIN.saturating_sub(moment.0)).as_millis();
        let at = epoch.saturating_add(u64::try_from(since).unwrap_or(u64::MAX));
        (epoch != 0).then(|| at.saturating_sub(u64::try_from(until).unwrap_or(u64::MAX)))
    }

    /// The moment of `now`, which becomes the latest known time.
    pub(crate) fn read(&self, now: Instant) -> Moment {
        let moment = self.moment(now);
        // Workers share this line: it is written once in a millisecond, not once in a request.
        if moment.0 > self.latest.load(Relaxed).saturating_add(1_000_000) {
            self.latest.fetch_max(moment.0, Relaxed);
        }
        moment
    }

    /// The moment of `now` if there is one, else the latest known time.
    pub(crate) fn read_or_latest(&self, now: Option<Instant>) -> Moment {
        now.map_or_else(|| Moment(self.latest.load(Relaxed)), |now| self.read(now))
    }

    /// The moment of `now`; changes nothing.
    pub(crate) fn moment(&self, now: Instant) -> Moment {
        match now.checked_duration_since(self.base) {
            Some(after) => Moment(ORIGIN.saturating_add(nanos(after))),
            None => Moment(ORIGIN.saturating_sub(nanos(self.base.duration_since(now))).max(1)),
        }
    }
}

/// Where a clock begins: 73 years after zero, so that what a journal remembers has a moment before the start.
const ORIGIN: u64 = 1 << 61;

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_keep_order_and_distance_on_both_sides_of_the_start() {
        let start = Instant::now() + Duration::from_secs(100);
        let clock = Clock::new(start);
        let before = clock.read(start - Duration::from_secs(50));
        let after = clock.read(start + Duration::from_secs(7));
        assert!(before < after);
        assert_eq!(after.since(before), Duration::from_secs(57));
        assert_eq!(before.since(after), Duration::ZERO);
        assert_eq!(clock.read_or_latest(None), after);
    }

    #[test]
    fn time_of_day_is_unknown_until_it_is_told_and_then_what_was_told_last() {
        let start = Instant::now();
        let later = |seconds| start + Duration::from_secs(seconds);
        let clock = Clock::new(start);
        assert_eq!(clock.day(clock.moment(later(10))), None);
        clock.set_day(UNIX_EPOCH + Duration::from_secs(1_000_010), later(10));
        assert_eq!(clock.day(clock.moment(later(25))), Some(1_000_025));
        clock.set_day(UNIX_EPOCH + Duration::from_secs(2_000_000), later(30));
        assert_eq!(clock.day(clock.moment(later(31))), Some(2_000_001));
    }
}
