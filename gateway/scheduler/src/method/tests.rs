use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use proptest::prelude::*;
use sekisho_api::{Failure, Lease, Observation, Route};

use crate::testing::*;
use crate::*;

fn weighted(weights: &[u32]) -> Vec<ServerSpec> {
    let names = weights.iter().enumerate();
    names.map(|(i, &weight)| ServerSpec { weight, ..server(&format!("s{i}")) }).collect()
}

fn count(names: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    names.into_iter().for_each(|name| *counts.entry(name).or_insert(0) += 1);
    counts
}

#[test]
fn round_robin_is_smooth() {
    let bench = Bench::new(pool(Method::RoundRobin, weighted(&[5, 1, 1])));
    let turns: Vec<_> = (0..14).map(|_| bench.name(1)).collect();
    let cycle = ["s0", "s0", "s1", "s0", "s2", "s0", "s0"];
    assert_eq!(turns, [cycle, cycle].concat());
}

proptest! {
    #[test]
    fn round_robin_gives_every_server_exactly_its_weight_over_a_cycle(weights in prop::collection::vec(0u32..20, 1..8)) {
        let total: u32 = weights.iter().sum();
        prop_assume!(total > 0);
        let bench = Bench::new(pool(Method::RoundRobin, weighted(&weights)));
        for _ in 0..3 {
            let counts = count((0..total).map(|_| bench.name(1)));
            for (i, &weight) in weights.iter().enumerate() {
                prop_assert_eq!(counts.get(&format!("s{i}")).copied().unwrap_or(0), weight as usize);
            }
        }
    }

    #[test]
    fn least_connections_keeps_leases_in_proportion_to_weights(weights in prop::collection::vec(1u32..10, 1..8)) {
        let bench = Bench::new(pool(Method::LeastConnections, weighted(&weights)));
        let total: u32 = weights.iter().sum();
        let leases: Vec<_> = (0..total * 5).map(|i| bench.choose(&Route::new(), i).unwrap()).collect();
        let counts = count(leases.iter().map(name));
        for (i, &weight) in weights.iter().enumerate() {
            let held = counts[&format!("s{i}")] as i64;
            prop_assert!((held - i64::from(weight) * 5).abs() <= 1, "{counts:?} {weights:?}");
        }
    }
}

#[test]
fn idle_servers_take_turns_under_least_connections() {
    let bench = Bench::new(pool(Method::LeastConnections, weighted(&[1, 1, 1])));
    let counts = count((0..300).map(|i| bench.name(i)));
    assert!(counts.values().all(|&n| n == 100), "{counts:?}");
}

#[test]
fn random_two_follows_its_seed_and_evens_the_load() {
    let draw = || {
        let bench = Bench::new(pool(Method::RandomTwo, weighted(&[1, 1, 1, 1])));
        let leases: Vec<_> = (0..400).map(|i| bench.choose(&Route::new(), i).unwrap()).collect();
        leases.iter().map(name).collect::<Vec<_>>()
    };
    let first = draw();
    assert_eq!(first, draw());
    let counts = count(first);
    assert!(counts.values().all(|n| (90..=110).contains(n)), "{counts:?}");
}

#[test]
fn first_available_fills_one_server_before_the_next() {
    let servers =
        weighted(&[1, 1]).into_iter().map(|s| ServerSpec { max_connections: Some(2), ..s }).collect();
    let bench = Bench::new(pool(Method::FirstAvailable, servers));
    let leases: Vec<_> = (0..4).map(|i| bench.choose(&Route::new(), i).unwrap()).collect();
    assert_eq!(leases.iter().map(name).collect::<Vec<_>>(), ["s0", "s0", "s1", "s1"]);
    assert!(bench.choose(&Route::new(), 9).is_err());
}

#[test]
fn source_hash_is_steady_and_spreads_by_weight() {
    let bench = Bench::new(pool(Method::SourceHash, weighted(&[1, 3])));
    let first: Vec<_> = (0..4000).map(|i| bench.name(i)).collect();
    assert!((0..4000).map(|i| bench.name(i)).eq(first.iter().cloned()));
    let counts = count(first);
    assert!((850..=1150).contains(&counts["s0"]), "{counts:?}");
}

// Consistent hashing.

const CLIENTS: u32 = 5000;

fn maglev(weights: &[u32]) -> Bench {
    Bench::new(pool(Method::ConsistentHash(HashKind::Maglev), weighted(weights)))
}

fn homes(bench: &Bench) -> Vec<String> {
    (0..CLIENTS).map(|i| bench.name(i)).collect()
}

