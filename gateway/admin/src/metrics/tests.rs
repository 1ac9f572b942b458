//! The page, its names, and the document that describes them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use sekisho_api::End;
use sekisho_runtime::{ExchangeTotals, Latencies, LogCounts, LogStatus, Totals};
use sekisho_scheduler::{State, TableCounts};

use super::names::{self, Family, Kind};
use super::snapshot::{Certificate, Domain, Own, Pool, Process, Server, Snapshot, Vip};
use super::{Form, render};
use crate::nodes::{Peer, PeerTable, Peers, SharedStore, TableThere, VrrpTable};

fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// A gateway with one of everything, no two numbers alike where that can be.
fn snapshot() -> Snapshot {
    let mut ends = End::KINDS.map(|kind| (kind, 0));
    ends[0].1 = 40;
    ends[1].1 = 2;
    let exchanges = ExchangeTotals {
        answered: BTreeMap::from([("cached", 51), ("refused", 52)]),
        ignored: BTreeMap::from([("no-query", 53)]),
        asked: 54,
        shared: 55,
        handed: 56,
        refused: 57,
        repeats: 58,
        timeouts: 59,
        late: 60,
        strays: 61,
        overloads: 62,
    };
    let vip = |name: &str, connections, exchanges| Vip {
        name: name.to_owned(),
        connections,
        totals: Totals { served: 42, received: 43, sent: u64::MAX },
        ends,
        classes: [("1xx", 0), ("2xx", 38), ("3xx", 1), ("4xx", 2), ("5xx", 1)],
        latencies: Latencies::default(),
        known: BTreeMap::from([("cookie", 44), ("weak-cookie", 45)]),
        exchanges,
    };
    let server = |name: &str, state, response| Server {
        pool: "web".to_owned(),
        name: name.to_owned(),
        state,
        weight: 10,
        active: 11,
        served: 12,
        bytes: 13,
        response,
        failures: vec![("refused", 14), ("tls", 0)],
        timeouts: 15,
        strays: 16,
        ejections: 2,
        repeats: 17,
        probes: (80, 81),
        probe: (state == State::Up).then_some(Duration::from_micros(2500)),
        certificate: (state == State::Up).then_some(Duration::from_secs(1_900_000_000)),
        notes: if state == State::Up { vec![("protocol", "tls".to_owned())] } else { Vec::new() },
    };
    Snapshot {
        process: Process {
            version: "1.2.3",
            started: Duration::from_millis(1_767_225_600_500),
            uptime: Duration::from_secs(60),
            cpu: Duration::from_micros(1_250_000),
            resident: Some(1 << 20),
        },
        epoch: 2,
        connections: 8,
        vips: vec![vip("names", 3, Some(exchanges)), vip("web", 5, None)],
        pools: vec![Pool {
            name: "web".to_owned(),
            queued: 1,
            queue_capacity: 100,
            latencies: Latencies::default(),
        }],
        servers: vec![
            server("www1", State::Up, Some(Duration::from_micros(1500))),
            server("www2", State::Draining, None),
            server("www3", State::Down, None),
        ],
        domains: vec![Domain {
            name: "default".to_owned(),
            entries: 20,
            bytes: 21,
            counts: TableCounts { hits: 22, misses: 23, inserts: 24, moves: 25, evictions: 26, expired: 27 },
        }],
        certificates: vec![Certificate {
            vip: "web".to_owned(),
            name: "www.example.org".to_owned(),
            file: "a \"folder\"\\with\nlines/web.pem".to_owned(),
            expires: 1_800_000_000,
        }],
        vrrp: vec![VrrpTable {
            name: "site".to_owned(),
            group: Some("site".to_owned()),
            state: "active",
            why: "started".to_owned(),
            lasted: Duration::from_secs(70),
            priority: Some(71),
            unfit: Vec::new(),
            peers: Vec::new(),
            transitions: 72,
            sent: 73,
            received: 74,
            invalid: 75,
            differs: false,
        }],
        peers: Peers {
            nodes: vec![Peer {
                name: "gw2".to_owned(),
                up: true,
                kind: Some("sekisho"),
                taught: true,
                lag: Duration::from_millis(4),
                updates: [81, 82, 83, 84, 85],
                connects: 86,
                error: None,
                differing: vec!["secret".to_owned()],
                clock_ahead: Some(-2500),
                tables: vec![TableThere {
                    domain: "default".to_owned(),
                    entries: 89,
                    digest: 90,
                    changed: None,
                    alike: Some(Duration::from_secs(4)),
                }],
            }],
            tables: vec![PeerTable {
                domain: "default".to_owned(),
                entries: 87,
                digest: 88 << 16,
                changed: None,
            }],
        },
        logs: vec![LogStatus {
            log: "udp:192.0.2.1:514".to_owned(),
            written: 90,
            sampled: 91,
            limited: 92,
            slow: 93,
            failed: 94,
        }],
        log: Some(LogCounts { written: 95, slow: 96, failed: 97 }),
        tokens: vec![("grafana".to_owned(), Duration::from_secs(1_801_396_800))],
        store: Some(SharedStore {
            address: "store.example.org:6379".to_owned(),
            up: true,
            loaded: true,
            pending: 81,
            lag: Duration::from_millis(82_500),
            written: 83,
            learned: 84,
            refused: 85,
            connects: 86,
            failures: 87,
            error: None,
        }),
        own: vec![Own {
            name: "sekisho_dns_cache_hits_total".to_owned(),
            help: "Hits, \"fresh\".",
            labels: &["pool"],
            values: vec![(vec!["inside".to_owned()], 30), (vec!["outside".to_owned()], 31)],
        }],
    }
}

