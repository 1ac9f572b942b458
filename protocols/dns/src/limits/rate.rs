//! A rate for every network: the generic cell rate algorithm over a table of a fixed size.
//!
//! Each network has one number, the time at which it will have paid for what it asked (its *theoretical arrival
//! time*). A query costs one interval and passes if the network is then not more than its burst in debt. That is a
//! token bucket without a tick: 8 bytes a network, no lock, nothing to sweep.

use std::hash::Hasher;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use sekisho_api::settings::Section;
use siphasher::sip::SipHasher13;

use super::Excess;
use crate::prefix::Prefixes;

/// The rate of one VIP's clients.
#[derive(Debug)]
pub(crate) struct Rate {
    pub(super) excess: Excess,
    prefixes: Prefixes,
    /// What a query costs, in [`UNIT`]s.
    interval: u64,
    /// How far in debt a network may be, in [`UNIT`]s.
    limit: u64,
    seed: (u64, u64),
    epoch: Instant,
    /// In sets of [`WAYS`]; each is empty (0) or a network's tag above its time.
    slots: Box<[AtomicU64]>,
}

impl Rate {
    /// Reads `rate`; none where it is not written.
    pub(super) fn read(section: &mut Section<'_>, seed: (u64, u64)) -> Option<Self> {
        let mut table = section.table("rate")?;
        if !table.has("per-second") {
            table.missing("per-second", "write how many queries a second a network may ask");
        }
        let per_second = table.integer("per-second", 1, 1..=MOST_PER_SECOND);
        let burst = table.integer("burst", per_second.saturating_mul(2).min(MOST_BURST), 1..=MOST_BURST);
        let words = [("drop", Excess::Drop), ("truncate", Excess::Truncate), ("refuse", Excess::Refuse)];
        let excess = table.word("excess", &words).unwrap_or(Excess::Drop);
        let prefixes =
            Prefixes::read_as(&mut table, ["ipv4-prefix", "ipv6-prefix"], Prefixes { v4: 32, v6: 64 });
        table.finish();
        Some(Self::new(per_second, burst, excess, prefixes, seed))
    }

    fn new(per_second: u64, burst: u64, excess: Excess, prefixes: Prefixes, seed: (u64, u64)) -> Self {
        let interval = (UNITS_PER_SECOND / per_second).max(1);
        let limit = interval.saturating_mul(burst).min(TIME >> 1);
        let slots = (0..SLOTS).map(|_| AtomicU64::new(0)).collect();
        Self { excess, prefixes, interval, limit, seed, epoch: Instant::now(), slots }
    }

    /// Counts one query of `client`; whether it is within the rate.
    pub(super) fn pass(&self, client: IpAddr, now: Instant) -> bool {
        let hash = self.hash(client);
        // Never 0, so that no slot in use looks empty.
        let tag = hash >> TIME_BITS << TIME_BITS | 1 << TIME_BITS;
        let first = (hash as usize % (SLOTS / WAYS)) * WAYS;
        let Some(set) = self.slots.get(first..first + WAYS) else { return true };
        let since = now.saturating_duration_since(self.epoch).as_nanos() as u64;
        let now = (since / UNIT) & TIME;
        // Several workers may meet in a slot; who loses the race a few times passes uncounted.
        for _ in 0..RACES {
            let Some((slot, seen, debt)) = self.slot(set, tag, now) else { return true };
            let debt = debt + self.interval;
            if debt > self.limit {
                return false;
            }
            let next = tag | (now + debt) & TIME;
            if slot.compare_exchange_weak(seen, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return true;
            }
        }
        true
    }

