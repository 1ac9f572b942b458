//! What may be said twice is; what may not is never.

use std::cell::Cell;
use std::rc::Rc;

use sekisho_api::Failure;

use super::support::{Origin, Reply, Rig, test};

#[test]
fn one_dead_server_costs_no_request_whatever_its_method() {
    test(async {
        let (dead, alive) = (Origin::named("dead").await, Origin::named("alive").await);
        let rig = Rig::new("", &[&dead, &alive]).await;
        dead.stop().await;
        let mut client = rig.client().await;
        for _ in 0..4 {
            assert_eq!(client.get("/", "").await.text(), "alive");
            let post = client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").await;
            assert_eq!((post.status, post.text()), (200, "alive"));
        }
        assert!(rig.core.servers[0].failures().iter().all(|f| *f == Failure::Refused));
        assert!(alive.seen().iter().filter(|s| s.line().starts_with("POST")).all(|s| s.body == b"abc"));
    });
}

#[test]
fn no_server_at_all_is_a_503_that_says_when_to_come_back() {
    test(async {
        let rig = Rig::new("", &[]).await;
        let mut client = rig.client().await;
        for _ in 0..2 {
            let answer = client.get("/", "").await;
            assert_eq!((answer.status, answer.header("retry-after")), (503, vec!["5"]));
        }
        let (a, b) = (Origin::named("a").await, Origin::named("b").await);
        let rig = Rig::new("", &[&a, &b]).await;
        a.stop().await;
        b.stop().await;
        assert_eq!(rig.client().await.get("/", "").await.status, 503);
        assert!(rig.booked(1).await[0].ends_with("tries=2 connect-failed"));
        assert_eq!(rig.leases(), 0);
    });
}

/// An origin whose connections die silently at their second request.
async fn forgetful() -> Origin {
    Origin::new(|seen| match seen.turn {
        1 => Reply::ok("first"),
        _ => Reply::Reset(Vec::new()),
    })
    .await
}

#[test]
fn kept_connection_that_died_costs_no_get() {
    test(async {
        let origin = forgetful().await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        for _ in 0..5 {
            assert_eq!(client.get("/x", "X-A: 1\r\n").await.text(), "first");
        }
        assert!(
            origin.seen().iter().all(|seen| seen.header("x-a") == ["1"] && seen.line() == "GET /x HTTP/1.1")
        );
        assert_eq!(rig.leases(), 0);
    });
}

#[test]
fn post_is_never_sent_twice() {
    test(async {
        let origin = forgetful().await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        assert_eq!(client.get("/", "").await.status, 200);
        let answer = client.ask("POST /once HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx").await;
        assert_eq!(answer.status, 502);
        assert_eq!(origin.seen().iter().filter(|seen| seen.line().contains("/once")).count(), 1);
        let empty = client.ask("POST /empty HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(empty.status, 200);
    });
}

#[test]
fn get_on_a_fresh_connection_that_dies_is_told_and_not_repeated() {
    test(async {
        let origin = Origin::new(|_| Reply::Reset(Vec::new())).await;
        let rig = Rig::new("", &[&origin]).await;
        assert_eq!(rig.client().await.get("/", "").await.status, 502);
        assert_eq!(origin.seen().len(), 1);
        assert_eq!(rig.core.servers[0].failures(), [Failure::Reset]);
    });
}

#[test]
fn nothing_is_repeated_after_a_timeout() {
    test(async {
        let silent = Rc::new(Cell::new(false));
        let mute = silent.clone();
        let origin = Origin::new(move |_| if mute.get() { Reply::Silence } else { Reply::ok("x") }).await;
        let rig = Rig::new("response-timeout = \"50ms\"", &[&origin]).await;
        let mut client = rig.client().await;
        assert_eq!(client.get("/", "").await.status, 200);
        silent.set(true);
        assert_eq!(client.get("/slow", "").await.status, 504);
        assert_eq!(origin.seen().iter().filter(|seen| seen.line().contains("/slow")).count(), 1);
        assert_eq!(rig.core.servers[0].failures(), [Failure::ResponseTimeout]);
    });
}

#[test]
fn connection_that_the_server_closed_while_idle_is_not_used() {
    test(async {
        let origin =
            Origin::new(|_| Reply::Last(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx".to_vec())).await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        for _ in 0..4 {
            let answer = client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx").await;
            assert_eq!(answer.status, 200);
            while origin.open.get() > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        }
    });
}

#[test]
fn full_servers_make_a_request_wait_in_the_queue() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        rig.core.full.set(true);
        let mut client = rig.client().await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        assert!(origin.seen().is_empty());
        rig.core.room.notify_one();
        assert_eq!(client.answer("GET").await.text(), "a");
    });
}
