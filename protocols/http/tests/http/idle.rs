//! Idle holds nothing.

use std::time::Duration;

use sekisho_api::Facts;

use super::support::{Origin, Rig, test};

#[test]
fn idle_connections_future_is_small() {
    test(async {
        let rig = Rig::new("", &[]).await;
        let stream = tokio::net::TcpStream::connect(rig.address).await.unwrap();
        let facts = Facts::plain(rig.address, rig.address);
        let served = rig.worker.clone().serve(super::support::stream(stream), facts);
        let size = size_of_val(&*served);
        assert!(size <= 600, "{size} bytes");
    });
}

#[test]
fn connection_that_rested_serves_on() {
    test(async {
        let origin = Origin::named("a").await;
        // The shortest deadline sets the tick, and with it the time after which a connection rests.
        let rig = Rig::new("body-timeout = \"10ms\"", &[&origin]).await;
        let mut client = rig.client().await;
        for _ in 0..5 {
            let answer = client.get("/", "").await;
            assert_eq!((answer.text(), answer.header("connection")), ("a", vec![]));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(origin.connections.get(), 1);
    });
}

#[test]
fn connection_gives_its_codec_back_a_while_after_its_last_request() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        assert_eq!(client.get("/", "").await.status, 200);
        assert_eq!(rig.core.idled.get(), 1);
        while rig.core.idled.get() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(client.get("/", "").await.status, 200);
    });
}

#[test]
fn head_that_began_with_the_request_before_it_is_served_after_a_rest() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("body-timeout = \"10ms\"", &[&origin]).await;
        let mut client = rig.client().await;
        client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HT").await;
        assert_eq!(client.answer("GET").await.status, 200);
        tokio::time::sleep(Duration::from_millis(60)).await;
        client.send("TP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(client.answer("GET").await.status, 200);
        assert_eq!(origin.seen()[1].line(), "GET /2 HTTP/1.1");
    });
}

#[test]
fn churn_leaks_neither_leases_nor_connections() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        for i in 0..200 {
            let mut client = rig.client().await;
            match i % 4 {
                0 => drop(client.get("/", "").await),
                1 => client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await,
                2 => client.send("GET / HT").await,
                _ => client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx").await,
            }
        }
        rig.quiet().await;
        assert_eq!(rig.leases(), 0);
    });
}
