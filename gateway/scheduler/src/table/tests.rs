mod journal;
mod remote;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use sekisho_api::{Key, KeyKind};

use super::*;
use crate::testing::{Dice, table_spec};

const KINDS: [KeyKind; 2] = [KeyKind::USER, KeyKind::SOURCE_IP];

/// A table with both clocks moved by hand.
#[derive(Debug)]
struct Bench {
    table: Table,
    pool: Arc<str>,
    now: Instant,
    wall: SystemTime,
}

impl Bench {
    fn new(spec: &TableSpec) -> Self {
        let now = Instant::now();
        let table = Table::new(spec, &Arc::new(Clock::new(now)), 5);
        Self { table, pool: "pool".into(), now, wall: SystemTime::now() }
    }

    /// The table of the process that comes after this one, `later`.
    fn restarted(&self, later: Duration) -> Self {
        let now = Instant::now();
        let table = Table::new(&self.table.spec(), &Arc::new(Clock::new(now)), 6);
        Self { table, pool: Arc::clone(&self.pool), now, wall: self.wall + later }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.wall += time;
    }

    fn bind(&self, name: &str, server: &str) -> Option<Held> {
        let now = self.table.clock.read(self.now);
        self.table.bind(&key(name), &self.pool, &server.into(), now, |_| Some(false))
    }

    fn server(&self, name: &str) -> Option<String> {
        let now = self.table.clock.read(self.now);
        self.table.glance(&key(name), &self.pool, now, |name| Some(name.to_owned()))
    }

    fn journal(&self, out: &mut Vec<u8>) -> Journalled {
        self.table.journal(out, self.wall, self.now)
    }

    fn replay(&self, bytes: &[u8]) -> Replayed {
        self.table.replay(bytes, &KINDS, self.wall, self.now)
    }

    fn contents(&self) -> BTreeMap<Vec<u8>, String> {
        let views = self.table.list(None, None, usize::MAX, self.now);
        views.into_iter().map(|view| (view.key.expose().to_vec(), view.server.to_string())).collect()
    }
}

fn key(name: &str) -> Key {
    Key::new(KeyKind::USER, name.as_bytes()).unwrap()
}

fn small(max_entries: usize, max_bytes: usize) -> TableSpec {
    TableSpec { max_entries, max_bytes, ..table_spec() }
}

#[test]
fn the_entry_left_longest_ago_makes_room_and_those_in_use_last() {
    let mut bench = Bench::new(&small(3, 1000));
    let first = bench.bind("first", "a");
    drop(bench.bind("second", "a"));
    bench.pass(Duration::from_secs(1));
    drop(bench.bind("third", "a"));
    drop(bench.bind("fourth", "a"));
    assert_eq!(bench.server("second"), None);
    for name in ["first", "third", "fourth"] {
        assert!(bench.server(name).is_some(), "{name}");
    }
    // All in use: the one longest in use goes, and letting go of it later harms nobody.
    let _third = bench.bind("third", "a");
    let _fourth = bench.bind("fourth", "a");
    let _fifth = bench.bind("fifth", "a");
    assert_eq!(bench.server("first"), None);
    drop(first);
    assert_eq!((bench.table.len(), bench.table.counts().evictions), (3, 2));
}

#[test]
fn an_entry_larger_than_the_table_is_not_kept() {
    let bench = Bench::new(&small(10, 8));
    assert!(bench.bind("much too long a name", "server").is_none());
    assert!(bench.bind("a", "b").is_some());
    assert_eq!(bench.table.bytes(), 2);
    let none = Bench::new(&small(0, 1000));
    assert!(none.bind("a", "b").is_none());
}

#[test]
fn an_entry_is_found_at_its_place_and_what_is_not_there_is_not() {
    let bench = Bench::new(&small(4096, 1 << 17));
    for i in 0..1000 {
        drop(bench.bind(&format!("user{i}"), "a"));
    }
    let now = bench.now;
    let all = bench.table.list(None, None, usize::MAX, now);
    assert_eq!(all.len(), 1000);
    for entry in &all {
        let place = EntryPlace::of(entry.place.number());
        assert_eq!(bench.table.at(place, now).as_ref(), Some(entry));
    }
    assert_eq!(bench.table.at(EntryPlace::of(u64::MAX), now), None);
    assert!(bench.table.remove(&all[0].key, None));
    assert_eq!(bench.table.at(all[0].place, now), None);
}

#[test]
fn lower_limits_take_effect_at_once() {
    let bench = Bench::new(&small(100, 10_000));
    for i in 0..100 {
        drop(bench.bind(&format!("user{i}"), "a"));
    }
    bench.table.reconfigure(&small(7, 10_000));
    assert_eq!(bench.table.len(), 7);
    assert!(bench.server("user99").is_some());
}

