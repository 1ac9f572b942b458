//! What belongs to one connection stays there.

use super::support::{Origin, Reply, Rig, test};

#[test]
fn nominated_and_connection_fields_end_at_the_gateway_in_both_directions() {
    test(async {
        let origin = Origin::new(|_| {
            Reply::say(
                "HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
                 Proxy-Connection: x\r\nUpgrade: h2c\r\nX-End: 1\r\nContent-Length: 0\r\n\r\n",
            )
        })
        .await;
        let rig = Rig::new("", &[&origin]).await;
        let answer = rig
            .client()
            .await
            .get(
                "/",
                "Connection: Upgrade, HTTP2-Settings, X-Hop, Host, X-Forwarded-For\r\nUpgrade: h2c\r\n\
                 HTTP2-Settings: AAMAAABkAAQAAP__\r\nX-Hop: 1\r\nKeep-Alive: 1\r\nProxy-Connection: x\r\nX-End: 1\r\n",
            )
            .await;
        for name in ["x-hop", "keep-alive", "proxy-connection", "upgrade", "connection"] {
            assert!(answer.header(name).is_empty(), "{name}: {}", answer.head);
            assert!(origin.seen()[0].header(name).is_empty(), "{name}");
        }
        assert!(origin.seen()[0].header("http2-settings").is_empty());
        assert_eq!((answer.header("x-end"), origin.seen()[0].header("x-end")), (vec!["1"], vec!["1"]));
        assert_eq!(origin.seen()[0].header("x-forwarded-for"), ["127.0.0.1"]);
        assert_eq!(origin.seen()[0].header("host"), ["a.example"]);
    });
}

#[test]
fn te_trailers_reaches_the_server_and_other_codings_do_not() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        client.get("/", "TE: gzip, trailers\r\nConnection: te\r\n").await;
        client.get("/", "TE: gzip\r\nConnection: te\r\n").await;
        assert_eq!(origin.seen()[0].header("te"), ["trailers"]);
        assert!(origin.seen()[1].header("te").is_empty());
    });
}

#[test]
fn close_of_the_origin_stays_between_the_gateway_and_the_origin() {
    test(async {
        let origin = Origin::new(|_| {
            Reply::Last(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx".to_vec())
        })
        .await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        for _ in 0..3 {
            let answer = client.get("/", "").await;
            assert_eq!((answer.text(), answer.header("connection")), ("x", vec![]));
        }
        assert_eq!(origin.connections.get(), 3);
    });
}

#[test]
fn close_of_the_client_stays_between_the_client_and_the_gateway() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        for _ in 0..3 {
            let mut client = rig.client().await;
            let answer = client.get("/", "Connection: close\r\n").await;
            assert_eq!(answer.header("connection"), ["close"]);
            assert_eq!(client.rest().await, "");
        }
        assert_eq!(origin.connections.get(), 1);
    });
}
