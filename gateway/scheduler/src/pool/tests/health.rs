use std::time::Duration;

use sekisho_api::{Failure, Observation, Route, Unavailable, Why};

use crate::testing::*;
use crate::*;

fn unprobed() -> PoolSpec {
    let mut spec = pool(Method::RoundRobin, vec![server("a"), server("b")]);
    spec.health.active = false;
    spec
}

fn fail(bench: &Bench, name: &str, times: u32) {
    for _ in 0..times {
        sekisho_api::Server::observe(&**bench.server(name), Observation::Failed(Failure::Refused), bench.now);
    }
}

fn answer(bench: &Bench, name: &str) {
    let answered = Observation::Answered(Duration::from_millis(1));
    sekisho_api::Server::observe(&**bench.server(name), answered, bench.now);
}

#[test]
fn failures_in_a_row_make_suspect_and_then_down_and_an_answer_ends_the_row() {
    let bench = Bench::new(unprobed());
    fail(&bench, "a", 2);
    answer(&bench, "a");
    fail(&bench, "a", 2);
    assert_eq!(bench.server("a").health(), Health::Up);
    fail(&bench, "a", 1);
    assert_eq!(bench.server("a").health(), Health::Suspect);
    fail(&bench, "a", 2);
    assert_eq!(bench.server("a").state(), State::Down);
    assert!(!sekisho_api::Server::reusable(&**bench.server("a")));
    let told: Vec<_> =
        std::iter::from_fn(|| bench.server("a").unreported()).map(|change| change.to).collect();
    assert_eq!(told, [Health::Suspect, Health::Down]);
}

#[test]
fn a_connection_does_not_end_a_row_of_failed_answers() {
    let bench = Bench::new(unprobed());
    for _ in 0..5 {
        let server = bench.server("a");
        sekisho_api::Server::observe(&**server, Observation::Connected(Duration::ZERO), bench.now);
        sekisho_api::Server::observe(&**server, Observation::Failed(Failure::SaidSo), bench.now);
    }
    assert_eq!(bench.server("a").health(), Health::Down);
}

#[test]
fn only_silence_that_lasted_is_a_failure_and_each_kind_of_silence_is_counted() {
    let bench = Bench::new(unprobed());
    let server = bench.server("a");
    let observe = |observation| sekisho_api::Server::observe(&**server, observation, bench.now);
    for _ in 0..10 {
        observe(Observation::Strayed);
        observe(Observation::Repeated);
    }
    assert_eq!((server.health(), server.failures()), (Health::Up, 0), "neither says that it failed");
    observe(Observation::Failed(Failure::ResponseTimeout));
    observe(Observation::Failed(Failure::Refused));
    let counts = (server.strays(), server.repeats(), server.timeouts(), server.failures());
    assert_eq!(counts, (10, 10, 1, 2));
    let kinds = server.failures_by_kind().into_iter().filter(|(_, count)| *count > 0);
    assert_eq!(kinds.collect::<Vec<_>>(), [(Failure::Refused, 1), (Failure::ResponseTimeout, 1)]);
}

#[test]
fn silence_about_some_requests_is_no_failure_of_a_server_that_answers_others_meanwhile() {
    let mut bench = Bench::new(unprobed());
    let observe = |bench: &Bench, observation| {
        sekisho_api::Server::observe(&**bench.server("a"), observation, bench.now);
    };
    let waited = Duration::from_secs(2);
    for _ in 0..5 {
        bench.now += Duration::from_secs(1);
        observe(&bench, Observation::Answered(Duration::ZERO));
        bench.now += Duration::from_secs(1);
        (0..100).for_each(|_| observe(&bench, Observation::Unanswered(waited)));
    }
    let server = bench.server("a");
    assert_eq!((server.health(), server.failures(), server.timeouts()), (Health::Up, 0, 500));
    // It has answered nobody since these were sent.
    bench.now += Duration::from_secs(1);
    (0..5).for_each(|_| observe(&bench, Observation::Unanswered(waited)));
    assert_eq!((bench.server("a").health(), bench.server("a").failures()), (Health::Down, 5));
}

#[test]
fn without_probes_one_client_at_a_time_tries_a_server_that_is_out() {
    let mut bench = Bench::new(unprobed());
    fail(&bench, "a", 5);
    assert!((0..10).all(|client| bench.name(client) == "b"));
    bench.pass(Duration::from_secs(11));
    let leases: Vec<_> = (0..10).map(|client| bench.choose(&Route::new(), client).unwrap()).collect();
    assert_eq!(leases.iter().filter(|lease| name(lease) == "a").count(), 1);
    // It fails: another while out.
    fail(&bench, "a", 1);
    bench.pass(Duration::from_secs(9));
    assert!((0..10).all(|client| bench.name(client) == "b"));
    bench.pass(Duration::from_secs(2));
    assert_eq!((0..10).filter(|&client| bench.name(client) == "a").count(), 1);
    // It answers: back it is.
    answer(&bench, "a");
    assert_eq!(bench.server("a").health(), Health::Up);
    assert_eq!((0..10).filter(|&client| bench.name(client) == "a").count(), 5);
}

#[test]
fn a_pool_whose_only_server_is_due_for_a_trial_gives_it_one() {
    let mut spec = unprobed();
    spec.servers.truncate(1);
    let mut bench = Bench::new(spec);
    fail(&bench, "a", 5);
    assert_eq!(bench.choose(&Route::new(), 1).unwrap_err(), Unavailable::AllDown);
    bench.pass(Duration::from_secs(11));
    assert_eq!(bench.choose(&Route::new(), 1).unwrap().why(), Why::Method("round-robin"));
    assert_eq!(bench.choose(&Route::new(), 1).unwrap_err(), Unavailable::AllDown);
}

#[test]
fn with_probes_a_suspect_is_probed_at_once_and_only_a_probe_ends_its_being_down() {
    let mut bench = Bench::new(pool(Method::RoundRobin, vec![server("a"), server("b")]));
    bench.probe("a", true);
    assert!(!bench.server("a").due(bench.now));
    fail(&bench, "a", 3);
    assert!(bench.server("a").due(bench.now));
    fail(&bench, "a", 2);
    bench.pass(Duration::from_secs(1000));
    answer(&bench, "a");
    assert_eq!(bench.server("a").health(), Health::Down);
    let change = bench.probe("a", true).unwrap();
    assert_eq!((change.from, change.to), (Health::Down, Health::Up));
    assert_eq!(change.to_string(), "server a is up (probe succeeded)");
    assert_eq!(bench.server("a").last_probe().unwrap().result.ok, Ok(()));
}
