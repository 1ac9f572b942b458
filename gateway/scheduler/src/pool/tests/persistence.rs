use std::time::Duration;

use proptest::prelude::*;
use sekisho_api::{Key, KeyKind, Persist, Prefer, Unavailable, Why};

use crate::testing::*;
use crate::*;

fn three() -> Vec<ServerSpec> {
    vec![server("a"), server("b"), server("c")]
}

fn bench(persist: Vec<Persist>) -> Bench {
    Bench::with(vec![pool(Method::RoundRobin, three())], persist)
}

fn token(bench: &Bench, name: &str) -> Option<Prefer> {
    Prefer::token(bench.server(name).token().as_bytes())
}

#[test]
fn a_client_stays_on_its_server() {
    let bench = bench(by_source());
    let first: Vec<_> = (0..30).map(|client| bench.name(client)).collect();
    for _ in 0..3 {
        assert!((0..30).map(|client| bench.name(client)).eq(first.iter().cloned()));
    }
    let counts = bench.table().counts();
    assert_eq!((counts.inserts, counts.misses, counts.hits), (30, 30, 90));
}

#[test]
fn a_cookie_comes_before_the_table_only_where_the_list_has_it_first() {
    let list = |first: Vec<Persist>, second: Vec<Persist>| bench([first, second].concat());
    let bench = list(by_cookie(), by_user());
    let mut route = user("alice");
    let home = name(&bench.choose(&route, 1).unwrap());
    let other = if home == "a" { "b" } else { "a" };
    route.prefer = token(&bench, other);
    let lease = bench.choose(&route, 1).unwrap();
    assert_eq!((name(&lease).as_str(), lease.why()), (other, Why::Preferred));

    let bench = list(by_user(), by_cookie());
    let mut route = user("alice");
    let home = name(&bench.choose(&route, 1).unwrap());
    route.prefer = token(&bench, if home == "a" { "b" } else { "a" });
    let lease = bench.choose(&route, 1).unwrap();
    assert_eq!((name(&lease), lease.why()), (home, Why::Persisted(KeyKind::USER)));
}

#[test]
fn a_cookie_counts_only_where_the_list_has_it() {
    let bench = bench(Vec::new());
    let route = prefers(token(&bench, "b").unwrap());
    assert_eq!(bench.choose(&route, 1).unwrap().why(), Why::Method("round-robin"));
}

#[test]
fn an_address_counts_only_under_a_kind_that_carries_one() {
    let address = |bench: &Bench| prefers(Prefer::Address(bench.server("c").address()));
    for (persist, counts) in [
        (Persist::Key(KeyKind::RDP_TOKEN), true),
        (Persist::Key(KeyKind::new("of-a-plugin")), true),
        (Persist::Key(KeyKind::USER), false),
        (Persist::Cookie(Default::default()), false),
    ] {
        let bench = bench(vec![persist.clone()]);
        let preferred = bench.choose(&address(&bench), 1).unwrap().why() == Why::Preferred;
        assert_eq!(preferred, counts, "{persist:?}");
    }
}

#[test]
fn a_name_counts_always() {
    let bench = bench(Vec::new());
    let lease = bench.choose(&prefers(Prefer::Name("c".into())), 1).unwrap();
    assert_eq!((name(&lease).as_str(), lease.why()), ("c", Why::Preferred));
}

#[test]
fn a_client_whose_server_is_down_moves_and_stays_where_it_moved() {
    let bench = bench(by_source());
    let home = bench.name(1);
    bench.probe(&home, false);
    let lease = bench.choose(&sekisho_api::Route::new(), 1).unwrap();
    assert_eq!(lease.why(), Why::Moved("round-robin"));
    let moved = name(&lease);
    assert_ne!(moved, home);
    bench.probe(&home, true);
    assert!((0..5).all(|_| bench.name(1) == moved));
}

#[test]
fn a_cookie_of_a_server_that_is_down_moves_the_client() {
    let bench = bench(by_cookie());
    let route = prefers(token(&bench, "b").unwrap());
    bench.probe("b", false);
    assert_eq!(bench.choose(&route, 1).unwrap().why(), Why::Moved("round-robin"));
}

