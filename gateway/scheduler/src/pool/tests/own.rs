//! A client whose own server is down, and a user with many connections.

use std::time::Duration;

use sekisho_api::{Failure, Observation, Server, Unavailable, Why};

use crate::testing::*;
use crate::*;

fn bench(method: Method, on_down: OnDown) -> Bench {
    let servers = ["a", "b", "c"].map(server).to_vec();
    Bench::with(vec![PoolSpec { on_down, ..pool(method, servers) }], by_user())
}

/// Which server `anna` has before, while and after it is down.
fn course(on_down: OnDown) -> (String, Result<String, Unavailable>, String) {
    let bench = bench(Method::RoundRobin, on_down);
    let own = name(&bench.choose(&user("anna"), 1).unwrap());
    bench.probe(&own, false);
    let meanwhile = bench.choose(&user("anna"), 1).map(|lease| name(&lease));
    bench.probe(&own, true);
    let after = name(&bench.choose(&user("anna"), 1).unwrap());
    (own, meanwhile, after)
}

#[test]
fn client_of_a_server_that_is_down_gets_another_for_good_for_now_or_none() {
    let (own, meanwhile, after) = course(OnDown::Next);
    assert_ne!(meanwhile.as_ref(), Ok(&own));
    assert_eq!(meanwhile, Ok(after));
    let (own, meanwhile, after) = course(OnDown::Temporary);
    assert!(meanwhile.is_ok_and(|meanwhile| meanwhile != own));
    assert_eq!(after, own);
    let (own, meanwhile, after) = course(OnDown::Fail);
    assert_eq!((meanwhile, after), (Err(Unavailable::OwnDown), own));
}

#[test]
fn own_server_that_no_probe_watches_is_tried_by_one_of_its_clients_at_a_time() {
    let servers = ["a", "b"].map(server).to_vec();
    let health = HealthSpec { active: false, ..health() };
    let spec = PoolSpec { on_down: OnDown::Fail, health, ..pool(Method::RoundRobin, servers) };
    let mut bench = Bench::with(vec![spec], by_user());
    let own = name(&bench.choose(&user("anna"), 1).unwrap());
    for _ in 0..5 {
        bench.server(&own).observe(Observation::Failed(Failure::Refused), bench.now);
    }
    let tried = |bench: &Bench| bench.choose(&user("anna"), 1).map(|lease| name(&lease));
    assert_eq!(tried(&bench), Err(Unavailable::OwnDown));
    bench.pass(Duration::from_secs(11));
    assert_eq!(tried(&bench), Ok(own.clone()));
    assert_eq!(tried(&bench), Err(Unavailable::OwnDown), "another one waits for what the first finds");
    bench.server(&own).observe(Observation::Connected(Duration::from_millis(1)), bench.now);
    assert_eq!(tried(&bench), Ok(own));
}

#[test]
fn hash_over_sharded_servers_moves_nobody() {
    for method in [Method::ConsistentHash(HashKind::Maglev), Method::SourceHash] {
        let bench = bench(method, OnDown::Fail);
        let names: Vec<String> = (0..60).map(|n| format!("user{n}")).collect();
        let home = |of: &str| bench.choose(&user(of), 1).map(|lease| name(&lease));
        let homes: Vec<_> = names.iter().map(|of| home(of)).collect();
        bench.table().clear();
        bench.probe("b", false);
        for (of, before) in names.iter().zip(homes) {
            let expected = if before.as_deref() == Ok("b") { Err(Unavailable::OwnDown) } else { before };
            assert_eq!(home(of), expected, "{of} by {}", method.name());
        }
    }
}

#[test]
fn user_has_no_more_connections_than_allowed_whatever_the_address() {
    let bench = bench(Method::RoundRobin, OnDown::Next);
    let route = user("anna");
    let choose = |client| {
        let ask = Ask { user_limit: Some(2), ..bench.ask(&route, client) };
        bench.pool().choose(&ask, bench.now)
    };
    let (_one, two) = (choose(1).unwrap(), choose(2).unwrap());
    assert_eq!(choose(3).map(|lease| lease.why()), Err(Unavailable::UserLimit));
    let other = user("otto");
    let ask = Ask { user_limit: Some(2), ..bench.ask(&other, 3) };
    assert!(bench.pool().choose(&ask, bench.now).is_ok(), "nobody else is counted");
    drop(two);
    assert!(matches!(choose(3).unwrap().why(), Why::Persisted(_)));
}

#[test]
fn user_is_counted_on_servers_that_are_not_its_own_too() {
    let servers =
        ["a", "b", "c"].map(|name| ServerSpec { max_connections: Some(1), ..server(name) }).to_vec();
    let bench = Bench::with(vec![pool(Method::RoundRobin, servers)], by_user());
    let route = user("anna");
    let choose = |client| {
        let ask = Ask { user_limit: Some(2), ..bench.ask(&route, client) };
        bench.pool().choose(&ask, bench.now)
    };
    let (one, two) = (choose(1).unwrap(), choose(2).unwrap());
    assert_ne!(name(&one), name(&two), "its own server is full");
    assert_eq!(choose(3).map(|lease| name(&lease)), Err(Unavailable::UserLimit));
    let own = name(&one);
    drop((one, two));
    assert_eq!(name(&choose(3).unwrap()), own, "and it keeps its own");
}
