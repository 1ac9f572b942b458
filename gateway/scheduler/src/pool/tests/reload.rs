use std::sync::Arc;
use std::time::Duration;

use sekisho_api::{Route, Server};

use crate::testing::*;
use crate::*;

fn spec() -> PoolSpec {
    pool(Method::RoundRobin, vec![server("a"), server("b")])
}

#[test]
fn a_reload_keeps_counts_health_ids_and_entries() {
    let mut bench = Bench::with(vec![spec()], by_source());
    let leases: Vec<_> = (0..10).map(|client| bench.choose(&Route::new(), client).unwrap()).collect();
    bench.probe("b", false);
    let before = Arc::clone(bench.server("a"));
    bench.reload(vec![PoolSpec { method: Method::LeastConnections, ..spec() }]);
    assert_eq!(bench.server("a").id(), before.id());
    assert_eq!((bench.server("a").active(), bench.server("a").served()), (5, 5));
    assert_eq!(bench.server("b").health(), Health::Down);
    assert_eq!(bench.table().len(), 10);
    drop(leases);
    assert_eq!(bench.server("a").active(), 0);
}

#[test]
fn what_the_operator_set_at_run_time_outlives_a_reload_that_does_not_speak_of_it() {
    let mut bench = Bench::new(spec());
    bench.server("a").set_admin(Admin::Drain);
    bench.server("a").set_weight(9);
    bench.reload(vec![spec()]);
    assert_eq!((bench.server("a").admin(), bench.server("a").weight()), (Admin::Drain, 9));
    let mut file = spec();
    file.servers[0].weight = 4;
    file.servers[0].admin = Admin::Maintenance;
    bench.reload(vec![file]);
    assert_eq!((bench.server("a").admin(), bench.server("a").weight()), (Admin::Maintenance, 4));
}

#[test]
fn a_server_that_is_gone_is_not_reused_and_its_leases_stay_valid() {
    let mut bench = Bench::new(spec());
    let leases: Vec<_> = (0..4).map(|client| bench.choose(&Route::new(), client).unwrap()).collect();
    let gone = Arc::clone(bench.server("b"));
    let mut file = spec();
    file.servers.pop();
    bench.reload(vec![file]);
    assert!(!gone.reusable());
    assert!(bench.server("a").reusable());
    assert_eq!(gone.active(), 2);
    drop(leases);
    assert_eq!(gone.active(), 0);
    assert!((0..10).all(|client| bench.name(client) == "a"));
}

#[test]
fn a_server_at_another_address_is_another_server() {
    let mut bench = Bench::new(spec());
    let before = Arc::clone(bench.server("a"));
    let mut file = spec();
    file.servers[0].address = "192.0.2.99:9".parse().unwrap();
    bench.reload(vec![file]);
    assert_ne!(bench.server("a").id(), before.id());
    assert!(!before.reusable());
    // The cookie names pool and name: clients stay.
    assert_eq!(bench.server("a").token(), before.token());
}

#[test]
fn leases_of_a_pool_that_vanished_settle() {
    let mut bench = Bench::new(spec());
    let lease = bench.choose(&Route::new(), 1).unwrap();
    let pool = Arc::clone(bench.pool());
    bench.reload(vec![PoolSpec { name: "other".into(), ..spec() }]);
    assert!(bench.scheduler.pool("pool").is_none());
    lease.settle(bench.now);
    assert!(pool.servers().iter().all(|server| server.active() == 0));
}

#[test]
fn a_pool_that_gets_a_probe_asks_it_at_once() {
    let mut file = spec();
    file.health.active = false;
    let mut bench = Bench::new(file);
    bench.pass(Duration::from_secs(60));
    assert!(!bench.server("a").due(bench.now));
    bench.reload(vec![spec()]);
    assert!(bench.server("a").due(bench.now));
}