#[test]
fn only_the_share_of_a_lost_server_moves_and_it_returns_with_the_server() {
    let bench = maglev(&[1, 1, 1, 1, 1]);
    let before = homes(&bench);
    bench.probe("s2", false);
    let without = homes(&bench);
    let mut heirs = Vec::new();
    for (before, without) in before.iter().zip(&without) {
        if before == "s2" {
            heirs.push(without.clone());
        } else {
            assert_eq!(before, without);
        }
    }
    // The lost share is spread over all others, not piled on one.
    let heirs = count(heirs);
    assert_eq!(heirs.len(), 4, "{heirs:?}");
    assert!(heirs.values().all(|&n| n > 150), "{heirs:?}");
    bench.probe("s2", true);
    assert_eq!(homes(&bench), before);
}

#[test]
fn maglev_spreads_by_weight() {
    let counts = count(homes(&maglev(&[1, 2, 5])));
    for (name, share) in [("s0", 1), ("s1", 2), ("s2", 5)] {
        let fair = CLIENTS as usize * share / 8;
        assert!(counts[name].abs_diff(fair) < fair / 5, "{counts:?}");
    }
}

#[test]
fn a_server_more_moves_little_more_than_its_share() {
    let before = homes(&maglev(&[1; 9]));
    let after = homes(&maglev(&[1; 10]));
    let moved = before.iter().zip(&after).filter(|(a, b)| a != b).count();
    assert!(moved < CLIENTS as usize / 10 * 2, "{moved} of {CLIENTS} moved");
}

#[test]
fn nodes_that_list_the_servers_in_another_order_agree() {
    let one = maglev(&[1; 5]);
    let servers = weighted(&[1; 5]).into_iter().rev().collect();
    let other = Bench::new(pool(Method::ConsistentHash(HashKind::Maglev), servers));
    assert_eq!(homes(&one), homes(&other));
}

#[test]
fn a_weight_changed_at_run_time_counts_in_the_table() {
    let bench = maglev(&[1, 1]);
    bench.server("s0").set_weight(3);
    let counts = count(homes(&bench));
    assert!(counts["s0"] > counts["s1"] * 5 / 2, "{counts:?}");
    bench.server("s0").set_weight(0);
    assert_eq!(count(homes(&bench)).len(), 1);
}

#[test]
fn no_server_takes_more_than_its_bound_of_the_load() {
    let bench = Bench::new(pool(Method::ConsistentHash(HashKind::BoundedLoad(1.25)), weighted(&[1; 4])));
    // Every client has the same key, so that all want the same server.
    let route = Route { hash: Some(99), ..Route::new() };
    let mut leases = Vec::new();
    for held in 1..=200u32 {
        leases.push(bench.choose(&route, 1).unwrap());
        let bound = (f64::from(held) * 1.25 / 4.0).ceil() as u32;
        for server in bench.pool().servers() {
            assert!(server.active() <= bound, "{} of {held} leases on one of four", server.active());
        }
    }
}

#[test]
fn a_hash_reaches_the_one_server_left_of_many() {
    let bench = maglev(&[1; 60]);
    for i in 1..60 {
        bench.probe(&format!("s{i}"), false);
    }
    assert!(homes(&bench).iter().all(|name| name == "s0"));
}

// Least response time, simulated with a clock of its own.

/// Sends `requests`, `gap` apart, to servers that answer after `time(server, request)`; `None` is a fast failure.
fn simulate(
    bench: &mut Bench,
    requests: usize,
    gap: Duration,
    mut time: impl FnMut(usize, usize) -> Option<Duration>,
) -> Vec<usize> {
    struct Pending(Lease, Option<Duration>);
    let mut served = Vec::new();
    let mut due: BinaryHeap<Reverse<(std::time::Instant, usize)>> = BinaryHeap::new();
    let mut pending: BTreeMap<usize, Pending> = BTreeMap::new();
    for request in 0..requests {
        bench.pass(gap);
        while let Some(&Reverse((at, id))) = due.peek()
            && at <= bench.now
        {
            due.pop();
            let Pending(lease, took) = pending.remove(&id).unwrap();
            lease
                .server()
                .observe(took.map_or(Observation::Failed(Failure::SaidSo), Observation::Answered), at);
            lease.settle(at);
        }
        let lease = bench.choose(&Route::new(), request as u32).unwrap();
        let index = bench.pool().servers().iter().position(|s| s.id() == lease.server().id()).unwrap();
        let took = time(index, request);
        served.push(index);
        due.push(Reverse((bench.now + took.unwrap_or(Duration::from_millis(1)), request)));
        pending.insert(request, Pending(lease, took));
    }
    served
}

