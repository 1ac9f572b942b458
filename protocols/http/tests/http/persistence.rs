//! A client meets its server again.

use std::sync::atomic::Ordering;

use sekisho_api::{CookieSettings, Persist};

use super::support::{Answer, Origin, Reply, Rig, Setup, test};

const ONE: &str = "SEKISHO=token-of-server-000001";
const TWO: &str = "SEKISHO=token-of-server-000002";

async fn two(persist: Vec<Persist>, tls: bool) -> (Rig, Origin, Origin) {
    let (a, b) = (Origin::named("a").await, Origin::named("b").await);
    let servers = vec![a.address, b.address];
    (Rig::with(Setup { persist, servers, tls, ..Setup::default() }).await, a, b)
}

fn cookie() -> Vec<Persist> {
    vec![Persist::Cookie(CookieSettings::default())]
}

async fn with(rig: &Rig, cookie: &str) -> Answer {
    rig.client().await.get("/", &format!("Cookie: {cookie}\r\n")).await
}

#[test]
fn client_with_a_cookie_stays_on_its_server_over_new_connections() {
    test(async {
        let (rig, a, _b) = two(cookie(), false).await;
        let first = rig.client().await.get("/", "").await;
        assert_eq!(first.header("set-cookie"), [format!("{ONE}; Path=/; HttpOnly; SameSite=Lax")]);
        assert_eq!(first.header("cache-control"), ["private"]);
        for _ in 0..4 {
            let again = with(&rig, &format!("x=1; {ONE}; y=2")).await;
            assert_eq!(again.text(), "a");
            assert!(again.header("set-cookie").is_empty());
        }
        let last = a.seen().pop().unwrap();
        assert_eq!(last.header("cookie"), ["x=1; y=2"]);
        assert!(rig.records().last().unwrap().contains(" preferred "));
    });
}

#[test]
fn cookie_is_taken_from_whichever_line_it_stands_in() {
    test(async {
        let (rig, _a, b) = two(cookie(), false).await;
        let answer =
            rig.client().await.get("/", &format!("Cookie: x=1\r\nCookie: {TWO}\r\nCookie: y=2\r\n")).await;
        assert_eq!(answer.text(), "b");
        assert_eq!(b.seen()[0].header("cookie"), ["x=1", "y=2"]);
    });
}

#[test]
fn requests_of_different_users_on_one_connection_go_to_their_own_servers() {
    test(async {
        let (rig, _a, _b) = two(cookie(), false).await;
        let mut client = rig.client().await;
        for _ in 0..3 {
            assert_eq!(client.get("/", &format!("Cookie: {TWO}\r\n")).await.text(), "b");
            assert_eq!(client.get("/", &format!("Cookie: {ONE}\r\n")).await.text(), "a");
        }
    });
}

#[test]
fn unknown_forged_huge_and_binary_cookies_are_ignored_and_replaced() {
    test(async {
        let (rig, a, b) = two(cookie(), false).await;
        let huge = format!("SEKISHO={}", "x".repeat(8000));
        for bad in [
            "SEKISHO=token-of-server-000009",
            "SEKISHO=",
            "SEKISHO=127.0.0.1:80",
            "SEKISHO=\"token-of-server-000001\"",
            "XSEKISHO=token-of-server-000001",
            huge.as_str(),
        ] {
            let answer = with(&rig, bad).await;
            assert_eq!(answer.status, 200, "{bad}");
            assert_eq!(answer.header("set-cookie").len(), 1, "{bad}");
        }
        let mut client = rig.client().await;
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nCookie: SEKISHO=\xff\xfe; k=\x80\r\n\r\n").await;
        assert_eq!(client.answer("GET").await.status, 200);
        assert!(a.seen().iter().chain(&b.seen()).all(|seen| !seen.head.contains(" SEKISHO=")));
    });
}

