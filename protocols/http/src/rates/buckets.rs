//! How often each key may ask: the generic cell rate algorithm over a table of a fixed size.
//!
//! A key has one number, the time at which it will have paid for what it asked (its *theoretical arrival time*). A request
//! costs one interval, and passes if the key is then not more than its burst in debt: a token bucket of 8 bytes, without a
//! lock and without a tick. All workers share the table, so that a rate is what it says over all of them.
//!
//! Keys stand in sets of a few slots. Where a set is full, whoever owes least is forgotten: nobody gets rid of a debt by
//! asking under many names, unless each of those names owes more. Which keys meet in a set is the process's secret.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use siphasher::sip::SipHasher13;

use super::rate::Rate;

/// The buckets of one limit.
#[derive(Debug)]
pub(crate) struct Buckets {
    /// [`INTERVAL`]s of a nanosecond, times the units of one.
    per_nano: f64,
    /// How far in debt a key may be, in units.
    limit: u64,
    /// How far the clocks of two workers may be apart, in units.
    skew: u64,
    seed: (u64, u64),
    epoch: Instant,
    /// In sets of [`WAYS`]; each is empty (0), or a key's tag above its time.
    slots: Box<[AtomicU64]>,
    /// Requests beyond the rate.
    excess: AtomicU64,
    /// Keys that were forgotten while they owed something.
    evicted: AtomicU64,
}

impl Buckets {
    /// Full ones for `keys` keys, a little more or less.
    pub(super) fn new(rate: Rate, keys: usize, epoch: Instant) -> Self {
        let random = RandomState::new();
        let per_nano = rate.count as f64 * INTERVAL as f64 / rate.period.as_nanos() as f64;
        let sets = keys.div_ceil(WAYS).max(1);
        Self {
            per_nano,
            limit: rate.burst.saturating_mul(INTERVAL).min(TIME >> 2),
            skew: ((SKEW.as_nanos() as f64 * per_nano) as u64).min(TIME >> 2),
            seed: (random.hash_one(0_u8), random.hash_one(1_u8)),
            epoch,
            slots: (0..sets * WAYS).map(|_| AtomicU64::new(0)).collect(),
            excess: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
        }
    }

    /// A hasher that is a secret of the process.
    pub(super) fn hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.seed.0, self.seed.1)
    }

    /// Requests beyond the rate, and keys forgotten while they owed something.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.excess.load(Ordering::Relaxed), self.evicted.load(Ordering::Relaxed))
    }

    /// Counts one request of the key that was hashed.
    ///
    /// # Errors
    /// It is beyond the rate: how long until one is not. It costs nothing.
    pub(super) fn take(&self, key: &SipHasher13, now: Instant) -> Result<(), Duration> {
        let hash = key.finish();
        // Never 0, so that no slot in use looks empty.
        let tag = hash >> TIME_BITS << TIME_BITS | 1 << TIME_BITS;
        let sets = self.slots.len() / WAYS;
        let first = (hash as u32 as usize).checked_rem(sets).unwrap_or(0) * WAYS;
        let Some(set) = self.slots.get(first..first + WAYS) else { return Ok(()) };
        let now = self.units(now.saturating_duration_since(self.epoch));
        // Who loses a race has seen another worker's request counted: some worker gets on.
        loop {
            let Some(Found { slot, seen, debt, owed }) = self.find(set, tag, now) else { return Ok(()) };
            let due = debt + INTERVAL;
            if due > self.limit {
                self.excess.fetch_add(1, Ordering::Relaxed);
                return Err(Duration::from_nanos(((due - self.limit) as f64 / self.per_nano) as u64));
            }
            let next = tag | (now + due) & TIME;
            if slot.compare_exchange_weak(seen, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                if owed {
                    self.evicted.fetch_add(1, Ordering::Relaxed);
                }
                return Ok(());
            }
        }
    }

    /// The key's slot in its set, or the slot of whoever owes least.
    fn find<'s>(&self, set: &'s [AtomicU64], tag: u64, now: u64) -> Option<Found<'s>> {
        let mut least: Option<Found<'_>> = None;
        for slot in set {
            let seen = slot.load(Ordering::Relaxed);
            let debt = self.debt(seen, now);
            if seen & !TIME == tag {
                return Some(Found { slot, seen, debt, owed: false });
            }
            if least.as_ref().is_none_or(|least| debt < least.debt) {
                least = Some(Found { slot, seen, debt, owed: debt > 0 });
            }
        }
        least.map(|least| Found { debt: 0, ..least })
    }

    /// What is still owed. The clock of the slots goes round: a time further ahead than anybody can owe is past. A worker
    /// whose clock is a little behind another's finds a full debt greater than it can be.
    fn debt(&self, seen: u64, now: u64) -> u64 {
        let ahead = (seen & TIME).wrapping_sub(now) & TIME;
        if seen == 0 || ahead > self.limit + self.skew { 0 } else { ahead }
    }

    fn units(&self, since: Duration) -> u64 {
        (since.as_nanos() as f64 * self.per_nano) as u64 & TIME
    }
}

