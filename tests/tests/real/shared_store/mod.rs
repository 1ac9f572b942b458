//! Gateways that share what clients they know over a real Redis, over one that fails, and over what is none.

mod fake;
mod site;

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sekisho_tests::until;

use super::Folder;
use fake::{Fake, Manner};
use site::{Gateway, Redis, Site, homes, servers};

const ENTRIES: &str = "sekisho_persistence_entries";
const UP: &str = "sekisho_store_up";

fn users(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{prefix}-{n}@example.org")).collect()
}

fn know(gateways: &[Gateway], count: usize) {
    for gateway in gateways {
        gateway.wait(ENTRIES, |entries| entries as usize == count);
    }
}

#[test]
fn clients_of_one_gateway_are_known_to_all_and_to_one_that_comes_later() {
    let (redis, servers) = (Redis::start("127.0.60.1:7602", ""), servers());
    let site = Site { name: "all", servers: &servers, store: redis.url(), keys: "" };
    let mut gateways = ["127.0.60.1", "127.0.60.2", "127.0.60.3"].map(|ip| site.gateway(ip));
    gateways.iter().for_each(|gateway| gateway.wait(UP, |up| up == 1.0));

    // Each has other clients first, and round robin would send most of them elsewhere.
    let mut all = Vec::new();
    for (gateway, prefix) in gateways.iter().zip(["anna", "bert", "cleo"]) {
        all.extend(homes(gateway, &users(prefix, 15)));
    }
    know(&gateways, 45);
    for gateway in &gateways {
        for (user, home) in &all {
            assert_eq!(gateway.ask(user).as_ref(), Some(home), "{user}");
        }
    }

    // One that begins anew has forgotten them, and reads them.
    let [_, _, third] = &mut gateways;
    let (user, home) = &all[0];
    drop(std::mem::replace(third, site.gateway("127.0.60.4")));
    third.wait(ENTRIES, |entries| entries as usize == 45);
    assert_eq!(third.ask(user).as_ref(), Some(home));

    // Whoever reads the store learns no user, and nothing stays there for ever.
    let names = redis.names();
    assert_eq!(names.len(), 45, "{names:?}");
    for name in &names {
        let entry = [name.as_bytes(), &redis.ask(&["--no-raw", "GET", name])].concat();
        let shows = ["anna", "bert", "cleo", "example"]
            .iter()
            .any(|word| entry.windows(word.len()).any(|w| w == word.as_bytes()));
        assert!(!shows, "{name}");
        let left: u64 = String::from_utf8(redis.ask(&["PTTL", name])).unwrap().trim().parse().unwrap();
        assert!((1..=8 * 3600 * 1000).contains(&left), "{left}");
    }
}

#[test]
fn store_that_stops_and_starts_under_load_fails_no_request_and_all_agree_afterwards() {
    let (mut redis, servers) = (Redis::start("127.0.61.1:7602", ""), servers());
    let site = Site { name: "outage", servers: &servers, store: redis.url(), keys: "timeout = '500ms'" };
    let gateways = ["127.0.61.1", "127.0.61.2", "127.0.61.3"].map(|ip| site.gateway(ip));
    gateways.iter().for_each(|gateway| gateway.wait(UP, |up| up == 1.0));

    let (stop, asked, failed) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let met = Mutex::new(HashSet::new());
    std::thread::scope(|scope| {
        for (n, gateway) in gateways.iter().enumerate() {
            let (stop, asked, failed, met) = (&stop, &asked, &failed, &met);
            scope.spawn(move || {
                while !stop.load(Ordering::Acquire) {
                    // Some are everybody's, some of this gateway alone.
                    let number = asked.fetch_add(1, Ordering::AcqRel);
                    let own = number.is_multiple_of(2).then_some(1000 * (n + 1));
                    let user = format!("user-{}", own.map_or(number % 40, |own| own + number % 200));
                    met.lock().unwrap().insert(user.clone());
                    if gateway.ask(&user).is_none() {
                        failed.fetch_add(1, Ordering::AcqRel);
                    }
                }
            });
        }
        let more = |count| {
            let wanted = asked.load(Ordering::Acquire) + count;
            until("more requests", || (asked.load(Ordering::Acquire) >= wanted).then_some(()));
        };
        for _ in 0..3 {
            more(200);
            redis.kill();
            gateways.iter().for_each(|gateway| gateway.wait(UP, |up| up == 0.0));
            more(200);
            redis.restart();
            gateways.iter().for_each(|gateway| gateway.wait(UP, |up| up == 1.0));
        }
        more(200);
        stop.store(true, Ordering::Release);
    });
    assert_eq!(failed.into_inner(), 0, "of {}", asked.into_inner());

    // What each learned alone, all know; what they chose differently meanwhile, they agree on.
    until("all know the same", || {
        let counts: HashSet<u64> = gateways.iter().filter_map(|g| Some(g.metric(ENTRIES)? as u64)).collect();
        (counts.len() == 1 && counts.iter().all(|count| *count == redis.names().len() as u64)).then_some(())
    });
    gateways.iter().for_each(|gateway| gateway.wait("sekisho_store_pending", |pending| pending == 0.0));
    for user in met.into_inner().unwrap() {
        let homes: HashSet<_> = gateways.iter().map(|gateway| gateway.ask(&user).unwrap()).collect();
        assert_eq!(homes.len(), 1, "{user}: {homes:?}");
    }
    for gateway in &gateways {
        // One line for each time that it went and came, however often it was tried.
        let log = gateway.sekisho.log();
        assert!((3..=6).contains(&log.matches("The shared store is not there").count()), "{log}");
    }
}

