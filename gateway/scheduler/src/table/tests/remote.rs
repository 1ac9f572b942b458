//! Tables that are told of each other's changes.

use std::sync::atomic::AtomicUsize;

use super::super::feed::Feed;
use super::*;

/// Tables of several nodes that share one time, each following each of the others.
#[derive(Debug)]
struct Nodes {
    benches: Vec<(Arc<Table>, Arc<Clock>)>,
    /// From, to; the follower is of the table of `from` and stands for the node `to`.
    links: Vec<(usize, usize, Follower)>,
    now: Instant,
    wall: SystemTime,
}

impl Nodes {
    fn new(count: usize, spec: &TableSpec) -> Self {
        let (now, wall) = (Instant::now(), SystemTime::now());
        let benches: Vec<_> = (0..count)
            .map(|i| {
                let clock = Arc::new(Clock::new(now));
                clock.set_day(wall, now);
                (Arc::new(Table::new(spec, &clock, i as u64)), clock)
            })
            .collect();
        let mut nodes = Self { benches, links: Vec::new(), now, wall };
        let pairs = (0..count).flat_map(|a| (0..count).map(move |b| (a, b))).filter(|(a, b)| a != b);
        for (from, to) in pairs {
            nodes.links.push((from, to, nodes.benches[from].0.follow(|| {})));
        }
        nodes
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.wall += time;
    }

    fn bind(&self, node: usize, name: &str, server: &str) -> Option<Held> {
        let (table, clock) = &self.benches[node];
        table.bind(&key(name), &"pool".into(), &server.into(), clock.read(self.now), |_| Some(false))
    }

    fn server(&self, node: usize, name: &str) -> Option<String> {
        let (table, clock) = &self.benches[node];
        table.glance(&key(name), &"pool".into(), clock.read(self.now), |name| Some(name.to_owned()))
    }

    /// Carries at most `limit` changes over one link; says how many.
    fn carry(&mut self, link: usize, limit: usize) -> usize {
        let (from, to, _) = self.links[link];
        let mut changes = Vec::new();
        let now = self.now;
        let told = self.links[link].2.changes(limit, now, |change| changes.push(Owned::of(&change)));
        let back = self.links.iter().find(|(a, b, _)| (*a, *b) == (to, from)).unwrap();
        for change in changes {
            match change {
                Owned::Bound(key, scope, server, idle, stamp) => {
                    let lesson = Lesson {
                        key: &key,
                        scope: scope.as_ref(),
                        server: &server,
                        idle,
                        stamp: Some(stamp),
                    };
                    back.2.learn(&lesson, now);
                }
                Owned::Removed(key, scope, stamp) => {
                    back.2.forget(&key, scope.as_ref(), stamp, now);
                }
                Owned::Cleared(stamp) => {
                    back.2.clear(stamp, now);
                }
            }
        }
        told
    }

    /// Carries until nobody has anything to say; panics if that does not end.
    fn settle(&mut self) -> usize {
        let mut all = 0;
        for _ in 0..100 {
            let told: usize = (0..self.links.len()).map(|link| self.carry(link, usize::MAX)).sum();
            all += told;
            if told == 0 {
                return all;
            }
        }
        panic!("the nodes go on telling each other");
    }

    fn digests(&self) -> Vec<Digest> {
        self.benches.iter().map(|(table, _)| table.digest(self.now)).collect()
    }
}

enum Owned {
    Bound(Key, Option<Arc<str>>, Arc<str>, Duration, Stamp),
    Removed(Key, Option<Arc<str>>, Stamp),
    Cleared(Stamp),
}

impl Owned {
    fn of(change: &Change<'_>) -> Self {
        match *change {
            Change::Bound { key, scope, server, idle, stamp } => {
                Self::Bound(key.clone(), scope.cloned(), Arc::clone(server), idle, stamp)
            }
            Change::Removed { key, scope, stamp } => Self::Removed(key.clone(), scope.cloned(), stamp),
            Change::Cleared { stamp } => Self::Cleared(stamp),
        }
    }
}

#[test]
fn a_key_bound_on_one_node_is_bound_on_the_other_and_told_back_to_nobody() {
    let mut nodes = Nodes::new(2, &table_spec());
    drop(nodes.bind(0, "alice", "a"));
    assert_eq!(nodes.settle(), 1);
    assert_eq!(nodes.server(1, "alice").as_deref(), Some("a"));
    assert_eq!(nodes.digests()[0], nodes.digests()[1]);
}

