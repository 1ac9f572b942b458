use std::time::Duration;

use sekisho_api::{Route, Unavailable, Why};

use crate::testing::*;
use crate::*;

fn two() -> Vec<ServerSpec> {
    vec![server("a"), server("b")]
}

fn names(bench: &Bench, clients: u32) -> Vec<String> {
    let mut names: Vec<_> = (0..clients).map(|client| bench.name(client)).collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn a_server_that_is_down_gets_nobody() {
    let bench = Bench::new(pool(Method::RoundRobin, two()));
    bench.probe("a", false);
    assert_eq!(names(&bench, 10), ["b"]);
    bench.probe("b", false);
    assert_eq!(bench.choose(&Route::new(), 1).unwrap_err(), Unavailable::AllDown);
}

#[test]
fn a_draining_server_keeps_returning_clients_and_gets_no_others() {
    let mut bench = Bench::new(pool(Method::RoundRobin, two()));
    bench.persist = by_source();
    let client = (0..).find(|&client| bench.name(client) == "a").unwrap();
    bench.server("a").set_admin(Admin::Drain);
    for new in 100..110 {
        assert_eq!(bench.name(new), "b");
    }
    let lease = bench.choose(&Route::new(), client).unwrap();
    assert_eq!(name(&lease), "a");
    assert!(matches!(lease.why(), Why::Persisted(_)));
    assert!(lease.server().reusable());
}

#[test]
fn a_server_in_maintenance_gets_nobody_and_is_not_probed() {
    let mut bench = Bench::new(pool(Method::RoundRobin, two()));
    bench.persist = by_source();
    let client = (0..).find(|&client| bench.name(client) == "a").unwrap();
    bench.server("a").set_admin(Admin::Maintenance);
    let lease = bench.choose(&Route::new(), client).unwrap();
    assert_eq!((name(&lease).as_str(), lease.why()), ("b", Why::Moved("round-robin")));
    bench.pass(Duration::from_secs(1000));
    assert!(!bench.server("a").due(bench.now));
    bench.server("a").set_admin(Admin::Ready);
    assert!(bench.server("a").due(bench.now));
}

#[test]
fn weight_zero_means_returning_clients_only() {
    let mut bench = Bench::new(pool(Method::RoundRobin, two()));
    bench.persist = by_source();
    let client = (0..).find(|&client| bench.name(client) == "a").unwrap();
    bench.server("a").set_weight(0);
    assert!((100..110).all(|new| bench.name(new) == "b"));
    assert_eq!(bench.name(client), "a");
}

#[test]
fn the_lowest_group_with_a_usable_server_serves() {
    let servers = vec![
        server("a"),
        server("b"),
        ServerSpec { group: 1, ..server("c") },
        ServerSpec { group: 2, ..server("d") },
    ];
    let bench = Bench::new(pool(Method::LeastConnections, servers));
    assert_eq!(names(&bench, 10), ["a", "b"]);
    bench.probe("a", false);
    assert_eq!(names(&bench, 10), ["b"]);
    bench.server("b").set_admin(Admin::Drain);
    assert_eq!(names(&bench, 10), ["c"]);
    bench.probe("c", false);
    assert_eq!(names(&bench, 10), ["d"]);
    bench.probe("a", true);
    assert_eq!(names(&bench, 10), ["a"]);
}

#[test]
fn a_full_group_does_not_spill_into_its_backup() {
    let servers =
        vec![ServerSpec { max_connections: Some(1), ..server("a") }, ServerSpec { group: 1, ..server("b") }];
    let bench = Bench::new(pool(Method::RoundRobin, servers));
    let _held = bench.choose(&Route::new(), 1).unwrap();
    assert_eq!(bench.choose(&Route::new(), 2).unwrap_err(), Unavailable::Full);
}

#[test]
fn servers_already_tried_are_not_chosen_again_and_their_backups_are() {
    let bench =
        Bench::new(pool(Method::RoundRobin, vec![server("a"), ServerSpec { group: 1, ..server("b") }]));
    let mut route = Route::new();
    route.exclude.push(bench.server("a").id());
    assert_eq!(name(&bench.choose(&route, 1).unwrap()), "b");
    route.exclude.push(bench.server("b").id());
    assert_eq!(bench.choose(&route, 1).unwrap_err(), Unavailable::ConnectFailed);
}

#[test]
fn the_last_resort_uses_all_servers_but_those_in_maintenance() {
    let spec = PoolSpec {
        all_down: AllDown::UseAll,
        ..pool(Method::RoundRobin, vec![server("a"), server("b"), server("c")])
    };
    let bench = Bench::new(spec);
    bench.probe("a", false);
    bench.probe("b", false);
    assert_eq!(names(&bench, 10), ["c"]);
    bench.server("c").set_admin(Admin::Maintenance);
    assert_eq!(names(&bench, 10), ["a", "b"]);
    assert_eq!(bench.choose(&Route::new(), 1).unwrap().why(), Why::LastResort);
}

#[test]
fn the_last_resort_keeps_clients_on_their_servers() {
    let spec = PoolSpec { all_down: AllDown::UseAll, ..pool(Method::RoundRobin, two()) };
    let mut bench = Bench::new(spec);
    bench.persist = by_source();
    let before: Vec<_> = (0..20).map(|client| bench.name(client)).collect();
    bench.probe("a", false);
    bench.probe("b", false);
    let after: Vec<_> = (0..20).map(|client| bench.name(client)).collect();
    assert_eq!(before, after);
}

#[test]
fn a_server_that_came_up_warms_up_and_one_at_the_start_does_not() {
    let spec = PoolSpec { slow_start: Duration::from_secs(100), ..pool(Method::RoundRobin, two()) };
    let mut bench = Bench::new(spec);
    let share = |bench: &Bench| (0..1100).filter(|&client| bench.name(client) == "a").count();
    assert_eq!(share(&bench), 550);
    bench.probe("a", false);
    bench.probe("a", true);
    assert!((95..=105).contains(&share(&bench)), "a tenth at first: {}", share(&bench));
    bench.pass(Duration::from_secs(50));
    let half = share(&bench);
    assert!((370..=410).contains(&half), "55 % half-way: {half}");
    bench.pass(Duration::from_secs(50));
    let whole = share(&bench);
    assert!((545..=555).contains(&whole), "all at the end: {whole}");
}

#[test]
fn an_explanation_foretells_the_choice_and_changes_nothing() {
    for method in [
        Method::RoundRobin,
        Method::LeastConnections,
        Method::LeastResponseTime { source: ResponseSource::Both, combine: ResponseCombine::Active },
        Method::LeastBandwidth { window: Duration::from_secs(14) },
        Method::RandomTwo,
        Method::ConsistentHash(HashKind::BoundedLoad(1.5)),
        Method::SourceHash,
        Method::FirstAvailable,
    ] {
        let servers = vec![server("a"), ServerSpec { weight: 3, ..server("b") }, server("c"), server("d")];
        let mut bench = Bench::new(pool(method, servers));
        bench.persist = by_source();
        bench.probe("d", false);
        let mut held = Vec::new();
        for client in 0..200 {
            let route = Route::new();
            let explain = || bench.pool().explain(&bench.ask(&route, client % 150), bench.now);
            let foretold = explain();
            assert_eq!(foretold.to_string(), explain().to_string());
            let (server, why) = foretold.chosen.clone().unwrap();
            let lease = bench.choose(&route, client % 150).unwrap();
            assert_eq!((name(&lease), lease.why()), (server.to_string(), why), "{}", method.name());
            held.push(lease);
        }
    }
}

#[test]
fn an_explanation_says_why_each_server_was_passed_over() {
    let servers = vec![
        server("down"),
        ServerSpec { admin: Admin::Drain, ..server("draining") },
        ServerSpec { admin: Admin::Maintenance, ..server("maintenance") },
        ServerSpec { weight: 0, ..server("weightless") },
        ServerSpec { group: 1, ..server("backup") },
        ServerSpec { max_connections: Some(0), ..server("full") },
        server("tried"),
        server("good"),
    ];
    let bench = Bench::new(pool(Method::LeastConnections, servers));
    bench.probe("down", false);
    let mut route = Route::new();
    route.exclude.push(bench.server("tried").id());
    let explanation = bench.pool().explain(&bench.ask(&route, 1), bench.now);
    let verdicts: Vec<_> = explanation.candidates.iter().map(|c| c.verdict).collect();
    use Verdict::*;
    assert_eq!(verdicts, [Down, Draining, Maintenance, NoWeight, Backup, Full, Tried, Chosen]);
    let text = explanation.to_string();
    assert!(text.contains("backup: another group serves"), "{text}");
    assert!(text.ends_with("chosen: good (method: least-connections)"), "{text}");
}

#[test]
fn nothing_public_prints_a_key() {
    let mut bench = Bench::new(pool(Method::RoundRobin, two()));
    bench.persist = by_user();
    let route = user("geheim");
    let lease = bench.choose(&route, 1).unwrap();
    let ask = bench.ask(&route, 1);
    let explanation = bench.pool().explain(&ask, bench.now);
    let views = bench.table().list(None, None, 10, bench.now);
    let text = format!("{lease:?} {ask:?} {explanation:?} {explanation} {views:?} {:?}", bench.scheduler);
    assert!(!text.contains("geheim"), "{text}");
    assert_eq!(views.len(), 1);
}