/// Compares with a file; `SEKISHO_BLESS=1` writes it anew.
fn golden(path: &str, found: &str) {
    let path = repository(path);
    if std::env::var_os("SEKISHO_BLESS").is_some() {
        fs::write(&path, found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let hint = "if this is meant: SEKISHO_BLESS=1 cargo test -p sekisho-admin";
    assert!(found == expected, "{}: {hint}\n{found}", path.display());
}

#[test]
fn page_is_written_as_recorded() {
    golden("fixtures/metrics/prometheus.txt", &render(&snapshot(), Form::Prometheus));
    golden("fixtures/metrics/openmetrics.txt", &render(&snapshot(), Form::OpenMetrics));
}

#[test]
fn every_metric_stands_on_the_page_of_a_gateway_that_has_everything_and_none_that_is_not_listed() {
    let page = render(&snapshot(), Form::Prometheus);
    let given: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let listed = names::ALL.iter().map(|family| family.name);
    let listed: BTreeSet<&str> = listed.chain(["sekisho_dns_cache_hits_total"]).collect();
    assert_eq!(given.len(), listed.len(), "one is announced twice");
    assert_eq!(given.into_iter().collect::<BTreeSet<_>>(), listed);
}

#[test]
fn gateway_without_vips_has_a_page_without_empty_families() {
    let page = render(&Snapshot::default(), Form::Prometheus);
    assert!(page.contains("sekisho_connections 0\n") && !page.contains("sekisho_vip"), "{page}");
}

#[test]
fn names_follow_the_conventions() {
    let mut seen = BTreeSet::new();
    for Family { name, kind, labels, help } in names::ALL {
        assert!(seen.insert(name), "{name} twice");
        assert!(name.starts_with("sekisho_") || name.starts_with("process_"), "{name}");
        assert_eq!(*kind == Kind::Counter, name.ends_with("_total"), "{name}");
        assert_eq!(*kind == Kind::Info, name.ends_with("_info"), "{name}");
        assert!(help.ends_with('.') && !help.contains(['|', '\n']), "{name}: {help}");
        for other in ["_milliseconds", "_ms", "_kb", "_count", "_sum", "_bucket"] {
            assert!(!name.contains(other), "{name}");
        }
        assert!(labels.iter().all(|label| !["le", "quantile", "job", "instance"].contains(label)), "{name}");
    }
}

#[test]
fn document_has_every_metric_as_it_is() {
    const BEGIN: &str = "<!-- The tests write this table. -->\n";
    let path = "docs/metrics.md";
    let document = fs::read_to_string(repository(path)).unwrap();
    let mut table = String::from("| metric | kind | labels | what it is |\n|---|---|---|---|\n");
    for Family { name, kind, labels, help } in names::ALL {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        table += &format!("| `{name}` | {} | {} | {help} |\n", kind.name(), labels.join(", "));
    }
    let (before, rest) = document.split_once(BEGIN).expect("the place of the table");
    let (_, after) = rest.split_once("\n\n").expect("an empty line behind the table");
    golden(path, &format!("{before}{BEGIN}{table}\n{after}"));
}