#[test]
fn the_latest_change_wins_and_an_operators_is_one() {
    let mut nodes = Nodes::new(2, &table_spec());
    drop(nodes.bind(0, "alice", "a"));
    nodes.pass(Duration::from_millis(5));
    drop(nodes.bind(1, "alice", "b"));
    nodes.settle();
    assert_eq!(nodes.server(0, "alice").as_deref(), Some("b"));
    assert!(nodes.benches[0].0.assign(&key("alice"), None, &"c".into(), nodes.now));
    nodes.settle();
    assert_eq!(nodes.server(1, "alice").as_deref(), Some("c"));
}

#[test]
fn a_change_made_in_the_knowledge_of_another_comes_after_it_whatever_the_clocks_say() {
    let mut nodes = Nodes::new(2, &table_spec());
    let ahead = nodes.wall + Duration::from_secs(3600);
    nodes.benches[0].1.set_day(ahead, nodes.now);
    drop(nodes.bind(0, "alice", "a"));
    nodes.settle();
    drop(nodes.bind(1, "alice", "b"));
    nodes.settle();
    assert_eq!(nodes.server(0, "alice").as_deref(), Some("b"));
}

#[test]
fn a_clock_that_was_years_ahead_and_is_set_back_is_as_any_other() {
    let mut nodes = Nodes::new(3, &table_spec());
    let years = Duration::from_secs(3 * 365 * 86_400);
    nodes.benches[0].1.set_day(nodes.wall + years, nodes.now);
    for name in ["alice", "bob"] {
        drop(nodes.bind(0, name, "a"));
    }
    nodes.settle();
    nodes.pass(Duration::from_secs(1));
    nodes.benches[0].1.set_day(nodes.wall, nodes.now);
    // Whoever knows of it moves them, from there and from here.
    assert!(nodes.benches[1].0.assign(&key("alice"), None, &"b".into(), nodes.now));
    assert!(nodes.benches[0].0.assign(&key("bob"), None, &"c".into(), nodes.now));
    nodes.settle();
    for node in 0..3 {
        assert_eq!(nodes.server(node, "alice").as_deref(), Some("b"), "{node}");
        assert_eq!(nodes.server(node, "bob").as_deref(), Some("c"), "{node}");
    }
    assert!(nodes.benches[1].0.remove(&key("alice"), None));
    nodes.settle();
    assert_eq!(nodes.digests().iter().map(|digest| digest.entries).collect::<Vec<_>>(), [1, 1, 1]);
}

#[test]
fn a_table_that_was_cleared_in_the_far_future_is_cleared_once_and_learns_again() {
    let mut nodes = Nodes::new(2, &table_spec());
    let years = Duration::from_secs(3 * 365 * 86_400);
    nodes.benches[0].1.set_day(nodes.wall + years, nodes.now);
    nodes.benches[0].1.read(nodes.now + Duration::from_secs(1));
    nodes.benches[0].0.clear();
    nodes.settle();
    drop(nodes.bind(1, "alice", "a"));
    let (_, _, follower) = nodes.links.iter_mut().find(|(from, ..)| *from == 0).unwrap();
    follower.rewind();
    nodes.settle();
    assert_eq!(nodes.server(1, "alice").as_deref(), Some("a"), "an old word is no news at a new connection");
    nodes.pass(Duration::from_secs(2));
    nodes.benches[0].1.set_day(nodes.wall, nodes.now);
    nodes.links.iter_mut().for_each(|(.., follower)| follower.rewind());
    nodes.settle();
    assert_eq!(nodes.server(0, "alice").as_deref(), Some("a"));
}

#[test]
fn of_two_changes_with_one_stamp_all_nodes_take_the_same() {
    let mut nodes = Nodes::new(3, &table_spec());
    drop(nodes.bind(0, "alice", "a"));
    drop(nodes.bind(1, "alice", "b"));
    drop(nodes.bind(2, "alice", "aa"));
    nodes.settle();
    for node in 0..3 {
        assert_eq!(nodes.server(node, "alice").as_deref(), Some("b"), "{node}");
    }
}

#[test]
fn connections_on_a_server_that_loses_go_on_and_settle_their_counts() {
    let mut nodes = Nodes::new(2, &table_spec());
    let held = nodes.bind(0, "alice", "a");
    nodes.pass(Duration::from_millis(5));
    drop(nodes.bind(1, "alice", "b"));
    nodes.settle();
    let view = &nodes.benches[0].0.get(&key("alice"), &[], nodes.now)[0];
    assert_eq!((&*view.server, view.open), ("b", 1));
    drop(held);
    assert_eq!(nodes.benches[0].0.get(&key("alice"), &[], nodes.now)[0].open, 0);
}

