//! How many second servers may be asked.

use std::cell::Cell;

/// One repetition for every ten queries, at most a hundred in a row: a server that turns slow must not double the load
/// of the others.
#[derive(Debug)]
pub(crate) struct Budget(Cell<u32>);

impl Budget {
    /// A query was asked.
    pub(crate) fn earn(&self) {
        self.0.set((self.0.get() + 1).min(MOST));
    }

    /// Whether another one may be repeated.
    pub(crate) fn left(&self) -> bool {
        self.0.get() >= PRICE
    }

    /// It was.
    pub(crate) fn spend(&self) {
        self.0.set(self.0.get().saturating_sub(PRICE));
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(MOST))
    }
}

const PRICE: u32 = 10;
const MOST: u32 = 100 * PRICE;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_ten_queries_is_repeated_and_a_hundred_in_a_row() {
        let budget = Budget::default();
        let spend = || (0..10_000).take_while(|_| budget.left()).inspect(|_| budget.spend()).count();
        assert_eq!(spend(), 100);
        (0..95).for_each(|_| budget.earn());
        assert_eq!(spend(), 9);
        (0..100_000).for_each(|_| budget.earn());
        assert_eq!(spend(), 100);
    }
}
