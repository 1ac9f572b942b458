use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sekisho_api::{Failure, Lease, Observation, Prefer, Route, Unavailable};

use crate::testing::*;
use crate::*;

const METHODS: [Method; 5] = [
    Method::RoundRobin,
    Method::LeastConnections,
    Method::RandomTwo,
    Method::ConsistentHash(HashKind::Maglev),
    Method::LeastResponseTime { source: ResponseSource::Both, combine: ResponseCombine::Active },
];

fn random_spec(dice: &mut Dice) -> PoolSpec {
    let mut servers = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        if servers.is_empty() || dice.roll(4) > 0 {
            servers.push(ServerSpec {
                weight: dice.roll(4) as u32,
                max_connections: (dice.roll(2) == 0).then(|| dice.roll(6) as u32),
                group: dice.roll(2) as u8,
                ..server(name)
            });
        }
    }
    let mut spec = pool(METHODS[dice.roll(5) as usize], servers);
    spec.queue.capacity = dice.roll(3) as usize;
    spec.slow_start = Duration::from_secs(dice.roll(20));
    spec.all_down = if dice.roll(2) == 0 { AllDown::Refuse } else { AllDown::UseAll };
    spec.health.active = dice.roll(2) == 0;
    spec
}

/// The model: which leases are held, by server id. After every step the scheduler must count the same.
#[test]
fn leases_never_leak_whatever_happens() {
    for seed in 0..40 {
        let mut dice = Dice(seed);
        let mut bench = Bench::with(vec![random_spec(&mut dice)], [by_user(), by_source()].concat());
        let mut known: BTreeMap<u64, Arc<ServerState>> = BTreeMap::new();
        let mut held: Vec<Lease> = Vec::new();
        for step in 0..600 {
            bench.pass(Duration::from_millis(dice.roll(3000)));
            let servers = bench.pool().servers();
            known.extend(servers.iter().map(|server| (server.id(), Arc::clone(server))));
            let any = Arc::clone(&servers[dice.roll(servers.len() as u64) as usize]);
            match dice.roll(12) {
                0..=4 => {
                    let mut route = user(["alice", "bob", "carol"][dice.roll(3) as usize]);
                    if dice.roll(4) == 0 {
                        route.exclude.push(any.id());
                    }
                    if dice.roll(4) == 0 {
                        route.prefer = Some(Prefer::Name(any.name().to_string().into()));
                    }
                    if let Ok(lease) = bench.choose(&route, dice.roll(20) as u32) {
                        assert!(!route.exclude.contains(&lease.server().id()), "seed {seed}, step {step}");
                        held.push(lease);
                    }
                }
                5 | 6 if !held.is_empty() => {
                    let lease = held.swap_remove(dice.roll(held.len() as u64) as usize);
                    if dice.roll(2) == 0 { lease.settle(bench.now) } else { drop(lease) }
                }
                7 if !held.is_empty() => {
                    let lease = &held[dice.roll(held.len() as u64) as usize];
                    let observation = [
                        Observation::Failed(Failure::Reset),
                        Observation::Failed(Failure::Refused),
                        Observation::Answered(Duration::from_millis(dice.roll(100))),
                        Observation::Moved(dice.roll(1 << 20)),
                    ][dice.roll(4) as usize];
                    lease.server().observe(observation, bench.now);
                }
                8 => drop(bench.probe(any.name(), dice.roll(2) == 0)),
                9 => any.set_admin([Admin::Ready, Admin::Drain, Admin::Maintenance][dice.roll(3) as usize]),
                10 => drop(bench.pool().explain(&bench.ask(&user("alice"), 1), bench.now)),
                11 if dice.roll(4) == 0 => {
                    let spec = random_spec(&mut dice);
                    bench.reload(vec![spec]);
                }
                _ => {}
            }
            for (id, server) in &known {
                let model = held.iter().filter(|lease| lease.server().id() == *id).count();
                assert_eq!(server.active() as usize, model, "seed {seed}, step {step}, {server:?}");
            }
            let open: u32 =
                bench.table().list(None, None, usize::MAX, bench.now).iter().map(|view| view.open).sum();
            // A lease holds two entries at the most, and none of an entry that was taken from it.
            assert!(open as usize <= held.len() * 2, "seed {seed}, step {step}");
        }
        held.clear();
        assert!(known.values().all(|server| server.active() == 0), "seed {seed}");
        let views = bench.table().list(None, None, usize::MAX, bench.now);
        assert!(views.iter().all(|view| view.open == 0), "seed {seed}: {views:?}");
    }
}

#[test]
fn workers_on_several_threads_never_exceed_a_limit_and_leave_nothing_behind() {
    let servers = ["a", "b", "c"].map(|name| ServerSpec { max_connections: Some(2), ..server(name) });
    for method in METHODS {
        let bench = Bench::with(vec![pool(method, servers.to_vec())], by_source());
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let bench = &bench;
                scope.spawn(move || {
                    let mut held = Vec::new();
                    for i in 0..3000u32 {
                        match bench.choose(&Route::new(), i % 17 + worker) {
                            Ok(lease) => held.push(lease),
                            Err(why) => assert_eq!(why, Unavailable::Full),
                        }
                        assert!(bench.pool().servers().iter().all(|server| server.active() <= 2));
                        if i % 3 == 0 {
                            held.clear();
                        }
                    }
                });
            }
        });
        assert!(bench.pool().servers().iter().all(|server| server.active() == 0), "{}", method.name());
    }
}