#[test]
fn what_is_forgotten_or_cleared_on_one_node_comes_back_from_no_other() {
    let mut nodes = Nodes::new(3, &table_spec());
    for name in ["alice", "bob", "carol"] {
        drop(nodes.bind(0, name, "a"));
    }
    nodes.settle();
    nodes.pass(Duration::from_secs(1));
    assert!(nodes.benches[1].0.remove(&key("bob"), None));
    nodes.settle();
    nodes.links.iter_mut().for_each(|(_, _, follower)| follower.rewind());
    nodes.settle();
    for node in 0..3 {
        assert_eq!((nodes.server(node, "bob"), nodes.benches[node].0.len()), (None, 2), "{node}");
    }
    nodes.pass(Duration::from_secs(1));
    nodes.benches[2].0.clear();
    drop(nodes.bind(2, "dave", "b"));
    nodes.settle();
    for node in 0..3 {
        assert_eq!(nodes.benches[node].0.len(), 1, "{node}");
        assert_eq!(nodes.server(node, "dave").as_deref(), Some("b"));
    }
}

#[test]
fn an_entry_in_use_elsewhere_does_not_expire_here() {
    let mut nodes = Nodes::new(2, &table_spec());
    let held = nodes.bind(0, "alice", "a");
    drop(nodes.bind(0, "bob", "a"));
    for _ in 0..20 {
        nodes.pass(Duration::from_secs(60));
        nodes.benches[0].0.renew(nodes.now);
        nodes.settle();
    }
    assert_eq!(nodes.server(1, "alice").as_deref(), Some("a"));
    assert_eq!(nodes.server(1, "bob"), None);
    drop(held);
    nodes.settle();
    nodes.pass(Duration::from_secs(700));
    assert_eq!(nodes.server(1, "alice"), None);
}

#[test]
fn an_entry_is_learned_with_the_life_that_it_has_left() {
    let mut nodes = Nodes::new(2, &table_spec());
    drop(nodes.bind(0, "alice", "a"));
    nodes.pass(Duration::from_secs(500));
    nodes.settle();
    nodes.pass(Duration::from_secs(99));
    assert_eq!(nodes.server(1, "alice").as_deref(), Some("a"));
    nodes.pass(Duration::from_secs(1));
    assert_eq!(nodes.server(1, "alice"), None);
}

#[test]
fn without_a_stamp_the_entry_that_was_used_last_wins() {
    let mut nodes = Nodes::new(2, &table_spec());
    drop(nodes.bind(0, "alice", "a"));
    nodes.pass(Duration::from_secs(10));
    let name = key("alice");
    let lesson = |seconds| Lesson {
        key: &name,
        scope: None,
        server: "b",
        idle: Duration::from_secs(seconds),
        stamp: None,
    };
    let follower = &nodes.links[0].2;
    assert_eq!(follower.learn(&lesson(20), nodes.now), Learned::Older);
    assert_eq!(follower.learn(&lesson(600), nodes.now), Learned::Refused);
    assert_eq!(follower.learn(&lesson(5), nodes.now), Learned::Moved);
    assert_eq!(follower.learn(&lesson(5), nodes.now), Learned::Known);
    let held = nodes.bind(0, "alice", "c");
    assert_eq!(nodes.links[0].2.learn(&lesson(1), nodes.now), Learned::Older, "in use");
    drop(held);
}

#[test]
fn what_is_learned_keeps_to_the_bounds_of_the_table() {
    let mut nodes = Nodes::new(2, &small(5, 100));
    nodes.benches[0].0.reconfigure(&small(1000, 100_000));
    for i in 0..100 {
        drop(nodes.bind(0, &format!("user{i}"), "a"));
    }
    nodes.settle();
    assert_eq!(nodes.benches[1].0.len(), 5);
    let (follower, long) = (&nodes.links[0].2, "s".repeat(300));
    let name = key("alice");
    let lesson = Lesson { key: &name, scope: None, server: &long, idle: Duration::ZERO, stamp: None };
    assert_eq!(follower.learn(&lesson, nodes.now), Learned::Refused);
}

