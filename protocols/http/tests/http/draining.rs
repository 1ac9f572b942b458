//! A gateway that stops lets its clients finish.

use super::support::{Origin, Rig, test};

#[test]
fn draining_closes_idle_connections_and_announces_the_end_on_busy_ones() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("keep-alive-timeout = \"30s\"", &[&origin]).await;
        let mut unused = rig.client().await;
        let mut busy = rig.client().await;
        busy.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab").await;
        while origin.seen().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        rig.core.draining.set(true);
        rig.core.drained.notify_waiters();
        busy.send("cd").await;
        let answer = busy.answer("POST").await;
        assert_eq!((answer.text(), answer.header("connection")), ("a", vec!["close"]));
        assert_eq!(busy.rest().await, "");
        assert_eq!(unused.rest().await, "");
        rig.quiet().await;
    });
}

#[test]
fn connection_between_two_requests_is_closed_when_draining_begins() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("body-timeout = \"50ms\"", &[&origin]).await;
        let mut client = rig.client().await;
        assert_eq!(client.get("/", "").await.status, 200);
        rig.core.draining.set(true);
        rig.core.drained.notify_waiters();
        assert_eq!(client.rest().await, "");
    });
}