#[test]
fn client_whose_server_died_is_served_by_another_and_gets_a_new_cookie() {
    test(async {
        let (rig, a, _b) = two(cookie(), false).await;
        a.stop().await;
        let moved = with(&rig, ONE).await;
        assert_eq!((moved.status, moved.text()), (200, "b"));
        assert!(moved.header("set-cookie")[0].starts_with(TWO));
        rig.core.servers[0].usable.store(false, Ordering::Relaxed);
        assert!(with(&rig, ONE).await.header("set-cookie")[0].starts_with(TWO));
        assert!(with(&rig, TWO).await.header("set-cookie").is_empty());
    });
}

#[test]
fn cookie_is_secure_on_tls_and_leaves_the_application_its_own() {
    test(async {
        let origin = Origin::new(|_| {
            Reply::say(
                "HTTP/1.1 200 OK\r\nSet-Cookie: app=1\r\nSet-Cookie: app2=2\r\nCache-Control: no-store\r\n\
                 Content-Length: 0\r\n\r\n",
            )
        })
        .await;
        let servers = vec![origin.address];
        let rig = Rig::with(Setup { persist: cookie(), servers, tls: true, ..Setup::default() }).await;
        let answer = rig.client().await.get("/", "").await;
        let own = format!("{ONE}; Path=/; HttpOnly; Secure; SameSite=Lax");
        assert_eq!(answer.header("set-cookie"), ["app=1", "app2=2", &own]);
        assert_eq!(answer.header("cache-control"), ["no-store"]);
    });
}

#[test]
fn cookie_of_the_application_is_learned_from_its_answer() {
    test(async {
        let origin = |name: &'static str| {
            Origin::new(move |seen| match seen.line().contains("/login") {
                true => Reply::say(&format!(
                    "HTTP/1.1 200 OK\r\nSet-Cookie: SID={name}-7; Path=/\r\nContent-Length: 1\r\n\r\n{name}"
                )),
                false => Reply::ok(name),
            })
        };
        let (a, b) = (origin("a").await, origin("b").await);
        let rig = Rig::with(Setup {
            persist: vec![Persist::AppCookie { name: "SID".into() }],
            servers: vec![a.address, b.address],
            ..Setup::default()
        })
        .await;
        let name = rig.client().await.get("/login", "").await.text().to_owned();
        for _ in 0..3 {
            let answer = with(&rig, &format!("SID={name}-7")).await;
            assert_eq!(answer.text(), name);
        }
        let seen = if name == "a" { a.seen() } else { b.seen() };
        assert_eq!(seen.last().unwrap().header("cookie"), [format!("SID={name}-7")]);
        assert!(rig.records().last().unwrap().contains(" persisted "));
    });
}

#[test]
fn hash_on_gives_the_scheduler_what_it_names() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("hash-on = \"path\"", &[&origin]).await;
        let mut client = rig.client().await;
        for target in ["/a?1", "/a?2", "/b"] {
            client.get(target, "").await;
        }
        let hashes = rig.core.hashes.borrow();
        assert!(hashes[0].is_some() && hashes[0] == hashes[1] && hashes[1] != hashes[2]);
    });
}

#[test]
fn rule_with_a_cookie_of_its_own_sets_that_one() {
    test(async {
        let (a, b) = (Origin::named("a").await, Origin::named("b").await);
        let rig = Rig::with(Setup {
            options: "[[rules]]\npath-prefix = \"/own\"\npersist = [{ kind = \"cookie\", name = \"OWN\", path = \"/own\" }]",
            persist: cookie(),
            servers: vec![a.address, b.address],
            ..Setup::default()
        })
        .await;
        let mut client = rig.client().await;
        for _ in 0..2 {
            for (target, begin) in
                [("/", "SEKISHO=token"), ("/", "SEKISHO=token"), ("/own", "OWN=token"), ("/own", "OWN=token")]
            {
                let answer = client.get(target, "").await;
                let set = answer.header("set-cookie");
                assert!(set.len() == 1 && set[0].starts_with(begin), "{target}: {set:?}");
            }
        }
    });
}
