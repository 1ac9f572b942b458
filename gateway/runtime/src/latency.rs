//! How long things took, in fixed buckets: counted by one worker without a lock, added up by whoever asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use sekisho_api::Server;
use sekisho_scheduler::ServerState;

/// The upper bounds of the buckets, in microseconds; longer times have a bucket of their own behind them.
const BOUNDS: [u32; 18] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000, 30_000_000, 60_000_000,
];

/// How long what a VIP has served from one pool took, by worker. Only that worker may count: adding is not atomic.
/// Aligned so that no two workers write to one cache line, or to two that are fetched together.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Times {
    pub(crate) connect: Histogram,
    pub(crate) answer: Histogram,
    pub(crate) total: Histogram,
}

/// Times of one kind, as they are counted.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    counts: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

/// Where one worker counts the times of one VIP: each pool has a place of its own, so that what is asked of a VIP and
/// what is asked of a pool are sums of the same numbers, and nothing is counted twice.
#[derive(Debug)]
pub(crate) struct PoolTimes {
    /// By the pool's name, in the order of the VIP's pools.
    pools: Box<[(Arc<str>, Arc<Times>)]>,
    /// What no pool has served.
    none: Arc<Times>,
}

/// How long what a VIP has served took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    /// Until a connection to a server was there, where one had to be made.
    pub connect: Distribution,
    /// From the request, or the connection's beginning, to the server's first byte.
    pub answer: Distribution,
    /// In all.
    pub total: Distribution,
}

/// How times are distributed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    counts: [u64; BOUNDS.len() + 1],
    micros: u64,
}

impl Histogram {
    pub(crate) fn count(&self, time: Duration) {
        let micros = time.as_secs().saturating_mul(1_000_000).saturating_add(time.subsec_micros().into());
        let capped = u32::try_from(micros).unwrap_or(u32::MAX);
        // All of them are compared, without a branch: fewer instructions than a search.
        let bucket = BOUNDS.iter().map(|bound| usize::from(capped > *bound)).sum::<usize>();
        let add =
            |counter: &AtomicU64, more| counter.store(counter.load(Relaxed).wrapping_add(more), Relaxed);
        if let Some(count) = self.counts.get(bucket) {
            add(count, 1);
        }
        add(&self.micros, micros);
    }
}

impl PoolTimes {
    pub(crate) fn new(pools: Box<[(Arc<str>, Arc<Times>)]>, none: Arc<Times>) -> Self {
        Self { pools, none }
    }

    /// Where the times of what this server has served are counted.
    pub(crate) fn of(&self, server: Option<&Arc<dyn Server>>) -> &Times {
        match (server, &*self.pools) {
            (None, _) => &self.none,
            // Most VIPs have one pool, and nothing is looked for.
            (Some(_), [(_, only)]) => only,
            (Some(server), pools) => {
                let state = server.as_any().downcast_ref::<ServerState>();
                let named = |(name, _): &&(Arc<str>, _)| state.is_some_and(|state| state.pool() == name);
                pools.iter().find(named).map_or(&self.none, |(_, times)| times)
            }
        }
    }
}

impl Times {
    /// Adds what this worker has counted.
    pub(crate) fn add_to(&self, sum: &mut Latencies) {
        sum.connect.add(&self.connect);
        sum.answer.add(&self.answer);
        sum.total.add(&self.total);
    }
}

impl Latencies {
    /// Adds what was counted elsewhere.
    pub fn merge(&mut self, more: &Self) {
        self.connect.merge(&more.connect);
        self.answer.merge(&more.answer);
        self.total.merge(&more.total);
    }
}

impl Distribution {
    fn merge(&mut self, more: &Self) {
        for (sum, more) in self.counts.iter_mut().zip(&more.counts) {
            *sum += more;
        }
        self.micros = self.micros.wrapping_add(more.micros);
    }

    fn add(&mut self, more: &Histogram) {
        for (sum, more) in self.counts.iter_mut().zip(&more.counts) {
            *sum += more.load(Relaxed);
        }
        self.micros = self.micros.wrapping_add(more.micros.load(Relaxed));
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All of them together, in seconds.
    pub fn sum(&self) -> f64 {
        Duration::from_micros(self.micros).as_secs_f64()
    }

    /// For each upper bound, in seconds, how many took so long at the most.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let seconds = BOUNDS.iter().map(|bound| Duration::from_micros((*bound).into()).as_secs_f64());
        let counts = self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        seconds.zip(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_counted_in_every_bucket_whose_bound_it_does_not_pass() {
        let histogram = Histogram::default();
        for micros in [0, 100, 101, 999_999, 60_000_000, 60_000_001, u64::from(u32::MAX) * 1000] {
            histogram.count(Duration::from_micros(micros));
        }
        let mut sum = Distribution::default();
        sum.add(&histogram);
        sum.add(&histogram);
        assert_eq!(sum.count(), 14);
        let below = |bound: f64| sum.cumulative().find(|(at, _)| *at == bound).unwrap().1;
        assert_eq!([0.0001, 0.00025, 0.5, 1.0, 60.0].map(below), [4, 6, 6, 8, 10]);
    }

    #[test]
    fn bounds_rise() {
        assert!(BOUNDS.is_sorted());
    }
}
