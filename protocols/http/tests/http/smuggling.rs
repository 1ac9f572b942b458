//! There is exactly one reading of where a request ends.

use super::support::{Origin, Rig, test};

const TAIL: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// Sends a request with a tail that some readers would take for its body, others for a request. A gateway that is
/// safe refuses it, or passes one reading on in a form that has no other.
async fn unambiguous(request: &[u8]) {
    let origin = Origin::named("a").await;
    let rig = Rig::new("response-timeout = \"100ms\"\nbody-timeout = \"100ms\"", &[&origin]).await;
    let mut client = rig.client().await;
    client.send(request).await;
    client.rest_within(250).await;
    let shown = String::from_utf8_lossy(request);
    for seen in origin.seen() {
        assert!(!seen.line().contains("/smuggled"), "{shown}");
        assert!(seen.header("content-length").len() + seen.header("transfer-encoding").len() <= 1, "{shown}");
        assert!(seen.header("transfer-encoding").iter().all(|coding| *coding == "chunked"), "{shown}");
        assert!(
            !seen.head.contains('\0') && !seen.head.replace("\r\n", "").contains(['\r', '\n']),
            "{shown}"
        );
    }
}

async fn answered(request: &[u8], status: u16) {
    let origin = Origin::named("a").await;
    let rig = Rig::new("", &[&origin]).await;
    let mut client = rig.client().await;
    client.send(request).await;
    assert_eq!(client.answer("GET").await.status, status, "{}", String::from_utf8_lossy(request));
    assert_eq!(client.rest().await, "", "{}", String::from_utf8_lossy(request));
    assert!(!origin.seen().iter().any(|seen| seen.line().contains("smuggled")));
}

#[test]
fn lengths_that_disagree_or_are_no_numbers_are_refused() {
    test(async {
        for length in [
            "Content-Length: 3\r\nContent-Length: 4",
            "Content-Length: 3, 4",
            "Content-Length: -3",
            "Content-Length: +3",
            "Content-Length: 0x3",
            "Content-Length: 3 3",
            "Content-Length: 99999999999999999999999",
            "Content-Length:",
            "Content-Length : 3",
            "Content-Length: 3\r\n Content-Length: 4",
        ] {
            answered(format!("POST / HTTP/1.1\r\nHost: a\r\n{length}\r\n\r\nabc{TAIL}").as_bytes(), 400)
                .await;
        }
    });
}

#[test]
fn transfer_codings_other_than_one_chunked_are_refused() {
    test(async {
        for (coding, status) in [
            ("gzip, chunked", 501),
            ("chunked, chunked", 501),
            ("chunked\r\nTransfer-Encoding: chunked", 501),
            ("chunked, gzip", 400),
            ("gzip", 400),
            ("xchunked", 400),
            ("chunked,", 400),
            ("\"chunked\"", 400),
            ("chunked;q=1", 400),
            ("identity", 400),
            ("", 400),
        ] {
            let request =
                format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {coding}\r\n\r\n0\r\n\r\n{TAIL}");
            let origin = Origin::named("a").await;
            let rig = Rig::new("", &[&origin]).await;
            let mut client = rig.client().await;
            client.send(request).await;
            let seen = client.answer("POST").await.status;
            assert!(seen == status || (coding == "chunked," && seen == 200), "{coding}: {seen}");
        }
        answered(
            format!("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{TAIL}")
                .as_bytes(),
            400,
        )
        .await;
    });
}

#[test]
fn every_ambiguous_framing_has_one_reading_upstream() {
    test(async {
        for head in [
            "Content-Length: 37\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 37\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding:\tchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding:\u{b}chunked\r\n\r\n0\r\n\r\n",
            "X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "X: y\0z\r\n\r\n",
            "X\0: y\r\n\r\n",
            "X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            ": y\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n-0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n",
            "Transfer-Encoding: chunked\r\n\r\n3;a\nb\r\nabc\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nabc\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n0\r\nTransfer-Encoding: x\r\nX\r\n\r\n",
        ] {
            // The tail is there for who reads too little: it must not be taken up as a request where the framing
            // was in doubt. Where it was not, it is one, and would be the client's own.
            let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{head}");
            unambiguous(request.as_bytes()).await;
        }
        let both = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{TAIL}"
        );
        unambiguous(both.as_bytes()).await;
    });
}

#[test]
fn malformed_chunk_is_the_clients_fault() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        client
            .send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n")
            .await;
        assert_eq!(client.answer("POST").await.status, 400);
        assert!(rig.core.servers[0].failures().is_empty());
        assert!(rig.booked(1).await[0].ends_with("malformed-body"));
        for seen in origin.seen() {
            assert!(!String::from_utf8_lossy(&seen.body).contains("0\r\n\r\n"));
        }
    });
}

#[test]
fn garbage_and_tls_on_a_clear_port_are_refused_at_once() {
    test(async {
        for garbage in [
            &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03garbage\r\n\r\n"[..],
            b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
            b"GET / HTTP/2.0\r\n\r\n",
            b"GET / HTTP/1.10\r\nHost: a\r\n\r\n",
            b"get\x7f / HTTP/1.1\r\n\r\n",
        ] {
            answered(garbage, 400).await;
        }
        let rig = Rig::new("http2 = false", &[]).await;
        let mut client = rig.client().await;
        client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        client.rest().await;
    });
}
