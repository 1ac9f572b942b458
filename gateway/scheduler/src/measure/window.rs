//! Bytes over a sliding window.

use std::time::Duration;

use super::ring::{COUNT, Ring};
use crate::clock::Moment;

/// Bytes in the last so many seconds, both ways together; a slice holds 17 TB.
#[derive(Debug)]
pub(crate) struct Window(Ring<SLICES>);

impl Window {
    pub(crate) fn new(window: Duration) -> Self {
        Self(Ring::new(window))
    }

    /// Changes the window's length, which forgets what it counted.
    pub(crate) fn resize(&self, window: Duration) {
        self.0.resize(window);
    }

    /// Counts bytes.
    pub(crate) fn add(&self, bytes: u64, now: Moment) {
        self.0.count(now, |so_far| so_far.saturating_add(bytes).min(COUNT));
    }

    /// The bytes of the window that ends now.
    pub(crate) fn sum(&self, now: Moment) -> u64 {
        self.0.counts(now).sum()
    }

    /// Bytes a second over the window that ends now.
    pub(crate) fn rate(&self, now: Moment) -> u64 {
        let bytes = u128::from(self.sum(now)) * 1_000_000_000;
        u64::try_from(bytes / self.0.nanos()).unwrap_or(u64::MAX)
    }
}

/// Slices of a window; with NetScaler's 14 seconds, a second each.
const SLICES: usize = 14;

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::clock::Clock;

    #[test]
    fn bytes_count_for_one_window_and_no_longer() {
        let start = Clock::new(Instant::now()).moment(Instant::now());
        let window = Window::new(Duration::from_secs(14));
        for second in 0..14 {
            window.add(100, start.plus(Duration::from_secs(second)));
        }
        assert_eq!(window.sum(start.plus(Duration::from_secs(13))), 1400);
        assert_eq!(window.sum(start.plus(Duration::from_secs(20))), 700);
        assert_eq!(window.sum(start.plus(Duration::from_secs(40))), 0);
    }

    #[test]
    fn a_slice_never_overflows_into_its_neighbour() {
        let start = Clock::new(Instant::now()).moment(Instant::now());
        let window = Window::new(Duration::from_secs(14));
        window.add(u64::MAX, start);
        window.add(u64::MAX, start);
        assert_eq!(window.sum(start), COUNT);
    }
}
