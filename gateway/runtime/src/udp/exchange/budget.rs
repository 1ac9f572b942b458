//! How many requests may be asked twice.

/// What one repeated request costs, in what each request earns: one in ten.
const PRICE: u32 = 10;

/// A site without traffic may repeat as many at once, and one more each second.
const FLOOR: u32 = 200 * PRICE;

/// What a busy site saves for the moment when a server falls silent.
const MOST: u32 = 8192 * PRICE;

/// A bucket of tokens: a tenth of all requests may be repeated, so that slow servers are not buried in repetitions.
#[derive(Debug)]
pub(super) struct Budget(u32);

impl Default for Budget {
    fn default() -> Self {
        Self(FLOOR)
    }
}

impl Budget {
    /// A request was taken.
    pub(super) fn earn(&mut self) {
        self.0 = (self.0 + 1).min(MOST);
    }

    /// A tenth of a second went by.
    pub(super) fn tick(&mut self) {
        if self.0 < FLOOR {
            self.0 += PRICE / 10;
        }
    }

    /// The repetition that was paid for could not be made.
    pub(super) fn refund(&mut self) {
        self.0 += PRICE;
    }

    /// Takes what a repetition costs, if it is there.
    pub(super) fn spend(&mut self) -> bool {
        let left = self.0.checked_sub(PRICE);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenth_of_the_requests_may_be_repeated_beyond_what_was_saved() {
        let mut budget = Budget::default();
        let mut spent = || (0..10_000).filter(|_| budget.spend()).count();
        assert_eq!(spent(), 200);
        assert_eq!(spent(), 0);
        (0..1000).for_each(|_| budget.earn());
        assert_eq!((0..1000).filter(|_| budget.spend()).count(), 100);
        (0..1_000_000).for_each(|_| budget.earn());
        assert_eq!((0..10_000).filter(|_| budget.spend()).count(), 8192);
    }

    #[test]
    fn quiet_site_gets_one_repetition_a_second() {
        let mut budget = Budget::default();
        while budget.spend() {}
        (0..10).for_each(|_| budget.tick());
        assert!(budget.spend() && !budget.spend());
    }
}
