//! How many connections a server may have.

use std::time::Duration;

use super::support::{Origin, Reply, Rig, Setup, TwoOrigin, test};

/// An origin that takes a moment, or says nothing.
async fn origin(name: &'static str) -> Origin {
    Origin::new(move |seen| match seen.line().contains("/silence") {
        true => Reply::Silence,
        false => Reply::Pieces(vec![
            b"HTTP/1.1 200 OK\r\n".into(),
            format!("Content-Length: 1\r\n\r\n{name}").into(),
        ]),
    })
    .await
}

async fn rig(pool: &'static str, origins: &[&Origin]) -> Rig {
    let servers = origins.iter().map(|origin| origin.address).collect();
    Rig::with(Setup { pool, servers, ..Setup::default() }).await
}

#[test]
fn requests_wait_for_the_connection_that_there_may_be_and_share_it() {
    test(async {
        let origin = origin("a").await;
        let rig = rig("max-connections = 1", &[&origin]).await;
        let mut clients = Vec::new();
        for _ in 0..5 {
            let mut client = rig.client().await;
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
            clients.push(client);
        }
        for client in &mut clients {
            assert_eq!(client.answer("GET").await.text(), "a");
        }
        assert_eq!((origin.connections.get(), rig.leases()), (1, 0));
    });
}

#[test]
fn request_for_which_there_is_no_room_is_refused_or_goes_to_another_server() {
    test(async {
        for (pool, end) in [
            ("max-connections = 1\nmax-pending = 0", "full"),
            ("max-connections = 1\npending-timeout = \"50ms\"", "queue-timeout"),
        ] {
            let (a, b) = (origin("a").await, origin("b").await);
            let alone = rig(pool, &[&a]).await;
            let mut first = alone.client().await;
            first.send("GET /silence HTTP/1.1\r\nHost: a\r\n\r\n").await;
            while a.seen().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(alone.client().await.get("/", "").await.status, 503);
            assert!(alone.booked(1).await[0].ends_with(end), "{:?}", alone.records());
            assert!(alone.core.servers[0].failures().is_empty(), "it is no failure of the server's");
            let both = rig(pool, &[&a, &b]).await;
            let mut silent = both.client().await;
            silent.send("GET /silence HTTP/1.1\r\nHost: a\r\n\r\n").await;
            while a.seen().len() < 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let mut client = both.client().await;
            for _ in 0..3 {
                assert_eq!(client.get("/", "").await.text(), "b");
            }
        }
    });
}

#[test]
fn idle_connection_makes_room_for_a_request_that_cannot_have_it() {
    test(async {
        let origin = origin("a").await;
        let rig = rig("max-connections = 1", &[&origin]).await;
        let mut client = rig.client().await;
        assert_eq!(client.get("/", "").await.text(), "a");
        // Too old for what must not be said twice.
        tokio::time::sleep(Duration::from_millis(3100)).await;
        let post = client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!((post.text(), origin.connections.get()), ("a", 2));
    });
}

#[test]
fn connections_of_http_2_are_limited_alike() {
    test(async {
        let origin = TwoOrigin::new(|asked| async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            asked.ok("a");
        })
        .await;
        let pool = "version = \"2\"\nmax-streams = 1\nmax-connections = 1";
        let servers = vec![origin.address];
        let rig = Rig::with(Setup { pool, servers, ..Setup::default() }).await;
        let mut clients = Vec::new();
        for _ in 0..4 {
            let mut client = rig.client().await;
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
            clients.push(client);
        }
        for client in &mut clients {
            assert_eq!(client.answer("GET").await.text(), "a");
        }
        assert_eq!(origin.connections.get(), 1);
    });
}

#[test]
fn connection_of_a_single_client_is_not_his_as_long_as_another_one_waits() {
    test(async {
        let (one, two) = (origin("a").await, TwoOrigin::named("a").await);
        let alone = "max-connections = 1\npending-timeout = \"20s\"";
        let shared = "version = \"2\"\nmax-connections = 1\npending-timeout = \"20s\"";
        for (pool, address) in [(alone, one.address), (shared, two.address)] {
            let rig = Rig::with(Setup { pool, servers: vec![address], ..Setup::default() }).await;
            rig.core.telling.set(true);
            let (mut busy, mut other) = (rig.client().await, rig.client().await);
            assert_eq!(busy.get("/", "").await.text(), "a");
            other.send("GET /other HTTP/1.1\r\nHost: a\r\n\r\n").await;
            // It asks again and again, and is never idle for long.
            let asks = async {
                loop {
                    busy.get("/busy", "").await;
                }
            };
            tokio::select! {
                answer = other.answer("GET") => assert_eq!(answer.text(), "a", "{pool}"),
                () = asks => {}
            }
        }
    });
}
