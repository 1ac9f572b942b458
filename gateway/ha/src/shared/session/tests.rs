use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use proptest::prelude::*;
use sekisho_api::{Key, KeyKind};
use sekisho_scheduler::{Scheduler, Secret, Table, TableSpec};

use super::store::Store;
use super::{Counts, Session, SessionError, Terms};
use crate::shared::entry::Sealer;
use crate::shared::tables::{Clocks, Tables};

const EXPIRE: Duration = Duration::from_secs(3600);

/// A gateway: its table, and its connection if it has one.
struct Node {
    table: Arc<Table>,
    _scheduler: Scheduler,
    tables: Tables,
    counts: Counts,
    session: Option<(Session, usize)>,
    origin: u64,
}

/// Gateways and their store, on a clock of their own.
struct Site {
    store: Store,
    nodes: Vec<Node>,
    began: (Instant, SystemTime),
    now: Instant,
}

fn user(name: &str) -> Key {
    Key::new(KeyKind::USER, name.as_bytes()).unwrap()
}

impl Site {
    fn new(nodes: usize) -> Self {
        let began = (Instant::now() + Duration::from_secs(100_000), SystemTime::now());
        let mut site = Self { store: Store::default(), nodes: Vec::new(), began, now: began.0 };
        site.nodes = (1..=nodes as u64).map(|n| site.node(n)).collect();
        site
    }

    fn node(&self, number: u64) -> Node {
        let secret = Secret::new(b"0123456789abcdef").unwrap();
        let spec =
            TableSpec { name: "default".into(), max_entries: 10_000, max_bytes: 1 << 20, expire: EXPIRE };
        let scheduler = Scheduler::build(Vec::new(), vec![spec], &secret, number, None, self.now);
        scheduler.set_day(self.clocks().wall, self.now);
        let table = scheduler.table("default").unwrap().clone();
        let sealer = Sealer::new(b"0123456789abcdef").unwrap();
        let tables = Tables::new(sealer, "sekisho:", vec![KeyKind::USER], vec![table.follow(|| {})]);
        Node {
            table,
            _scheduler: scheduler,
            tables,
            counts: Counts::default(),
            session: None,
            origin: number << 32,
        }
    }

