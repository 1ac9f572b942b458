use std::collections::BTreeMap;

use proptest::prelude::*;
use sekisho_api::{Key, KeyKind};
use sekisho_scheduler::{Scheduler, Secret, Table, TableSpec};

use super::super::terms::Foreign;
use super::super::wire::{Control, Definition, KeyForm, Message, Shape, next, types};
use super::*;

const EXPIRE: Duration = Duration::from_secs(600);

fn table(now: Instant) -> Arc<Table> {
    let spec = TableSpec { name: "default".into(), max_entries: 1000, max_bytes: 1 << 20, expire: EXPIRE };
    let secret = Secret::new(&[7; 16]).unwrap();
    let scheduler = Scheduler::build(Vec::new(), vec![spec], &secret, 1, None, now);
    scheduler.set_day(std::time::SystemTime::now(), now);
    Arc::clone(scheduler.table("default").unwrap())
}

fn terms() -> Terms {
    Terms {
        domains: vec![("default".into(), EXPIRE)],
        foreign: vec![
            Foreign {
                name: "users".to_owned(),
                domain: 0,
                kind: KeyKind::USER,
                form: KeyForm::Text,
                key_length: 33,
            },
            Foreign {
                name: "v6".to_owned(),
                domain: 0,
                kind: KeyKind::SOURCE_IP,
                form: KeyForm::Ipv6,
                key_length: 16,
            },
        ],
        facts: vec![("secret".to_owned(), "00ff".to_owned())],
        kinds: vec![KeyKind::USER, KeyKind::SOURCE_IP],
        servers: ["a", "b", "c", "d"].map(Arc::from).into_iter().collect(),
    }
}

fn user(name: &str) -> Key {
    Key::new(KeyKind::USER, name.as_bytes()).unwrap()
}

fn contents(table: &Table, now: Instant) -> BTreeMap<Vec<u8>, String> {
    let views = table.list(None, None, usize::MAX, now);
    views.into_iter().map(|view| (view.key.expose().to_vec(), view.server.to_string())).collect()
}

/// Two nodes and the link between them, which may be cut at any byte.
struct Pair {
    now: Instant,
    tables: [Arc<Table>; 2],
    terms: [Terms; 2],
    sessions: Option<[Session; 2]>,
    /// Bytes on their way from each node.
    wires: [Vec<u8>; 2],
}

impl Pair {
    fn new() -> Self {
        let now = Instant::now();
        let tables = [table(now), table(now)];
        Self { now, tables, terms: [terms(), terms()], sessions: None, wires: [Vec::new(), Vec::new()] }
    }

    fn connect(&mut self) {
        self.wires = [Vec::new(), Vec::new()];
        let session = |i: usize| {
            let follower = self.tables[i].follow(|| {});
            Session::new(Arc::new(self.terms[i].clone()), vec![follower], Version::V2_1, self.now)
        };
        self.sessions = Some([session(0), session(1)]);
    }

    fn cut(&mut self) {
        self.sessions = None;
    }

    /// Lets each side speak, and carries at most this many bytes each way.
    fn carry(&mut self, bytes: usize) -> usize {
        let Some(sessions) = &mut self.sessions else { return 0 };
        let mut carried = 0;
        for from in 0..2 {
            sessions[from].produce(true, self.now, &mut self.wires[from]).unwrap();
            let part: Vec<u8> = self.wires[from].drain(..bytes.min(self.wires[from].len())).collect();
            carried += part.len();
            sessions[1 - from].receive(&part, self.now).unwrap();
        }
        carried
    }

    fn settle(&mut self) {
        for _ in 0..1000 {
            if self.carry(usize::MAX) == 0 {
                return;
            }
        }
        panic!("the sessions go on speaking");
    }

    fn session(&self, i: usize) -> &Session {
        &self.sessions.as_ref().unwrap()[i]
    }
}

#[test]
fn two_nodes_tell_each_other_everything_and_then_what_changes() {
    let mut pair = Pair::new();
    for i in 0..2000 {
        pair.tables[i % 2].assign(&user(&format!("user{}", i % 900)), None, &"a".into(), pair.now);
    }
    pair.connect();
    pair.settle();
    assert_eq!(pair.tables[0].digest(pair.now), pair.tables[1].digest(pair.now));
    assert_eq!(pair.tables[0].digest(pair.now).entries, 900);
    for i in 0..2 {
        assert_eq!(pair.session(i).partner(), Partner::Node);
        assert!(pair.session(i).taught());
        assert_eq!(
            pair.session(i).lag(pair.now + Duration::from_secs(1)),
            Duration::ZERO,
            "all acknowledged"
        );
    }
    let sent = pair.session(1).counts().sent;
    pair.tables[0].assign(&user("alice"), Some(&"web".into()), &"b".into(), pair.now);
    pair.settle();
    let web: Arc<str> = "web".into();
    assert_eq!(&*pair.tables[1].get(&user("alice"), &[web], pair.now)[0].server, "b");
    assert_eq!(pair.session(1).counts().sent, sent, "told back to nobody");
}

