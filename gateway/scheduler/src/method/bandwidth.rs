//! The fewest bytes per weight over a sliding window.

use std::time::Duration;

use super::Ties;
use crate::field::Field;

/// The candidates with the fewest bytes per weight, within [`NEAR`] of each other.
///
/// A server that came up less than a window ago has had no time to show its load: it counts as the least loaded of
/// the others, so that it begins in turn with them instead of getting every client.
pub(super) fn least(field: &Field<'_>, window: Duration) -> Ties {
    let now = field.now();
    let young = |since| now.since(since) < window;
    let rate = |bytes: u64, weight: u64| bytes as f64 * 1000.0 / weight as f64;
    let floor = field
        .candidates()
        .filter(|(_, server, _)| !young(server.since()))
        .map(|(_, server, weight)| rate(server.recent_bytes(now), weight))
        .fold(f64::INFINITY, f64::min);
    let scores = || {
        field.candidates().map(|(index, server, weight)| {
            if !young(server.since()) {
                return (index, rate(server.recent_bytes(now), weight));
            }
            // While all are young nobody is compared: they take turns.
            let own = if floor.is_finite() { rate(server.recent_bytes(now), weight).max(floor) } else { 0.0 };
            (index, own)
        })
    };
    let best = scores().fold(f64::INFINITY, |best, (_, score)| best.min(score));
    let mut ties = Ties::new();
    for (index, _) in scores().filter(|&(_, score)| score <= best * NEAR) {
        ties.add(index);
    }
    ties
}

/// Loads within 5 % are equal.
const NEAR: f64 = 1.05;