    fn clocks(&self) -> Clocks {
        Clocks { now: self.now, wall: self.began.1 + (self.now - self.began.0) }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    fn connect(&mut self, node: usize) {
        let client = self.store.connect();
        let node = &mut self.nodes[node];
        node.origin += 1;
        let terms = Terms {
            user: None,
            password: Some(b"secret".to_vec()),
            database: 0,
            prefix: "sekisho:".to_owned(),
            origin: node.origin,
            connect_timeout: Duration::from_secs(1),
            timeout: Duration::from_secs(2),
            staleness: Duration::from_secs(5),
        };
        node.session = Some((Session::new(terms, &mut node.tables, self.now), client));
    }

    /// As a gateway that has just started.
    fn begin(&mut self, node: usize) {
        let fresh = self.node(100 + node as u64);
        let since = self.clocks().wall;
        self.nodes[node] = Node { tables: fresh.tables.ignorant(Some(since)), ..fresh };
    }

    fn cut(&mut self, node: usize) {
        self.nodes[node].session = None;
    }

    /// Carries at most so many bytes each way; says whether there were any.
    fn carry(&mut self, node: usize, most: usize) -> bool {
        let clocks = self.clocks();
        let node = &mut self.nodes[node];
        let Some((session, client)) = &mut node.session else { return false };
        session.tell(&mut node.tables, clocks.now);
        let there: Vec<u8> = session.out.drain(..most.min(session.out.len())).collect();
        self.store.hears(*client, &there, clocks.now);
        let back = self.store.says(*client, most);
        session.receive(&back, &node.tables, &mut node.counts, clocks).unwrap();
        if session.has_loaded() {
            node.tables.has_read();
        }
        session.tick(clocks.now).unwrap();
        !(there.is_empty() && back.is_empty())
    }

    /// Until nobody has anything to say.
    fn settle(&mut self) {
        let mut rounds = 0;
        while (0..self.nodes.len()).fold(false, |any, node| self.carry(node, usize::MAX) | any) {
            rounds += 1;
            assert!(rounds < 1000, "they never stop talking");
        }
    }

    fn bind(&mut self, node: usize, name: &str, server: &str) {
        self.pass(Duration::from_millis(1));
        assert!(self.nodes[node].table.assign(&user(name), None, &server.into(), self.now));
    }

    fn server(&self, node: usize, name: &str) -> Option<String> {
        let found = self.nodes[node].table.get(&user(name), &[], self.now);
        found.first().map(|entry| entry.server.to_string())
    }
}

#[test]
fn what_one_gateway_binds_all_know_and_the_later_change_wins() {
    let mut site = Site::new(3);
    (0..3).for_each(|node| site.connect(node));
    site.bind(0, "anna", "ts1");
    site.settle();
    assert!((0..3).all(|node| site.server(node, "anna").as_deref() == Some("ts1")));
    site.bind(1, "anna", "ts2");
    site.settle();
    assert!((0..3).all(|node| site.server(node, "anna").as_deref() == Some("ts2")));
    assert_eq!(site.store.entries.len(), 1);
    let counts: Vec<_> = site.nodes.iter().map(|node| (node.counts.written, node.counts.learned)).collect();
    assert_eq!(counts, [(1, 1), (1, 1), (0, 2)]);
}

#[test]
fn gateway_that_was_away_overwrites_nothing_later_and_reads_what_it_missed() {
    let mut site = Site::new(2);
    site.bind(0, "anna", "ts1");
    site.bind(0, "bert", "ts1");
    site.connect(1);
    site.bind(1, "anna", "ts2");
    site.settle();
    site.connect(0);
    site.settle();
    for node in 0..2 {
        assert_eq!(site.server(node, "anna").as_deref(), Some("ts2"));
        assert_eq!(site.server(node, "bert").as_deref(), Some("ts1"));
    }
}

#[test]
fn what_a_gateway_decides_before_it_has_read_the_store_gives_way_to_what_it_reads() {
    let mut site = Site::new(2);
    (0..2).for_each(|node| site.connect(node));
    site.bind(0, "anna", "ts1");
    site.settle();
    site.cut(1);
    site.pass(Duration::from_millis(5));
    site.begin(1);
    site.bind(1, "anna", "ts2");
    site.bind(1, "bert", "ts2");
    site.bind(0, "cleo", "ts1");
    site.bind(1, "cleo", "ts2");
    site.connect(1);
    site.settle();
    for node in 0..2 {
        assert_eq!(site.server(node, "anna").as_deref(), Some("ts1"));
        assert_eq!(site.server(node, "bert").as_deref(), Some("ts2"));
        // Both were made since: the later one counts, as ever.
        assert_eq!(site.server(node, "cleo").as_deref(), Some("ts2"));
    }
    // From then on it is as any other.
    site.bind(1, "anna", "ts2");
    site.settle();
    assert!((0..2).all(|node| site.server(node, "anna").as_deref() == Some("ts2")));
}

#[test]
fn store_that_has_lost_everything_is_filled_again() {
    let mut site = Site::new(2);
    (0..2).for_each(|node| site.connect(node));
    (0..20).for_each(|n| site.bind(n % 2, &format!("user{n}"), "ts1"));
    site.settle();
    site.store = Store::default();
    (0..2).for_each(|node| site.connect(node));
    site.settle();
    assert_eq!(site.store.entries.len(), 20);
}

#[test]
fn forgotten_user_and_cleared_table_are_forgotten_everywhere_also_by_who_was_away() {
    let mut site = Site::new(3);
    (0..3).for_each(|node| site.connect(node));
    site.bind(0, "anna", "ts1");
    site.bind(0, "bert", "ts1");
    site.settle();
    site.cut(2);
    site.pass(Duration::from_millis(5));
    site.nodes[0].table.forget(&user("anna"), &[]);
    site.settle();
    assert_eq!(site.server(1, "anna"), None);
    site.connect(2);
    site.settle();
    assert_eq!((site.server(2, "anna"), site.server(2, "bert").as_deref()), (None, Some("ts1")));

    site.cut(2);
    site.pass(Duration::from_millis(5));
    site.nodes[1].table.clear();
    site.settle();
    site.bind(1, "cleo", "ts2");
    site.connect(2);
    site.settle();
    for node in 0..3 {
        assert_eq!(site.server(node, "bert"), None, "{node}");
        assert_eq!(site.server(node, "cleo").as_deref(), Some("ts2"), "{node}");
    }
}

#[test]
fn entries_live_elsewhere_as_long_as_they_do_here() {
    let mut site = Site::new(2);
    (0..2).for_each(|node| site.connect(node));
    site.bind(0, "anna", "ts1");
    site.settle();
    site.pass(EXPIRE / 2);
    site.cut(1);
    site.nodes[1] = site.node(9);
    (0..2).for_each(|node| site.connect(node));
    site.settle();
    let left = site.nodes[1].table.get(&user("anna"), &[], site.now)[0].expires_in.unwrap();
    assert!(left <= EXPIRE / 2 && left + Duration::from_secs(1) >= EXPIRE / 2, "{left:?}");
    site.pass(EXPIRE / 2);
    assert_eq!(site.server(1, "anna"), None);
}

#[test]
fn full_store_is_told_of_and_not_left() {
    let mut site = Site::new(2);
    (0..2).for_each(|node| site.connect(node));
    site.settle();
    site.store.full = true;
    site.bind(0, "anna", "ts1");
    site.settle();
    let session = &site.nodes[0].session.as_ref().unwrap().0;
    assert!(session.is_up() && session.refusal.as_ref().unwrap().starts_with("OOM"));
    assert_eq!(site.nodes[0].counts.refused, 1);
    site.store.full = false;
    site.bind(0, "bert", "ts1");
    site.settle();
    assert!(site.nodes[0].session.as_ref().unwrap().0.refusal.is_none());
    assert_eq!(site.server(1, "bert").as_deref(), Some("ts1"));
    assert_eq!(site.server(1, "anna"), None);
    site.pass(super::AGAIN);
    site.settle();
    assert_eq!(site.server(1, "anna").as_deref(), Some("ts1"), "what it missed is told again");
}

/// What a session makes of an answer, with nothing of the greeting answered before.
fn answered(bytes: &[u8]) -> Result<(), SessionError> {
    let mut site = Site::new(1);
    site.connect(0);
    let clocks = site.clocks();
    let node = &mut site.nodes[0];
    node.session.as_mut().unwrap().0.receive(bytes, &node.tables, &mut node.counts, clocks)
}

#[test]
fn refusals_and_strange_answers_end_the_connection() {
    let refused =
        answered(b"-WRONGPASS invalid username-password pair or user is disabled.\r\n").unwrap_err();
    assert!(refused.to_string().contains("WRONGPASS"), "{refused}");
    assert!(matches!(answered(b"HTTP/1.1 400\r\n"), Err(SessionError::Resp(_))));
    let scripts = b"+OK\r\n+OK\r\n:7\r\n";
    assert!(matches!(answered(scripts), Err(SessionError::Answer)));
    let too_many = b"+OK\r\n+OK\r\n+a\r\n+b\r\n+c\r\n";
    assert!(matches!(answered(too_many), Err(SessionError::Answer)));
    assert!(answered(b">2\r\n+message\r\n+x\r\n>3\r\n+message\r\n+x\r\n$2\r\nhi\r\n").is_ok());
}

#[test]
fn password_is_not_in_what_is_said_of_a_refusal() {
    // As Redis 5 and 7 say it, and as somebody in between might.
    for said in [
        "-ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `default`, `secret`, \r\n",
        "-ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'default' 'secr' \r\n",
        "-ERR not allowed: HELLO 3 AUTH default secret\r\n",
    ] {
        let refused = answered(said.as_bytes()).unwrap_err();
        assert!(matches!(refused, SessionError::Refused(_)));
        assert!(!refused.to_string().contains("secr"), "{refused}");
    }
    let mut site = Site::new(1);
    site.connect(0);
    let session = format!("{:?}", site.nodes[0].session.as_ref().unwrap().0.terms);
    assert!(!session.contains("secret") && !session.contains("115, 101"), "{session}");
}

#[test]
fn silence_is_asked_about_and_then_given_up() {
    let mut site = Site::new(1);
    site.connect(0);
    let late = |site: &mut Site| site.nodes[0].session.as_mut().unwrap().0.tick(site.now);
    site.pass(Duration::from_millis(999));
    assert!(late(&mut site).is_ok());
    site.pass(Duration::from_millis(1));
    assert!(matches!(late(&mut site), Err(SessionError::Late("connecting"))));

    site.connect(0);
    site.settle();
    let patience = site.nodes[0].session.as_ref().unwrap().0.patience(site.now);
    assert_eq!(patience, Duration::from_millis(2500));
    site.pass(patience);
    assert!(late(&mut site).is_ok());
    assert!(site.nodes[0].session.as_ref().unwrap().0.out.ends_with(b"PING\r\n"));
    site.pass(Duration::from_secs(2));
    assert!(matches!(late(&mut site), Err(SessionError::Late("an answer"))));
}

#[test]
fn changes_under_way_are_bounded() {
    let mut site = Site::new(1);
    site.connect(0);
    site.settle();
    (0..5000).for_each(|n| site.bind(0, &format!("user{n}"), "ts1"));
    let (now, node) = (site.now, &mut site.nodes[0]);
    let session = &mut node.session.as_mut().unwrap().0;
    assert!(session.tell(&mut node.tables, now));
    assert!(session.pending().0 <= 512 && session.out.len() < 1 << 20);
    site.settle();
    assert_eq!(site.store.entries.len(), 5000);
}

#[derive(Clone, Debug)]
enum Step {
    Bind(usize, u8, u8),
    Forget(usize, u8),
    Carry(usize, usize),
    Connect(usize),
    Cut(usize),
    Pass(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize, 0..6_u8, 0..3_u8).prop_map(|(node, name, server)| Step::Bind(node, name, server)),
        1 => (0..3_usize, 0..6_u8).prop_map(|(node, name)| Step::Forget(node, name)),
        6 => (0..3_usize, 1..3000_usize).prop_map(|(node, most)| Step::Carry(node, most)),
        1 => (0..3_usize).prop_map(Step::Connect),
        1 => (0..3_usize).prop_map(Step::Cut),
        1 => any::<u16>().prop_map(Step::Pass),
    ]
}

proptest! {
    #[test]
    fn however_connections_are_cut_all_agree_in_the_end(steps in proptest::collection::vec(step(), 0..120)) {
        let mut site = Site::new(3);
        (0..3).for_each(|node| site.connect(node));
        for step in steps {
            match step {
                Step::Bind(node, name, server) => site.bind(node, &format!("u{name}"), &format!("ts{server}")),
                Step::Forget(node, name) => {
                    site.pass(Duration::from_millis(1));
                    site.nodes[node].table.forget(&user(&format!("u{name}")), &[]);
                }
                Step::Carry(node, most) => _ = site.carry(node, most),
                Step::Connect(node) => site.connect(node),
                Step::Cut(node) => site.cut(node),
                Step::Pass(millis) => {
                    (0..3).for_each(|node| _ = site.carry(node, usize::MAX));
                    site.pass(Duration::from_millis(u64::from(millis) % 900));
                }
            }
        }
        (0..3).for_each(|node| site.connect(node));
        site.settle();
        let held: Vec<_> = site.nodes.iter().map(|node| node.table.digest(site.now)).collect();
        prop_assert!(held.windows(2).all(|pair| pair[0] == pair[1]), "{held:?}");
    }
}