#[test]
fn connection_cut_in_the_middle_of_many_changes_loses_none() {
    let (redis, servers) = (Redis::start("127.0.62.1:7602", ""), servers());
    let cut = |after| Manner::Cutting { store: redis.address(), after, times: 4 };
    // In the greeting, in the middle of the first entries, and of later ones.
    for (n, after) in [100, 2500, 9000].into_iter().enumerate() {
        let fake = Fake::start(&format!("127.0.62.{}:7603", n + 1), cut(after));
        let cutting = Site { name: "cut", servers: &servers, store: fake.url(), keys: "" };
        let plain = Site { name: "plain", servers: &servers, store: redis.url(), keys: "" };
        let gateways = [cutting.gateway(&format!("127.0.62.1{n}")), plain.gateway(&format!("127.0.62.2{n}"))];
        let users = users(&format!("cut-{n}"), 60);
        let homes = homes(&gateways[0], &users);
        know(&gateways, redis.names().len().max(60 * (n + 1)));
        for (user, home) in &homes {
            assert_eq!(gateways[1].ask(user).as_ref(), Some(home), "{user}");
        }
        assert!(fake.connections() > 4, "{}", fake.connections());
    }
}

#[test]
fn slow_store_slows_no_client_down() {
    let (redis, servers) = (Redis::start("127.0.63.1:7602", ""), servers());
    let fake = Fake::start("127.0.63.1:7603", Manner::Slow(redis.address()));
    let site = |store: String| Site {
        name: "slow",
        servers: &servers,
        store,
        keys: "timeout = '20s'\nconnect-timeout = '20s'",
    };
    let slow = site(fake.url()).gateway("127.0.63.2");
    let began = Instant::now();
    let users = users("slow", 200);
    let homes = homes(&slow, &users);
    let took = began.elapsed();
    slow.wait(UP, |up| up == 1.0);
    let other = site(redis.url()).gateway("127.0.63.3");
    other.wait(ENTRIES, |entries| entries as usize == 200);
    for (user, home) in &homes {
        assert_eq!(other.ask(user).as_ref(), Some(home), "{user}");
    }
    // Were each request to wait for the store, 200 of them would take many of its pauses.
    println!("200 clients before a slow store took {} ms", took.as_millis());
}

#[test]
fn what_is_no_store_changes_nothing_and_is_tried_ever_more_seldom() {
    let servers = servers();
    for (n, manner) in [Manner::Web, Manner::Endless, Manner::Silent].into_iter().enumerate() {
        let fake = Fake::start(&format!("127.0.64.{}:7603", n + 1), manner);
        let keys = "connect-timeout = '200ms'\ntimeout = '200ms'";
        let site = Site { name: "none", servers: &servers, store: fake.url(), keys };
        let gateway = site.gateway(&format!("127.0.64.1{n}"));
        gateway.wait("sekisho_store_failures_total", |failures| failures >= 3.0);
        for user in users("alone", 20) {
            let home = gateway.ask(&user).unwrap();
            assert_eq!(gateway.ask(&user), Some(home));
        }
        assert_eq!(gateway.metric(UP), Some(0.0), "{manner:?}");
        assert!(gateway.metric("sekisho_store_lag_seconds").unwrap() > 0.0);
        let log = gateway.sekisho.log();
        let said = log.lines().filter_map(|line| line.split_once("is not there")?.1.split_once("why="));
        let mut reasons: Vec<_> = said.map(|(_, why)| why).collect();
        let all = reasons.len();
        reasons.sort_unstable();
        reasons.dedup();
        assert!(all > 0 && reasons.len() == all, "{manner:?}: each reason is said once: {log}");
        // 100 ms, 200 ms, 400 ms, ...: three quarters of that on average.
        std::thread::sleep(Duration::from_secs(1));
        assert!(fake.connections() <= 12, "{manner:?}: {}", fake.connections());
    }
}

