//! Messages pass whole, whatever their framing.

use super::support::{Origin, Reply, Rig, test};

#[test]
fn keep_alive_requests_are_balanced_one_by_one_over_kept_server_connections() {
    test(async {
        let (a, b) = (Origin::named("a").await, Origin::named("b").await);
        let rig = Rig::new("", &[&a, &b]).await;
        let mut client = rig.client().await;
        let mut texts = Vec::new();
        for _ in 0..6 {
            texts.push(client.get("/", "").await.text().to_owned());
        }
        assert_eq!(texts, ["a", "b", "a", "b", "a", "b"]);
        assert_eq!((a.connections.get(), b.connections.get()), (1, 1));
        assert_eq!(rig.leases(), 0);
    });
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    test(async {
        let (a, b) = (Origin::named("a").await, Origin::named("b").await);
        let rig = Rig::new("", &[&a, &b]).await;
        let mut client = rig.client().await;
        client.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n".repeat(4)).await;
        for expected in ["a", "b", "a", "b"] {
            assert_eq!(client.answer("GET").await.text(), expected);
        }
    });
}

#[test]
fn post_with_a_length_arrives_whole() {
    test(async {
        let origin = Origin::new(|seen| Reply::ok(&format!("{}", seen.body.len()))).await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        let body = "x".repeat(300_000);
        let answer = client
            .ask(format!("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
            .await;
        assert_eq!((answer.status, answer.text()), (200, "300000"));
        assert_eq!(client.get("/", "").await.status, 200);
        assert_eq!(origin.connections.get(), 1);
    });
}

#[test]
fn chunked_bodies_pass_in_both_directions_with_their_declared_trailers() {
    test(async {
        let origin = Origin::new(|_| {
            Reply::say(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n\
                 5\r\nhello\r\n0\r\nx-sum: 9\r\n\r\n",
            )
        })
        .await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        let answer = client
            .ask(
                "PUT / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\nTransfer-Encoding: chunked\r\n\
                 Trailer: x-end\r\n\r\n4;ext=1\r\nabcd\r\n0\r\nx-end: 1\r\n\r\n",
            )
            .await;
        assert_eq!(answer.text(), "hellox-sum: 9\r\n");
        let seen = &origin.seen()[0];
        assert_eq!(String::from_utf8_lossy(&seen.body), "4\r\nabcd\r\n0\r\nx-end: 1\r\n\r\n");
        let again = client.get("/", "").await;
        assert_eq!((again.status, again.text()), (200, "hello"), "{again:?} {:?}", rig.records());
        assert_eq!(origin.connections.get(), 1);
    });
}

#[test]
fn get_with_a_body_keeps_it() {
    test(async {
        let origin = Origin::new(|seen| Reply::ok(&String::from_utf8_lossy(&seen.body))).await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        for (framing, body, expected) in [
            ("Content-Length: 3", "abc", "abc"),
            ("Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n"),
        ] {
            let answer = client.ask(format!("GET / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n{body}")).await;
            assert_eq!(answer.text(), expected);
        }
    });
}

#[test]
fn answers_without_a_body_have_none_and_keep_the_connection() {
    test(async {
        let origin = Origin::new(|seen| match seen.line().split(' ').nth(1).unwrap() {
            "/204" => Reply::say("HTTP/1.1 204 No Content\r\n\r\n"),
            "/304" => Reply::say("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 99\r\n\r\n"),
            "/head" => Reply::say("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"),
            "/head-chunked" => Reply::say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "/empty" => Reply::say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            _ => Reply::ok("body"),
        })
        .await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        assert_eq!(client.get("/204", "").await.status, 204);
        assert_eq!(client.get("/304", "").await.header("etag"), ["\"x\""]);
        let head = client.ask("HEAD /head HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(head.header("content-length"), ["99"]);
        assert_eq!(client.ask("HEAD /head-chunked HTTP/1.1\r\nHost: a\r\n\r\n").await.status, 200);
        assert_eq!(client.get("/empty", "").await.body, b"");
        assert_eq!(client.get("/", "").await.text(), "body");
        assert_eq!(origin.connections.get(), 1);
    });
}

#[test]
fn answer_that_ends_with_its_connection_becomes_chunked() {
    test(async {
        let origin = Origin::new(|_| Reply::Last(b"HTTP/1.1 200 OK\r\n\r\nuntil the end".to_vec())).await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        for _ in 0..2 {
            let answer = client.get("/", "").await;
            assert_eq!((answer.text(), answer.complete), ("until the end", true));
            assert_eq!(answer.header("transfer-encoding"), ["chunked"]);
        }
    });
}

#[test]
fn http10_client_gets_no_chunks_and_keep_alive_only_if_it_asks() {
    test(async {
        let origin = Origin::new(|seen| match seen.line().contains("/chunked") {
            true => Reply::say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
            false => Reply::ok("plain"),
        })
        .await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        let answer = client.ask("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n").await;
        assert_eq!((answer.text(), answer.header("connection")), ("plain", vec!["keep-alive"]));
        assert!(answer.head.starts_with("HTTP/1.0 200"));
        let answer = client.ask("GET /chunked HTTP/1.0\r\nHost: a\r\n\r\n").await;
        assert_eq!((answer.text(), answer.complete), ("abc", true));
        assert!(answer.header("transfer-encoding").is_empty());
        assert_eq!(origin.seen()[0].line(), "GET / HTTP/1.1");
        assert_eq!(rig.client().await.ask("GET / HTTP/1.0\r\n\r\n").await.status, 200);
        assert_eq!(origin.seen()[2].header("host"), [rig.address.to_string()]);
    });
}

#[test]
fn http10_origin_is_understood_and_its_connection_not_kept() {
    test(async {
        let origin = Origin::new(|_| {
            Reply::say("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi")
        })
        .await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        for _ in 0..2 {
            let answer = client.get("/", "").await;
            assert_eq!(answer.text(), "hi");
            assert!(answer.head.starts_with("HTTP/1.1 200 OK"));
        }
        assert!(origin.seen().iter().all(|seen| seen.line() == "GET / HTTP/1.1"));
        assert_eq!(origin.connections.get(), 2);
    });
}

#[test]
fn set_cookie_lines_reason_and_unknown_status_stay_as_they_are() {
    test(async {
        let origin = Origin::new(|_| {
            Reply::say(
                "HTTP/1.1 299 Quite Fine\r\nSet-Cookie: a=1\r\nServer: o\r\nSet-Cookie: b=2, c\r\n\
                 Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n",
            )
        })
        .await;
        let rig = Rig::new("", &[&origin]).await;
        let answer = rig.client().await.get("/", "").await;
        assert!(answer.head.starts_with("HTTP/1.1 299 Quite Fine\r\n"), "{}", answer.head);
        assert_eq!(answer.header("set-cookie"), ["a=1", "b=2, c"]);
        assert_eq!(answer.header("date"), ["Thu, 01 Jan 1970 00:00:00 GMT"]);
        assert_eq!(answer.header("server"), ["o"]);
    });
}

#[test]
fn large_answer_arrives_whole() {
    test(async {
        let body: String = (0..400_000).map(|i| char::from(b'a' + (i % 23) as u8)).collect();
        let text = body.clone();
        let origin = Origin::new(move |_| Reply::ok(&text)).await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        for _ in 0..2 {
            assert_eq!(client.get("/", "").await.text(), body);
        }
        assert_eq!(origin.connections.get(), 1);
    });
}

#[test]
fn client_that_ends_its_side_after_the_request_is_served() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        tokio::io::AsyncWriteExt::shutdown(&mut client.stream).await.unwrap();
        assert_eq!(client.answer("GET").await.text(), "a");
        rig.quiet().await;
    });
}

#[test]
fn each_request_is_booked_with_what_it_cost() {
    test(async {
        let origin = Origin::named("hello").await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        client.ask("POST /p?q HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").await;
        assert_eq!(rig.booked(1).await, ["POST a/p?q HTTP/1.1 200 s1 method in=3 out=5 tries=1 done"]);
        assert!(rig.core.servers[0].failures().is_empty());
    });
}