fn response_time(combine: ResponseCombine, servers: usize) -> Bench {
    let mut spec = pool(
        Method::LeastResponseTime { source: ResponseSource::Traffic, combine },
        weighted(&vec![1; servers]),
    );
    spec.health.passive.suspect_after = 0;
    Bench::new(spec)
}

fn shares(served: &[usize], servers: usize) -> Vec<f64> {
    (0..servers).map(|s| served.iter().filter(|&&i| i == s).count() as f64 / served.len() as f64).collect()
}

#[test]
fn no_server_starves_under_least_response_time() {
    for seed in 0..8 {
        for combine in [ResponseCombine::None, ResponseCombine::Active] {
            for gap in [1, 20, 500].map(Duration::from_millis) {
                let mut dice = Dice(seed);
                let mut bench = response_time(combine, 5);
                // One is slow from the start, and the rest differ a little.
                let served = simulate(&mut bench, 5000, gap, |server, _| {
                    let base = [10, 11, 12, 14, 800][server];
                    Some(Duration::from_millis(base + dice.roll(base)))
                });
                let shares = shares(&served, 5);
                let least = shares.iter().copied().fold(1.0, f64::min);
                assert!(least >= 0.003, "seed {seed}, {combine:?}, gap {gap:?}: {shares:?}");
                let fast: f64 = shares[..4].iter().sum();
                assert!(fast > 0.8, "seed {seed}, {combine:?}, gap {gap:?}: {shares:?}");
            }
        }
    }
}

#[test]
fn near_equal_servers_share_the_load() {
    for seed in 0..8 {
        let mut dice = Dice(seed);
        let mut bench = response_time(ResponseCombine::Active, 4);
        let served = simulate(&mut bench, 4000, Duration::from_millis(3), |_, _| {
            Some(Duration::from_millis(20 + dice.roll(5)))
        });
        let shares = shares(&served, 4);
        assert!(shares.iter().all(|&share| share > 0.15), "seed {seed}: {shares:?}");
    }
}

#[test]
fn a_server_that_recovers_gets_its_share_back() {
    let mut bench = response_time(ResponseCombine::Active, 3);
    let served = simulate(&mut bench, 20_000, Duration::from_millis(10), |server, request| {
        let slow = server == 1 && request < 5000;
        Some(Duration::from_millis(if slow { 2000 } else { 20 }))
    });
    assert!(shares(&served[2000..5000], 3)[1] < 0.1);
    assert!(shares(&served[15_000..], 3)[1] > 0.2, "{:?}", shares(&served[15_000..], 3));
}

#[test]
fn a_server_that_fails_fast_does_not_attract_the_load() {
    let mut bench = response_time(ResponseCombine::Active, 3);
    let served = simulate(&mut bench, 6000, Duration::from_millis(5), |server, _| {
        (server != 0).then_some(Duration::from_millis(50))
    });
    let shares = shares(&served[1000..], 3);
    assert!(shares[0] < 0.1, "{shares:?}");
}

// Least bandwidth.

#[test]
fn least_bandwidth_evens_out_the_bytes() {
    let window = Duration::from_secs(14);
    let mut bench = Bench::new(pool(Method::LeastBandwidth { window }, weighted(&[1, 1, 2])));
    bench.pass(window * 2);
    let mut dice = Dice(3);
    for _ in 0..6000 {
        bench.pass(Duration::from_millis(20));
        let lease = bench.choose(&Route::new(), 1).unwrap();
        lease.server().observe(Observation::Moved(1000 + dice.roll(100_000)), bench.now);
    }
    let bytes: Vec<f64> = bench.pool().servers().iter().map(|s| s.bandwidth(bench.now) as f64).collect();
    let per_weight = [bytes[0], bytes[1], bytes[2] / 2.0];
    let (least, most) =
        (per_weight.iter().copied().fold(f64::MAX, f64::min), per_weight.iter().copied().fold(0.0, f64::max));
    assert!(most < least * 1.3, "{bytes:?}");
}

#[test]
fn a_new_server_begins_in_turn_and_is_not_flooded_under_least_bandwidth() {
    let window = Duration::from_secs(14);
    let mut bench = Bench::new(pool(Method::LeastBandwidth { window }, weighted(&[1, 1, 1])));
    bench.probe("s2", false);
    for _ in 0..40 {
        bench.pass(Duration::from_secs(1));
        let lease = bench.choose(&Route::new(), 1).unwrap();
        lease.server().observe(Observation::Moved(1 << 20), bench.now);
    }
    bench.probe("s2", true);
    let leases: Vec<_> = (0..60).map(|i| bench.choose(&Route::new(), i).unwrap()).collect();
    let counts = count(leases.iter().map(name));
    assert!(counts.get("s2").is_some_and(|n| (10..=40).contains(n)), "{counts:?}");
}