/// A slot for a key.
struct Found<'s> {
    slot: &'s AtomicU64,
    seen: u64,
    /// What the key owes.
    debt: u64,
    /// Another key stands there, and owes something.
    owed: bool,
}

/// A key stands in one of these many slots: one line of the processor's cache.
const WAYS: usize = 8;
/// Bits of a slot that tell the time; the others are the key's tag.
const TIME_BITS: u32 = 40;
const TIME: u64 = (1 << TIME_BITS) - 1;
/// Units of time between two requests at the rate. The clock goes round in 2^30 of them: months at a hundred a second,
/// a quarter of an hour at a million.
const INTERVAL: u64 = 1 << 10;
/// The clocks of two workers differ by what passes between reading one and using it.
const SKEW: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(text: &str, burst: u64) -> Rate {
        Rate { burst, ..text.parse().unwrap() }
    }

    fn buckets(text: &str, burst: u64, keys: usize) -> Buckets {
        Buckets::new(rate(text, burst), keys, Instant::now())
    }

    fn take(buckets: &Buckets, key: u64, now: Instant) -> Result<(), Duration> {
        let mut hasher = buckets.hasher();
        hasher.write_u64(key);
        buckets.take(&hasher, now)
    }

    /// A token bucket in whole numbers: a token is as large as the period is long, and each nanosecond brings `count`.
    struct Model {
        rate: Rate,
        level: u128,
        last: u128,
    }

    impl Model {
        fn full(rate: Rate) -> Self {
            Self { rate, level: u128::from(rate.burst) * rate.period.as_nanos(), last: 0 }
        }

        /// The level after waiting, and a token's size.
        fn look(&mut self, now: u128) -> (u128, u128) {
            let token = self.rate.period.as_nanos();
            let full = u128::from(self.rate.burst) * token;
            self.level = full.min(self.level + (now - self.last) * u128::from(self.rate.count));
            self.last = now;
            (self.level, token)
        }
    }

    #[test]
    fn every_sequence_of_requests_passes_as_a_token_bucket_has_it() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        for round in 0..200 {
            let count = 1 + next(2000);
            let unit = ["s", "m", "h"][next(3) as usize];
            let burst = 1 + next(50);
            let buckets = buckets(&format!("{count}/{unit}"), burst, 8);
            let mut model = Model::full(rate(&format!("{count}/{unit}"), burst));
            let mean = model.rate.period.as_nanos() as u64 / count;
            let mut now = 0_u64;
            for step in 0..400 {
                let pause = if next(50) == 0 { mean * 3 * burst } else { mean + 1 };
                now += match next(4) {
                    0 => 0,
                    1 => next(mean / 10 + 2),
                    2 => next(mean * 2),
                    _ => next(pause),
                };
                let passed = take(&buckets, 7, buckets.epoch + Duration::from_nanos(now)).is_ok();
                let (level, token) = model.look(now.into());
                // What the slots' clock rounds off may decide where the model is that near to a token.
                let near = token.abs_diff(level) <= token * 4 / u128::from(INTERVAL);
                let what = format!("round {round}, step {step}: {count}/{unit}, burst {burst}");
                assert!(near || passed == (level >= token), "{what}: {level} of {token}, passed {passed}");
                if passed {
                    model.level = level.saturating_sub(token);
                }
            }
        }
    }

    #[test]
    fn burst_passes_then_the_rate_and_the_wait_is_told() {
        let buckets = buckets("10/s", 5, 1024);
        let at = |ms: u64| buckets.epoch + Duration::from_millis(ms);
        assert_eq!((0..20).filter(|_| take(&buckets, 1, at(0)).is_ok()).count(), 5);
        let wait = take(&buckets, 1, at(0)).unwrap_err();
        assert!((99..=100).contains(&wait.as_millis()), "{wait:?}");
        assert!(take(&buckets, 2, at(0)).is_ok(), "another key is not hurt");
        let passed = (1..=1000).filter(|tenth| take(&buckets, 1, at(tenth * 10)).is_ok()).count();
        assert!((99..=101).contains(&passed), "{passed} in ten seconds");
        assert_eq!(buckets.counts(), (16 + 1000 - passed as u64, 0));
    }

    #[test]
    fn key_that_was_silent_has_its_whole_burst_again_however_long_ago_it_asked() {
        for rate in ["1/s", "1/h", "1000/s", "1000000/s"] {
            let buckets = buckets(rate, 100, 8);
            let mut now = buckets.epoch;
            for pause in [0, 360_000, 86_400 * 5, 13 * 86_400, 124 * 86_400 + 4711, 4000 * 86_400] {
                now += Duration::from_secs(pause);
                let passed = (0..300).filter(|_| take(&buckets, 1, now).is_ok()).count();
                assert_eq!(passed, 100, "{rate} after {pause} s");
            }
        }
    }

    #[test]
    fn worker_whose_clock_is_behind_does_not_forget_a_full_debt() {
        for rate in ["10/s", "1000000/s"] {
            let buckets = buckets(rate, 5, 8);
            let now = buckets.epoch + Duration::from_secs(10);
            assert_eq!((0..9).filter(|_| take(&buckets, 1, now).is_ok()).count(), 5);
            for behind in [1, 1000, 50_000_000] {
                let behind = Duration::from_nanos(behind);
                assert!(take(&buckets, 1, now - behind).is_err(), "{rate}, {behind:?} behind");
            }
        }
    }

    #[test]
    fn more_keys_than_slots_do_not_free_one_that_owes_much() {
        let buckets = buckets("1/s", 1000, 4096);
        let heavy = 0;
        assert_eq!((0..1001).filter(|_| take(&buckets, heavy, buckets.epoch).is_ok()).count(), 1000);
        for key in 1..200_000 {
            assert!(take(&buckets, key, buckets.epoch).is_ok());
        }
        assert!(take(&buckets, heavy, buckets.epoch).is_err());
        assert!(buckets.counts().1 > 100_000, "what was forgotten is counted");
    }

    #[test]
    fn threads_share_one_bucket_and_none_passes_uncounted() {
        let buckets = buckets("1000000/h", 5000, 8);
        let begin = Instant::now();
        let passed: usize = std::thread::scope(|scope| {
            let run = || (0..20_000).filter(|_| take(&buckets, 1, Instant::now()).is_ok()).count();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(run)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        let most = 5000 + (begin.elapsed().as_secs_f64() * 1e6 / 3600.0) as usize + 1;
        assert!((5000..=most).contains(&passed), "{passed} of {most}");
    }
}
