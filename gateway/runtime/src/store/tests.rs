//! Restarts, torn journals, and disks that refuse.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use sekisho_api::Key;
use sekisho_config::{ReturnPath, Topology};
use sekisho_scheduler::TableSpec;

use super::*;
use crate::scratch::Scratch;

fn scheduler() -> Scheduler {
    let table = |name: &str| TableSpec {
        name: name.into(),
        max_entries: 100_000,
        max_bytes: 64 << 20,
        expire: Duration::from_secs(3600),
    };
    let secret = Secret::new(&[7; 32]).unwrap();
    let tables = vec![table("default"), table("mail/users")];
    Scheduler::build(Vec::new(), tables, &secret, 7, None, Instant::now())
}

fn key(user: &str) -> Key {
    Key::new(KeyKind::USER, user.as_bytes()).unwrap()
}

fn bind(table: &Table, user: &str, server: &str) {
    table.assign(&key(user), None, &server.into(), Instant::now());
}

fn bound(table: &Table, user: &str) -> Option<String> {
    table.get(&key(user), &[], Instant::now()).first().map(|entry| entry.server.to_string())
}

/// Writes what changed, as the thread does.
fn write(journals: &mut Journals, scheduler: &Scheduler) {
    journals.write(scheduler.tables(), SystemTime::now(), Instant::now());
}

/// A start: tables with what the journals say, and the journals.
fn start(scratch: &Scratch) -> (Scheduler, Journals) {
    let scheduler = scheduler();
    let mut journals = Journals::new(scratch.path().to_owned(), vec![KeyKind::USER]);
    for table in scheduler.tables() {
        journals.of(table, SystemTime::now(), Instant::now());
    }
    (scheduler, journals)
}

fn tables(scheduler: &Scheduler) -> (&Table, &Table) {
    (scheduler.table("default").unwrap(), scheduler.table("mail/users").unwrap())
}

