//! What a VIP has served: counted by each worker in a place of its own, added up by whoever asks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;
use sekisho_api::End;

use crate::latency::{Latencies, PoolTimes, Times};

/// What a VIP has served since the gateway began to serve it, over reloads. What still runs is not in it yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Connections, flows or requests that have ended, well or not.
    pub served: u64,
    /// Bytes from clients.
    pub received: u64,
    /// Bytes to clients.
    pub sent: u64,
}

/// How many ended for which reason: each name of [`End::KINDS`] once, in their order.
pub type Ends = [(&'static str, u64); End::KINDS.len()];

/// What became of the datagrams of a VIP whose protocol exchanges them, since the gateway began to serve it, over
/// reloads. Up to a tenth of a second old.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExchangeTotals {
    /// Requests that the gateway answered itself, by the protocol's label.
    pub answered: BTreeMap<&'static str, u64>,
    /// Datagrams of clients that were met with silence, by the protocol's label.
    pub ignored: BTreeMap<&'static str, u64>,
    /// Requests sent to servers, every time that one was.
    pub asked: u64,
    /// Requests that waited for the answer to an equal one.
    pub shared: u64,
    /// Requests handed to the protocol's streams.
    pub handed: u64,
    /// Requests that a server's host or the network sent back, which were asked of another server if there was one.
    pub refused: u64,
    /// Requests that another server was asked as well, because the first was silent.
    pub repeats: u64,
    /// Requests that no server has answered in time.
    pub timeouts: u64,
    /// Answers that came after that of another server.
    pub late: u64,
    /// Datagrams of servers that answered nothing that was asked.
    pub strays: u64,
    /// Requests that were refused because too many were under way.
    pub overloads: u64,
}

impl ExchangeTotals {
    /// Whether nothing was counted.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, more: &Self) {
        let Self {
            answered,
            ignored,
            asked,
            shared,
            handed,
            refused,
            repeats,
            timeouts,
            late,
            strays,
            overloads,
        } = self;
        for (sum, more) in [(answered, &more.answered), (ignored, &more.ignored)] {
            for (label, count) in more {
                *sum.entry(label).or_default() += count;
            }
        }
        for (sum, more) in [
            (asked, more.asked),
            (shared, more.shared),
            (handed, more.handed),
            (refused, more.refused),
            (repeats, more.repeats),
            (timeouts, more.timeouts),
            (late, more.late),
            (strays, more.strays),
            (overloads, more.overloads),
        ] {
            *sum += more;
        }
    }
}

/// The tallies of a VIP's workers, by the worker's index. The locks are taken when a worker begins to serve the VIP,
/// when somebody asks, and with a tick of a worker's clock, never for a client.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    workers: Mutex<BTreeMap<usize, Arc<Tally>>>,
    exchanges: Mutex<ExchangeTotals>,
}

/// What one worker has served. Aligned so that no two workers write to one cache line, or to two that are fetched
/// together.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Tally {
    served: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    /// By [`End::place`].
    ends: [AtomicU64; End::KINDS.len()],
    /// How long things took, by the pool's name; none: what no pool has served. The lock is taken when the worker begins
    /// to serve the VIP under a configuration, and by whoever asks.
    times: Mutex<BTreeMap<Option<Arc<str>>, Arc<Times>>>,
    /// By [`CLASSES`].
    classes: [AtomicU64; CLASSES.len()],
    /// Connections by how their clients became known. Taken once a connection, and by whoever asks.
    known: Mutex<BTreeMap<&'static str, u64>>,
}

impl Tallies {
    /// The tally of a worker, the same one after a reload.
    pub(crate) fn of(&self, worker: usize) -> Arc<Tally> {
        self.workers.lock().entry(worker).or_default().clone()
    }

    /// How what all of them served has ended.
    pub(crate) fn ends(&self) -> Ends {
        let mut sum = End::KINDS.map(|kind| (kind, 0));
        for tally in self.workers.lock().values() {
            for ((_, sum), ends) in sum.iter_mut().zip(&tally.ends) {
                *sum += ends.load(Relaxed);
            }
        }
        sum
    }

    /// All of them together.
    pub(crate) fn sum(&self) -> Totals {
        self.workers.lock().values().fold(Totals::default(), |sum, tally| Totals {
            served: sum.served + tally.served.load(Relaxed),
            received: sum.received + tally.received.load(Relaxed),
            sent: sum.sent + tally.sent.load(Relaxed),
        })
    }
}

impl Tallies {
    /// Connections that have ended, by how their clients became known.
    pub(crate) fn known(&self) -> BTreeMap<&'static str, u64> {
        let mut sum = BTreeMap::new();
        for tally in self.workers.lock().values() {
            for (word, count) in &*tally.known.lock() {
                *sum.entry(*word).or_default() += count;
            }
        }
        sum
    }

    /// Adds what a worker has counted of its exchanges.
    pub(crate) fn exchanged(&self, more: &ExchangeTotals) {
        self.exchanges.lock().add(more);
    }

    /// What all workers have counted of their exchanges.
    pub(crate) fn exchanges(&self) -> ExchangeTotals {
        self.exchanges.lock().clone()
    }
}

