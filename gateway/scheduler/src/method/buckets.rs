//! Tables of slots for who balances by looking up a number: the kernel's packet filter.

use std::sync::Arc;

use super::fill::fill;
use super::random::mix;

/// A server's part of the clients that come now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Its name.
    pub name: Arc<str>,
    /// Its weight, whether it is usable or not.
    pub weight: u32,
    /// Its weight in thousandths while it takes clients that nothing binds to it, less while it warms up; else zero.
    pub open: u64,
}

/// Slots of such a table, a prime: fine enough for ten servers at one in a hundred, and the text of it is read within
/// milliseconds.
pub const BUCKETS: u64 = 1021;

/// For a hash of the client: the place of each slot's server, equal on all nodes with the same names, weights and seed. The
/// slots of a server that is not open go to others by ways of their own; no other slot moves. Empty if none is open.
pub fn hash_buckets(seed: u64, shares: &[Share]) -> Vec<u16> {
    if shares.iter().all(|share| share.open == 0) {
        return Vec::new();
    }
    let names: Vec<&str> = shares.iter().map(|share| &*share.name).collect();
    let weights: Vec<u32> = shares.iter().map(|share| share.weight).collect();
    let homes = fill(seed, &names, &weights, BUCKETS);
    let open = |place: &u16| shares.get(usize::from(*place)).is_some_and(|share| share.open > 0);
    let one = |slot: u64| {
        // The step is never zero and the size is prime, so the way visits every slot.
        let step = 1 + mix(seed ^ slot) % (BUCKETS - 1);
        let way = (0..BUCKETS).map(|i| (slot + i * step) % BUCKETS);
        let found = way.filter_map(|slot| homes.get(slot as usize).copied()).find(&open);
        // Whoever is open has no slot of its own: it has no weight, or there are more servers than slots.
        found.or_else(|| (0..shares.len()).map(|place| place as u16).find(&open)).unwrap_or_default()
    };
    (0..BUCKETS).map(one).collect()
}

/// For a counter that goes round: the place of each slot's server, smoothly in turn by weight. Empty if none is open.
pub fn turn_buckets(shares: &[Share]) -> Vec<u16> {
    let total: u64 = shares.iter().map(|share| share.open).sum();
    let Ok(total) = i64::try_from(total) else { return Vec::new() };
    let mut turns: Vec<(i64, i64)> =
        shares.iter().map(|share| (i64::try_from(share.open).unwrap_or(0), 0)).collect();
    let one = |_| {
        turns.iter_mut().for_each(|(weight, credit)| *credit += *weight);
        let open = turns.iter_mut().enumerate().filter(|(_, (weight, _))| *weight > 0);
        let (place, (_, credit)) = open.reduce(|best, next| if next.1.1 > best.1.1 { next } else { best })?;
        *credit -= total;
        u16::try_from(place).ok()
    };
    (0..BUCKETS).map_while(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(open: &[(u32, u64)]) -> Vec<Share> {
        let one = |(place, (weight, open)): (usize, &(u32, u64))| Share {
            name: format!("s{place}").into(),
            weight: *weight,
            open: *open,
        };
        open.iter().enumerate().map(one).collect()
    }

    fn count(slots: &[u16], place: u16) -> usize {
        slots.iter().filter(|slot| **slot == place).count()
    }

    #[test]
    fn slots_are_shared_by_weight() {
        let shares = shares(&[(1, 1000), (2, 2000), (1, 1000)]);
        for slots in [hash_buckets(7, &shares), turn_buckets(&shares)] {
            assert_eq!(slots.len() as u64, BUCKETS);
            assert!(count(&slots, 1).abs_diff(510) < 3 && count(&slots, 0).abs_diff(255) < 3, "{slots:?}");
        }
    }

    #[test]
    fn turns_of_equal_servers_alternate() {
        assert_eq!(turn_buckets(&shares(&[(1, 1000), (1, 1000), (1, 1000)]))[..6], [0, 1, 2, 0, 1, 2]);
        assert_eq!(turn_buckets(&shares(&[(2, 2000), (1, 0), (1, 1000)]))[..6], [0, 2, 0, 0, 2, 0]);
    }

    #[test]
    fn clients_of_a_server_that_went_are_spread_and_nobody_else_moves() {
        let all = hash_buckets(7, &shares(&[(1, 1000); 4]));
        let without = hash_buckets(7, &shares(&[(1, 1000), (1, 0), (1, 1000), (1, 1000)]));
        let moved = all.iter().zip(&without).filter(|(before, after)| before != after);
        assert!(moved.clone().all(|(before, _)| *before == 1));
        for place in [0, 2, 3] {
            let gained = moved.clone().filter(|(_, after)| **after == place).count();
            assert!((60..=115).contains(&gained), "{place}: {gained}");
        }
        assert_eq!(
            hash_buckets(7, &shares(&[(1, 1000); 4])),
            all,
            "a server that comes back has its clients back"
        );
    }

    #[test]
    fn order_of_the_configuration_changes_nothing() {
        let mut shares = shares(&[(1, 1000), (3, 3000), (2, 2000)]);
        let names = |shares: &[Share]| -> Vec<Arc<str>> {
            let slots = hash_buckets(7, shares);
            slots.iter().map(|slot| shares[usize::from(*slot)].name.clone()).collect()
        };
        let before = names(&shares);
        shares.reverse();
        assert_eq!(names(&shares), before);
    }

    #[test]
    fn without_an_open_server_there_is_no_slot_and_without_weight_one_serves() {
        assert!(hash_buckets(7, &shares(&[(1, 0), (1, 0)])).is_empty());
        assert!(turn_buckets(&shares(&[(1, 0), (1, 0)])).is_empty());
        // The last resort uses servers of weight zero.
        assert_eq!(count(&hash_buckets(7, &shares(&[(0, 0), (0, 1)])), 1) as u64, BUCKETS);
    }
}
