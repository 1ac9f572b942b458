//! Answers in a coding that the client takes.

use std::io::{Read as _, Write as _};

use super::support::{Origin, Reply, Rig, get2, test, two};

const ON: &str = "compression = { min-size = '10 B' }";

fn text() -> String {
    "the road to the checkpoint is long; ".repeat(500)
}

fn page(fields: &str) -> Reply {
    let text = text();
    Reply::Say(
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n{fields}\r\n{text}",
            text.len()
        )
        .into(),
    )
}

fn decoded(coding: &str, body: &[u8]) -> Option<String> {
    let mut text = String::new();
    let read = match coding {
        "gzip" => flate2::read::GzDecoder::new(body).read_to_string(&mut text),
        "br" => brotli::Decompressor::new(body, 4096).read_to_string(&mut text),
        _ => zstd::stream::read::Decoder::new(body).unwrap().read_to_string(&mut text),
    };
    read.ok().map(|_| text)
}

#[test]
fn answer_comes_in_the_coding_that_the_client_takes_and_the_connection_goes_on() {
    test(async {
        let origin = Origin::new(|_| page("ETag: \"1\"\r\nAccept-Ranges: bytes\r\n")).await;
        let rig = Rig::new(ON, &[&origin]).await;
        let mut client = rig.client().await;
        for coding in ["gzip", "br", "zstd"] {
            let answer = client.get("/", &format!("Accept-Encoding: {coding}\r\n")).await;
            assert!(answer.complete);
            assert_eq!(answer.header("content-encoding"), [coding]);
            assert_eq!(answer.header("vary"), ["accept-encoding"]);
            assert_eq!(answer.header("etag"), ["W/\"1\""]);
            assert!(answer.header("content-length").is_empty() && answer.header("accept-ranges").is_empty());
            assert_eq!(decoded(coding, &answer.body).unwrap(), text());
            assert!(answer.body.len() * 10 < text().len());
            let sent = format!(" out={} ", answer.body.len());
            assert!(rig.records().last().unwrap().contains(&sent), "{:?}", rig.records());
        }
        let plain = client.get("/", "").await;
        assert_eq!((plain.text(), plain.header("vary")), (&*text(), vec!["accept-encoding"]));
        let old = client.ask("GET / HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n").await;
        assert_eq!(old.text(), text());
        assert_eq!(origin.connections.get(), 1);
    });
}

#[test]
fn answers_stay_as_they_are_where_nothing_is_said_of_compression() {
    test(async {
        let origin = Origin::new(|_| page("")).await;
        let rig = Rig::new("", &[&origin]).await;
        let answer = rig.client().await.get("/", "Accept-Encoding: gzip\r\n").await;
        assert_eq!(answer.text(), text());
        assert!(answer.header("vary").is_empty());
        assert_eq!(origin.seen()[0].header("accept-encoding"), ["gzip"]);
    });
}

#[test]
fn event_reaches_the_client_before_the_next_one_is_sent() {
    test(async {
        let origin = Origin::new(|_| {
            let head =
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
            let mut pieces = vec![format!("{head}c\r\ndata: one\n\n \r\n").into_bytes()];
            pieces.extend(std::iter::repeat_n(Vec::new(), 5_000));
            Reply::Pieces(pieces)
        })
        .await;
        let rig = Rig::new(ON, &[&origin]).await;
        let mut client = rig.client().await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n").await;
        client.until(b"\r\n\r\n").await.unwrap();
        // A flush ends with an empty block.
        let end = client.until(b"\x00\x00\xff\xff").await.unwrap();
        let said = client.taken(end);
        let head = said.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        let chunk = said[head..].windows(2).position(|w| w == b"\r\n").unwrap() + 2;
        let mut decoder = flate2::write::GzDecoder::new(Vec::new());
        decoder.write_all(&said[head + chunk..]).unwrap();
        decoder.flush().unwrap();
        assert_eq!(decoder.get_ref(), b"data: one\n\n ");
    });
}

#[test]
fn answer_that_breaks_off_has_no_end() {
    test(async {
        let half = text();
        let origin = Origin::new(move |seen| {
            let framing = match seen.line().contains("/chunks") {
                true => format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{half}\r\n", half.len()),
                false => format!("Content-Length: {}\r\n\r\n{half}", half.len() + 1),
            };
            Reply::Last(format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{framing}").into())
        })
        .await;
        for coding in ["gzip", "br", "zstd"] {
            for target in ["/chunks", "/length"] {
                let rig = Rig::new(ON, &[&origin]).await;
                let answer = rig.client().await.get(target, &format!("Accept-Encoding: {coding}\r\n")).await;
                assert_eq!((answer.status, answer.complete), (200, false), "{coding} {target}");
                assert!(decoded(coding, &answer.body).is_none_or(|text| text.is_empty()));
                assert!(rig.booked(1).await[0].contains("server-left"), "{:?}", rig.records());
            }
        }
    });
}

#[test]
fn server_is_not_asked_to_compress_what_the_gateway_compresses() {
    test(async {
        let origin = Origin::new(|_| page("")).await;
        let rig = Rig::new("compression = { offload = true, algorithms = ['gzip'] }", &[&origin]).await;
        let answer = rig.client().await.get("/", "Accept-Encoding: br, gzip;q=0.5\r\n").await;
        assert_eq!(decoded("gzip", &answer.body).unwrap(), text());
        assert!(origin.seen()[0].header("accept-encoding").is_empty());
    });
}

#[test]
fn clients_of_http2_get_the_same_bytes() {
    test(async {
        let origin = Origin::new(|seen| match seen.line().contains("/cut") {
            true => Reply::Last(
                format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nContent-Length: 99999\r\n\r\n{}",
                    text()
                )
                .into(),
            ),
            false => page(""),
        })
        .await;
        let rig = Rig::new(ON, &[&origin]).await;
        let mut client = two(&rig).await;
        for coding in ["gzip", "br", "zstd"] {
            let (head, body) = get2(&mut client, "/", ("accept-encoding", coding)).await;
            assert_eq!(head.headers["content-encoding"], coding);
            assert_eq!(decoded(coding, &body.unwrap()).unwrap(), text());
            let (head, body) = get2(&mut client, "/cut", ("accept-encoding", coding)).await;
            assert_eq!(head.headers["content-encoding"], coding);
            assert!(body.is_err(), "it passed for whole");
        }
    });
}
