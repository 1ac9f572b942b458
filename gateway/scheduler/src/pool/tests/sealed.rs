use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sekisho_api::{Key, KeyKind, Persist, Prefer, Route, Why};

use crate::testing::*;
use crate::*;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

fn bench(persist: Vec<Persist>) -> Bench {
    let servers = ["a", "b", "c"].map(server).to_vec();
    let bench = Bench::with(vec![pool(Method::RoundRobin, servers)], persist);
    bench.scheduler.set_day(at(0), bench.now);
    bench
}

fn list() -> Vec<Persist> {
    [vec![Persist::Key(KeyKind::RDP_TOKEN)], by_user(), by_source()].concat()
}

fn alice() -> Key {
    Key::new(KeyKind::USER, b"alice").unwrap()
}

fn sealed(what: Sealed<'_>) -> Route {
    prefers(Prefer::sealed(secret().seal(what, at(60)).unwrap().as_bytes()).unwrap())
}

fn for_server(pool: &str) -> Route {
    sealed(Sealed::Server { pool, server: "c" })
}

fn for_user(domain: &str) -> Route {
    sealed(Sealed::User { domain, user: &alice() })
}

#[test]
fn a_token_for_a_server_is_obeyed_while_the_server_takes_back_its_clients() {
    let bench = bench(list());
    let why = |client| {
        let lease = bench.choose(&for_server("pool"), client).unwrap();
        (name(&lease), lease.why())
    };
    assert_eq!(why(1), ("c".to_owned(), Why::Preferred));
    bench.server("c").set_admin(Admin::Drain);
    assert_eq!(why(2), ("c".to_owned(), Why::Preferred));
    bench.server("c").set_admin(Admin::Maintenance);
    assert_eq!(why(3).1, Why::Moved("round-robin"));
}

#[test]
fn a_token_for_a_user_leads_where_the_user_is_known_and_is_remembered_as_the_user() {
    let bench = bench(list());
    let home = bench.choose(&user("alice"), 1).unwrap();
    for client in 2..8 {
        let lease = bench.choose(&for_user("default"), client).unwrap();
        assert_eq!((name(&lease), lease.why()), (name(&home), Why::Persisted(KeyKind::USER)));
    }
    let bench = self::bench(list());
    let home = name(&bench.choose(&for_user("default"), 1).unwrap());
    bench.choose(&user("bob"), 1).unwrap();
    let lease = bench.choose(&user("alice"), 9).unwrap();
    assert_eq!((name(&lease), lease.why()), (home, Why::Persisted(KeyKind::USER)));
}

#[test]
fn a_token_counts_only_where_the_list_has_its_kind() {
    let without = bench([by_user(), by_source()].concat());
    for route in [for_server("pool"), for_user("default")] {
        without.choose(&route, 1).unwrap();
    }
    assert_eq!(without.choose(&for_server("pool"), 7).unwrap().why(), Why::Method("round-robin"));
    assert_eq!(without.choose(&user("alice"), 8).unwrap().why(), Why::Method("round-robin"));
    // A user is known where the list has users.
    let tokens_only = bench(vec![Persist::Key(KeyKind::RDP_TOKEN)]);
    assert_eq!(tokens_only.choose(&for_user("default"), 1).unwrap().why(), Why::Method("round-robin"));
}

#[test]
fn a_token_that_is_over_foreign_or_garbled_is_as_if_nothing_had_been_sent() {
    let mut bench = bench(list());
    let mut garbled = for_server("pool");
    garbled.prefer = Prefer::sealed(b"AQEAAAAA");
    let routes = [for_server("web"), for_user("lab"), garbled];
    for (client, route) in (1..).zip(routes) {
        let first = bench.choose(&route, client).unwrap();
        assert_eq!(first.why(), Why::Method("round-robin"));
        let next = bench.choose(&Route::new(), client).unwrap();
        assert_eq!((name(&next), next.why()), (name(&first), Why::Persisted(KeyKind::SOURCE_IP)));
    }
    bench.pass(Duration::from_secs(59));
    assert_eq!(bench.choose(&for_server("pool"), 10).unwrap().why(), Why::Preferred);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.choose(&for_server("pool"), 11).unwrap().why(), Why::Method("round-robin"));
}

#[test]
fn no_token_counts_before_the_time_of_day_is_known() {
    let servers = ["a", "b", "c"].map(server).to_vec();
    let bench = Bench::with(vec![pool(Method::RoundRobin, servers)], list());
    assert_eq!(bench.choose(&for_server("pool"), 1).unwrap().why(), Why::Method("round-robin"));
}

#[test]
fn an_explanation_opens_tokens_as_a_choice_does() {
    let bench = bench(list());
    let lookups = |route: &Route| {
        let explained = bench.pool().explain(&bench.ask(route, 1), bench.now);
        explained.keys.into_iter().map(|line| line.lookup).collect::<Vec<_>>()
    };
    use Lookup::{Absent, Hit, Miss, Preferred};
    assert_eq!(lookups(&for_server("pool"))[0], Preferred("c".into()));
    assert_eq!(lookups(&for_server("web"))[..2], [Miss, Absent]);
    assert_eq!(lookups(&for_user("default"))[..2], [Absent, Miss]);
    let home = name(&bench.choose(&user("alice"), 1).unwrap());
    assert_eq!(lookups(&for_user("default"))[..2], [Absent, Hit(home.into())]);
}

#[test]
fn a_token_issued_for_a_choice_leads_there_again_by_the_user_where_that_is_known() {
    let mut bench = bench(list());
    for (client, said) in [(1, user("alice")), (2, Route::new())] {
        let lease = bench.choose(&said, client).unwrap();
        let ask = bench.ask(&said, client);
        let token = bench.pool().issue(&ask, &lease, Duration::from_secs(60), bench.now).unwrap();
        let back = prefers(Prefer::sealed(token.as_bytes()).unwrap());
        let again = bench.choose(&back, client + 10).unwrap();
        let why = if client == 1 { Why::Persisted(KeyKind::USER) } else { Why::Preferred };
        assert_eq!((name(&again), again.why()), (name(&lease), why));
        bench.pass(Duration::from_secs(60));
        assert_eq!(bench.choose(&back, client + 20).unwrap().why(), Why::Method("round-robin"));
    }
    let without = self::bench(by_user());
    let lease = without.choose(&user("alice"), 1).unwrap();
    let said = user("alice");
    assert_eq!(
        without.pool().issue(&without.ask(&said, 1), &lease, Duration::from_secs(60), without.now),
        None
    );
}
