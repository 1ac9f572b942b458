//! The journal: what a restart brings back.

use proptest::prelude::*;

use super::*;

#[test]
fn a_table_survives_a_restart_with_what_is_left_of_each_entrys_life() {
    let mut bench = Bench::new(&table_spec());
    let mut file = Vec::new();
    drop(bench.bind("old", "a"));
    bench.pass(Duration::from_secs(300));
    drop(bench.bind("young", "b"));
    let _open = bench.bind("open", "c");
    assert_eq!(bench.journal(&mut file).records, 3);
    let mut next = bench.restarted(Duration::from_secs(200));
    let replayed = next.replay(&file);
    assert_eq!((replayed.applied, replayed.dropped, replayed.torn), (3, 0, false));
    assert_eq!(replayed.valid_bytes, file.len());
    next.pass(Duration::from_secs(101));
    assert_eq!(next.contents().into_values().collect::<Vec<_>>(), ["c", "b"]);
    next.pass(Duration::from_secs(300));
    assert!(next.contents().is_empty());
}

#[test]
fn the_journal_tells_each_change_once_and_nothing_when_nothing_changed() {
    let mut bench = Bench::new(&table_spec());
    let mut file = Vec::new();
    for _ in 0..100 {
        drop(bench.bind("alice", "a"));
        drop(bench.bind("alice", "b"));
    }
    assert_eq!(bench.journal(&mut file).records, 1);
    // Used all the time, told now and then.
    let before = file.len();
    for _ in 0..60 {
        bench.pass(Duration::from_secs(1));
        drop(bench.bind("alice", "b"));
        _ = bench.journal(&mut file);
    }
    assert!(file.len() - before < 3 * before, "{} bytes", file.len());
    // Told often enough to live on after a restart.
    let next = bench.restarted(Duration::from_secs(550));
    next.replay(&file);
    assert_eq!(next.server("alice").as_deref(), Some("b"));
    assert_eq!(next.journal(&mut Vec::new()).records, 0);
}

#[test]
fn removals_and_clearing_survive_a_restart() {
    let bench = Bench::new(&table_spec());
    let mut file = Vec::new();
    for name in ["alice", "bob", "carol"] {
        drop(bench.bind(name, "a"));
    }
    _ = bench.journal(&mut file);
    bench.table.remove(&key("alice"), None);
    bench.table.remove(&key("bob"), None);
    drop(bench.bind("bob", "b"));
    _ = bench.journal(&mut file);
    let next = bench.restarted(Duration::ZERO);
    next.replay(&file);
    assert_eq!(next.contents(), bench.contents());
    bench.table.clear();
    drop(bench.bind("dave", "c"));
    _ = bench.journal(&mut file);
    let next = bench.restarted(Duration::ZERO);
    next.replay(&file);
    assert_eq!(next.contents().into_values().collect::<Vec<_>>(), ["c"]);
}

#[test]
fn too_many_removals_ask_for_a_snapshot_which_replaces_the_journal() {
    let bench = Bench::new(&TableSpec { max_entries: 10_000, max_bytes: 1 << 20, ..table_spec() });
    for i in 0..4200 {
        // In one shard or sixteen, more than are told one by one.
        drop(bench.bind("same", "a"));
        assert!(bench.table.remove(&key("same"), None), "{i}");
    }
    drop(bench.bind("alice", "a"));
    assert!(bench.journal(&mut Vec::new()).snapshot_needed);
    let mut file = Vec::new();
    assert_eq!(bench.table.snapshot(&mut file, bench.wall, bench.now), 1);
    assert_eq!(bench.journal(&mut file), Journalled::default());
    let next = bench.restarted(Duration::ZERO);
    next.replay(&file);
    assert_eq!(next.contents(), bench.contents());
}

#[test]
fn kinds_nobody_knows_are_dropped_and_the_rest_is_kept() {
    let bench = Bench::new(&table_spec());
    drop(bench.bind("alice", "a"));
    let other = Key::new(KeyKind::new("of-a-plugin"), b"x").unwrap();
    bench.table.assign(&other, None, &"a".into(), bench.now);
    let mut file = Vec::new();
    _ = bench.journal(&mut file);
    let replayed = bench.restarted(Duration::ZERO).replay(&file);
    assert_eq!((replayed.applied, replayed.dropped, replayed.torn), (1, 1, false));
}

#[test]
fn a_clock_set_back_does_not_prolong_an_entry() {
    let bench = Bench::new(&table_spec());
    drop(bench.bind("alice", "a"));
    let mut file = Vec::new();
    _ = bench.journal(&mut file);
    let mut next = bench.restarted(Duration::ZERO);
    next.wall -= Duration::from_secs(100_000);
    next.replay(&file);
    assert!(next.server("alice").is_some());
    next.pass(Duration::from_secs(600));
    assert_eq!(next.server("alice"), None);
}

type Contents = BTreeMap<Vec<u8>, String>;

/// A journal of several writes, with the lengths after each record and the contents that each prefix means.
fn sample() -> (Bench, Vec<u8>, Vec<(usize, Contents)>) {
    let bench = Bench::new(&table_spec());
    let mut file = Vec::new();
    let mut states = vec![(0, BTreeMap::new())];
    let mut note = |bench: &Bench| {
        assert_eq!(bench.journal(&mut file).records, 1);
        states.push((file.len(), bench.contents()));
    };
    for (name, server) in [("alice", "a"), ("bob", "b"), ("alice", "c"), ("carol", "a")] {
        drop(bench.bind(name, server));
        note(&bench);
    }
    bench.table.remove(&key("bob"), None);
    note(&bench);
    bench.table.clear();
    note(&bench);
    drop(bench.bind("dave", "d"));
    note(&bench);
    (bench, file, states)
}

#[test]
fn a_journal_cut_at_any_byte_gives_what_its_whole_records_say() {
    let (bench, file, states) = sample();
    for cut in 0..=file.len() {
        let next = bench.restarted(Duration::ZERO);
        let replayed = next.replay(&file[..cut]);
        let (valid, contents) = states.iter().rev().find(|(length, _)| *length <= cut).unwrap();
        assert_eq!(replayed.valid_bytes, *valid, "cut at {cut}");
        assert_eq!(replayed.torn, *valid != cut, "cut at {cut}");
        assert_eq!(next.contents(), *contents, "cut at {cut}");
        // Appending after the cut works.
        let mut mended = file[..replayed.valid_bytes].to_vec();
        drop(next.bind("erin", "e"));
        _ = next.journal(&mut mended);
        let after = next.restarted(Duration::ZERO);
        assert!(!after.replay(&mended).torn);
        assert_eq!(after.contents(), next.contents(), "cut at {cut}");
    }
}

#[test]
fn a_journal_with_any_byte_spoilt_gives_what_stands_before_it() {
    let (bench, file, states) = sample();
    for spoilt in 0..file.len() {
        for mask in [0x01, 0x80, 0xff] {
            let mut bytes = file.clone();
            bytes[spoilt] ^= mask;
            let next = bench.restarted(Duration::ZERO);
            let replayed = next.replay(&bytes);
            let (valid, contents) = states.iter().rev().find(|(length, _)| *length <= spoilt).unwrap();
            assert!(replayed.torn, "byte {spoilt}");
            assert_eq!(replayed.valid_bytes, *valid, "byte {spoilt}");
            assert_eq!(next.contents(), *contents, "byte {spoilt}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_at_all_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let bench = Bench::new(&table_spec());
        let replayed = bench.replay(&bytes);
        prop_assert!(replayed.valid_bytes <= bytes.len());
    }
}
