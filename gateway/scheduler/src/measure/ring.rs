//! The last so many seconds in slices, each of them one atomic.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::clock::Moment;

/// What was counted in the last so many seconds, as a ring of slices that are overwritten when their time comes again.
///
/// A slice is one atomic: the upper 20 bits say which turn of time it counts, the lower 44 are the count's own.
#[derive(Debug)]
pub(super) struct Ring<const SLICES: usize> {
    slice_nanos: AtomicU64,
    slices: [AtomicU64; SLICES],
}

impl<const SLICES: usize> Ring<SLICES> {
    pub(super) fn new(window: Duration) -> Self {
        let this = Self { slice_nanos: AtomicU64::new(1), slices: [const { AtomicU64::new(0) }; SLICES] };
        this.resize(window);
        this
    }

    /// Changes the window's length, which forgets what was counted.
    pub(super) fn resize(&self, window: Duration) {
        let slice = u64::try_from(window.as_nanos()).unwrap_or(u64::MAX) / SLICES as u64;
        if self.slice_nanos.swap(slice.max(1), Relaxed) != slice.max(1) {
            self.forget();
        }
    }

    /// Forgets what was counted.
    pub(super) fn forget(&self) {
        self.slices.iter().for_each(|slice| slice.store(0, Relaxed));
    }

    /// Changes the count of the slice of now, which begins at zero; more than [`COUNT`] is cut off.
    pub(super) fn count(&self, now: Moment, change: impl Fn(u64) -> u64) {
        let turn = self.turn(now);
        let Some(slice) = self.slices.get((turn % SLICES as u64) as usize) else { return };
        let tag = turn << COUNT_BITS;
        // The closure always answers Some, so the update cannot fail.
        let _ = slice.fetch_update(Relaxed, Relaxed, |packed| {
            let so_far = if packed & !COUNT == tag { packed & COUNT } else { 0 };
            Some(tag | change(so_far) & COUNT)
        });
    }

    /// The counts of the window that ends now.
    pub(super) fn counts(&self, now: Moment) -> impl Iterator<Item = u64> + '_ {
        let last = self.turn(now);
        let first = last.saturating_sub(SLICES as u64 - 1);
        (first..=last).filter_map(|turn| {
            let packed = self.slices.get((turn % SLICES as u64) as usize)?.load(Relaxed);
            (packed & !COUNT == turn << COUNT_BITS).then_some(packed & COUNT)
        })
    }

    /// The window's length in nanoseconds.
    pub(super) fn nanos(&self) -> u128 {
        u128::from(self.slice_nanos.load(Relaxed).max(1)) * SLICES as u128
    }

    fn turn(&self, now: Moment) -> u64 {
        now.get() / self.slice_nanos.load(Relaxed).max(1)
    }
}

/// Bits of a slice's count, and the most that they hold.
pub(super) const COUNT_BITS: u32 = 44;
pub(super) const COUNT: u64 = (1 << COUNT_BITS) - 1;
