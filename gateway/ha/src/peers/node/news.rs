//! What nodes tell each other now and then: what time it is there, and what their tables hold.
//!
//! It goes with the facts, whose table a HAProxy passes over, as a name behind [`MARK`] and a value.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sekisho_scheduler::Table;

use super::super::terms::MARK;

/// What a table holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) domain: Arc<str>,
    pub(super) entries: u64,
    pub(super) sum: u64,
    /// When something of it changed last, in milliseconds since 1970; 0: nothing has.
    pub(super) changed: u64,
}

/// What another node says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The milliseconds since 1970.
    Clock(u64),
    Table(Held),
}

/// What the tables of this node hold, as it was looked at last.
#[derive(Debug)]
pub(super) struct Holdings {
    held: Vec<Held>,
    /// What they held lately, as far as that is another number: another node tells of a moment that is over.
    before: VecDeque<(Arc<str>, u64)>,
    next: Instant,
}

impl Holdings {
    pub(super) fn new(now: Instant) -> Self {
        Self { held: Vec::new(), before: VecDeque::new(), next: now }
    }

    /// Goes over the tables where it is time to. It never takes more than a hundredth of a processor.
    pub(super) fn look(&mut self, tables: &[Arc<Table>], now: Instant) {
        if now < self.next {
            return;
        }
        let begun = Instant::now();
        let of = |table: &Arc<Table>| {
            let digest = table.digest(now);
            let (domain, changed) =
                (table.name().clone(), table.last_change().map_or(0, |stamp| stamp.millis()));
            Held { domain, entries: digest.entries as u64, sum: digest.sum, changed }
        };
        self.set(tables.iter().map(of).collect());
        self.next = now + EVERY.max(begun.elapsed() * SHARE);
    }

    fn set(&mut self, held: Vec<Held>) {
        for had in std::mem::replace(&mut self.held, held) {
            self.before.push_front((had.domain, had.sum));
        }
        self.before.truncate(self.held.len() * BEFORE);
    }

    /// Whether a table holds what has this digest, or did so a moment ago.
    pub(super) fn had(&self, domain: &str, sum: u64) -> bool {
        let now = self.held.iter().map(|held| (&held.domain, held.sum));
        let before = self.before.iter().map(|(domain, sum)| (domain, *sum));
        now.chain(before).any(|(other, had)| **other == *domain && had == sum)
    }

    /// What there is to tell.
    pub(super) fn words(&self, wall: SystemTime) -> Vec<String> {
        let clock = format!("{CLOCK}={}", millis(wall));
        let table = |held: &Held| {
            let Held { domain, entries, sum, changed } = held;
            format!("{TABLE}{domain}={entries} {sum:x} {changed}")
        };
        std::iter::once(clock)
            .chain(self.held.iter().map(table))
            .map(|word| format!("{MARK}{word}"))
            .collect()
    }
}

/// What another node's words mean; none: a later version may say more.
pub(super) fn read(name: &str, value: &str) -> Option<News> {
    let name = name.strip_prefix(MARK)?;
    if name == CLOCK {
        return value.parse().ok().map(News::Clock);
    }
    let mut numbers = value.split(' ');
    let held = Held {
        domain: name.strip_prefix(TABLE)?.into(),
        entries: numbers.next()?.parse().ok()?,
        sum: u64::from_str_radix(numbers.next()?, 16).ok()?,
        changed: numbers.next()?.parse().ok()?,
    };
    Some(News::Table(held))
}

/// How far the clock of another node is from that of this one, and what was said of it.
#[derive(Debug, Default)]
pub(super) struct Clock {
    apart: Option<i64>,
    said: Option<Instant>,
}

/// What is to be said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Nothing,
    /// They are apart.
    Apart,
    /// They were, and are not any more.
    Together,
}