#[test]
fn a_stamp_from_a_clock_that_is_years_ahead_does_not_shut_the_others_out() {
    let nodes = Nodes::new(2, &table_spec());
    let name = key("alice");
    let lesson = Lesson {
        key: &name,
        scope: None,
        server: "a",
        idle: Duration::ZERO,
        stamp: Some(Stamp::from_raw(u64::MAX)),
    };
    assert_eq!(nodes.links[0].2.learn(&lesson, nodes.now), Learned::New);
    drop(nodes.bind(0, "alice", "b"));
    assert_eq!(nodes.server(0, "alice").as_deref(), Some("b"));
}

#[test]
fn a_bell_rings_once_until_its_owner_looks() {
    let nodes = Nodes::new(1, &table_spec());
    let rung = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&rung);
    let mut follower = nodes.benches[0].0.follow(move || {
        counter.fetch_add(1, Relaxed);
    });
    for name in ["alice", "bob"] {
        drop(nodes.bind(0, name, "a"));
    }
    assert_eq!(rung.load(Relaxed), 1);
    assert_eq!(follower.changes(10, nodes.now, |_| {}), 2);
    // Known already: nothing that anybody would have to be told.
    drop(nodes.bind(0, "alice", "a"));
    assert_eq!(rung.load(Relaxed), 1);
    drop(nodes.bind(0, "carol", "a"));
    assert_eq!(rung.load(Relaxed), 2);
}

#[test]
fn a_table_that_nobody_follows_remembers_nothing_for_followers() {
    let nodes = Nodes::new(1, &table_spec());
    let table = &nodes.benches[0].0;
    let feeds = || table.shards.iter().filter(|home| home.shard.lock().feed.is_some()).count();
    drop(nodes.bind(0, "alice", "a"));
    assert_eq!(feeds(), 0);
    let (first, mut second) = (table.follow(|| {}), table.follow(|| {}));
    drop(first);
    assert_eq!(feeds(), table.shards.len());
    assert_eq!(second.changes(10, nodes.now, |_| {}), 1, "what was there before is told too");
    drop(second);
    assert_eq!(feeds(), 0);
}

#[test]
fn what_is_void_in_a_feed_does_not_pile_up() {
    let nodes = Nodes::new(1, &table_spec());
    let mut follower = nodes.benches[0].0.follow(|| {});
    for i in 0..5000 {
        drop(nodes.bind(0, "alice", if i % 2 == 0 { "a" } else { "b" }));
        nodes.benches[0].0.remove(&key("bob"), None);
        drop(nodes.bind(0, "bob", "a"));
    }
    let home = &nodes.benches[0].0.shards[0];
    let length = |feed: &Feed| (feed.entered_after(0).count(), feed.graves_after(0).count());
    let (entered, graves) = home.shard.lock().feed.as_deref().map(length).unwrap();
    assert!(entered < 100 && graves <= 4096, "{entered} {graves}");
    let mut bound = 0;
    follower.changes(usize::MAX, nodes.now, |change| {
        bound += usize::from(matches!(change, Change::Bound { .. }));
    });
    assert_eq!(bound, 2);
}

/// Whatever happens in whatever order, over links that stop in the middle: in the end all nodes hold the same.
#[test]
fn nodes_that_hear_of_each_other_end_up_alike() {
    for seed in 0..150 {
        let mut dice = Dice(seed);
        let mut nodes = Nodes::new(2 + dice.roll(2) as usize, &table_spec());
        let count = nodes.benches.len() as u64;
        let mut held = Vec::new();
        for _ in 0..300 {
            let (node, name) = (dice.roll(count) as usize, format!("user{}", dice.roll(12)));
            match dice.roll(14) {
                0..=5 => {
                    let hold = nodes.bind(node, &name, &format!("server{}", dice.roll(4)));
                    held.extend(hold.filter(|_| dice.roll(3) == 0));
                }
                6 => drop(held.pop()),
                7 => _ = nodes.benches[node].0.remove(&key(&name), None),
                8 if dice.roll(15) == 0 => _ = nodes.benches[node].0.clear(),
                9 => nodes.pass(Duration::from_millis(dice.roll(20))),
                10 => {
                    let link = dice.roll(nodes.links.len() as u64) as usize;
                    nodes.links[link].2.rewind();
                }
                _ => {
                    let link = dice.roll(nodes.links.len() as u64) as usize;
                    nodes.carry(link, dice.roll(6) as usize);
                }
            }
        }
        nodes.settle();
        let digests = nodes.digests();
        assert!(digests.iter().all(|digest| *digest == digests[0]), "seed {seed}: {digests:?}");
    }
}
