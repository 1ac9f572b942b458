//! What became of a server's latest probes, and of its health.

use std::collections::VecDeque;
use std::time::Instant;

use crate::health::{Change, LastProbe};

/// The latest probes and changes of health of a server, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// How probes ended; at most 20.
    pub probes: VecDeque<LastProbe>,
    /// When its health changed; at most 20.
    pub changes: VecDeque<(Instant, Change)>,
}

impl History {
    pub(super) fn probe(&mut self, probe: LastProbe) {
        keep(&mut self.probes, probe);
    }

    pub(super) fn change(&mut self, at: Instant, change: Change) {
        keep(&mut self.changes, (at, change));
    }
}

/// As many as a person reads.
const KEPT: usize = 20;

fn keep<T>(ring: &mut VecDeque<T>, item: T) {
    if ring.len() >= KEPT {
        ring.pop_front();
    }
    ring.push_back(item);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::health::ProbeResult;

    #[test]
    fn only_the_latest_are_kept() {
        let mut history = History::default();
        let began = Instant::now();
        for n in 0..KEPT as u64 + 5 {
            let result = ProbeResult { ok: Ok(()), took: Duration::from_millis(n) };
            history.probe(LastProbe { at: began, result });
        }
        assert_eq!(history.probes.len(), KEPT);
        assert_eq!(history.probes.front().unwrap().result.took, Duration::from_millis(5));
    }
}
