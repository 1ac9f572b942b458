//! The shortest response time.

use super::{Mode, Wheel, least};
use crate::field::Field;
use crate::server::ServerState;
use crate::spec::{ResponseCombine, ResponseSource};

/// One of the candidates whose score is within [`NEAR`] of the best: measurements scatter, so near-equals take turns.
///
/// A server that was not measured yet counts as the fastest one, and so does, in time, one that was slow: its old
/// measurement fades but never below the fastest, so it joins the rotation and is not flooded.
pub(super) fn shortest(
    field: &Field<'_>,
    source: ResponseSource,
    combine: ResponseCombine,
    wheel: &Wheel,
    mode: Mode,
) -> Option<usize> {
    let now = field.now();
    let fastest = field
        .candidates()
        .filter_map(|(_, server, _)| server.estimate(source, now))
        .fold(f64::INFINITY, f64::min);
    let neutral = if fastest.is_finite() { fastest } else { 0.0 };
    let score = |server: &ServerState, weight| score(field, server, weight, source, combine, neutral);
    least::measured(field, score, NEAR, wheel, mode)
}

/// Time alone, or time × (1 + active) ÷ weight. With the time alone, weights decide among near-equals only: a time
/// does not halve because a server is given twice the share.
pub(super) fn score(
    field: &Field<'_>,
    server: &ServerState,
    weight: u64,
    source: ResponseSource,
    combine: ResponseCombine,
    neutral: f64,
) -> f64 {
    let time = server.estimate(source, field.now()).unwrap_or(neutral).max(neutral).max(FINEST);
    match combine {
        ResponseCombine::None => time,
        ResponseCombine::Active => time * (1.0 + f64::from(server.active())) * 1000.0 / weight.max(1) as f64,
    }
}

/// Scores within 15 % are equal.
const NEAR: f64 = 1.15;
/// Microseconds below which differences are noise.
const FINEST: f64 = 500.0;