    /// The network's slot in its set with its debt, or the slot of whoever owes least, who is forgotten.
    fn slot<'s>(&self, set: &'s [AtomicU64], tag: u64, now: u64) -> Option<(&'s AtomicU64, u64, u64)> {
        let mut least: Option<(&AtomicU64, u64, u64)> = None;
        for slot in set {
            let seen = slot.load(Ordering::Relaxed);
            let debt = self.debt(seen, now);
            if seen & !TIME == tag {
                return Some((slot, seen, debt));
            }
            if least.is_none_or(|(_, _, known)| debt < known) {
                least = Some((slot, seen, debt));
            }
        }
        least.map(|(slot, seen, _)| (slot, seen, 0))
    }

    /// What is still owed. The clock of the slots goes round: a time further ahead than anybody can owe is past. A worker
    /// whose clock is a little behind another's finds a full debt greater than it can be.
    fn debt(&self, seen: u64, now: u64) -> u64 {
        let ahead = (seen & TIME).wrapping_sub(now) & TIME;
        if seen == 0 || ahead > self.limit + SKEW { 0 } else { ahead }
    }

    fn hash(&self, client: IpAddr) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.seed.0, self.seed.1);
        match self.prefixes.of(client) {
            IpAddr::V4(v4) => hasher.write(&v4.octets()),
            IpAddr::V6(v6) => hasher.write(&v6.octets()),
        }
        hasher.finish()
    }
}

/// Networks that are known at once: 512 KiB a VIP.
const SLOTS: usize = 1 << 16;
/// A network stands in one of these many slots.
const WAYS: usize = 4;
const RACES: usize = 4;
/// Bits of a slot that tell the time; the others are the network's tag.
const TIME_BITS: u32 = 44;
const TIME: u64 = (1 << TIME_BITS) - 1;
/// Nanoseconds of a unit of time: the clock goes round in 13 days.
const UNIT: u64 = 64;
const UNITS_PER_SECOND: u64 = 1_000_000_000 / UNIT;
/// The clocks of two workers differ by what passes between reading one and using it.
const SKEW: u64 = UNITS_PER_SECOND;
/// Beyond this an interval is too few units to mean anything.
const MOST_PER_SECOND: u64 = 1_000_000;
/// At the lowest rate 28 hours, a fraction of the clock's round.
const MOST_BURST: u64 = 100_000;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn rate(per_second: u64, burst: u64) -> Rate {
        Rate::new(per_second, burst, Excess::Drop, Prefixes { v4: 24, v6: 64 }, (1, 2))
    }

    #[test]
    fn burst_passes_then_the_rate_and_other_networks_are_not_hurt() {
        let rate = rate(10, 5);
        let (one, same) = ("192.0.2.1".parse().unwrap(), "192.0.2.200".parse().unwrap());
        let begin = rate.epoch;
        assert_eq!((0..20).filter(|_| rate.pass(one, begin)).count(), 5);
        assert!(!rate.pass(same, begin));
        for number in 0..1000_u32 {
            assert!(rate.pass(IpAddr::V4((0x0a00_0000 + (number << 8)).into()), begin), "{number}");
        }
        let mut passed = 0;
        for tenth in 1..=1000_u64 {
            passed += usize::from(rate.pass(one, begin + Duration::from_millis(tenth * 10)));
        }
        assert!((99..=101).contains(&passed), "{passed} in ten seconds");
    }

    #[test]
    fn network_that_was_silent_has_its_whole_burst_again_however_long_ago_it_asked() {
        let rate = rate(1, 100);
        let client = "2001:db8::1".parse().unwrap();
        let mut now = rate.epoch;
        // Rounds of the slots' clock are included.
        for pause in [0, 100, 86_400, 13 * 86_400, 14 * 86_400 + 4711, 400 * 86_400] {
            now += Duration::from_secs(pause);
            assert_eq!((0..300).filter(|_| rate.pass(client, now)).count(), 100, "after {pause} s");
        }
    }

    #[test]
    fn worker_whose_clock_is_behind_does_not_forget_a_full_debt() {
        let rate = rate(10, 5);
        let client = "192.0.2.1".parse().unwrap();
        let now = rate.epoch + Duration::from_secs(10);
        assert_eq!((0..9).filter(|_| rate.pass(client, now)).count(), 5);
        for behind in [1, 1000, 50_000_000] {
            assert!(!rate.pass(client, now - Duration::from_nanos(behind)), "{behind} ns behind");
        }
    }

    #[test]
    fn more_networks_than_slots_evict_those_that_owe_least() {
        let rate = rate(1, 1000);
        let heavy = "198.51.100.1".parse().unwrap();
        assert_eq!((0..1001).filter(|_| rate.pass(heavy, rate.epoch)).count(), 1000);
        for number in 0..200_000_u32 {
            rate.pass(IpAddr::V4((0x0a00_0000 + (number << 8)).into()), rate.epoch);
        }
        assert!(!rate.pass(heavy, rate.epoch));
    }
}
