//! The gateway as other threads see it. What they ask of its workers is in [`crate::roster`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use sekisho_api::Handler;
use sekisho_config::Config;
use sekisho_scheduler::Scheduler;
use tokio::sync::watch;

use crate::access::LogStatus;
use crate::decisions::Decision;
use crate::events::{Event, Happening};
use crate::gateway::Board;
use crate::latency::Latencies;
use crate::live::{Live, LiveVip};
use crate::tls::CertificateExpiry;
use crate::totals::{Classes, Ends, ExchangeTotals, Totals};

/// A look at a gateway, from any thread. After the gateway's end it shows what was last.
#[derive(Clone, Debug)]
pub struct View(pub(crate) Arc<Board>);

/// What is in force, and what was counted. All of it is of one configuration.
#[derive(Clone, Debug)]
pub struct Status {
    /// Which configuration of this process it is, counted from 1.
    pub epoch: u64,
    /// The configuration.
    pub config: Arc<Config>,
    /// Pools with their servers, and persistence tables.
    pub scheduler: Arc<Scheduler>,
    /// Client connections and UDP flows now, over all VIPs.
    pub connections: usize,
    /// The VIPs, in the order of the configuration.
    pub vips: Vec<VipStatus>,
    /// The certificates in use, by VIP, and when they expire.
    pub certificates: Vec<(Arc<str>, CertificateExpiry)>,
    /// The access logs.
    pub logs: Vec<LogStatus>,
}

/// What a VIP serves and has served.
#[derive(Clone, Debug)]
pub struct VipStatus {
    /// Its name.
    pub name: Arc<str>,
    /// Client connections and UDP flows now.
    pub connections: usize,
    /// What it has served.
    pub totals: Totals,
    /// How that ended.
    pub ends: Ends,
    /// How it was answered, by the class of the status.
    pub classes: Classes,
    /// How long that took.
    pub latencies: Latencies,
    /// The same by the pool that served it.
    pub pool_latencies: BTreeMap<Arc<str>, Latencies>,
    /// How the clients of its connections became known, in the protocol's own words.
    pub known: BTreeMap<&'static str, u64>,
    /// What became of its datagrams; none unless its protocol exchanges them.
    pub exchanges: Option<ExchangeTotals>,
}

impl View {
    /// What has happened after the event of this number, as far as it is kept.
    pub fn events(&self, after: u64) -> Vec<Event> {
        self.0.events.after(after)
    }

    /// The number of the latest event, now and whenever there is another.
    pub fn latest_event(&self) -> watch::Receiver<u64> {
        self.0.events.latest()
    }

    /// Tells whoever follows that something has happened.
    pub fn tell(&self, what: Happening) {
        self.0.events.tell(what);
    }

    /// The latest choices of a VIP after this number; none if there is no such VIP. Whoever asks watches: for a minute
    /// from now on its choices are kept, up to 50 of a second and 256 in all.
    pub fn decisions(&self, vip: &str, after: u64) -> Option<Vec<Decision>> {
        let live = self.0.live.load();
        Some(live.vip(vip)?.counts.decisions.watch(after, Instant::now()))
    }

    /// The configuration in force, and pools and tables as it made them: what may be asked for many times a second.
    pub fn in_force(&self) -> (Arc<Config>, Arc<Scheduler>) {
        let live = self.0.live.load();
        (live.config.clone(), live.scheduler.clone())
    }

    /// Counts what the kernel has served for a VIP: flows that have begun, and bytes of theirs.
    pub fn carried(&self, vip: &str, flows: u64, received: u64, sent: u64) {
        if let Some(vip) = self.0.live.load().vip(vip) {
            // No worker has that place.
            vip.counts.tallies.of(usize::MAX).carried(flows, received, sent);
        }
    }

    /// How things stand now.
    pub fn status(&self) -> Status {
        let live = self.0.live.load();
        Status {
            epoch: live.epoch,
            config: live.config.clone(),
            scheduler: live.scheduler.clone(),
            connections: live.connections.count(),
            vips: live.vips.iter().map(|vip| status(vip)).collect(),
            certificates: certificates(&live),
            logs: self.0.logs.statuses(),
        }
    }
}

fn status(vip: &LiveVip) -> VipStatus {
    let tallies = &vip.counts.tallies;
    let exchanges = match vip.vip.handler {
        Handler::Exchange(_) | Handler::Pair(..) => Some(tallies.exchanges()),
        Handler::Conversation(_) | Handler::Companion(_) | Handler::Service(_) => None,
    };
    VipStatus {
        name: vip.vip.name.clone(),
        connections: vip.counts.connections.count(),
        totals: tallies.sum(),
        ends: tallies.ends(),
        classes: tallies.classes(),
        latencies: tallies.latencies(),
        pool_latencies: tallies.latencies_by_pool(),
        known: tallies.known(),
        exchanges,
    }
}

/// The certificates in use, by VIP.
pub(crate) fn certificates(live: &Live) -> Vec<(Arc<str>, CertificateExpiry)> {
    let of = |vip: &Arc<LiveVip>| {
        let acceptor = vip.acceptor.clone().into_iter();
        let name = vip.vip.name.clone();
        acceptor.flat_map(|acceptor| acceptor.expiries()).map(move |expiry| (name.clone(), expiry))
    };
    live.vips.iter().flat_map(of).collect()
}
