//! The shortest response time.

use super::Ties;
use crate::field::Field;
use crate::server::ServerState;
use crate::spec::{ResponseCombine, ResponseSource};

/// The candidates whose score is within [`NEAR`] of the best: near-equals take turns, as measurements scatter.
///
/// A server that was not measured yet counts as the fastest one, and so does, in time, one that was slow: its old
/// measurement fades but never below the fastest, so it joins the rotation and is not flooded.
pub(super) fn shortest(field: &Field<'_>, source: ResponseSource, combine: ResponseCombine) -> Ties {
    let now = field.now();
    let fastest = field
        .candidates()
        .filter_map(|(_, server, _)| server.estimate(source, now))
        .fold(f64::INFINITY, f64::min);
    let neutral = if fastest.is_finite() { fastest } else { 0.0 };
    let scores = || {
        field.candidates().map(|(i, s, weight)| (i, score(field, s, weight as f64, source, combine, neutral)))
    };
    let best = scores().fold(f64::INFINITY, |best, (_, score)| best.min(score));
    let mut ties = Ties::new();
    for (index, _) in scores().filter(|&(_, score)| score <= best * NEAR) {
        ties.add(index);
    }
    ties
}

/// Time alone, or time × (1 + active) ÷ weight. With the time alone, weights decide among near-equals only: a time
/// does not halve because a server is given twice the share.
pub(super) fn score(
    field: &Field<'_>,
    server: &ServerState,
    weight: f64,
    source: ResponseSource,
    combine: ResponseCombine,
    neutral: f64,
) -> f64 {
    let time = server.estimate(source, field.now()).unwrap_or(neutral).max(neutral).max(FINEST);
    match combine {
        ResponseCombine::None => time,
        ResponseCombine::Active => time * (1.0 + f64::from(server.active())) / weight.max(1.0),
    }
}

/// Scores within 15 % are equal.
const NEAR: f64 = 1.15;
/// Microseconds below which differences are noise.
const FINEST: f64 = 500.0;
