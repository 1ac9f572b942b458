//! Moments that come in the order in which they were entered.

use std::collections::VecDeque;
use std::time::Instant;

use super::slab::Key;

/// Keys with a moment each, in order: equal waits need no heap and no timer of their own.
#[derive(Debug, Default)]
pub(super) struct Fifo(VecDeque<(Key, Instant)>);

impl Fifo {
    /// Enters a key; `at` is not before that of the last one.
    pub(super) fn push(&mut self, key: Key, at: Instant) {
        self.0.push_back((key, at));
    }

    /// Takes the first key whose moment is not after `until`. Those that are `gone` are forgotten on the way, so
    /// that the line is about as long as what is under way.
    pub(super) fn due(&mut self, until: Instant, gone: impl Fn(Key) -> bool) -> Option<Key> {
        while let Some(&(key, at)) = self.0.front() {
            let gone = gone(key);
            if !gone && at > until {
                return None;
            }
            self.0.pop_front();
            if !gone {
                return Some(key);
            }
        }
        None
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::slab::Slab;
    use super::*;

    #[test]
    fn keys_come_due_in_order_and_those_that_are_gone_are_forgotten() {
        let (mut slab, mut fifo, start) = (Slab::default(), Fifo::default(), Instant::now());
        let keys: Vec<Key> = (0..4).map(|number| slab.insert(number)).collect();
        for (&key, after) in keys.iter().zip([1, 2, 3, 9]) {
            fifo.push(key, start + Duration::from_secs(after));
        }
        slab.remove(keys[0]);
        slab.remove(keys[2]);
        let mut due = |after| fifo.due(start + Duration::from_secs(after), |key| slab.get(key).is_none());
        assert_eq!(due(1), None);
        assert_eq!(due(5), Some(keys[1]));
        assert_eq!(due(5), None);
        assert_eq!(due(9), Some(keys[3]));
        assert!(fifo.is_empty());
    }
}
