//! The lowest load.

use std::cmp::Ordering;

use super::{Mode, Wheel};
use crate::field::Field;
use crate::server::ServerState;

/// One of the candidates with the fewest leases per weight, compared without division; equals take turns.
pub(super) fn connections(field: &Field<'_>, wheel: &Wheel, mode: Mode) -> Option<usize> {
    let loads = || field.candidates().map(|(i, server, weight)| (i, (u64::from(server.active()), weight)));
    let (first, least) = loads().min_by(|a, b| compare(a.1, b.1))?;
    let equals = loads().filter(|&(_, load)| compare(load, least).is_le());
    // Other workers may have raised all loads meanwhile: what was the least is good enough.
    wheel.next(equals.map(|(index, (_, weight))| (index, weight)), mode).or(Some(first))
}

/// One of the candidates whose score is within the factor `near` of the lowest; near-equals take turns by weight.
pub(super) fn measured(
    field: &Field<'_>,
    score: impl Fn(&ServerState, u64) -> f64,
    near: f64,
    wheel: &Wheel,
    mode: Mode,
) -> Option<usize> {
    let scores = || field.candidates().map(|(i, server, weight)| (i, weight, score(server, weight)));
    let (first, _, least) = scores().min_by(|a, b| a.2.total_cmp(&b.2))?;
    let equals = scores().filter(|&(.., score)| score <= least * near);
    wheel.next(equals.map(|(index, weight, _)| (index, weight)), mode).or(Some(first))
}

/// Compares `a.0 / a.1` with `b.0 / b.1`.
pub(super) fn compare(a: (u64, u64), b: (u64, u64)) -> Ordering {
    (u128::from(a.0) * u128::from(b.1)).cmp(&(u128::from(b.0) * u128::from(a.1)))
}
