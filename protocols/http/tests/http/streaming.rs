//! Bodies flow as they come.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::support::{Origin, Reply, Rig, test};

#[test]
fn pieces_of_an_answer_leave_as_they_are_produced() {
    test(async {
        let origin = Origin::new(|_| {
            let mut pieces =
                vec![b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n".to_vec()];
            pieces.extend(std::iter::repeat_n(Vec::new(), 5_000));
            Reply::Pieces(pieces)
        })
        .await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        // The beginning of the next request must not hold the answer back.
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next").await;
        assert!(client.until(b"first").await.is_some());
    });
}

#[test]
fn origin_sees_the_first_bytes_of_a_body_before_the_last_are_sent() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfirst").await;
        while origin.seen().first().is_none_or(|seen| seen.body != b"first") {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        client.send("-last").await;
        assert_eq!(client.answer("POST").await.status, 200);
        assert_eq!(origin.seen()[0].body, b"first-last");
    });
}

#[test]
fn answer_before_the_end_of_an_upload_reaches_the_client() {
    test(async {
        let origin =
            Origin::new(|_| Reply::Early(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno".to_vec()))
                .await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\nbeginning").await;
        let answer = client.answer("POST").await;
        assert_eq!((answer.status, answer.text()), (403, "no"));
        assert_eq!(answer.header("connection"), ["close"]);
        // What the client still sends is heard out, not reset.
        client.stream.write_all(&[b'x'; 200_000]).await.unwrap();
        assert!(client.ended().await);
        rig.quiet().await;
        assert_eq!(rig.leases(), 0);
    });
}

#[test]
fn expectation_is_decided_by_the_server() {
    test(async {
        let origin = Origin::new(|seen| match seen.line().contains("/yes") {
            true => Reply::Interim(
                b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(),
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(),
            ),
            false => Reply::Early(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n".to_vec()),
        })
        .await;
        let rig = Rig::new("", &[&origin]).await;
        let head = |target| {
            format!("POST {target} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        };
        let mut client = rig.client().await;
        client.send(head("/yes")).await;
        assert_eq!(client.any_answer("POST").await.status, 100);
        client.send("abc").await;
        assert_eq!(client.answer("POST").await.text(), "ok");
        let mut client = rig.client().await;
        client.send(head("/no")).await;
        assert_eq!(client.any_answer("POST").await.status, 417);
        assert!(origin.seen().iter().all(|seen| seen.header("expect") == ["100-continue"]));
        assert_eq!(origin.seen()[0].body, b"abc");
    });
}

#[test]
fn server_that_knows_no_expectation_gets_the_body_after_a_while() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n").await;
        assert_eq!(client.any_answer("POST").await.status, 100);
        client.send("abc").await;
        assert_eq!(client.answer("POST").await.text(), "a");
    });
}

#[test]
fn reader_that_stalls_stops_the_server_with_bounded_memory() {
    test(async {
        let origin = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = origin.local_addr().unwrap();
        let (count, written) =
            (std::rc::Rc::new(std::cell::Cell::new(0)), std::rc::Rc::new(std::cell::Cell::new(0)));
        let (live, sum) = (count.clone(), written.clone());
        tokio::task::spawn_local(async move {
            let (mut stream, _) = origin.accept().await.unwrap();
            live.set(1);
            let mut head = [0; 1024];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n").await;
            let piece = vec![b'x'; 64 * 1024];
            while let Ok(n) = stream.write(&piece).await {
                sum.set(sum.get() + n);
            }
            live.set(0);
        });
        let rig = Rig::with(super::support::Setup {
            options: "body-timeout = \"400ms\"",
            servers: vec![address],
            ..super::support::Setup::default()
        })
        .await;
        let mut client = rig.client().await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        // The deadline for bodies frees the server; until then only buffers fill.
        rig.quiet().await;
        while count.get() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(written.get() < 32 << 20, "{} bytes", written.get());
        assert_eq!(rig.leases(), 0);
    });
}

#[test]
fn aborted_upload_never_looks_complete() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        for framing in ["Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "Content-Length: 10\r\n\r\nabc"] {
            let mut client = rig.client().await;
            client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}")).await;
            let before = origin.seen().len();
            while origin
                .seen()
                .last()
                .is_none_or(|seen| !seen.body.ends_with(b"abc") && !seen.body.ends_with(b"abc\r\n"))
                || origin.seen().len() < before
            {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            drop(client);
            rig.quiet().await;
            while origin.open.get() > 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        for seen in origin.seen() {
            assert!(!String::from_utf8_lossy(&seen.body).contains("0\r\n\r\n"), "{seen:?}");
        }
        assert!(rig.core.servers[0].failures().is_empty());
        assert_eq!(rig.leases(), 0);
    });
}

#[test]
fn client_that_resets_while_waiting_frees_the_server() {
    test(async {
        let origin = Origin::new(|_| Reply::Silence).await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        while origin.seen().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        client.stream.set_zero_linger().unwrap();
        drop(client);
        rig.quiet().await;
        while origin.open.get() > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert!(rig.records()[0].ends_with("client-left"));
        assert!(rig.core.servers[0].failures().is_empty());
        assert_eq!(rig.leases(), 0);
    });
}

#[test]
fn client_that_closes_while_waiting_frees_the_server() {
    test(async {
        let origin = Origin::new(|_| Reply::Silence).await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        while origin.seen().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        drop(client);
        rig.quiet().await;
        assert_eq!(rig.leases(), 0);
    });
}
