use crate::testing::*;
use crate::*;

fn spec() -> PoolSpec {
    pool(Method::RoundRobin, vec![server("a"), server("b")])
}

#[test]
fn what_the_operator_set_holds_in_the_next_process_until_the_file_changes_it() {
    let bench = Bench::new(spec());
    assert_eq!(bench.scheduler.wishes(), []);
    bench.server("a").set_admin(Admin::Drain);
    bench.server("b").set_weight(5);
    let wishes = bench.scheduler.wishes();
    assert_eq!(wishes.len(), 2);

    let next = Bench::new(spec());
    assert_eq!(next.scheduler.grant(&wishes), 2);
    assert_eq!((next.server("a").admin(), next.server("a").weight()), (Admin::Drain, 1));
    assert_eq!((next.server("b").admin(), next.server("b").weight()), (Admin::Ready, 5));
    next.server("a").set_admin(Admin::Ready);
    assert_eq!(next.scheduler.wishes().len(), 1, "ready is what the file says");

    let mut file = spec();
    file.servers[0].admin = Admin::Maintenance;
    file.servers[1].weight = 2;
    let changed = Bench::new(file);
    assert_eq!(changed.scheduler.grant(&wishes), 0);
    assert_eq!((changed.server("a").admin(), changed.server("b").weight()), (Admin::Maintenance, 2));
}

#[test]
fn wishes_of_servers_that_are_gone_are_nobodys() {
    let bench = Bench::new(spec());
    bench.server("b").set_admin(Admin::Maintenance);
    let wishes = bench.scheduler.wishes();
    let next = Bench::new(pool(Method::RoundRobin, vec![server("a")]));
    assert_eq!(next.scheduler.grant(&wishes), 0);
}

#[test]
fn next_process_knows_how_servers_are_before_its_first_probe() {
    let bench = Bench::new(spec());
    bench.probe("a", true);
    bench.probe("b", false);
    let standings = bench.scheduler.standings();

    let next = Bench::new(spec());
    next.scheduler.resume(&standings, next.now);
    assert_eq!((next.server("a").health(), next.server("b").health()), (Health::Up, Health::Down));
    assert!(next.server("a").last_probe().is_some_and(|probe| probe.result.ok.is_ok()));
    assert!((0..10).all(|client| next.name(client) == "a"));
    assert!(next.server("b").due(next.now), "it is probed at once all the same");

    let mut file = spec();
    file.servers[1].address = "192.0.2.99:9".parse().unwrap();
    let moved = Bench::new(file);
    moved.scheduler.resume(&standings, moved.now);
    assert_eq!(moved.server("b").health(), Health::Up, "a server at another address is another server");
}
