//! Nobody waits for ever.

use std::time::Duration;

use sekisho_api::Failure;

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
        let (_, answer) = client.repeat(b"x", Duration::from_millis(5)).await;
        assert_eq!(answer, Some(*b"HTTP/1.1 408"), "not cut without a word");
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

#[test]
fn request_that_takes_too_long_in_all_is_answered_504_or_cut() {
    test(async {
        let origin = Origin::new(|seen| match seen.line().contains("/drip") {
            true => Reply::Pieces(
                [b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n".to_vec()]
                    .into_iter()
                    .chain((0..4000).map(|_| b"x".to_vec()))
                    .collect(),
            ),
            false => Reply::Silence,
        })
        .await;
        let rig = Rig::new("total-timeout = \"80ms\"", &[&origin]).await;
        let answer = rig.client().await.get("/silent", "").await;
        assert_eq!(answer.status, 504);
        assert!(rig.booked(1).await[0].ends_with("total-timeout"), "{:?}", rig.records());
        let answer = rig.client().await.get("/drip", "").await;
        assert_eq!((answer.status, answer.complete), (200, false));
        rig.quiet().await;
        // The client that keeps the server waiting is nobody else's fault.
        let before = rig.core.servers[0].failures().len();
        let mut client = rig.client().await;
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").await;
        assert_eq!(client.answer("POST").await.status, 504);
        assert_eq!(rig.core.servers[0].failures().len(), before);
        assert_eq!(rig.leases(), 0);
    });
}

#[test]
fn time_in_the_queue_counts_as_time_of_the_request() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("total-timeout = \"50ms\"", &[&origin]).await;
        rig.core.full.set(true);
        let mut client = rig.client().await;
        assert_eq!(client.get("/", "").await.status, 504);
        rig.core.full.set(false);
        assert_eq!(client.get("/", "").await.text(), "a", "each request has a time of its own");
        assert!(origin.seen().len() == 1 && rig.core.servers[0].failures().is_empty());
    });
}

#[test]
fn web_socket_outlives_the_time_of_a_request() {
    test(async {
        let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        let origin = Origin::new(move |_| Reply::Pieces(vec![switch.into(), b"hello".to_vec()])).await;
        let rig = Rig::new("total-timeout = \"30ms\"", &[&origin]).await;
        let mut client = rig.client().await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").await;
        assert_eq!(client.any_answer("GET").await.status, 101);
        tokio::time::sleep(Duration::from_millis(120)).await;
        assert_eq!(rig.open.get(), 1);
    });
}

#[test]
fn dripped_upload_is_answered_408_and_a_steady_one_is_taken() {
    test(async {
        let origin = Origin::named("a").await;
        let options = "min-body-rate = \"2 KiB\"\nbody-grace = \"60ms\"";
        let rig = Rig::new(options, &[&origin]).await;
        let mut client = rig.client().await;
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n").await;
        let (_, answer) = client.repeat(b"x", Duration::from_millis(5)).await;
        assert_eq!(answer, Some(*b"HTTP/1.1 408"), "not cut without a word");
        assert!(rig.core.servers[0].failures().is_empty());
        drop(client);

        let mut client = rig.client().await;
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n").await;
        for _ in 0..40 {
            client.send([b'x'; 1000]).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(client.answer("POST").await.text(), "a");
    });
}

#[test]
fn time_that_the_client_used_up_is_not_counted_against_the_server() {
    test(async {
        let origin = Origin::new(|_| Reply::Silence).await;
        let rig = Rig::new("total-timeout = \"300ms\"", &[&origin]).await;
        let mut client = rig.client().await;
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabc").await;
        tokio::time::sleep(Duration::from_millis(250)).await;
        client.send("d").await;
        assert_eq!(client.answer("POST").await.status, 504);
        assert!(rig.core.servers[0].failures().is_empty());
        assert_eq!(client.get("/", "").await.status, 504);
        assert_eq!(rig.core.servers[0].failures(), [Failure::ResponseTimeout], "it had all the time");
    });
}