#[test]
fn a_server_that_was_tried_and_failed_loses_the_client() {
    let bench = bench(by_source());
    let home = bench.name(1);
    let mut route = sekisho_api::Route::new();
    route.exclude.push(bench.server(&home).id());
    let moved = name(&bench.choose(&route, 1).unwrap());
    assert_ne!(moved, home);
    assert_eq!(bench.name(1), moved);
}

#[test]
fn a_server_that_may_have_failed_through_the_clients_words_loses_it_for_this_time_alone() {
    let bench = bench(by_user());
    let home = name(&bench.choose(&user("alice"), 1).unwrap());
    let mut route = user("alice");
    route.exclude.push(bench.server(&home).id());
    route.doubted.push(bench.server(&home).id());
    assert_ne!(name(&bench.choose(&route, 1).unwrap()), home);
    assert_eq!(name(&bench.choose(&user("alice"), 1).unwrap()), home);
    bench.probe(&home, false);
    let moved = name(&bench.choose(&route, 1).unwrap());
    assert_eq!(name(&bench.choose(&user("alice"), 1).unwrap()), moved);
}

#[test]
fn every_key_of_the_list_is_remembered() {
    let bench = bench([by_user(), by_source()].concat());
    let home = name(&bench.choose(&user("alice"), 1).unwrap());
    // The same user from elsewhere, and the same address without a user.
    assert_eq!(name(&bench.choose(&user("alice"), 2).unwrap()), home);
    assert_eq!(bench.name(1), home);
    assert_eq!(bench.name(2), home);
}

#[test]
fn a_user_who_is_new_does_not_follow_another_one_of_the_same_address() {
    let bench = bench([by_user(), by_source()].concat());
    let homes: Vec<_> =
        ["alice", "bob", "carol"].map(|who| name(&bench.choose(&user(who), 1).unwrap())).into();
    assert_eq!(homes, ["a", "b", "c"]);
    // Where the address stands first it counts first, as it is written.
    let bench = self::bench([by_source(), by_user()].concat());
    let homes: Vec<_> =
        ["alice", "bob", "carol"].map(|who| name(&bench.choose(&user(who), 1).unwrap())).into();
    assert_eq!(homes, ["a", "a", "a"]);
}

#[test]
fn an_address_shared_by_many_users_is_not_pulled_to_and_fro() {
    let bench = bench([by_user(), by_source()].concat());
    let mut homes = Vec::new();
    for who in ["alice", "bob", "carol"] {
        // Each first known elsewhere, so that all three servers are somebody's.
        homes.push(name(&bench.choose(&user(who), 100 + homes.len() as u32).unwrap()));
    }
    let address = name(&bench.choose(&user("alice"), 1).unwrap());
    for (who, home) in ["alice", "bob", "carol"].iter().zip(&homes) {
        assert_eq!(name(&bench.choose(&user(who), 1).unwrap()), *home);
    }
    assert_eq!(bench.name(1), address);
}

#[test]
fn a_full_server_makes_its_client_wait_where_there_is_a_queue() {
    let servers = three().into_iter().map(|s| ServerSpec { max_connections: Some(1), ..s }).collect();
    let mut spec = pool(Method::RoundRobin, servers);
    spec.queue.capacity = 1;
    let bench = Bench::with(vec![spec], by_source());
    let held = bench.choose(&sekisho_api::Route::new(), 1).unwrap();
    assert_eq!(bench.choose(&sekisho_api::Route::new(), 1).unwrap_err(), Unavailable::Full);
    // Others are not concerned.
    let _other = bench.choose(&sekisho_api::Route::new(), 2).unwrap();
    drop(held);
    assert!(bench.choose(&sekisho_api::Route::new(), 1).is_ok());
}

#[test]
fn a_full_server_lends_its_client_where_there_is_no_queue() {
    let servers = three().into_iter().map(|s| ServerSpec { max_connections: Some(1), ..s }).collect();
    let bench = Bench::with(vec![pool(Method::RoundRobin, servers)], by_source());
    let held = bench.choose(&sekisho_api::Route::new(), 1).unwrap();
    let home = name(&held);
    let lent = bench.choose(&sekisho_api::Route::new(), 1).unwrap();
    assert_eq!(lent.why(), Why::Moved("round-robin"));
    assert_ne!(name(&lent), home);
    drop((held, lent));
    assert_eq!(bench.name(1), home);
}

