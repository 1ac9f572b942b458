//! HTTP/1.1.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sekisho_api::{Blame, Deadline, End};
use sekisho_testkit::Seed;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::messages::{answer, negative, query};
use super::support::{Rig, run, settle};

fn get(name: &str) -> String {
    let dns = URL_SAFE_NO_PAD.encode(query(name, false));
    format!("GET /dns-query?dns={dns} HTTP/1.1\r\nHost: a\r\n\r\n")
}

fn post(message: &[u8]) -> Vec<u8> {
    let head = format!("{POST}Content-Length: {}\r\n\r\n", message.len());
    [head.as_bytes(), message].concat()
}

const POST: &str = "POST /dns-query HTTP/1.1\r\nHost: a\r\nContent-Type: application/dns-message\r\n";

fn ok(age: u32, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/dns-message\r\ncontent-length: {}\r\n\
         cache-control: max-age={age}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Everything that a client which sends this and ends its side is told, and how the connection ended.
async fn told(mut rig: Rig, sent: &[u8]) -> (Vec<u8>, End) {
    rig.client.write_all(sent).await.unwrap();
    rig.client.shutdown().await.unwrap();
    let mut all = Vec::new();
    rig.client.read_to_end(&mut all).await.unwrap();
    (undated(all), rig.served.await.unwrap())
}

/// Answers without the only line that no two runs agree on.
fn undated(mut all: Vec<u8>) -> Vec<u8> {
    while let Some(at) = all.windows(8).position(|line| line == b"\r\ndate: ") {
        let line = String::from_utf8(all.drain(at..at + 37).collect()).unwrap();
        assert!(line.ends_with(" GMT"), "{line}");
    }
    all
}

async fn status(sent: &[u8]) -> String {
    let (all, _) = told(Rig::plain(false), sent).await;
    String::from_utf8(all[9..12].to_vec()).unwrap()
}

#[test]
fn get_and_post_are_answered_with_the_message_its_length_and_its_freshness() {
    run(async {
        let message = query("a.example", false);
        let expected = ok(300, &answer(&message, 300, 4));
        assert_eq!(told(Rig::plain(false), get("a.example").as_bytes()).await, (expected.clone(), End::Done));
        assert_eq!(told(Rig::plain(false), &post(&message)).await, (expected, End::Done));
        let gone = query("gone.example", false);
        let (all, _) = told(Rig::plain(false), &post(&gone)).await;
        assert_eq!(all, ok(60, &negative(&gone, 3, 600, 60)));
    });
}

#[test]
fn the_answer_does_not_depend_on_how_the_request_was_cut() {
    run(async {
        let message = query("a.example", false);
        let chunked = [
            format!("{POST}Transfer-Encoding: chunked\r\n\r\n5\r\n").as_bytes(),
            &message[..5],
            format!("\r\n{:x};x=y\r\n", message.len() - 5).as_bytes(),
            &message[5..],
            b"\r\n0\r\n\r\n",
        ]
        .concat();
        let garbage = b"GET  /\r\nnonsense\r\n\r\n".to_vec();
        for sent in [get("a.example").into_bytes(), post(&message), chunked, garbage] {
            let whole = told(Rig::plain(false), &sent).await;
            assert!(whole.0.starts_with(b"HTTP/1.1 "));
            for cut in 1..sent.len() {
                let mut rig = Rig::plain(false);
                rig.client.write_all(&sent[..cut]).await.unwrap();
                settle().await;
                let cut = told(rig, &sent[cut..]).await;
                assert_eq!(cut, whole);
            }
        }
    });
}

#[test]
fn bent_requests_end_in_answers_and_nothing_else() {
    run(async {
        let message = query("a.example", false);
        let chunked = format!("{POST}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n");
        let mut seed = Seed::new(8484);
        for sent in [get("a.example").into_bytes(), post(&message), chunked.into_bytes()] {
            for _ in 0..500 {
                let mut bent = sent.repeat(2);
                seed.damage(&mut bent);
                let (all, _) = told(Rig::plain(false), &bent).await;
                assert!(all.is_empty() || all.starts_with(b"HTTP/1.1 "), "{:?}", bent.escape_ascii());
            }
        }
    });
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    run(async {
        let (one, two, three) =
            (query("one.example", false), query("gone.example", false), query("three.example", false));
        let sent = [get("one.example").as_bytes(), &post(&two), get("three.example").as_bytes()].concat();
        let (all, end) = told(Rig::plain(false), &sent).await;
        let expected = [
            ok(300, &answer(&one, 300, 4)),
            ok(60, &negative(&two, 3, 600, 60)),
            ok(300, &answer(&three, 300, 4)),
        ];
        assert_eq!((all, end), (expected.concat(), End::Done));
    });
}

#[test]
fn head_is_told_what_get_is_told_without_the_body() {
    run(async {
        let (all, _) = told(Rig::plain(false), get("a.example").replace("GET", "HEAD").as_bytes()).await;
        let whole = ok(300, &answer(&query("a.example", false), 300, 4));
        let end = whole.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        assert_eq!(all, &whole[..end]);
    });
}

#[test]
fn each_wrong_request_has_its_status() {
    run(async {
        let oversize = format!("{POST}Content-Length: 65536\r\n\r\n");
        let expecting = format!("{POST}Expect: a-pony\r\nContent-Length: 3\r\n\r\nabc");
        let long = format!("GET /dns-query?dns={} HTTP/1.1\r\nHost: a\r\n\r\n", "A".repeat(13_000));
        let fields = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "a".repeat(17_000));
        for (sent, expected) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "404"),
            ("GET /dns-query HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
            ("GET /dns-query?dns=A HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
            ("GET /dns-query?dns=AAAA HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
            ("PUT /dns-query HTTP/1.1\r\nHost: a\r\n\r\n", "405"),
            (
                "POST /dns-query HTTP/1.1\r\nHost: a\r\nContent-Type: text/dns\r\nContent-Length: 3\r\n\r\nabc",
                "415",
            ),
            (&oversize, "413"),
            (&expecting, "417"),
            (&long, "414"),
            (&fields, "431"),
            ("GET / HTTP/1.1\r\n\r\n", "400"),
            ("\x16\x03\x01\x02\x00\x01\x00", "400"),
            ("GET / HTTP/2.0\r\n\r\n", "505"),
        ] {
            assert_eq!(status(sent.as_bytes()).await, expected, "{sent:.60}");
        }
        assert_eq!(status(get("silent.example").as_bytes()).await, "429");
        assert_eq!(status(&post(&answer(&query("a.example", false), 1, 1))).await, "400");
        assert_eq!(status(&post(&query("a.example", false)[..20])).await, "400");
        assert_eq!(status(&post(b"")).await, "400");
    });
}

#[test]
fn a_method_that_is_not_known_is_told_which_are() {
    run(async {
        let (all, _) = told(Rig::plain(false), b"PATCH /dns-query HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(String::from_utf8(all).unwrap().contains("\r\nallow: GET, HEAD, POST\r\n"));
    });
}

#[test]
fn a_refused_request_without_a_body_leaves_the_connection_open() {
    run(async {
        let sent = [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", get("a.example").as_bytes()].concat();
        let (all, end) = told(Rig::plain(false), &sent).await;
        assert!(all.starts_with(b"HTTP/1.1 404 "));
        assert!(all.ends_with(&answer(&query("a.example", false), 300, 4)));
        assert_eq!(end, End::Done);
    });
}

#[test]
fn who_expects_a_word_before_sending_the_body_gets_it() {
    run(async {
        let mut rig = Rig::plain(false);
        let message = query("a.example", false);
        let head = format!("{POST}Expect: 100-continue\r\nContent-Length: {}\r\n\r\n", message.len());
        rig.client.write_all(head.as_bytes()).await.unwrap();
        let mut word = [0; 25];
        rig.client.read_exact(&mut word).await.unwrap();
        assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
        let (all, _) = told(rig, &message).await;
        assert_eq!(all, ok(300, &answer(&message, 300, 4)));
    });
}

#[test]
fn a_malformed_request_is_told_so_and_ends_the_connection() {
    run(async {
        let sent = format!("{POST}Transfer-Encoding: chunked\r\n\r\nx\r\n{}", get("a.example"));
        let (all, end) = told(Rig::plain(false), sent.as_bytes()).await;
        let all = String::from_utf8(all).unwrap();
        assert!(all.starts_with("HTTP/1.1 400 ") && all.contains("\r\nconnection: close\r\n"), "{all}");
        assert_eq!(all.matches("HTTP/1.1").count(), 1);
        assert_eq!(end, End::Fault(Blame::Client, "malformed-request"));
    });
}

#[test]
fn a_client_that_half_closes_still_gets_its_answer() {
    run(async {
        let mut rig = Rig::plain(false);
        rig.client.write_all(get("slow.example").as_bytes()).await.unwrap();
        rig.client.shutdown().await.unwrap();
        settle().await;
        rig.script.release.notify_waiters();
        let mut all = Vec::new();
        rig.client.read_to_end(&mut all).await.unwrap();
        assert_eq!(undated(all), ok(300, &answer(&query("slow.example", false), 300, 4)));
    });
}

#[test]
fn an_idle_connection_ends_after_its_time_and_not_before() {
    run(async {
        let mut rig = Rig::plain(false);
        rig.client.write_all(get("a.example").as_bytes()).await.unwrap();
        rig.script.clock.advance(59).await;
        assert!(!rig.served.is_finished());
        rig.script.clock.advance(2).await;
        assert_eq!(rig.served.await.unwrap(), End::Expired(Deadline::Idle));
    });
}

#[test]
fn a_head_or_body_that_does_not_come_is_told_so() {
    run(async {
        for (sent, seconds) in [("GET /dns", 10), (&*format!("{POST}Content-Length: 9\r\n\r\nabc"), 5)] {
            let mut rig = Rig::plain(false);
            rig.client.write_all(sent.as_bytes()).await.unwrap();
            rig.script.clock.advance(seconds - 1).await;
            assert!(!rig.served.is_finished());
            rig.script.clock.advance(2).await;
            let (all, end) = told(rig, b"").await;
            assert!(all.starts_with(b"HTTP/1.1 408 "));
            assert_eq!(end, End::Expired(Deadline::Head));
        }
    });
}

#[test]
fn draining_ends_idle_connections_and_finishes_what_runs() {
    run(async {
        let idle = Rig::plain(false);
        idle.script.clock.drain().await;
        assert_eq!(idle.served.await.unwrap(), End::Drained);

        let mut busy = Rig::plain(false);
        busy.client.write_all(get("slow.example").as_bytes()).await.unwrap();
        busy.script.clock.drain().await;
        busy.script.release.notify_waiters();
        let (all, _) = told(busy, b"").await;
        assert!(all.ends_with(&answer(&query("slow.example", false), 300, 4)));
        assert!(String::from_utf8_lossy(&all).contains("connection: close"));
    });
}

#[test]
fn answers_are_padded_only_over_tls_and_only_for_who_pads() {
    run(async {
        for (rig, padded, blocks) in
            [(Rig::tls(false), true, true), (Rig::tls(false), false, false), (Rig::plain(false), true, false)]
        {
            let message = query("a.example", padded);
            let (all, _) = told(rig, &post(&message)).await;
            let body = all.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
            let plain = answer(&message, 300, 4).len();
            assert_eq!(all.len() - body, if blocks { 468 } else { plain });
        }
    });
}
