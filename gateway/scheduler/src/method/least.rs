//! The fewest leases per weight.

use std::cmp::Ordering;

use super::Ties;
use crate::field::Field;

/// The candidates with the fewest leases per weight, compared without division.
pub(super) fn connections(field: &Field<'_>) -> Ties {
    let mut ties = Ties::new();
    let mut best: Option<(u64, u64)> = None;
    for (index, server, weight) in field.candidates() {
        let load = (u64::from(server.active()), weight);
        match best.map_or(Ordering::Less, |best| compare(load, best)) {
            Ordering::Less => {
                ties.clear();
                ties.add(index);
                best = Some(load);
            }
            Ordering::Equal => ties.add(index),
            Ordering::Greater => {}
        }
    }
    ties
}

/// Compares `a.0 / a.1` with `b.0 / b.1`.
pub(super) fn compare(a: (u64, u64), b: (u64, u64)) -> Ordering {
    (u128::from(a.0) * u128::from(b.1)).cmp(&(u128::from(b.0) * u128::from(a.1)))
}