/// Classes of statuses, of protocols whose statuses have three digits.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Answers by the class of their status: each name once.
pub type Classes = [(&'static str, u64); CLASSES.len()];

impl Tallies {
    /// How what all of them served was answered.
    pub(crate) fn classes(&self) -> Classes {
        let mut sum = CLASSES.map(|class| (class, 0));
        for tally in self.workers.lock().values() {
            for ((_, sum), count) in sum.iter_mut().zip(&tally.classes) {
                *sum += count.load(Relaxed);
            }
        }
        sum
    }

    /// How long what all of them served took.
    pub(crate) fn latencies(&self) -> Latencies {
        let mut sum = Latencies::default();
        for tally in self.workers.lock().values() {
            tally.times.lock().values().for_each(|times| times.add_to(&mut sum));
        }
        sum
    }

    /// The same by pool; what none has served is left out.
    pub(crate) fn latencies_by_pool(&self) -> BTreeMap<Arc<str>, Latencies> {
        let mut sums: BTreeMap<Arc<str>, Latencies> = BTreeMap::new();
        for tally in self.workers.lock().values() {
            for (pool, times) in &*tally.times.lock() {
                if let Some(pool) = pool {
                    times.add_to(sums.entry(pool.clone()).or_default());
                }
            }
        }
        sums
    }
}

impl Tally {
    /// Counts an answer by its status; other numbers have no class. Only the tally's own worker may.
    pub(crate) fn answered(&self, status: u16) {
        let class = usize::from(status / 100).checked_sub(1);
        if let Some(count) = class.and_then(|class| self.classes.get(class)) {
            count.store(count.load(Relaxed).wrapping_add(1), Relaxed);
        }
    }

    /// Where it is counted how long things took that these pools serve: the same places after a reload. Only the tally's
    /// own worker may count there.
    pub(crate) fn times<'p>(&self, pools: impl Iterator<Item = &'p Arc<str>>) -> PoolTimes {
        let mut times = self.times.lock();
        let pools = pools.map(|name| (name.clone(), times.entry(Some(name.clone())).or_default().clone()));
        let pools = pools.collect();
        PoolTimes::new(pools, times.entry(None).or_default().clone())
    }

    /// Counts how a client became known.
    pub(crate) fn known(&self, word: &'static str) {
        *self.known.lock().entry(word).or_default() += 1;
    }

    /// Counts what somebody else has served.
    pub(crate) fn carried(&self, served: u64, received: u64, sent: u64) {
        self.served.fetch_add(served, Relaxed);
        self.received.fetch_add(received, Relaxed);
        self.sent.fetch_add(sent, Relaxed);
    }

    /// Counts one that has ended. Only the tally's own worker may: adding is not atomic, which saves locking the bus.
    pub(crate) fn count(&self, received: u64, sent: u64, end: End) {
        let add =
            |counter: &AtomicU64, more| counter.store(counter.load(Relaxed).wrapping_add(more), Relaxed);
        add(&self.served, 1);
        add(&self.received, received);
        add(&self.sent, sent);
        if let Some(ends) = self.ends.get(end.place()) {
            add(ends, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::{Duration, Instant};

    use sekisho_api::{Deadline, Server};
    use sekisho_scheduler::{Scheduler, Secret};

    use super::*;

    #[test]
    fn times_are_counted_once_and_told_by_pool_and_together_over_reloads() {
        let (tallies, second) = (Tallies::default(), Duration::from_secs(1));
        let (web, mail): (Arc<str>, Arc<str>) = ("web".into(), "mail".into());
        let servers = bench(&["web", "mail"]);
        let [www, post] = [&servers[0], &servers[1]];
        let before = tallies.of(0).times([&web].into_iter());
        before.of(Some(www)).total.count(second);
        before.of(None).total.count(second);
        // A reload has given the VIP another pool; whoever came before goes on counting where it did.
        let after = tallies.of(0).times([&web, &mail].into_iter());
        after.of(Some(post)).total.count(second);
        after.of(Some(www)).total.count(second);
        before.of(Some(www)).total.count(second);
        tallies.of(1).times([&mail].into_iter()).of(Some(post)).total.count(second);
        assert_eq!(tallies.latencies().total.count(), 6);
        let by_pool = tallies.latencies_by_pool();
        let by_pool: Vec<_> = by_pool.iter().map(|(name, of)| (&**name, of.total.count())).collect();
        assert_eq!(by_pool, [("mail", 2), ("web", 3)]);
    }

    /// A server of each of these pools.
    fn bench(pools: &[&str]) -> Vec<Arc<dyn Server>> {
        let text: String =
            pools.iter().map(|name| format!("[pool.{name}]\nservers = {{ s = '127.0.0.1:1' }}\n")).collect();
        let config =
            sekisho_config::parse(&text, "", Path::new(""), &sekisho_config::Registry::new()).unwrap();
        let pools = config.pools.iter().map(|pool| pool.spec.clone()).collect();
        let secret = Secret::new(&[7; 32]).unwrap();
        let scheduler = Scheduler::build(pools, Vec::new(), &secret, 7, None, Instant::now());
        scheduler.pools().iter().map(|pool| pool.servers()[0].clone() as Arc<dyn Server>).collect()
    }

    #[test]
    fn workers_count_apart_and_are_added_up() {
        let tallies = Tallies::default();
        tallies.of(0).count(1, 10, End::Done);
        tallies.of(1).count(2, 20, End::Expired(Deadline::Idle));
        tallies.of(0).count(4, 40, End::Done);
        assert_eq!(tallies.sum(), Totals { served: 3, received: 7, sent: 70 });
        let ends: Vec<_> = tallies.ends().into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(ends, [("done", 2), ("idle-timeout", 1)]);
    }
}