#[test]
fn a_node_whose_first_word_is_late_is_told_as_a_node() {
    let mut pair = Pair::new();
    for name in ["alice", "bob"] {
        pair.tables[0].assign(&user(name), Some(&"web".into()), &"a".into(), pair.now);
    }
    pair.connect();
    pair.carry(0);
    pair.now += DECIDE;
    pair.carry(0);
    assert_eq!(pair.session(0).partner(), Partner::Foreign, "not known yet");
    pair.settle();
    assert_eq!(pair.session(0).partner(), Partner::Node);
    assert_eq!(pair.tables[0].digest(pair.now), pair.tables[1].digest(pair.now));
}

#[test]
fn what_nodes_tell_each_other_besides_is_handed_on_and_no_difference() {
    let mut pair = Pair::new();
    pair.connect();
    pair.settle();
    let mut out = Vec::new();
    let [one, two] = pair.sessions.as_mut().unwrap();
    one.say(&["@clock=5".to_owned(), "@table/a=b=1 2".to_owned()], &mut out);
    two.receive(&out, pair.now).unwrap();
    let word = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(two.news(), [word("@clock", "5"), word("@table/a=b", "1 2")]);
    assert_eq!((two.news(), two.differing()), (Vec::new(), Vec::new()));
    // However much is said before anybody asks.
    out.clear();
    one.say(&vec!["@clock=5".to_owned(); 5000], &mut out);
    two.receive(&out, pair.now).unwrap();
    assert_eq!(two.news().len(), 1024);
}

#[test]
fn what_is_forgotten_or_cleared_is_so_on_the_other_node() {
    let mut pair = Pair::new();
    for name in ["alice", "bob", "carol"] {
        pair.tables[0].assign(&user(name), None, &"a".into(), pair.now);
    }
    pair.connect();
    pair.settle();
    pair.tables[1].remove(&user("bob"), None);
    pair.settle();
    assert_eq!(pair.tables[0].len(), 2);
    pair.tables[0].clear();
    pair.settle();
    assert!(pair.tables[1].is_empty());
}

#[test]
fn a_server_or_a_kind_of_key_that_is_not_here_is_not_learned() {
    let mut pair = Pair::new();
    pair.tables[0].assign(&user("alice"), None, &"elsewhere".into(), pair.now);
    let own = Key::new(KeyKind::new("strange"), b"x").unwrap();
    pair.tables[0].assign(&own, None, &"a".into(), pair.now);
    pair.connect();
    pair.settle();
    assert!(pair.tables[1].is_empty());
    assert_eq!(pair.session(1).counts().refused, 2);
}

#[test]
fn nodes_that_do_not_mean_the_same_say_what_differs() {
    let mut pair = Pair::new();
    pair.terms[0].facts.push(("pool `web`".to_owned(), "01".to_owned()));
    pair.terms[1].facts =
        vec![("secret".to_owned(), "11".to_owned()), ("pool `mail`".to_owned(), "02".to_owned())];
    pair.connect();
    pair.settle();
    assert_eq!(pair.session(0).differing(), ["secret", "pool `web`", "pool `mail`"]);
    assert_eq!(pair.session(1).differing(), ["secret", "pool `mail`", "pool `web`"]);
    pair.terms[1].facts = pair.terms[0].facts.clone();
    pair.connect();
    pair.settle();
    assert!(pair.session(0).differing().is_empty());
}

#[test]
fn a_side_that_has_nothing_to_say_says_that_it_is_there_and_silence_ends_the_session() {
    let mut pair = Pair::new();
    pair.connect();
    pair.settle();
    pair.now += HEARTBEAT;
    assert_eq!(pair.carry(usize::MAX), 4, "one heartbeat each way");
    pair.now += SILENCE;
    let [first, _] = pair.sessions.as_mut().unwrap();
    assert!(first.wake() <= pair.now);
    assert_eq!(first.produce(true, pair.now, &mut Vec::new()), Err(SessionError::Silent));
}

/// A session against what a HAProxy would say, byte by byte.
struct Foreigner {
    now: Instant,
    table: Arc<Table>,
    session: Session,
}

impl Foreigner {
    fn new(now: Instant) -> Self {
        let table = table(now);
        let session = Session::new(Arc::new(terms()), vec![table.follow(|| {})], Version::V2_1, now);
        Self { now, table, session }
    }

