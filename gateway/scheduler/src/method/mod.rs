//! The balancing methods.

mod bandwidth;
mod buckets;
mod fill;
mod hash;
mod least;
mod maglev;
mod random;
mod response;
#[cfg(test)]
mod tests;
mod wheel;

use crate::field::Field;
use crate::server::ServerState;
use crate::spec::{Method, PoolSpec};
pub use buckets::{BUCKETS, Share, hash_buckets, turn_buckets};
pub(crate) use hash::hash;
use maglev::Maglev;
use random::Draws;
use wheel::Wheel;

/// A pool's method with what it remembers between two choices.
#[derive(Debug)]
pub(crate) struct Chooser {
    method: Method,
    wheel: Wheel,
    draws: Draws,
    maglev: Option<Maglev>,
}

/// Whether a choice is made or only shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It is made, and remembered.
    Commit,
    /// It is shown, and changes nothing.
    Peek,
}

impl Chooser {
    pub(crate) fn new(spec: &PoolSpec, seed: u64) -> Self {
        let hashes = matches!(spec.method, Method::ConsistentHash(_));
        Self {
            method: spec.method,
            wheel: Wheel::new(spec.servers.len()),
            draws: Draws::new(seed),
            maglev: hashes.then(|| Maglev::new(spec)),
        }
    }

    /// The place of the chosen server; none if no candidate has room. `hash` gives what stands for the
    /// client, to the methods that ask.
    pub(crate) fn pick(&self, field: &Field<'_>, hash: impl FnOnce() -> u64, mode: Mode) -> Option<usize> {
        match self.method {
            Method::RoundRobin => self.turn(field, mode),
            Method::LeastConnections => least::connections(field, &self.wheel, mode),
            // One choice in fifty goes round without regard to any measurement, so that every server is measured.
            Method::LeastResponseTime { .. } | Method::LeastBandwidth { .. }
                if self.draws.count(mode).is_multiple_of(MINIMUM_SHARE) =>
            {
                self.turn(field, mode)
            }
            Method::LeastResponseTime { source, combine } => {
                response::shortest(field, source, combine, &self.wheel, mode)
            }
            Method::LeastBandwidth { window } => bandwidth::bandwidth(field, window, &self.wheel, mode),
            Method::RandomTwo => random::two(field, self.draws.draw(mode)),
            Method::ConsistentHash(kind) => self.maglev.as_ref()?.pick(field, hash(), kind),
            Method::SourceHash => hash::modulo(field, hash()),
            Method::FirstAvailable => field.candidates().next().map(|(index, ..)| index),
        }
    }

    /// Where a hashing method puts a client when every server is well; none for the other methods.
    pub(crate) fn home(&self, field: &Field<'_>, hash: impl FnOnce() -> u64) -> Option<usize> {
        let lowest = field.all().filter(|server| server.weight() > 0).map(ServerState::group).min()?;
        let counts = |server: &ServerState| server.weight() > 0 && server.group() == lowest;
        match self.method {
            Method::ConsistentHash(_) => self.maglev.as_ref()?.home(field, hash(), counts),
            Method::SourceHash => hash::home(field, hash(), counts),
            _ => None,
        }
    }

    fn turn(&self, field: &Field<'_>, mode: Mode) -> Option<usize> {
        self.wheel.next(field.candidates().map(|(index, _, weight)| (index, weight)), mode)
    }
}

/// The score by which a method orders a server, the lower the better; none where a method has none.
pub(crate) fn score(field: &Field<'_>, method: Method, index: usize) -> Option<f64> {
    let server = field.server(index)?;
    let weight = field.weight(server).max(1);
    let per_weight = |load: f64| load * 1000.0 / weight as f64;
    match method {
        Method::LeastConnections | Method::RandomTwo => Some(per_weight(f64::from(server.active()))),
        Method::LeastResponseTime { source, combine } => {
            Some(response::score(field, server, weight, source, combine, 0.0))
        }
        Method::LeastBandwidth { .. } => Some(per_weight(server.recent_bytes(field.now()) as f64)),
        _ => None,
    }
}

/// A method that measures gives one choice in so many to the servers in turn.
const MINIMUM_SHARE: u64 = 50;
