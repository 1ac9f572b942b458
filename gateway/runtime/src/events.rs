//! What happens to a gateway, for whoever follows it: the latest events, numbered, and a bell.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use sekisho_scheduler::Change;
use tokio::sync::watch;

/// Something that has happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its number; each has the next.
    pub number: u64,
    /// When.
    pub at: SystemTime,
    /// What.
    pub what: Happening,
}

/// What has happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Happening {
    /// The health of a server changed, or it was ejected or taken back.
    Health {
        /// Its pool.
        pool: Arc<str>,
        /// The change.
        change: Change,
    },
    /// An operator changed something.
    Operator {
        /// Who: a name, never a secret.
        who: String,
        /// What was done, as the audit log has it.
        what: String,
        /// To what, e.g. `server mail/m1`; never to which user.
        target: String,
    },
    /// Another configuration is in force.
    Reloaded {
        /// Counted from 1.
        epoch: u64,
    },
}

/// The latest events of a process. Whoever tells never waits.
#[derive(Debug)]
pub(crate) struct Events {
    kept: Mutex<VecDeque<Event>>,
    latest: watch::Sender<u64>,
}

impl Events {
    /// Tells everybody who follows.
    pub(crate) fn tell(&self, what: Happening) {
        let mut kept = self.kept.lock();
        let number = *self.latest.borrow() + 1;
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back(Event { number, at: SystemTime::now(), what });
        // Under the lock, so that numbers are told in their order.
        self.latest.send_replace(number);
    }

    /// What came after the event of this number, as far as it is kept.
    pub(crate) fn after(&self, number: u64) -> Vec<Event> {
        self.kept.lock().iter().filter(|event| event.number > number).cloned().collect()
    }

    /// The number of the latest event, now and whenever there is another.
    pub(crate) fn latest(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }
}

impl Default for Events {
    fn default() -> Self {
        Self { kept: Mutex::default(), latest: watch::Sender::new(0) }
    }
}

/// Enough for whoever was away for a moment, however much happened in it.
const KEPT: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_numbered_kept_up_to_a_bound_and_announced() {
        let events = Events::default();
        let latest = events.latest();
        for epoch in 1..=KEPT as u64 + 3 {
            events.tell(Happening::Reloaded { epoch });
        }
        assert_eq!(*latest.borrow(), KEPT as u64 + 3);
        let all = events.after(0);
        assert_eq!((all.len(), all[0].number), (KEPT, 4));
        assert_eq!(events.after(KEPT as u64 + 2).len(), 1);
        assert!(events.after(u64::MAX).is_empty());
    }
}