#[test]
fn wrong_password_is_said_once_and_never_shown_and_the_right_one_needs_no_reload() {
    let (redis, servers) = (Redis::start("127.0.65.1:7602", "correct-horse"), servers());
    let keys = "password-file = 'password'";
    let site = Site { name: "password", servers: &servers, store: redis.url(), keys };
    let gateway = site.gateway("127.0.65.2");
    gateway.wait("sekisho_store_failures_total", |failures| failures >= 3.0);
    assert!(gateway.ask("anna").is_some());
    let log = gateway.sekisho.log();
    assert_eq!(log.matches("The shared store is not there").count(), 1, "{log}");
    assert!(log.contains("WRONGPASS") && !log.contains("wrong\""), "{log}");
    gateway.secret("password", "correct-horse\n");
    gateway.wait(UP, |up| up == 1.0);
    assert!(!gateway.sekisho.log().contains("correct-horse"));
    gateway.wait("sekisho_store_written_total", |written| written >= 1.0);
}

#[test]
fn store_behind_tls_is_reached_and_one_of_another_authority_is_not() {
    let (redis, servers) = (Redis::start_with_tls("127.0.68.1:7602"), servers());
    let keys = |authority: &str| {
        format!("tls = {{ ca = '{}', server-name = 'store.example' }}", redis.file(authority).display())
    };
    let secure = keys("ours/authority.pem");
    let site = Site { name: "tls", servers: &servers, store: redis.url(), keys: &secure };
    let gateways = ["127.0.68.2", "127.0.68.3"].map(|ip| site.gateway(ip));
    gateways.iter().for_each(|gateway| gateway.wait(UP, |up| up == 1.0));
    let homes = homes(&gateways[0], &users("tls", 300));
    know(&gateways, 300);
    assert!(homes.iter().all(|(user, home)| gateways[1].ask(user).as_ref() == Some(home)));

    let stranger = keys("theirs/authority.pem");
    let gateway = Site { name: "tls-other", keys: &stranger, ..site }.gateway("127.0.68.4");
    gateway.wait("sekisho_store_failures_total", |failures| failures >= 2.0);
    assert!(gateway.ask("anna").is_some());
    assert!(gateway.sekisho.log().contains("certificate"), "{}", gateway.sekisho.log());
}

#[test]
fn gateways_with_other_secrets_share_nothing_and_say_so() {
    let (redis, servers) = (Redis::start("127.0.66.1:7602", ""), servers());
    let site = Site { name: "secrets", servers: &servers, store: redis.url(), keys: "" };
    let one = site.gateway("127.0.66.2");
    let folder = Folder::new("shared-secrets-other");
    let path = folder.write("secret", "fedcba9876543210fedcba9876543210\n");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let other = site.gateway_in(folder, "127.0.66.3");
    [&one, &other].iter().for_each(|gateway| gateway.wait(UP, |up| up == 1.0));
    assert!(one.ask("anna").is_some());
    other.wait("sekisho_store_refused_total", |refused| refused >= 1.0);
    assert_eq!(other.metric(ENTRIES), Some(0.0));
}

#[test]
fn reload_begins_and_ends_sharing_and_changes_the_store() {
    let servers = servers();
    let stores = ["127.0.67.1:7602", "127.0.67.2:7602"].map(|address| Redis::start(address, ""));
    let site = |store: &Redis| Site { name: "reload", servers: &servers, store: store.url(), keys: "" };
    let gateway = site(&stores[0]).gateway("127.0.67.3");
    let configurations = [&stores[0], &stores[1]].map(|store| site(store).configuration("127.0.67.3"));
    let without = configurations[0].split("[store]").next().unwrap().to_owned();
    gateway.wait(UP, |up| up == 1.0);
    assert!(gateway.ask("anna").is_some());
    until("anna in the first store", || (stores[0].names().len() == 1).then_some(()));

    gateway.sekisho.reload(&without, "Reloaded");
    until("no store", || gateway.metric(UP).is_none().then_some(()));
    assert!(gateway.ask("bert").is_some());

    gateway.sekisho.reload(&configurations[1], "Reloaded");
    until("anna and bert in the second store", || (stores[1].names().len() == 2).then_some(()));
    assert_eq!(stores[0].names().len(), 1);
}
