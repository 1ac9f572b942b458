//! An origin that lies or breaks harms its own request at the most.

use sekisho_api::Failure;

use super::support::{Origin, Reply, Rig, test};

/// Asks an origin that answers with `bytes` and closes, then one more request that must be answered by itself.
async fn asked(bytes: &'static [u8]) -> (u16, bool, Vec<u8>) {
    let origin = Origin::new(move |seen| match seen.line().contains("/lie") {
        true => Reply::Last(bytes.to_vec()),
        false => Reply::ok("truth"),
    })
    .await;
    let rig = Rig::new("response-timeout = \"200ms\"", &[&origin]).await;
    let mut client = rig.client().await;
    let answer = client.get("/lie", "").await;
    assert_eq!(rig.client().await.get("/", "").await.text(), "truth");
    (answer.status, answer.complete, answer.body)
}

#[test]
fn malformed_answers_become_502() {
    test(async {
        for bytes in [
            &b"garbage\r\n\r\n"[..],
            b"HTTP/9.9 200 OK\r\n\r\n",
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\nx",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nx",
            b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n folded: a\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nraw",
            b"HTTP/1.1 200 OK\r\nContent-Le",
            b"",
        ] {
            let (status, complete, _) = asked(bytes).await;
            assert_eq!((status, complete), (502, true), "{}", String::from_utf8_lossy(bytes));
        }
    });
}

#[test]
fn truncation_reaches_the_client_as_truncation() {
    test(async {
        for bytes in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"[..],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\nab",
        ] {
            let (status, complete, body) = asked(bytes).await;
            assert_eq!((status, complete), (200, false), "{}", String::from_utf8_lossy(bytes));
            assert!(b"abcab".starts_with(&body), "{body:?}");
        }
    });
}

#[test]
fn truncation_reaches_a_client_that_only_the_end_can_tell() {
    test(async {
        let origin = Origin::new(|_| {
            Reply::Pieces(vec![
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n".to_vec(),
                b"broken\r\n".to_vec(),
            ])
        })
        .await;
        let rig = Rig::new("", &[&origin]).await;
        let answer = rig.client().await.ask("GET / HTTP/1.0\r\nHost: a\r\n\r\n").await;
        assert!(!answer.complete, "{answer:?}");
    });
}

#[test]
fn reset_in_the_midst_of_an_answer_is_visible_and_booked() {
    test(async {
        let origin =
            Origin::new(|_| Reply::Reset(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc".to_vec())).await;
        let rig = Rig::new("", &[&origin]).await;
        let answer = rig.client().await.get("/", "").await;
        assert!(!answer.complete || answer.status == 502);
        rig.booked(1).await;
        assert!(rig.core.servers[0].failures().contains(&Failure::Reset));
        assert_eq!(rig.leases(), 0);
    });
}

#[test]
fn surplus_bytes_and_forged_answers_are_never_delivered() {
    test(async {
        for surplus in [
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged",
            "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged",
            "HTTP/1.1 304 Not Modified\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged",
        ] {
            let origin = Origin::new(move |seen| match seen.connection {
                1 => Reply::say(surplus),
                _ => Reply::ok("own"),
            })
            .await;
            let rig = Rig::new("", &[&origin]).await;
            let mut client = rig.client().await;
            client.get("/", "").await;
            assert_eq!(client.get("/", "").await.text(), "own", "{surplus}");
            assert_eq!(rig.client().await.get("/", "").await.text(), "own", "{surplus}");
        }
    });
}

#[test]
fn both_framings_in_one_answer_are_read_as_chunks_and_passed_as_chunks() {
    test(async {
        let (status, complete, body) = asked(
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        )
        .await;
        assert_eq!((status, complete, &body[..]), (200, true, &b"hello"[..]));
    });
}

#[test]
fn endless_heads_and_interim_answers_end_in_bounded_time() {
    test(async {
        let origin = Origin::new(|seen| match seen.line().contains("/head") {
            true => Reply::Last([b"HTTP/1.1 200 OK\r\nx: ".to_vec(), vec![b'x'; 300_000]].concat()),
            false => Reply::Pieces(vec![b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(); 10_000]),
        })
        .await;
        let rig = Rig::new("response-timeout = \"100ms\"", &[&origin]).await;
        assert_eq!(rig.client().await.get("/head", "").await.status, 502);
        assert_eq!(rig.client().await.get("/interim", "").await.status, 504);
    });
}

#[test]
fn interim_answers_do_not_confuse_the_final_one() {
    test(async {
        let origin = Origin::new(|_| {
            Reply::say(
                "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n\
                 HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            )
        })
        .await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        for _ in 0..2 {
            let answer = client.get("/", "").await;
            assert_eq!((answer.status, answer.text()), (200, "ok"));
        }
        assert_eq!(origin.connections.get(), 1);
    });
}

#[test]
fn server_errors_pass_and_are_reported_to_the_scheduler() {
    test(async {
        let origin = Origin::new(|_| {
            Reply::say("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops")
        })
        .await;
        let rig = Rig::new("", &[&origin]).await;
        assert_eq!(rig.client().await.get("/", "").await.text(), "oops");
        assert_eq!(rig.core.servers[0].failures(), [Failure::SaidSo]);
    });
}
