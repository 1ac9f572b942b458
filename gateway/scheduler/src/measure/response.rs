//! A server's response time: an average that forgets.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::clock::Moment;

/// An exponentially weighted average of response times with the moment of the last one, in one atomic.
///
/// Upper half: microseconds plus one, zero for *nothing measured*. Lower half: the moment in units of 16.8 ms, which
/// wraps after more than two years.
#[derive(Debug, Default)]
pub(crate) struct ResponseTime(AtomicU64);

impl ResponseTime {
    /// Takes a measurement into the average.
    pub(crate) fn record(&self, took: Duration, now: Moment) {
        self.mix(took, now, 1.0 / 64.0);
    }

    /// Counts a failure as a slow answer: at least a second, and twice what the server took so far.
    pub(crate) fn penalise(&self, now: Moment) {
        let so_far = self.average().unwrap_or_default();
        self.mix((so_far * 2).max(PENALTY), now, 1.0 / 4.0);
    }

    /// The average as measured; `None` before the first measurement.
    pub(crate) fn average(&self) -> Option<Duration> {
        let (micros, _) = unpack(self.0.load(Relaxed))?;
        Some(Duration::from_micros(u64::from(micros)))
    }

    /// The average in microseconds, halved for every ten seconds that nothing was measured: a server that was slow
    /// once gets another chance.
    pub(crate) fn estimate(&self, now: Moment) -> Option<f64> {
        let (micros, at) = unpack(self.0.load(Relaxed))?;
        let idle = since(at, now);
        let faded = if idle < 1.0 { 1.0 } else { (-idle / HALF_LIFE).exp2() };
        Some(f64::from(micros) * faded)
    }

    fn mix(&self, took: Duration, now: Moment, least: f64) {
        let sample = took.min(CEILING).as_micros() as f64;
        // The closure always answers Some, so the update cannot fail.
        let _ = self.0.fetch_update(Relaxed, Relaxed, |packed| {
            let mixed = match unpack(packed) {
                None => sample,
                Some((micros, at)) => {
                    let idle = since(at, now);
                    let share = (idle / (idle + MEMORY)).max(least);
                    let old = f64::from(micros);
                    old + (sample - old) * share
                }
            };
            Some(pack(mixed, now))
        });
    }
}

/// What a failure counts as, at least.
const PENALTY: Duration = Duration::from_secs(1);
/// Nothing counts as slower than this, so that one hour-long answer does not outweigh a day.
const CEILING: Duration = Duration::from_secs(60);
/// The age in seconds at which a measurement weighs as much as a new one.
const MEMORY: f64 = 5.0;
/// The seconds without a measurement after which the average counts half.
const HALF_LIFE: f64 = 10.0;

fn stamp(now: Moment) -> u32 {
    // The truncation is the wrap that the type's documentation speaks of.
    (now.get() >> 24) as u32
}

/// Seconds between a stamp and `now`; a stamp slightly ahead of `now` (another worker's clock) counts as now.
fn since(at: u32, now: Moment) -> f64 {
    let units = stamp(now).wrapping_sub(at);
    if units > u32::MAX / 2 { 0.0 } else { f64::from(units) * 0.016_777_216 }
}

fn pack(micros: f64, now: Moment) -> u64 {
    ((micros as u64 + 1) << 32) | u64::from(stamp(now))
}

fn unpack(packed: u64) -> Option<(u32, u32)> {
    let micros = ((packed >> 32) as u32).checked_sub(1)?;
    Some((micros, packed as u32))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::clock::Clock;

    fn at(seconds: u64) -> Moment {
        Clock::new(Instant::now()).moment(Instant::now()).plus(Duration::from_secs(seconds))
    }

    #[test]
    fn average_follows_what_is_measured_and_begins_with_the_first() {
        let time = ResponseTime::default();
        assert_eq!(time.average(), None);
        time.record(Duration::from_millis(20), at(0));
        assert_eq!(time.average(), Some(Duration::from_millis(20)));
        for _ in 0..1000 {
            time.record(Duration::from_millis(5), at(0));
        }
        let average = time.average().unwrap();
        assert!(average < Duration::from_millis(6), "{average:?}");
    }

    #[test]
    fn old_measurements_fade() {
        let time = ResponseTime::default();
        time.record(Duration::from_secs(1), at(0));
        let fresh = time.estimate(at(0)).unwrap();
        let old = time.estimate(at(60)).unwrap();
        assert!(old < fresh / 50.0, "{fresh} {old}");
    }

    #[test]
    fn failures_count_as_slow_even_when_they_come_fast() {
        let time = ResponseTime::default();
        time.record(Duration::from_millis(1), at(0));
        time.penalise(at(0));
        assert!(time.average().unwrap() > Duration::from_millis(200));
    }
}