/// A plain model beside the table: no entry may be in the table that the model does not have, and the bounds hold
/// after every step.
#[test]
fn the_table_stays_inside_its_bounds_whatever_happens() {
    for seed in 0..60 {
        let mut dice = Dice(seed);
        // Every third is large enough to be sharded.
        let (entries, bytes) = if seed % 3 == 0 {
            (4096, 1 << 17)
        } else {
            (1 + dice.roll(40) as usize, 20 + dice.roll(400) as usize)
        };
        let mut bench = Bench::new(&small(entries, bytes));
        let mut model: BTreeMap<String, String> = BTreeMap::new();
        let mut held = Vec::new();
        let mut journal = Vec::new();
        for step in 0..1500 {
            let name = format!("user{}", dice.roll(if seed % 3 == 0 { 9000 } else { 80 }));
            let server = format!("server{}", dice.roll(30));
            match dice.roll(12) {
                0..=5 => {
                    if let Some(hold) = bench.bind(&name, &server) {
                        model.insert(name, server);
                        if dice.roll(2) == 0 {
                            held.push(hold);
                        }
                    }
                }
                6 | 7 if !held.is_empty() => drop(held.swap_remove(dice.roll(held.len() as u64) as usize)),
                8 => {
                    bench.table.remove(&key(&name), None);
                    assert_eq!(bench.server(&name), None);
                    model.remove(&name);
                }
                9 => bench.pass(Duration::from_secs(dice.roll(300))),
                10 if dice.roll(10) == 0 => {
                    _ = bench.journal(&mut journal);
                }
                11 if dice.roll(50) == 0 => {
                    bench.table.clear();
                    model.clear();
                }
                _ => {
                    if let Some(found) = bench.server(&name) {
                        assert_eq!(Some(&found), model.get(&name), "seed {seed}, step {step}");
                    }
                }
            }
            assert!(bench.table.len() <= entries, "seed {seed}, step {step}");
            assert!(bench.table.bytes() <= bytes, "seed {seed}, step {step}");
        }
        let contents = bench.contents();
        let counted: usize = contents.iter().map(|(key, server)| key.len() + server.len()).sum();
        assert!(counted <= bench.table.bytes(), "seed {seed}");
        held.clear();
        bench.table.clear();
        assert_eq!((bench.table.len(), bench.table.bytes()), (0, 0), "seed {seed}");
    }
}

#[test]
fn an_operator_lists_assigns_removes_and_clears() {
    let bench = Bench::new(&table_spec());
    for (name, server) in [("alice", "a"), ("bob", "a"), ("carol", "b")] {
        drop(bench.bind(name, server));
    }
    assert_eq!(bench.table.list(Some(KeyKind::USER), Some("a"), 10, bench.now).len(), 2);
    assert_eq!(bench.table.list(None, None, 2, bench.now).len(), 2);
    assert_eq!(bench.table.list(Some(KeyKind::SNI), None, 10, bench.now).len(), 0);
    assert!(bench.table.assign(&key("dave"), None, &"b".into(), bench.now));
    assert!(bench.table.assign(&key("alice"), None, &"b".into(), bench.now));
    assert_eq!(bench.server("alice").as_deref(), Some("b"));
    assert_eq!(bench.server("bob").as_deref(), Some("a"));
    assert!(bench.table.remove(&key("bob"), None));
    assert!(!bench.table.remove(&key("bob"), None));
    let view = &bench.table.get(&key("carol"), &[], bench.now)[0];
    assert_eq!((&*view.server, view.open, view.expires_in), ("b", 0, Some(Duration::from_secs(600))));
    assert_eq!(bench.table.clear(), 3);
    assert!(bench.table.is_empty());
}

#[test]
fn a_pool_may_have_an_entry_of_its_own_beside_every_pools() {
    let bench = Bench::new(&table_spec());
    drop(bench.bind("alice", "ts1"));
    let now = bench.table.clock.read(bench.now);
    let mail: Arc<str> = "mail".into();
    // The pool knows no server of this name, so that it does not touch the entry.
    drop(bench.table.bind(&key("alice"), &mail, &"m1".into(), now, |_| None));
    let views = bench.table.get(&key("alice"), std::slice::from_ref(&mail), bench.now);
    let servers: Vec<_> = views.iter().map(|view| (view.pool.as_deref(), &*view.server)).collect();
    assert_eq!(servers, [(None, "ts1"), (Some("mail"), "m1")]);
    assert!(bench.table.remove(&key("alice"), Some(&mail)));
    assert_eq!(bench.server("alice").as_deref(), Some("ts1"));
}