#[test]
fn tables_survive_a_restart_each_in_its_own_file() {
    let scratch = Scratch::new();
    {
        let (scheduler, mut journals) = start(&scratch);
        let (default, mail) = tables(&scheduler);
        bind(default, "alice", "ts1");
        write(&mut journals, &scheduler);
        bind(default, "bob", "ts2");
        bind(mail, "alice", "imap1");
        write(&mut journals, &scheduler);
        bind(default, "alice", "ts3");
        write(&mut journals, &scheduler);
    }
    let (scheduler, mut journals) = start(&scratch);
    let (default, mail) = tables(&scheduler);
    assert_eq!(bound(default, "alice").as_deref(), Some("ts3"));
    assert_eq!(bound(default, "bob").as_deref(), Some("ts2"));
    assert_eq!(bound(mail, "alice").as_deref(), Some("imap1"));
    assert_eq!(bound(mail, "bob"), None);
    default.remove(&key("bob"), None);
    write(&mut journals, &scheduler);
    drop(journals);
    assert_eq!(bound(tables(&start(&scratch).0).0, "bob"), None);
    let mode = fs::metadata(scratch.path().join("default.journal")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn journal_cut_at_any_byte_of_its_last_record_loses_that_record_and_no_other() {
    let scratch = Scratch::new();
    let path = scratch.path().join("default.journal");
    let (scheduler, mut journals) = start(&scratch);
    bind(tables(&scheduler).0, "alice", "ts1");
    write(&mut journals, &scheduler);
    let before = fs::read(&path).unwrap().len();
    bind(tables(&scheduler).0, "bob", "ts2");
    write(&mut journals, &scheduler);
    let whole = fs::read(&path).unwrap();
    drop(journals);
    assert!(whole.len() > before);
    for cut in before..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let (scheduler, mut journals) = start(&scratch);
        let (table, _) = tables(&scheduler);
        assert_eq!(
            (bound(table, "alice").as_deref(), bound(table, "bob")),
            (Some("ts1"), None),
            "cut at {cut}"
        );
        assert_eq!(fs::read(&path).unwrap(), whole[..before], "the torn end is gone");
        // What is appended then is whole again.
        bind(table, "carol", "ts3");
        write(&mut journals, &scheduler);
        drop(journals);
        let (scheduler, _journals) = start(&scratch);
        let (table, _) = tables(&scheduler);
        assert_eq!(
            (bound(table, "alice").as_deref(), bound(table, "carol").as_deref()),
            (Some("ts1"), Some("ts3"))
        );
    }
}

#[test]
fn journal_of_history_is_written_anew() {
    let scratch = Scratch::new();
    let path = scratch.path().join("default.journal");
    let (scheduler, mut journals) = start(&scratch);
    let (table, _) = tables(&scheduler);
    let mut largest = 0;
    for round in 0..100 {
        for user in 0..1000 {
            bind(table, &format!("user{user}"), &format!("ts{}", round % 7));
        }
        write(&mut journals, &scheduler);
        largest = largest.max(fs::metadata(&path).unwrap().len());
    }
    assert!(largest <= 1 << 20, "{largest}");
    assert!(largest > 1 << 19, "it grew before: {largest}");
    drop(journals);
    let (scheduler, _journals) = start(&scratch);
    assert_eq!(tables(&scheduler).0.len(), 1000);
    assert_eq!(bound(tables(&scheduler).0, "user999").as_deref(), Some("ts1"));
}

#[test]
fn journal_that_cannot_be_written_costs_nothing_and_is_whole_once_it_can() {
    let scratch = Scratch::new();
    let (scheduler, mut journals) = start(&scratch);
    let (table, _) = tables(&scheduler);
    // A directory in the way of the file that is written before it takes the journal's place.
    let obstacle = scratch.path().join("default.new");
    fs::create_dir(&obstacle).unwrap();
    bind(table, "alice", "ts1");
    let now = Instant::now();
    journals.write(scheduler.tables(), SystemTime::now(), now);
    fs::remove_dir(&obstacle).unwrap();
    bind(table, "bob", "ts2");
    journals.write(scheduler.tables(), SystemTime::now(), now + Duration::from_secs(1));
    assert!(!scratch.path().join("default.journal").exists(), "not tried again at once");
    journals.write(scheduler.tables(), SystemTime::now(), now + Duration::from_secs(60));
    drop(journals);
    let (scheduler, _journals) = start(&scratch);
    let (table, _) = tables(&scheduler);
    assert_eq!(
        (bound(table, "alice").as_deref(), bound(table, "bob").as_deref()),
        (Some("ts1"), Some("ts2"))
    );
}

#[test]
fn second_gateway_reads_and_writes_only_once_the_first_has_left() {
    let scratch = Scratch::new();
    let (first, mut journals) = start(&scratch);
    bind(tables(&first).0, "alice", "ts1");
    write(&mut journals, &first);
    let (second, mut later) = start(&scratch);
    assert_eq!(bound(tables(&second).0, "alice").as_deref(), Some("ts1"));
    bind(tables(&second).0, "bob", "ts2");
    let before = fs::read(scratch.path().join("default.journal")).unwrap();
    write(&mut later, &second);
    assert_eq!(fs::read(scratch.path().join("default.journal")).unwrap(), before);
    drop(journals);
    write(&mut later, &second);
    drop(later);
    let (third, _journals) = start(&scratch);
    assert_eq!(tables(&third).0.len(), 2);
}

fn gateway(state: Option<PathBuf>, secret: Option<PathBuf>) -> Gateway {
    Gateway {
        workers: None,
        max_connections: None,
        state_directory: state,
        secret_file: secret,
        drain_timeout: Duration::ZERO,
        log: String::new(),
        log_format: sekisho_config::LogFormat::Text,
        log_to: sekisho_config::LogTo::Stderr,
        access_logs: Vec::new(),
        traces: None,
        metrics: None,
        admin: None,
        trusted: sekisho_api::Networks::default(),
    }
}

fn config(gateway: Gateway) -> Config {
    Config {
        gateway,
        admin: sekisho_config::Admin::default(),
        peers: None,
        vips: Vec::new(),
        pools: Vec::new(),
        domains: Vec::new(),
        vrrp: Vec::new(),
        store: None,
        network: ReturnPath::default(),
        topology: Topology::default(),
    }
}

/// What a secret makes: secrets themselves do not print or compare.
fn token(secret: &Secret) -> String {
    let spec = sekisho_scheduler::PoolSpec {
        name: "web".into(),
        method: sekisho_scheduler::Method::RoundRobin,
        servers: vec![sekisho_scheduler::ServerSpec {
            name: "www1".into(),
            address: "192.0.2.1:80".parse().unwrap(),
            weight: 1,
            max_connections: None,
            group: 0,
            admin: sekisho_scheduler::Admin::Ready,
        }],
        all_down: sekisho_scheduler::AllDown::Refuse,
        on_down: sekisho_scheduler::OnDown::Next,
        queue: sekisho_scheduler::QueueSpec { capacity: 0, timeout: Duration::ZERO },
        slow_start: Duration::ZERO,
        health: crate::health::tests::health_spec(),
        seed: 1,
    };
    let scheduler = Scheduler::build(vec![spec], Vec::new(), secret, 1, None, Instant::now());
    scheduler.pool("web").unwrap().server("www1").unwrap().token().to_owned()
}

#[test]
fn dropping_the_store_writes_what_is_left() {
    let scratch = Scratch::new();
    let state = scratch.path().join("state/deep");
    let config = config(gateway(Some(state.clone()), None));
    {
        let mut store = Store::open(&config.gateway, None).unwrap();
        let scheduler = scheduler();
        store.replay(&scheduler, &config, None, Instant::now());
        store.tick(&scheduler);
        bind(tables(&scheduler).0, "alice", "ts1");
    }
    let mut store = Store::open(&config.gateway, None).unwrap();
    let scheduler = scheduler();
    store.replay(&scheduler, &config, None, Instant::now());
    assert_eq!(bound(tables(&scheduler).0, "alice").as_deref(), Some("ts1"));
    assert_eq!(fs::metadata(state).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn kept_secret_is_the_same_after_a_restart_and_the_gateways_alone() {
    let scratch = Scratch::new();
    let open = |state| Store::open(&gateway(state, None), None).unwrap();
    let state = Some(scratch.path().to_owned());
    let first = token(open(state.clone()).secret());
    assert_eq!(token(open(state.clone()).secret()), first);
    let file = scratch.path().join("secret");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(&file).unwrap().trim().len(), 64);
    // The file, copied to another node, is that node's secret.
    assert_eq!(token(Store::open(&gateway(None, Some(file.clone())), None).unwrap().secret()), first);
    // Two runs without a place to keep it have two secrets.
    assert_ne!(token(open(None).secret()), token(open(None).secret()));
    // One that is spoilt is not overwritten.
    fs::write(&file, "short").unwrap();
    assert_ne!(token(open(state).secret()), first);
    assert_eq!(fs::read_to_string(&file).unwrap(), "short");
}

#[test]
fn configured_secret_that_cannot_be_used_is_an_error() {
    let scratch = Scratch::new();
    let short = scratch.write("short", "not enough\n");
    let missing = scratch.path().join("missing");
    for file in [short, missing] {
        let error = Store::open(&gateway(None, Some(file.clone())), None).unwrap_err();
        assert!(error.to_string().contains(file.to_str().unwrap()));
    }
}

#[test]
fn state_directory_that_cannot_be_had_is_no_reason_not_to_serve() {
    let scratch = Scratch::new();
    let file = scratch.write("file", "");
    let config = config(gateway(Some(file.join("state")), None));
    let mut store = Store::open(&config.gateway, None).unwrap();
    let scheduler = scheduler();
    store.replay(&scheduler, &config, None, Instant::now());
    store.tick(&scheduler);
}
