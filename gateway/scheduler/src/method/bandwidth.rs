//! The fewest bytes per weight over a sliding window.

use std::time::Duration;

use super::{Mode, Wheel, least};
use crate::field::Field;
use crate::server::ServerState;

/// One of the candidates with the fewest bytes per weight, within [`NEAR`] of each other.
///
/// A server that came up less than a window ago has had no time to show its load: it counts as the least loaded of
/// the others, so that it begins in turn with them instead of getting every client. While all are young nobody is
/// compared, and they take turns.
pub(super) fn bandwidth(field: &Field<'_>, window: Duration, wheel: &Wheel, mode: Mode) -> Option<usize> {
    let now = field.now();
    let young = |server: &ServerState| now.since(server.since()) < window;
    let load = |server: &ServerState, weight: u64| server.recent_bytes(now) as f64 * 1000.0 / weight as f64;
    let floor = field
        .candidates()
        .filter(|(_, server, _)| !young(server))
        .map(|(_, server, weight)| load(server, weight))
        .fold(f64::INFINITY, f64::min);
    let score = |server: &ServerState, weight| match (young(server), floor.is_finite()) {
        (false, _) => load(server, weight),
        (true, true) => load(server, weight).max(floor),
        (true, false) => 0.0,
    };
    least::measured(field, score, NEAR, wheel, mode)
}

/// Loads within 5 % are equal.
const NEAR: f64 = 1.05;
