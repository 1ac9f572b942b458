//! From a snapshot to text.

use sekisho_runtime::{ExchangeTotals, LogCounts, LogStatus};
use sekisho_scheduler::State;

use crate::nodes::{Peer, Peers, SharedStore, VrrpTable};

use super::names::{self, Family, Kind};
use super::page::{Form, Page};
use super::snapshot::{Certificate, Domain, Own, Pool, Process, Server, Snapshot, Vip};

/// A family, and where its numbers stand.
type Column<T> = (&'static Family, fn(&T) -> u64);

/// The page that Prometheus reads.
pub(crate) fn render(snapshot: &Snapshot, form: Form) -> String {
    let mut page = Page::new(form);
    process(&mut page, &snapshot.process);
    page.all(&names::EPOCH, [([], snapshot.epoch)]);
    page.all(&names::CONNECTIONS, [([], snapshot.connections)]);
    vips(&mut page, &snapshot.vips);
    exchanges(&mut page, &snapshot.vips);
    pools(&mut page, &snapshot.pools);
    servers(&mut page, &snapshot.servers);
    domains(&mut page, &snapshot.domains);
    certificates(&mut page, &snapshot.certificates);
    vrrp(&mut page, &snapshot.vrrp);
    peers(&mut page, &snapshot.peers);
    logs(&mut page, &snapshot.logs);
    log(&mut page, snapshot.log);
    tokens(&mut page, &snapshot.tokens);
    store(&mut page, snapshot.store.as_ref());
    own(&mut page, &snapshot.own);
    page.finish()
}

fn log(page: &mut Page, log: Option<LogCounts>) {
    page.all(&names::LOG_MESSAGES, log.map(|log| ([], log.written)));
    let lost = log.map(|log| [(["slow"], log.slow), (["failed"], log.failed)]);
    page.all(&names::LOG_LOST, lost.into_iter().flatten());
}

fn tokens(page: &mut Page, tokens: &[(String, std::time::Duration)]) {
    page.all(&names::TOKEN_EXPIRY, tokens.iter().map(|(name, at)| ([name.as_str()], at.as_secs())));
}

fn process(page: &mut Page, process: &Process) {
    page.all(&names::BUILD, [([process.version], 1)]);
    page.all(&names::STARTED, [([], process.started.as_secs_f64())]);
    page.all(&names::UPTIME, [([], process.uptime.as_secs_f64())]);
    page.all(&names::CPU, [([], process.cpu.as_secs_f64())]);
    page.all(&names::RESIDENT, process.resident.map(|bytes| ([], bytes)));
}

fn vips(page: &mut Page, vips: &[Vip]) {
    let of: [Column<Vip>; 4] = [
        (&names::VIP_CONNECTIONS, |vip| vip.connections as u64),
        (&names::VIP_SERVED, |vip| vip.totals.served),
        (&names::VIP_RECEIVED, |vip| vip.totals.received),
        (&names::VIP_SENT, |vip| vip.totals.sent),
    ];
    for (family, number) in of {
        page.all(family, vips.iter().map(|vip| ([&*vip.name], number(vip))));
    }
    let ends = vips.iter().flat_map(|vip| vip.ends.iter().map(|(end, count)| ([&*vip.name, *end], *count)));
    page.all(&names::VIP_ENDS, ends);
    let classes = |vip: &Vip| vip.classes.iter().any(|(_, count)| *count > 0);
    let answered = vips.iter().filter(|vip| classes(vip));
    let answered = answered.flat_map(|vip| vip.classes.iter().map(|(class, n)| ([&*vip.name, *class], *n)));
    page.all(&names::VIP_RESPONSES, answered);
    let times = || vips.iter().map(|vip| (&*vip.name, &vip.latencies));
    page.histograms(&names::VIP_CONNECT, times().map(|(vip, of)| (vip, &of.connect)));
    page.histograms(&names::VIP_RESPONSE, times().map(|(vip, of)| (vip, &of.answer)));
    page.histograms(&names::VIP_DURATION, times().map(|(vip, of)| (vip, &of.total)));
    let known = vips.iter().flat_map(|vip| vip.known.iter().map(|(by, count)| ([&*vip.name, *by], *count)));
    page.all(&names::VIP_KNOWN, known);
}

fn exchanges(page: &mut Page, vips: &[Vip]) {
    let exchanging = || vips.iter().filter_map(|vip| Some((&*vip.name, vip.exchanges.as_ref()?)));
    let answered = exchanging().flat_map(|(vip, of)| of.answered.iter().map(move |(r, n)| ([vip, *r], *n)));
    page.all(&names::VIP_ANSWERED, answered);
    let ignored = exchanging().flat_map(|(vip, of)| of.ignored.iter().map(move |(r, n)| ([vip, *r], *n)));
    page.all(&names::VIP_IGNORED, ignored);
    let of: [Column<ExchangeTotals>; 9] = [
        (&names::VIP_ASKED, |of| of.asked),
        (&names::VIP_SHARED, |of| of.shared),
        (&names::VIP_HANDED, |of| of.handed),
        (&names::VIP_REFUSED, |of| of.refused),
        (&names::VIP_REPEATS, |of| of.repeats),
        (&names::VIP_TIMEOUTS, |of| of.timeouts),
        (&names::VIP_LATE, |of| of.late),
        (&names::VIP_STRAYS, |of| of.strays),
        (&names::VIP_OVERLOADS, |of| of.overloads),
    ];
    for (family, number) in of {
        page.all(family, exchanging().map(|(vip, of)| ([vip], number(of))));
    }
}

fn pools(page: &mut Page, pools: &[Pool]) {
    page.all(&names::POOL_QUEUED, pools.iter().map(|pool| ([&*pool.name], pool.queued)));
    page.all(&names::POOL_QUEUE_CAPACITY, pools.iter().map(|pool| ([&*pool.name], pool.queue_capacity)));
    let times = || pools.iter().map(|pool| (&*pool.name, &pool.latencies));
    page.histograms(&names::POOL_CONNECT, times().map(|(pool, of)| (pool, &of.connect)));
    page.histograms(&names::POOL_RESPONSE, times().map(|(pool, of)| (pool, &of.answer)));
    page.histograms(&names::POOL_DURATION, times().map(|(pool, of)| (pool, &of.total)));
}

fn servers(page: &mut Page, servers: &[Server]) {
    let up = |server: &Server| !matches!(server.state, State::Down | State::Ejected | State::Maintenance);
    page.all(&names::SERVER_UP, servers.iter().map(|server| (server.place(), u64::from(up(server)))));
    let states = servers.iter().flat_map(|server| {
        let [pool, name] = server.place();
        STATES.map(|state| ([pool, name, state.name()], u64::from(state == server.state)))
    });
    page.all(&names::SERVER_STATE, states);
    let of: [Column<Server>; 4] = [
        (&names::SERVER_WEIGHT, |server| server.weight.into()),
        (&names::SERVER_ACTIVE, |server| server.active.into()),
        (&names::SERVER_SERVED, |server| server.served),
        (&names::SERVER_BYTES, |server| server.bytes),
    ];
    for (family, number) in of {
        page.all(family, servers.iter().map(|server| (server.place(), number(server))));
    }
    let response = |server: &Server| server.response.map(|time| time.as_secs_f64());
    let responses = servers.iter().filter_map(|server| Some((server.place(), response(server)?)));
    page.all(&names::SERVER_RESPONSE, responses);
    let failures = servers.iter().flat_map(|server| {
        let [pool, name] = server.place();
        server.failures.iter().map(move |(reason, count)| ([pool, name, *reason], *count))
    });
    page.all(&names::SERVER_FAILURES, failures);
    let of: [Column<Server>; 4] = [
        (&names::SERVER_TIMEOUTS, |server| server.timeouts),
        (&names::SERVER_STRAYS, |server| server.strays),
        (&names::SERVER_EJECTIONS, |server| server.ejections),
        (&names::SERVER_REPEATS, |server| server.repeats),
    ];
    for (family, number) in of {
        page.all(family, servers.iter().map(|server| (server.place(), number(server))));
    }
    let probes = servers.iter().flat_map(|server| {
        let ([pool, name], (passed, failed)) = (server.place(), server.probes);
        [("passed", passed), ("failed", failed)].map(|(result, count)| ([pool, name, result], count))
    });
    page.all(&names::SERVER_PROBES, probes);
    let probe = servers.iter().filter_map(|server| Some((server.place(), server.probe?.as_secs_f64())));
    page.all(&names::SERVER_PROBE, probe);
    let certificates =
        servers.iter().filter_map(|server| Some((server.place(), server.certificate?.as_secs())));
    page.all(&names::SERVER_CERTIFICATE, certificates);
    let notes = servers.iter().flat_map(|server| {
        let [pool, name] = server.place();
        server.notes.iter().map(move |(note, text)| ([pool, name, *note, &**text], 1))
    });
    page.all(&names::SERVER_NOTE, notes);
}

impl Server {
    fn place(&self) -> [&str; 2] {
        [&self.pool, &self.name]
    }
}

fn domains(page: &mut Page, domains: &[Domain]) {
    let of: [Column<Domain>; 8] = [
        (&names::PERSISTENCE_ENTRIES, |domain| domain.entries as u64),
        (&names::PERSISTENCE_BYTES, |domain| domain.bytes as u64),
        (&names::PERSISTENCE_HITS, |domain| domain.counts.hits),
        (&names::PERSISTENCE_MISSES, |domain| domain.counts.misses),
        (&names::PERSISTENCE_INSERTS, |domain| domain.counts.inserts),
        (&names::PERSISTENCE_MOVES, |domain| domain.counts.moves),
        (&names::PERSISTENCE_EVICTIONS, |domain| domain.counts.evictions),
        (&names::PERSISTENCE_EXPIRED, |domain| domain.counts.expired),
    ];
    for (family, number) in of {
        page.all(family, domains.iter().map(|domain| ([&*domain.name], number(domain))));
    }
}

fn certificates(page: &mut Page, certificates: &[Certificate]) {
    let rows = certificates.iter().map(|of| ([&*of.vip, &*of.name, &*of.file], of.expires));
    page.all(&names::CERTIFICATE_EXPIRY, rows);
}

fn vrrp(page: &mut Page, tables: &[VrrpTable]) {
    let states = tables.iter().flat_map(|table| {
        VrrpTable::STATES.map(|state| ([&*table.name, state], u64::from(state == table.state)))
    });
    page.all(&names::VRRP_STATE, states);
    let priorities = tables.iter().filter_map(|table| Some(([&*table.name], u64::from(table.priority?))));
    page.all(&names::VRRP_PRIORITY, priorities);
    let of: [Column<VrrpTable>; 4] = [
        (&names::VRRP_TRANSITIONS, |table| table.transitions),
        (&names::VRRP_SENT, |table| table.sent),
        (&names::VRRP_RECEIVED, |table| table.received),
        (&names::VRRP_INVALID, |table| table.invalid),
    ];
    for (family, number) in of {
        page.all(family, tables.iter().map(|table| ([&*table.name], number(table))));
    }
}

fn logs(page: &mut Page, logs: &[LogStatus]) {
    page.all(&names::LOG_LINES, logs.iter().map(|log| ([&*log.log], log.written)));
    let omitted = logs.iter().flat_map(|log| {
        let reasons =
            [("sampled", log.sampled), ("limited", log.limited), ("slow", log.slow), ("failed", log.failed)];
        reasons.map(|(reason, count)| ([&*log.log, reason], count))
    });
    page.all(&names::LOG_OMITTED, omitted);
}

fn peers(page: &mut Page, peers: &Peers) {
    let Peers { nodes, tables } = peers;
    page.all(&names::PEER_UP, nodes.iter().map(|peer| ([&*peer.name], u64::from(peer.up))));
    page.all(&names::PEER_LAG, nodes.iter().map(|peer| ([&*peer.name], peer.lag.as_secs_f64())));
    let updates = nodes.iter().flat_map(|peer| {
        let results = Peer::RESULTS.into_iter().zip(peer.updates);
        results.map(|(result, count)| ([&*peer.name, result], count))
    });
    page.all(&names::PEER_UPDATES, updates);
    page.all(&names::PEER_CONNECTS, nodes.iter().map(|peer| ([&*peer.name], peer.connects)));
    page.all(&names::PEER_DIFFERENCES, nodes.iter().map(|peer| ([&*peer.name], peer.differing.len())));
    let clocks = nodes.iter().filter_map(|peer| Some(([&*peer.name], peer.clock_ahead? as f64 / 1000.0)));
    page.all(&names::PEER_CLOCK, clocks);
    let there = || {
        nodes
            .iter()
            .flat_map(|peer| peer.tables.iter().map(move |table| ([&*peer.name, &*table.domain], table)))
    };
    page.all(&names::PEER_THERE, there().map(|(of, table)| (of, table.entries)));
    page.all(&names::PEER_ALIKE, there().map(|(of, table)| (of, u64::from(table.is_alike()))));
    page.all(&names::PEER_ENTRIES, tables.iter().map(|table| ([&*table.domain], table.entries)));
    // Prometheus keeps 53 bits.
    page.all(&names::PEER_DIGEST, tables.iter().map(|table| ([&*table.domain], table.digest >> 16)));
}

fn store(page: &mut Page, store: Option<&SharedStore>) {
    let of: [Column<SharedStore>; 7] = [
        (&names::STORE_UP, |store| u64::from(store.up)),
        (&names::STORE_PENDING, |store| store.pending as u64),
        (&names::STORE_WRITTEN, |store| store.written),
        (&names::STORE_LEARNED, |store| store.learned),
        (&names::STORE_REFUSED, |store| store.refused),
        (&names::STORE_CONNECTS, |store| store.connects),
        (&names::STORE_FAILURES, |store| store.failures),
    ];
    for (family, number) in of {
        page.all(family, store.map(|store| ([], number(store))));
    }
    page.all(&names::STORE_LAG, store.map(|store| ([], store.lag.as_secs_f64())));
}

fn own(page: &mut Page, own: &[Own]) {
    for Own { name, help, labels, values } in own {
        let kind = if name.ends_with("_total") { Kind::Counter } else { Kind::Gauge };
        page.family(name, kind, help);
        for (of, value) in values {
            let of: Vec<&str> = of.iter().map(String::as_str).collect();
            page.sample(name, labels, &of, value);
        }
    }
}

const STATES: [State; 6] =
    [State::Up, State::Suspect, State::Down, State::Ejected, State::Draining, State::Maintenance];
