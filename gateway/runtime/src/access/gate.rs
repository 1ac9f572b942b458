//! Which lines are written: a sample of the ordinary ones, and no more a second than the operator allows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use sekisho_api::{End, Record};

/// One worker's way into a log.
#[derive(Debug)]
pub(super) struct Gate {
    /// Of ordinary lines, one in so many.
    sample: u64,
    /// Ordinary lines until the next that is written.
    skip: u64,
    counts: Arc<Counts>,
}

/// What all workers' gates of one log share.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// The most lines a second; none: 0.
    max: u64,
    /// The second that is running, and the lines of it: [`LINES`] bits.
    second: AtomicU64,
    /// Lines left out that no line has told of, and the second in which one last did.
    untold: AtomicU64,
    told: AtomicU64,
    /// Lines left out by the limit, and lines that were not in the sample.
    pub(super) limited: AtomicU64,
    pub(super) sampled: AtomicU64,
}

impl Counts {
    pub(super) fn new(max: Option<u64>) -> Self {
        Self { max: max.unwrap_or(0), ..Self::default() }
    }

    fn admits(&self, second: u64) -> bool {
        if self.max == 0 {
            return true;
        }
        let second = second << LINES;
        let admitted =
            self.second.fetch_update(Relaxed, Relaxed, |counted| match counted & SECOND == second & SECOND {
                false => Some(second | 1),
                true => (counted & !SECOND < self.max).then_some(counted + 1),
            });
        if admitted.is_err() {
            self.limited.fetch_add(1, Relaxed);
            self.untold.fetch_add(1, Relaxed);
        }
        admitted.is_ok()
    }

    /// How many lines were left out since somebody was told; for one worker, once a second.
    pub(super) fn to_tell(&self, now: SystemTime) -> Option<u64> {
        if self.untold.load(Relaxed) == 0 {
            return None;
        }
        let second = second(now);
        let before = self.told.swap(second, Relaxed);
        let count = if before == second { 0 } else { self.untold.swap(0, Relaxed) };
        (count > 0).then_some(count)
    }
}

impl Gate {
    pub(super) fn new(sample: u64, counts: Arc<Counts>) -> Self {
        Self { sample, skip: 0, counts }
    }

    /// Whether the record's line is written.
    #[inline]
    pub(super) fn admits(&mut self, record: &Record<'_>, now: SystemTime) -> bool {
        if self.sample > 1 && ordinary(record) {
            if self.skip > 0 {
                self.skip -= 1;
                self.counts.sampled.fetch_add(1, Relaxed);
                return false;
            }
            self.skip = self.sample - 1;
        }
        self.counts.max == 0 || self.counts.admits(second(now))
    }

    pub(super) fn to_tell(&self, now: SystemTime) -> Option<u64> {
        self.counts.to_tell(now)
    }
}

/// Whether nothing went wrong. What a client does by itself is nothing wrong.
fn ordinary(record: &Record<'_>) -> bool {
    let end = matches!(record.end, End::Done | End::ClientLeft | End::Drained | End::Kicked);
    end && record.request.as_ref().is_none_or(|request| request.status < 500)
}

fn second(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Bits for the lines of a second: more than any limit.
const LINES: u32 = 24;
const SECOND: u64 = !0 << LINES;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(second: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(second)
    }

    #[test]
    fn limit_is_one_of_all_workers_and_of_each_second() {
        let counts = Counts::new(Some(3));
        let admitted = |second| (0..5).filter(|_| counts.admits(second)).count();
        assert_eq!((admitted(7), admitted(7), admitted(8)), (3, 0, 3));
        assert_eq!(counts.limited.load(Relaxed), 2 + 5 + 2);
    }

    #[test]
    fn what_was_left_out_is_told_once_a_second_and_once_in_all() {
        let counts = Counts::new(Some(1));
        assert_eq!(counts.to_tell(at(1)), None);
        assert!(counts.admits(1) && !counts.admits(1) && !counts.admits(1));
        assert_eq!(counts.to_tell(at(1)), Some(2));
        assert!(!counts.admits(1));
        assert_eq!(
            (counts.to_tell(at(1)), counts.to_tell(at(2)), counts.to_tell(at(3))),
            (None, Some(1), None)
        );
    }
}