    fn says(&mut self, bytes: &[u8]) {
        self.session.receive(bytes, self.now).unwrap();
    }

    fn answers(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.session.produce(true, self.now, &mut out).unwrap();
        out
    }
}

fn messages(bytes: &[u8]) -> Vec<Message<'_>> {
    let (mut all, mut rest) = (Vec::new(), bytes);
    while let Some((message, used)) = next(rest).unwrap() {
        all.push(message);
        rest = &rest[used..];
    }
    assert!(rest.is_empty());
    all
}

/// A definition as HAProxy has it: server id and server key.
fn defined(id: u64, name: &str, key: KeyForm, key_length: u16) -> Vec<u8> {
    let data = [(types::SERVER_ID, 1), (types::SERVER_KEY, 1)].into_iter().collect();
    let mut bytes = Vec::new();
    let shape = Some(Shape { key, key_length, data });
    Definition { id, name, shape, expire: Some(Duration::from_secs(1800)) }.write(&mut bytes);
    bytes
}

#[test]
fn a_haproxy_is_told_of_the_tables_that_it_has_and_nothing_before_it_has_spoken() {
    let mut haproxy = Foreigner::new(Instant::now());
    haproxy.table.assign(&user("alice"), None, &"a".into(), haproxy.now);
    haproxy.table.assign(&user("bob"), Some(&"web".into()), &"a".into(), haproxy.now);
    let v4 = Key::source_ip("192.0.2.7".parse().unwrap(), 32, 128);
    haproxy.table.assign(&v4, None, &"b".into(), haproxy.now);
    let first = haproxy.answers();
    let names = |bytes: &[u8]| -> Vec<String> {
        let definitions = messages(bytes).into_iter().filter_map(|message| match message {
            Message::Define(definition) => Some(definition.name.to_owned()),
            _ => None,
        });
        definitions.collect()
    };
    assert_eq!(names(&first), [super::super::terms::FACTS]);
    // A resync request.
    haproxy.says(&[0, 0]);
    let told = haproxy.answers();
    let mut tables = names(&told);
    tables.sort();
    assert_eq!(tables, ["users", "v6"]);
    let updates = messages(&told).into_iter().filter(|message| matches!(message, Message::Update(_)));
    assert_eq!(updates.count(), 2, "an entry of one pool alone stays here");
    assert_eq!(messages(&told).last(), Some(&Message::Control(Control::ResyncFinished)));
}

#[test]
fn entries_of_a_haproxy_are_learned_acknowledged_and_its_length_of_keys_is_taken_on() {
    let mut haproxy = Foreigner::new(Instant::now());
    haproxy.table.assign(&user("alice"), None, &"a".into(), haproxy.now);
    haproxy.now += Duration::from_secs(4);
    let _ = haproxy.answers();
    let mut bytes = defined(9, "users", KeyForm::Text, 65);
    // Number 1, bob, server id 2, server key 1 = "b"; then without a number: carol, the name by its number.
    bytes.extend_from_slice(&[10, 0x80, 13, 0, 0, 0, 1, 3, b'b', b'o', b'b', 2, 3, 1, 1, b'b']);
    bytes.extend_from_slice(&[10, 0x81, 9, 5, b'c', b'a', b'r', b'o', b'l', 2, 1, 1]);
    // Number 3, an entry that still lives for 1000 s of 1800: last used 800 s ago, which is over here.
    bytes.extend_from_slice(&[10, 0x85, 16, 0, 0, 0, 3]);
    bytes.extend_from_slice(&1_000_000_u32.to_be_bytes());
    bytes.extend_from_slice(&[4, b'd', b'a', b'v', b'e', 2, 1, 1]);
    // Number 4: alice was there just now.
    bytes.extend_from_slice(&[10, 0x80, 13, 0, 0, 0, 4, 5, b'a', b'l', b'i', b'c', b'e', 2, 1, 1]);
    haproxy.says(&bytes[..7]);
    haproxy.says(&bytes[7..]);
    let expected = [("alice", "b"), ("bob", "b"), ("carol", "b")];
    let expected: BTreeMap<_, _> =
        expected.into_iter().map(|(key, server)| (key.as_bytes().to_vec(), server.to_owned())).collect();
    assert_eq!(contents(&haproxy.table, haproxy.now), expected);
    let told = haproxy.answers();
    let told = messages(&told);
    assert!(told.contains(&Message::Ack { table: 9, update: 4 }), "{told:?}");
    let length_told = |haproxy: &mut Foreigner, name: &str| {
        haproxy.table.assign(&user(name), None, &"a".into(), haproxy.now);
        let told = haproxy.answers();
        messages(&told).into_iter().find_map(|message| match message {
            Message::Define(definition) => definition.shape.map(|shape| shape.key_length),
            _ => None,
        })
    };
    assert_eq!(length_told(&mut haproxy, "erin"), Some(65));
    assert_eq!(length_told(&mut haproxy, "frank"), None, "defined before");
    haproxy.says(&defined(9, "users", KeyForm::Text, 17));
    assert_eq!(length_told(&mut haproxy, "gina"), Some(17));
}

