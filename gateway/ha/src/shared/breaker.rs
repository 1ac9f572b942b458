//! How long a store that failed is left alone.

use std::time::Duration;

/// Doubles with every failure, up to a quarter of a minute; of all gateways, no two come back at once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
}

impl Breaker {
    /// The pause after another failure. `random` is any number.
    pub(super) fn failed(&mut self, random: u32) -> Duration {
        let pause = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        // Between half of it and all of it.
        pause / 2 + pause / 2 * (random % 1024) / 1024
    }

    /// All is well.
    pub(super) fn healed(&mut self) {
        self.failures = 0;
    }
}

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_begin_anew_once_all_is_well() {
        let mut breaker = Breaker::default();
        let longest: Vec<_> = (0..20).map(|_| breaker.failed(1023).as_millis()).collect();
        assert_eq!(longest[..4], [99, 199, 399, 799]);
        assert!(longest[10..].iter().all(|pause| (14_900..=15_000).contains(pause)));
        breaker.healed();
        assert_eq!(breaker.failed(0), FIRST / 2);
    }
}
