//! Nobody waits for ever.

use std::time::Duration;

use super::support::{Origin, Reply, Rig, Setup, test};

#[test]
fn slow_head_is_answered_408() {
    test(async {
        let rig = Rig::new("request-timeout = \"50ms\"", &[]).await;
        let mut client = rig.client().await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n").await;
        let answer = client.answer("GET").await;
        assert_eq!((answer.status, answer.header("connection")), (408, vec!["close"]));
        assert_eq!(client.rest().await, "");
        drop(client);
        rig.quiet().await;
        assert!(rig.records()[0].ends_with("head-timeout"));
    });
}

#[test]
fn dripped_head_is_cut_although_bytes_keep_coming() {
    test(async {
        let rig = Rig::new("request-timeout = \"100ms\"", &[]).await;
        let mut client = rig.client().await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\nX: ").await;
        let (mut reader, mut writer) = client.stream.split();
        let drip = async {
            while tokio::io::AsyncWriteExt::write_all(&mut writer, b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let read = async {
            let mut bytes = [0; 12];
            tokio::io::AsyncReadExt::read_exact(&mut reader, &mut bytes).await.map(|_| bytes)
        };
        let answer = tokio::select! { () = drip => panic!("cut without a word"), answer = read => answer };
        assert_eq!(&answer.unwrap(), b"HTTP/1.1 408");
    });
}

#[test]
fn unused_and_idle_connections_are_closed_without_a_word() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("keep-alive-timeout = \"60ms\"", &[&origin]).await;
        assert_eq!(rig.client().await.rest().await, "");
        let mut client = rig.client().await;
        assert_eq!(client.get("/", "").await.status, 200);
        assert_eq!(client.rest().await, "");
    });
}

#[test]
fn response_timeout_of_the_vip_holds_where_there_is_none_of_its_own() {
    test(async {
        let (short, long) = (Some(Duration::from_millis(50)), Some(Duration::from_secs(3600)));
        for (options, response) in [("", short), ("response-timeout = \"50ms\"", long)] {
            let origin = Origin::new(|_| Reply::Silence).await;
            let servers = vec![origin.address];
            let rig = Rig::with(Setup { options, servers, response, ..Setup::default() }).await;
            let answer = rig.client().await.get("/", "").await;
            assert_eq!(answer.status, 504, "{options}");
        }
    });
}

#[test]
fn silent_server_is_answered_504() {
    test(async {
        let origin =
            Origin::new(|seen| if seen.line().contains("/ok") { Reply::ok("x") } else { Reply::Silence })
                .await;
        let rig = Rig::new("response-timeout = \"50ms\"", &[&origin]).await;
        let mut client = rig.client().await;
        for _ in 0..2 {
            assert_eq!(client.get("/", "").await.status, 504);
        }
        assert_eq!(client.get("/ok", "").await.status, 200);
        // The one that answered is kept.
        while origin.open.get() > 1 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert!(rig.records()[0].ends_with("tries=1 response-timeout"));
    });
}

#[test]
fn stalled_upload_is_answered_408_and_not_counted_against_the_server() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("body-timeout = \"50ms\"", &[&origin]).await;
        let mut client = rig.client().await;
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").await;
        assert_eq!(client.answer("POST").await.status, 408);
        assert!(rig.core.servers[0].failures().is_empty());
        assert!(rig.booked(1).await[0].ends_with("idle-timeout"));
    });
}

#[test]
fn answer_that_stalls_is_cut_visibly_and_one_that_drips_survives() {
    test(async {
        let origin = Origin::new(|seen| {
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n".to_vec();
            let mut pieces = vec![head];
            if seen.line().contains("/drip") {
                pieces.extend((0..100).map(|_| b"x".to_vec()));
            }
            Reply::Pieces(pieces)
        })
        .await;
        let rig = Rig::new("body-timeout = \"150ms\"", &[&origin]).await;
        let drip = rig.client().await.get("/drip", "").await;
        assert_eq!((drip.body.len(), drip.complete), (100, true));
        let stall = rig.client().await.get("/stall", "").await;
        assert_eq!((stall.status, stall.complete), (200, false));
        rig.quiet().await;
        assert_eq!(rig.leases(), 0);
    });
}
