//! Choices of a VIP, with what they were based on, while somebody watches.
//!
//! Nobody watches most of the time, and then a choice costs one look at one flag.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use sekisho_api::{Key, Unavailable, Why};
use sekisho_scheduler::Explanation;

/// A choice that was made.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Its number in its VIP; each that is kept has the next.
    pub number: u64,
    /// When.
    pub at: SystemTime,
    /// The connection's number; 0 for a datagram.
    pub id: u64,
    /// The client.
    pub client: SocketAddr,
    /// What the client is known by; to be compared with, never to be told.
    pub keys: Vec<Key>,
    /// The server and why, or why there was none.
    pub outcome: Result<(Arc<str>, Why), Unavailable>,
    /// How long the client has waited in the pool's queue for that; none: it was not there.
    pub waited: Option<Duration>,
    /// What persistence found, and how the servers stood at that moment; for whoever waited, when that began.
    pub explanation: Explanation,
}

/// The latest choices of a VIP.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    watched: AtomicBool,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Until when somebody watches.
    until: Option<Instant>,
    latest: VecDeque<Decision>,
    number: u64,
    /// When the second began that choices are counted in, and how many of them were kept.
    second: Option<(Instant, u32)>,
}

impl Decisions {
    /// Whether somebody watches: the only thing that is asked for each request.
    pub(crate) fn watched(&self) -> bool {
        self.watched.load(Relaxed)
    }

    /// Whether another choice is kept now: somebody still watches, and this second has room for it.
    pub(crate) fn wanted(&self, now: Instant) -> bool {
        let mut kept = self.kept.lock();
        if kept.until.is_none_or(|until| now >= until) {
            self.watched.store(false, Relaxed);
            *kept = Kept { number: kept.number, ..Kept::default() };
            return false;
        }
        match &mut kept.second {
            Some((began, count)) if now.saturating_duration_since(*began) < SECOND => {
                *count += 1;
                *count <= EACH_SECOND
            }
            second => {
                *second = Some((now, 1));
                true
            }
        }
    }

    /// Keeps a choice; it gets its number here.
    pub(crate) fn keep(&self, mut decision: Decision) {
        decision.explanation.candidates.truncate(CANDIDATES);
        let mut kept = self.kept.lock();
        kept.number += 1;
        decision.number = kept.number;
        if kept.latest.len() >= KEPT {
            kept.latest.pop_front();
        }
        kept.latest.push_back(decision);
    }

    /// The latest choices after this number. From now on, for a minute, choices are kept.
    pub(crate) fn watch(&self, after: u64, now: Instant) -> Vec<Decision> {
        let mut kept = self.kept.lock();
        kept.until = Some(now + ATTENTION);
        self.watched.store(true, Relaxed);
        kept.latest.iter().filter(|decision| decision.number > after).cloned().collect()
    }
}

/// How long choices are kept after somebody looked.
const ATTENTION: Duration = Duration::from_secs(60);
/// More than a person reads; the rest of a second is not looked at closely.
const EACH_SECOND: u32 = 50;
const SECOND: Duration = Duration::from_secs(1);
/// Choices kept.
const KEPT: usize = 256;
/// Servers of a pool that are kept with each.
const CANDIDATES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn decision() -> Decision {
        let explanation = Explanation {
            pool: "web".into(),
            method: "round-robin",
            keys: Vec::new(),
            candidates: Vec::new(),
            chosen: Err(Unavailable::AllDown),
        };
        Decision {
            number: 0,
            at: SystemTime::UNIX_EPOCH,
            id: 1,
            client: "192.0.2.1:5000".parse().unwrap(),
            keys: Vec::new(),
            waited: None,
            outcome: Err(Unavailable::AllDown),
            explanation,
        }
    }

    #[test]
    fn choices_are_kept_only_while_somebody_watches() {
        let (decisions, now) = (Decisions::default(), Instant::now());
        assert!(!decisions.watched());
        assert!(decisions.watch(0, now).is_empty());
        assert!(decisions.watched() && decisions.wanted(now));
        decisions.keep(decision());
        assert_eq!(decisions.watch(0, now).len(), 1);
        assert!(decisions.watch(1, now).is_empty());
        assert!(!decisions.wanted(now + ATTENTION));
        assert!(!decisions.watched());
    }

    #[test]
    fn busy_vip_keeps_no_more_than_its_bounds() {
        let (decisions, now) = (Decisions::default(), Instant::now());
        decisions.watch(0, now);
        let wanted = (0..1000).filter(|_| decisions.wanted(now)).count();
        assert_eq!(wanted, EACH_SECOND as usize);
        assert!(decisions.wanted(now + SECOND));
        (0..KEPT + 10).for_each(|_| decisions.keep(decision()));
        assert_eq!(decisions.watch(0, now).len(), KEPT);
    }
}
