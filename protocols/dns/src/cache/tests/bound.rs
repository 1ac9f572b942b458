//! How much is kept, and who leaves.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::*;

/// Numbers without pattern from a seed (splitmix64).
#[derive(Debug)]
pub(super) struct Draws(pub(super) u64);

impl Draws {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % bound as u64) as usize
    }
}

fn host(number: usize) -> Message {
    ask(&format!("host{number}.example"))
}

#[test]
fn bytes_never_exceed_the_bound_whatever_is_asked() {
    for seed in 0..6 {
        let mut draws = Draws(seed);
        let settings = CacheSettings { bytes: (1 << 20) + draws.below(3 << 20), ..settings() };
        let mut bench = Bench::with(&settings);
        // Phases of small, mixed and large answers: whoever was small must make room for the large, and back.
        for largest in [10, 3_000, 60_000, 10] {
            for _ in 0..6_000 {
                let asked = host(draws.below(50_000));
                let mut answer = asked.answer().address(1 + draws.below(600) as u32);
                let size = draws.below(largest);
                answer = answer.with(0, TXT, 300, &vec![7; size]);
                bench.offer(&asked, &answer);
                bench.pass(draws.below(2) as u64);
                let counts = bench.cache.counts();
                assert!(counts.bytes <= settings.bytes as u64, "seed {seed}: {counts:?}");
            }
        }
        let counts = bench.cache.counts();
        assert!(counts.evicted > 0 && counts.bytes > settings.bytes as u64 / 2, "seed {seed}: {counts:?}");
    }
}

#[test]
fn an_answer_too_large_for_a_shard_displaces_nothing() {
    let bench = Bench::with(&CacheSettings { bytes: 200_000, ..settings() });
    bench.offer(&host(1), &host(1).answer().address(300));
    bench.offer(&host(2), &host(2).answer().with(0, TXT, 300, &[0; 30_000]));
    assert!(bench.find(&host(1)).is_some());
    assert_eq!(bench.find(&host(2)), None);
    assert_eq!(bench.cache.counts().evicted, 0);
}

#[test]
fn a_cache_of_no_bytes_keeps_nothing() {
    let bench = Bench::with(&CacheSettings { bytes: 0, shards: 0, ..settings() });
    bench.offer(&host(1), &host(1).answer().address(300));
    assert_eq!(bench.find(&host(1)), None);
    assert_eq!(bench.cache.counts().stored, 0);
}

#[test]
fn what_is_asked_for_again_survives_a_flood_of_names_that_are_not() {
    let bench = Bench::new();
    let popular = 0..100;
    for number in popular.clone() {
        bench.offer(&host(number), &host(number).answer().address(3_600));
    }
    for flood in 0..40_000 {
        let number = 1_000 + flood;
        bench.offer(&host(number), &host(number).answer().address(3_600));
        assert!(bench.find(&host(flood % 100)).is_some(), "name {} after {flood}", flood % 100);
    }
    assert!(bench.cache.counts().evicted > 20_000);
}

#[test]
fn what_is_of_no_use_any_more_leaves_first() {
    let mut bench = Bench::with(&CacheSettings { shards: 1, ..settings() });
    // They are asked for, and yet must go once they are over.
    for number in 0..1_000 {
        bench.offer(&host(number), &host(number).answer().address(10));
        assert!(bench.find(&host(number)).is_some());
    }
    bench.pass(10);
    let mut number = 1_000;
    while bench.cache.counts().evicted < 1_000 {
        bench.offer(&host(number), &host(number).answer().address(3_600));
        number += 1;
    }
    let lost = (1_000..number).filter(|&number| bench.find(&host(number)).is_none()).count();
    assert_eq!(lost, 0);
}

#[test]
fn workers_that_hammer_one_cache_get_whole_answers_to_their_own_questions() {
    const NAMES: usize = 3_000;
    let settings = CacheSettings { bytes: 1 << 19, shards: 8, ..settings() };
    let bench = Bench::with(&settings);
    let found = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let (bench, found) = (&bench, &found);
            scope.spawn(move || {
                let mut draws = Draws(worker);
                for turn in 0..4_000 {
                    let number = draws.below(NAMES).min(draws.below(NAMES));
                    let asked = host(number).id(turn);
                    let answer = asked.answer().with(0, TXT, 300, &vec![number as u8; number]);
                    match bench.find(&asked) {
                        Some(given) => {
                            assert_eq!(given, answer.bytes());
                            found.fetch_add(1, Relaxed);
                        }
                        None => bench.offer(&asked, &answer),
                    }
                    assert!(bench.cache.counts().bytes <= settings.bytes as u64);
                }
            });
        }
    });
    let counts = bench.cache.counts();
    assert!(found.into_inner() > 1_000 && counts.evicted > 1_000, "{counts:?}");
    assert_eq!(counts.hits + counts.misses, 8 * 4_000);
}

#[test]
fn keys_of_many_questions_and_prefixes_are_all_different() {
    let bench = Bench::new();
    let mut keys = HashSet::new();
    for number in 0..20_000 {
        let bytes = host(number / 4).bytes();
        let subnet = match number % 4 {
            0 => None,
            n => Some(([10, n as u8, 0, 0].into(), 16)),
        };
        assert!(keys.insert(bench.cache.key(&read(&bytes), subnet).unwrap()), "{number}");
    }
    let other = Cache::new(&settings(), (3, 4));
    let bytes = host(0).bytes();
    assert!(!keys.contains(&other.key(&read(&bytes), None).unwrap()), "the seed makes the keys");
}