#[test]
fn names_told_in_a_table_that_is_unknown_here_count_in_the_others() {
    let mut haproxy = Foreigner::new(Instant::now());
    let mut bytes = defined(1, "unknown", KeyForm::Text, 33);
    bytes.extend_from_slice(&[10, 0x80, 11, 0, 0, 0, 1, 1, b'x', 2, 3, 1, 1, b'b']);
    bytes.extend_from_slice(&defined(2, "users", KeyForm::Text, 33));
    bytes.extend_from_slice(&[10, 0x80, 13 - 3, 0, 0, 0, 1, 3, b'b', b'o', b'b', 2, 0]);
    bytes.extend_from_slice(&[10, 0x80, 11, 0, 0, 0, 2, 3, b'b', b'o', b'b', 2, 1, 1]);
    haproxy.says(&bytes);
    assert_eq!(contents(&haproxy.table, haproxy.now).into_values().collect::<Vec<_>>(), ["b"]);
}

#[test]
fn a_key_that_haproxy_may_have_cut_is_not_learned() {
    let long =
        Foreign { name: "t".to_owned(), domain: 0, kind: KeyKind::USER, form: KeyForm::Text, key_length: 5 };
    assert_eq!(long.read(b"abcd"), None);
    assert!(long.read(b"abc").is_some());
    assert_eq!(long.key(&user("abcde")), None);
    let mapped = Foreign { form: KeyForm::Ipv6, kind: KeyKind::SOURCE_IP, ..long };
    let v4 = Key::source_ip("192.0.2.7".parse().unwrap(), 32, 128);
    assert_eq!(mapped.read(&mapped.key(&v4).unwrap()), Some(v4));
}

#[test]
fn what_is_no_message_ends_the_session() {
    let mut haproxy = Foreigner::new(Instant::now());
    assert_eq!(haproxy.session.receive(&[1, 0], haproxy.now), Err(SessionError::Refused));
    assert_eq!(haproxy.session.receive(&[255, 0], haproxy.now), Err(WireError::Reserved.into()));
}

#[derive(Clone, Debug)]
enum Event {
    Assign(usize, u8, u8),
    Remove(usize, u8),
    Clear(usize),
    Carry(usize),
    Cut,
    Connect,
    Pass(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..2_usize, 0..8_u8, 0..4_u8).prop_map(|(node, key, server)| Event::Assign(node, key, server)),
        1 => (0..2_usize, 0..8_u8).prop_map(|(node, key)| Event::Remove(node, key)),
        1 => (0..2_usize).prop_map(Event::Clear),
        6 => (0..300_usize).prop_map(Event::Carry),
        1 => Just(Event::Cut),
        2 => Just(Event::Connect),
        2 => (0..2000_u64).prop_map(Event::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nodes_end_up_alike_over_a_link_that_is_cut_at_any_byte(events in prop::collection::vec(event(), 1..80)) {
        let mut pair = Pair::new();
        for event in events {
            match event {
                Event::Assign(node, key, server) => {
                    let server: Arc<str> = ["a", "b", "c", "d"][usize::from(server)].into();
                    pair.tables[node].assign(&user(&format!("user{key}")), None, &server, pair.now);
                }
                Event::Remove(node, key) => {
                    pair.tables[node].remove(&user(&format!("user{key}")), None);
                }
                Event::Clear(node) => {
                    pair.tables[node].clear();
                }
                Event::Carry(bytes) => {
                    pair.carry(bytes);
                }
                Event::Cut => pair.cut(),
                Event::Connect => pair.connect(),
                Event::Pass(millis) => pair.now += Duration::from_millis(millis.min(500)),
            }
        }
        pair.connect();
        pair.settle();
        // What was removed while they did not hear of each other may be known to one alone: all else is alike.
        prop_assert_eq!(contents(&pair.tables[0], pair.now), contents(&pair.tables[1], pair.now));
    }

    #[test]
    fn whatever_comes_after_the_hello_is_answered_for(parts in prop::collection::vec(any::<Vec<u8>>(), 0..20)) {
        let mut haproxy = Foreigner::new(Instant::now());
        for part in parts {
            if haproxy.session.receive(&part, haproxy.now).is_err() {
                break;
            }
        }
    }
}
