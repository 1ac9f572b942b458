use std::time::Duration;

use sekisho_api::{Failure, Observation, Route, Server, Unavailable};

use crate::testing::*;
use crate::*;

fn outlier() -> OutlierSpec {
    OutlierSpec {
        consecutive: 5,
        failure_share: None,
        min_requests: 10,
        interval: seconds(10),
        base: seconds(30),
        longest: seconds(100),
        max_ejected: 0.5,
        said_so: true,
    }
}

fn spec(names: &[&str], outlier: OutlierSpec) -> PoolSpec {
    let mut spec = pool(Method::RoundRobin, names.iter().map(|name| server(name)).collect());
    spec.health.outlier = Some(outlier);
    // What ejects must not be what takes down.
    spec.health.passive.suspect_after = 0;
    spec
}

fn bench(names: &[&str], outlier: OutlierSpec) -> Bench {
    Bench::new(spec(names, outlier))
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn observe(bench: &Bench, name: &str, observation: Observation) {
    bench.server(name).observe(observation, bench.now);
}

fn fail(bench: &Bench, name: &str, times: usize) {
    (0..times).for_each(|_| observe(bench, name, Observation::Regretted(Duration::ZERO)));
}

fn well(bench: &Bench, name: &str, times: usize) {
    (0..times).for_each(|_| observe(bench, name, Observation::Answered(Duration::ZERO)));
}

/// Time passes, and the servers are looked at as they are every so often.
fn pass(bench: &mut Bench, time: Duration) {
    bench.pass(time);
    bench.pool().servers().iter().for_each(|server| _ = server.due(bench.now));
}

fn ejected(bench: &Bench) -> Vec<&str> {
    let out = bench.pool().servers().iter().filter(|server| server.ejected());
    out.map(|server| &**server.name()).collect()
}

fn told(bench: &Bench, name: &str) -> Vec<String> {
    std::iter::from_fn(|| bench.server(name).unreported()).map(|change| change.to_string()).collect()
}

#[test]
fn failures_in_a_row_eject_a_server_that_probes_find_well_and_it_returns_by_itself() {
    let mut bench = bench(&["a", "b", "c"], outlier());
    fail(&bench, "a", 4);
    well(&bench, "a", 1);
    fail(&bench, "a", 4);
    assert!(ejected(&bench).is_empty(), "an answer ends the row");
    fail(&bench, "a", 1);
    assert_eq!((bench.server("a").state(), bench.server("a").health()), (State::Ejected, Health::Up));
    bench.probe("a", true);
    assert!((0..9).all(|client| bench.name(client) != "a"), "a probe does not end it");
    assert_eq!(bench.server("a").ejected_for(bench.now), Some(seconds(30)));
    pass(&mut bench, seconds(29));
    assert_eq!(ejected(&bench), ["a"]);
    pass(&mut bench, seconds(1));
    assert_eq!(bench.server("a").state(), State::Up);
    assert_eq!((0..9).filter(|&client| bench.name(client) == "a").count(), 3);
    let expected = [
        "server a is ejected (5 failures in a row, the last: said-so; for 30s)",
        "server a is up (ejection over)",
    ];
    assert_eq!(told(&bench, "a"), expected);
    assert_eq!(bench.server("a").ejections(), 1);
}

#[test]
fn share_of_failures_counts_once_there_are_enough_requests_and_only_within_the_interval() {
    let spec = OutlierSpec { consecutive: 0, failure_share: Some(0.5), ..outlier() };
    let mut bench = bench(&["a", "b"], spec);
    for _ in 0..4 {
        well(&bench, "a", 1);
        fail(&bench, "a", 1);
    }
    well(&bench, "a", 1);
    assert!(ejected(&bench).is_empty(), "nine are too few");
    pass(&mut bench, seconds(20));
    fail(&bench, "a", 1);
    assert!(ejected(&bench).is_empty(), "those of before do not count any more");
    well(&bench, "a", 5);
    fail(&bench, "a", 3);
    assert!(ejected(&bench).is_empty());
    fail(&bench, "a", 1);
    assert_eq!(ejected(&bench), ["a"]);
    assert_eq!(told(&bench, "a"), ["server a is ejected (5 of 10 requests failed; for 30s)"]);
}

#[test]
fn connections_are_what_counts_for_servers_of_which_no_more_is_known() {
    let spec = OutlierSpec { consecutive: 0, failure_share: Some(0.3), ..outlier() };
    let bench = bench(&["a", "b"], spec);
    let connect = || observe(&bench, "a", Observation::Connected(Duration::ZERO));
    for _ in 0..8 {
        connect();
    }
    connect();
    observe(&bench, "a", Observation::Failed(Failure::Reset));
    observe(&bench, "a", Observation::Failed(Failure::Refused));
    assert!(ejected(&bench).is_empty(), "two of ten");
    connect();
    observe(&bench, "a", Observation::Failed(Failure::Reset));
    observe(&bench, "a", Observation::Failed(Failure::Refused));
    assert_eq!(told(&bench, "a"), ["server a is ejected (4 of 12 requests failed; for 30s)"]);
}

#[test]
fn servers_own_words_count_only_where_they_should() {
    let bench = bench(&["a", "b"], OutlierSpec { said_so: false, ..outlier() });
    fail(&bench, "a", 100);
    assert!(ejected(&bench).is_empty());
    (0..5).for_each(|_| observe(&bench, "a", Observation::Failed(Failure::Reset)));
    assert_eq!(ejected(&bench), ["a"]);
}

#[test]
fn ejections_grow_with_their_number_up_to_a_bound_and_good_times_are_forgiving() {
    let mut bench = bench(&["a", "b"], outlier());
    for expected in [30, 60, 90, 100, 100] {
        fail(&bench, "a", 5);
        assert_eq!(bench.server("a").ejected_for(bench.now), Some(seconds(expected)));
        pass(&mut bench, seconds(expected));
    }
    assert!(ejected(&bench).is_empty());
    pass(&mut bench, seconds(30 * 4));
    fail(&bench, "a", 5);
    assert_eq!(bench.server("a").ejected_for(bench.now), Some(seconds(60)));
    pass(&mut bench, seconds(60));
    pass(&mut bench, seconds(1000));
    fail(&bench, "a", 5);
    assert_eq!(bench.server("a").ejected_for(bench.now), Some(seconds(30)));
}

#[test]
fn no_more_than_its_share_of_a_pool_is_ejected_and_never_the_last_usable_server() {
    let names = ["a", "b", "c", "d"];
    let mut all = bench(&names, OutlierSpec { max_ejected: 0.5, ..outlier() });
    for name in names {
        fail(&all, name, 50);
    }
    assert_eq!(ejected(&all), ["a", "b"]);
    // As soon as one is back, the next that fails goes.
    pass(&mut all, seconds(30));
    fail(&all, "d", 5);
    assert_eq!(ejected(&all), ["d"]);

    let everybody = bench(&names, OutlierSpec { max_ejected: 1.0, ..outlier() });
    everybody.probe("d", false);
    for name in names {
        fail(&everybody, name, 50);
    }
    assert_eq!(ejected(&everybody), ["a", "b"], "d is down: c is the last");

    let few = bench(&["a", "b", "c"], OutlierSpec { max_ejected: 0.1, ..outlier() });
    fail(&few, "b", 5);
    fail(&few, "c", 50);
    assert_eq!(ejected(&few), ["b"], "one always may be");

    let alone = bench(&["a"], OutlierSpec { max_ejected: 1.0, ..outlier() });
    fail(&alone, "a", 50);
    assert!(ejected(&alone).is_empty());
}

#[test]
fn server_that_was_down_begins_a_new_row_when_it_is_well_again() {
    let mut spec = spec(&["a", "b"], OutlierSpec { failure_share: Some(0.5), ..outlier() });
    (spec.health.fall, spec.health.rise) = (1, 1);
    let bench = Bench::new(spec);
    fail(&bench, "a", 4);
    bench.probe("a", false);
    (0..20).for_each(|_| observe(&bench, "a", Observation::Failed(Failure::ResponseTimeout)));
    assert!(ejected(&bench).is_empty(), "it is down already");
    bench.probe("a", true);
    fail(&bench, "a", 1);
    assert!(ejected(&bench).is_empty(), "one failure of the server as it is now");
    fail(&bench, "a", 4);
    assert_eq!(ejected(&bench), ["a"]);
}

#[test]
fn ejected_servers_serve_when_nobody_else_can() {
    let mut bench = bench(&["a", "b"], outlier());
    bench.persist = by_user();
    assert_eq!(name(&bench.choose(&user("u"), 1).unwrap()), "a");
    fail(&bench, "a", 5);
    assert_eq!(bench.name(2), "b");
    bench.probe("b", false);
    assert_eq!((ejected(&bench), bench.name(2)), (vec!["a"], "a".to_owned()));
    assert_eq!(name(&bench.choose(&user("u"), 1).unwrap()), "a");
    bench.probe("b", true);
    let exclude = [bench.server("b").id()].into_iter().collect();
    let tried = Route { exclude, ..Route::new() };
    assert_eq!(name(&bench.choose(&tried, 2).unwrap()), "a", "better a chance than none");
    bench.probe("a", false);
    bench.probe("b", false);
    assert_eq!(bench.choose(&Route::new(), 2).unwrap_err(), Unavailable::AllDown);
}

#[test]
fn clients_of_an_ejected_server_move_as_if_it_were_down() {
    let mut bench = bench(&["a", "b"], outlier());
    bench.persist = by_user();
    assert_eq!(name(&bench.choose(&user("u"), 1).unwrap()), "a");
    fail(&bench, "a", 5);
    assert_eq!(name(&bench.choose(&user("u"), 1).unwrap()), "b");
    let explained = bench.pool().explain(&bench.ask(&Route::new(), 3), bench.now);
    assert_eq!(
        (explained.candidates[0].state, explained.candidates[0].verdict),
        (State::Ejected, Verdict::Ejected)
    );
    assert!(explained.to_string().contains("ejected for its failures"), "{explained}");
}

#[test]
fn returning_server_starts_slowly_and_with_a_clean_sheet() {
    let mut spec = spec(&["a", "b"], outlier());
    spec.slow_start = seconds(100);
    let mut bench = Bench::new(spec);
    fail(&bench, "a", 5);
    // What was under way when it was ejected fails as well.
    fail(&bench, "a", 20);
    pass(&mut bench, seconds(30));
    fail(&bench, "a", 4);
    assert!(ejected(&bench).is_empty());
    let few = (0..22).filter(|&client| bench.name(client) == "a").count();
    assert!(few <= 3, "a tenth of the weight: {few}");
}

#[test]
fn operator_and_configuration_can_take_a_server_back() {
    let mut bench = bench(&["a", "b"], outlier());
    fail(&bench, "a", 5);
    bench.server("a").set_admin(Admin::Maintenance);
    assert_eq!(bench.server("a").state(), State::Maintenance);
    bench.server("a").set_admin(Admin::Ready);
    assert_eq!(bench.server("a").state(), State::Up);
    fail(&bench, "a", 5);
    bench.reload(vec![spec(&["a", "b"], outlier())]);
    assert_eq!(bench.server("a").state(), State::Ejected, "a reload alone changes nothing");
    let mut without = spec(&["a", "b"], outlier());
    without.health.outlier = None;
    bench.reload(vec![without]);
    assert_eq!(bench.server("a").state(), State::Up);
    fail(&bench, "a", 50);
    assert_eq!(bench.server("a").state(), State::Up);
}

/// A seeded storm: the bound holds at every moment, somebody always serves, and whoever was ejected returns.
#[test]
fn bounds_of_ejection_hold_in_a_storm_and_everybody_returns() {
    for seed in 0..30 {
        let mut dice = Dice(seed);
        let names = ["a", "b", "c", "d", "e"];
        let spec = OutlierSpec { consecutive: 3, failure_share: Some(0.4), max_ejected: 0.4, ..outlier() };
        let mut bench = bench(&names, spec);
        for _ in 0..2000 {
            let name = names[dice.roll(5) as usize];
            match dice.roll(10) {
                0..4 => fail(&bench, name, 1),
                4 => observe(&bench, name, Observation::Failed(Failure::Reset)),
                5..8 => well(&bench, name, 1),
                8 => _ = bench.probe(name, dice.roll(4) > 0),
                _ => pass(&mut bench, Duration::from_millis(dice.roll(3000))),
            }
            assert!(ejected(&bench).len() <= 2, "seed {seed}");
            let served = bench.choose(&Route::new(), 1).is_ok();
            let up = bench.pool().servers().iter().any(|server| server.health() != Health::Down);
            assert_eq!(served, up, "seed {seed}");
        }
        pass(&mut bench, seconds(101));
        assert!(ejected(&bench).is_empty(), "seed {seed}");
        let returned = bench.pool().servers().iter().filter(|server| server.ejections() > 0).count();
        assert!(returned > 0, "seed {seed}: nothing was tried");
    }
}
