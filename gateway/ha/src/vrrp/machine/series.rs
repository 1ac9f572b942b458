//! When an address is announced, and again.

use std::time::Duration;

use super::words::Moment;

/// Milliseconds after the moment at which an address is taken. Five times in the first second and a bit, five times from the fifth
/// on: the first for speed, the third when the last owner has let go of it (`LINGER`), the fifth
/// because hosts ignore a change of an entry that is younger than a second (Linux's `locktime`), the later ones for
/// switches whose port was not forwarding yet.
const AFTER: [u64; 10] = [0, 20, 200, 500, 1100, 5000, 5020, 5200, 5500, 6100];

/// A second active router is answered with a new series this often at the most: somebody may forge it.
const AGAIN: Duration = Duration::from_secs(1);

/// Announcements to come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Series {
    begun: Moment,
    done: usize,
}

impl Series {
    pub(super) fn new(now: Moment) -> Self {
        Self { begun: now, done: 0 }
    }

    /// Begins again because of a conflict, unless it did so a moment ago.
    pub(super) fn again(&mut self, now: Moment) {
        if now >= self.begun + AGAIN {
            *self = Self::new(now);
        }
    }

    /// When the next is due; none after the last.
    pub(super) fn next(&self) -> Option<Moment> {
        AFTER.get(self.done).map(|after| self.begun + Duration::from_millis(*after))
    }

    /// Whether one is due. Several that are overdue are one.
    pub(super) fn due(&mut self, now: Moment) -> bool {
        let before = self.done;
        while self.next().is_some_and(|next| next <= now) {
            self.done += 1;
        }
        self.done > before
    }
}