#[test]
fn pools_with_servers_of_the_same_names_keep_a_user_on_one_machine() {
    let web = PoolSpec { name: "web".into(), ..pool(Method::RoundRobin, three()) };
    let rdp = PoolSpec { name: "rdp".into(), ..pool(Method::LeastConnections, three()) };
    let bench = Bench::with(vec![web, rdp], by_user());
    for who in ["alice", "bob", "carol", "dave"] {
        let route = user(who);
        let ask = bench.ask(&route, 1);
        let names: Vec<_> =
            bench.scheduler.pools().iter().map(|pool| name(&pool.choose(&ask, bench.now).unwrap())).collect();
        assert_eq!(names[0], names[1]);
    }
}

#[test]
fn unlike_pools_may_share_a_domain_without_disturbing_each_other() {
    let web = PoolSpec { name: "web".into(), ..pool(Method::RoundRobin, three()) };
    let mail = PoolSpec { name: "mail".into(), ..pool(Method::RoundRobin, vec![server("m1"), server("m2")]) };
    let bench = Bench::with(vec![web, mail], by_source());
    let choose = |pool: usize, client| {
        let route = sekisho_api::Route::new();
        name(&bench.scheduler.pools()[pool].choose(&bench.ask(&route, client), bench.now).unwrap())
    };
    let first: Vec<_> = (0..20).map(|client| (choose(0, client), choose(1, client))).collect();
    let again: Vec<_> = (0..20).map(|client| (choose(0, client), choose(1, client))).collect();
    assert_eq!(first, again);
}

#[test]
fn a_learned_key_leads_to_the_server_it_was_learned_from() {
    let bench = bench(vec![Persist::AppCookie { name: "JSESSIONID".into() }]);
    let lease = bench.choose(&sekisho_api::Route::new(), 1).unwrap();
    let key = Key::new(KeyKind::APP_COOKIE, b"abc").unwrap();
    bench.pool().learn(&key, &lease, bench.table(), bench.now);
    let route = sekisho_api::Route::new().with_key(Some(key));
    for client in 2..8 {
        let next = bench.choose(&route, client).unwrap();
        assert_eq!((name(&next), next.why()), (name(&lease), Why::Persisted(KeyKind::APP_COOKIE)));
    }
}

#[test]
fn an_entry_lives_while_its_client_is_connected_and_expires_after() {
    let mut bench = bench(by_source());
    let lease = bench.choose(&sekisho_api::Route::new(), 1).unwrap();
    bench.pass(Duration::from_secs(100_000));
    bench.name(99);
    let home = name(&lease);
    assert_eq!(
        bench.choose(&sekisho_api::Route::new(), 1).unwrap().why(),
        Why::Persisted(KeyKind::SOURCE_IP)
    );
    lease.settle(bench.now);
    bench.pass(Duration::from_secs(599));
    assert_eq!(bench.name(1), home);
    bench.pass(Duration::from_secs(600));
    let lease = bench.choose(&sekisho_api::Route::new(), 1).unwrap();
    assert_eq!(lease.why(), Why::Method("round-robin"));
}

proptest! {
    #[test]
    fn what_a_client_sends_never_leads_out_of_the_pool(
        bytes in prop::collection::vec(any::<u8>(), 22),
        wanted in "[a-z]{1,3}",
        port in any::<u16>(),
    ) {
        let bench = bench([by_cookie(), vec![Persist::Key(KeyKind::RDP_TOKEN)]].concat());
        let other = Secret::new(b"another secret than ours").unwrap();
        let prefers_list = [
            Prefer::token(&bytes),
            Prefer::token(other.token("pool", "a").as_bytes()),
            Prefer::token(secret().token("another pool", "a").as_bytes()),
            Some(Prefer::Name(wanted.into())),
            Some(Prefer::Address(([192, 0, 2, 1], port).into())),
            Some(Prefer::Address(([127, 0, 0, 1], port).into())),
        ];
        for prefer in prefers_list.into_iter().flatten() {
            let lease = bench.choose(&prefers(prefer), 1).unwrap();
            let server = lease.server();
            prop_assert!(bench.pool().servers().iter().any(|member| member.id() == server.id()));
            if lease.why() == Why::Preferred {
                prop_assert!(bench.pool().server(server.name()).is_some());
            }
        }
    }
}