impl Clock {
    /// The other one shows `theirs`.
    pub(super) fn shows(&mut self, theirs: u64, wall: SystemTime, now: Instant) -> Word {
        let side = |millis: u64| i64::try_from(millis).unwrap_or(i64::MAX);
        let apart = side(theirs).saturating_sub(side(millis(wall)));
        self.apart = Some(apart);
        let tolerated = i64::try_from(TOLERATED.as_millis()).unwrap_or(i64::MAX).unsigned_abs();
        if apart.unsigned_abs() < tolerated {
            // Well below: at the limit itself it would be said with every word.
            let together = self.said.is_some() && apart.unsigned_abs() < tolerated / 2;
            if together {
                self.said = None;
            }
            return if together { Word::Together } else { Word::Nothing };
        }
        if self.said.is_some_and(|said| now.saturating_duration_since(said) < AGAIN) {
            return Word::Nothing;
        }
        self.said = Some(now);
        Word::Apart
    }

    /// The milliseconds by which it is ahead, less what the way of its word took.
    pub(super) fn ahead(&self) -> Option<i64> {
        self.apart
    }

    /// It is not known any more. What was said stays said.
    pub(super) fn forget(&mut self) {
        self.apart = None;
    }
}

fn millis(wall: SystemTime) -> u64 {
    u64::try_from(wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

const CLOCK: &str = "clock";
const TABLE: &str = "table/";
/// How often tables are gone over, and what they hold is told.
pub(super) const EVERY: Duration = Duration::from_secs(5);
/// One part of the time in this many is spent on that at the most.
pub(super) const SHARE: u32 = 100;
/// How many numbers of a table are remembered: those of half a minute.
const BEFORE: usize = 6;
/// How far clocks may be apart before it is said.
const TOLERATED: Duration = Duration::from_secs(60);
/// How often it is said.
const AGAIN: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    fn held(sum: u64) -> Held {
        Held { domain: "default".into(), entries: 7, sum, changed: 1_700_000_000_123 }
    }

    #[test]
    fn what_is_told_is_read_and_what_is_not_understood_is_nothing() {
        let mut holdings = Holdings::new(Instant::now());
        holdings.set(vec![held(u64::MAX)]);
        let words = holdings.words(UNIX_EPOCH + Duration::from_millis(5));
        let read: Vec<_> =
            words.iter().map(|word| word.rsplit_once('=').map(|(name, value)| read(name, value))).collect();
        assert_eq!(read, [Some(Some(News::Clock(5))), Some(Some(News::Table(held(u64::MAX))))]);
        for (name, value) in [("@clock", "x"), ("@table/a", "1 2"), ("@more", "1"), ("secret", "00ff")] {
            assert_eq!(super::read(name, value), None, "{name}");
        }
    }

    #[test]
    fn what_a_table_held_a_moment_ago_counts_and_no_more_than_that() {
        let mut holdings = Holdings::new(Instant::now());
        (0..10).for_each(|sum| holdings.set(vec![held(sum)]));
        let had: Vec<u64> = (0..12).filter(|sum| holdings.had("default", *sum)).collect();
        assert_eq!(had, [3, 4, 5, 6, 7, 8, 9]);
        assert!(!holdings.had("other", 9));
    }

    #[test]
    fn clocks_that_are_apart_are_spoken_of_once_an_hour_and_when_they_agree_again() {
        let (now, wall) = (Instant::now(), UNIX_EPOCH + Duration::from_secs(1_000_000));
        let mut clock = Clock::default();
        assert_eq!(clock.ahead(), None);
        assert_eq!(clock.shows(1_000_030_000, wall, now), Word::Nothing);
        let two_days_ago = 1_000_000_000 - 2 * 86_400_000;
        assert_eq!(clock.shows(two_days_ago, wall, now), Word::Apart);
        assert_eq!(clock.ahead(), Some(-172_800_000));
        assert_eq!(clock.shows(two_days_ago, wall, now + Duration::from_secs(3599)), Word::Nothing);
        assert_eq!(clock.shows(u64::MAX, wall, now + AGAIN), Word::Apart);
        for around_the_limit in [1_000_059_000, 1_000_061_000, 1_000_059_000] {
            assert_eq!(clock.shows(around_the_limit, wall, now + AGAIN), Word::Nothing);
        }
        assert_eq!(clock.shows(1_000_000_000, wall, now + AGAIN), Word::Together);
        assert_eq!(clock.shows(1_000_000_000, wall, now + AGAIN), Word::Nothing);
    }
}
