//! Bytes over a sliding window.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::clock::Moment;

/// Bytes in the last so many seconds, both ways together, as a ring of slices.
///
/// A slice is one atomic: the upper 20 bits say which turn of time it counts, the lower 44 its bytes (17 TB).
#[derive(Debug)]
pub(crate) struct Window {
    slice_nanos: AtomicU64,
    slices: [AtomicU64; SLICES],
}

impl Window {
    pub(crate) fn new(window: Duration) -> Self {
        let this = Self { slice_nanos: AtomicU64::new(1), slices: Default::default() };
        this.resize(window);
        this
    }

    /// Changes the window's length, which forgets what it counted.
    pub(crate) fn resize(&self, window: Duration) {
        let slice = u64::try_from(window.as_nanos()).unwrap_or(u64::MAX) / SLICES as u64;
        if self.slice_nanos.swap(slice.max(1), Relaxed) != slice.max(1) {
            self.slices.iter().for_each(|slice| slice.store(0, Relaxed));
        }
    }

    /// Counts bytes.
    pub(crate) fn add(&self, bytes: u64, now: Moment) {
        let turn = self.turn(now);
        let Some(slice) = self.slices.get((turn % SLICES as u64) as usize) else { return };
        let tag = tag(turn);
        // The closure always answers Some, so the update cannot fail.
        let _ = slice.fetch_update(Relaxed, Relaxed, |packed| {
            let so_far = if packed & !BYTES == tag { packed & BYTES } else { 0 };
            Some(tag | so_far.saturating_add(bytes).min(BYTES))
        });
    }

    /// The bytes of the window that ends now.
    pub(crate) fn sum(&self, now: Moment) -> u64 {
        let last = self.turn(now);
        let first = last.saturating_sub(SLICES as u64 - 1);
        (first..=last)
            .filter_map(|turn| {
                let packed = self.slices.get((turn % SLICES as u64) as usize)?.load(Relaxed);
                (packed & !BYTES == tag(turn)).then_some(packed & BYTES)
            })
            .sum()
    }

    /// Bytes a second over the window that ends now.
    pub(crate) fn rate(&self, now: Moment) -> u64 {
        let window = u128::from(self.slice_nanos.load(Relaxed).max(1)) * SLICES as u128;
        u64::try_from(u128::from(self.sum(now)) * 1_000_000_000 / window).unwrap_or(u64::MAX)
    }

    fn turn(&self, now: Moment) -> u64 {
        now.get() / self.slice_nanos.load(Relaxed).max(1)
    }
}

/// Slices of a window; with NetScaler's 14 seconds, a second each.
const SLICES: usize = 14;
/// The part of a slice that counts bytes.
const BYTES: u64 = (1 << 44) - 1;

fn tag(turn: u64) -> u64 {
    turn << 44
}

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
        assert_eq!(window.sum(start), BYTES);
    }
}
