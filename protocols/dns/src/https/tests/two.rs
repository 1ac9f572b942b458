//! HTTP/2.

use std::future::poll_fn;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{Bytes, BytesMut};
use h2::client::{Connection, SendRequest};
use http::{Request, Response};
use sekisho_api::{Blame, Deadline, End};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinHandle;

use super::messages::{answer, negative, query};
use super::support::{Rig, Script, run, settle};

/// A client that has shaken hands.
struct Client {
    send: SendRequest<Bytes>,
    script: std::rc::Rc<Script>,
    served: JoinHandle<End>,
    gone: JoinHandle<Result<(), h2::Error>>,
}

impl Client {
    async fn new(rig: Rig) -> Self {
        let Rig { script, client, served } = rig;
        let (send, connection): (_, Connection<DuplexStream, Bytes>) =
            h2::client::handshake(client).await.unwrap();
        Self { send, script, served, gone: tokio::task::spawn_local(connection) }
    }

    /// Sends a request with its body in pieces.
    async fn ask(&mut self, request: Request<()>, body: &[&[u8]]) -> h2::client::ResponseFuture {
        poll_fn(|cx| self.send.poll_ready(cx)).await.unwrap();
        let (response, mut stream) = self.send.send_request(request, body.is_empty()).unwrap();
        for (n, piece) in body.iter().enumerate() {
            stream.send_data(Bytes::copy_from_slice(piece), n + 1 == body.len()).unwrap();
            settle().await;
        }
        response
    }

    async fn told(&mut self, request: Request<()>, body: &[&[u8]]) -> (Response<()>, Bytes) {
        let response = self.ask(request, body).await;
        whole(response).await
    }

    async fn status(&mut self, request: Request<()>, body: &[&[u8]]) -> u16 {
        self.told(request, body).await.0.status().as_u16()
    }
}

async fn whole(response: h2::client::ResponseFuture) -> (Response<()>, Bytes) {
    let (head, mut body) = response.await.unwrap().into_parts();
    let mut all = BytesMut::new();
    while let Some(piece) = body.data().await {
        let piece = piece.unwrap();
        body.flow_control().release_capacity(piece.len()).unwrap();
        all.extend_from_slice(&piece);
    }
    (Response::from_parts(head, ()), all.freeze())
}

fn request(method: &str, target: &str, kind: Option<&str>) -> Request<()> {
    let mut builder = Request::builder().method(method).uri(format!("https://a{target}"));
    if let Some(kind) = kind {
        builder = builder.header("content-type", kind);
    }
    builder.body(()).unwrap()
}

fn get(name: &str) -> Request<()> {
    request("GET", &format!("/dns-query?dns={}", URL_SAFE_NO_PAD.encode(query(name, false))), None)
}

fn post() -> Request<()> {
    request("POST", "/dns-query", Some("application/dns-message"))
}

#[test]
fn get_and_post_are_answered_by_alpn_and_by_preface() {
    run(async {
        for h2 in [true, false] {
            let mut client = Client::new(Rig::plain(h2)).await;
            let message = query("a.example", false);
            for (head, body) in [
                client.told(get("a.example"), &[]).await,
                client.told(post(), &[&message]).await,
                client.told(post(), &[&message[..3], &message[3..9], &message[9..], b""]).await,
            ] {
                let field = |name| head.headers()[name].to_str().unwrap().to_owned();
                assert_eq!(head.status(), 200);
                assert_eq!(body, answer(&message, 300, 4));
                assert_eq!(field("content-type"), "application/dns-message");
                assert_eq!(field("content-length"), body.len().to_string());
                assert_eq!(field("cache-control"), "max-age=300");
            }
            let gone = query("gone.example", false);
            let (head, body) = client.told(post(), &[&gone]).await;
            assert_eq!(body, negative(&gone, 3, 600, 60));
            assert_eq!(head.headers()["cache-control"], "max-age=60");
            drop(client.send);
            assert_eq!(client.served.await.unwrap(), End::Done);
        }
    });
}

#[test]
fn the_preface_is_told_from_a_request_line_however_it_is_cut() {
    run(async {
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        for cut in 1..preface.len() {
            let mut rig = Rig::plain(false);
            rig.client.write_all(&preface[..cut]).await.unwrap();
            settle().await;
            rig.client.write_all(&preface[cut..]).await.unwrap();
            let mut settings = [0; 9];
            rig.client.read_exact(&mut settings).await.unwrap();
            assert_eq!((settings[3], settings[5..].to_vec()), (4, vec![0; 4]), "{cut}");
        }
    });
}

#[test]
fn a_slow_query_does_not_hold_up_the_others() {
    run(async {
        let mut client = Client::new(Rig::tls(true)).await;
        let slow = client.ask(get("slow.example"), &[]).await;
        assert_eq!(
            client.told(get("fast.example"), &[]).await.1,
            answer(&query("fast.example", false), 300, 4)
        );
        client.script.release.notify_waiters();
        assert_eq!(whole(slow).await.1, answer(&query("slow.example", false), 300, 4));
    });
}

#[test]
fn head_is_told_the_length_without_the_body() {
    run(async {
        let mut client = Client::new(Rig::tls(true)).await;
        let mut request = get("a.example");
        *request.method_mut() = http::Method::HEAD;
        let (head, body) = client.told(request, &[]).await;
        let length = answer(&query("a.example", false), 300, 4).len().to_string();
        assert_eq!((head.headers()["content-length"].to_str().unwrap(), body.len()), (&*length, 0));
    });
}

#[test]
fn each_wrong_request_has_its_status_and_harms_no_other() {
    run(async {
        let mut client = Client::new(Rig::tls(true)).await;
        let long = format!("/dns-query?dns={}", "A".repeat(13_000));
        let message = query("a.example", false);
        let large = vec![0; 40_000];
        for (request, body, expected) in [
            (request("GET", "/", None), &[][..], 404),
            (request("GET", "/dns-query", None), &[], 400),
            (request("GET", "/dns-query?dns=A", None), &[], 400),
            (request("GET", "/dns-query?dns=AAAA", None), &[], 400),
            (request("DELETE", "/dns-query", None), &[], 405),
            (request("POST", "/dns-query", Some("application/json")), &[&message[..]], 415),
            (request("POST", "/dns-query", None), &[&message], 415),
            (request("GET", &long, None), &[], 414),
            (post(), &[], 400),
            (post(), &[&message[..15]], 400),
            (post(), &[&large, &large], 413),
            (get("silent.example"), &[], 429),
        ] {
            let told = format!("{request:?}");
            assert_eq!(client.status(request, body).await, expected, "{told:.80}");
        }
        assert_eq!(client.status(get("a.example"), &[]).await, 200);
    });
}

#[test]
fn answers_longer_than_a_window_arrive_whole() {
    run(async {
        let mut client = Client::new(Rig::tls(true)).await;
        let message = query("large.example", false);
        let all = [client.ask(post(), &[&message]).await, client.ask(post(), &[&message]).await];
        for response in all {
            assert_eq!(whole(response).await.1, answer(&message, 300, 60_000));
        }
    });
}

#[test]
fn answers_are_padded_for_who_pads() {
    run(async {
        let mut client = Client::new(Rig::tls(true)).await;
        assert_eq!(client.told(post(), &[&query("a.example", true)]).await.1.len(), 468);
    });
}

#[test]
fn a_withdrawn_request_is_not_asked_on() {
    run(async {
        let mut client = Client::new(Rig::tls(true)).await;
        let slow = client.ask(get("slow.example"), &[]).await;
        settle().await;
        assert_eq!(client.script.under_way.get(), 1);
        drop(slow);
        settle().await;
        assert_eq!(client.script.under_way.get(), 0);
        assert_eq!(client.status(get("a.example"), &[]).await, 200);
    });
}

#[test]
fn rapid_resets_end_the_connection_and_are_bounded() {
    run(async {
        let mut client = Client::new(Rig::tls(true)).await;
        for _ in 0..500 {
            if poll_fn(|cx| client.send.poll_ready(cx)).await.is_err() {
                break;
            }
            let Ok((response, _)) = client.send.send_request(get("slow.example"), true) else { break };
            settle().await;
            drop(response);
        }
        assert_eq!(client.served.await.unwrap(), End::Fault(Blame::Client, "rapid-reset"));
        assert!(client.script.asked.borrow().len() <= 110, "{}", client.script.asked.borrow().len());
        assert_eq!(client.script.under_way.get(), 0);
    });
}

#[test]
fn a_client_that_leaves_leaves_nothing_under_way() {
    run(async {
        let mut client = Client::new(Rig::tls(true)).await;
        let slow = client.ask(get("slow.example"), &[]).await;
        settle().await;
        client.gone.abort();
        drop((slow, client.send));
        client.served.await.unwrap();
        settle().await;
        assert_eq!(client.script.under_way.get(), 0);
    });
}

#[test]
fn a_body_that_does_not_come_is_told_so() {
    run(async {
        let mut client = Client::new(Rig::tls(true)).await;
        let (response, mut stream) = client.send.send_request(post(), false).unwrap();
        stream.send_data(Bytes::from_static(b"abc"), false).unwrap();
        client.script.clock.advance(4).await;
        client.script.clock.advance(2).await;
        assert_eq!(whole(response).await.0.status(), 408);
    });
}

#[test]
fn an_idle_connection_is_asked_to_finish_and_a_busy_one_is_not() {
    run(async {
        let mut client = Client::new(Rig::tls(true)).await;
        let slow = client.ask(get("slow.example"), &[]).await;
        for _ in 0..5 {
            client.script.clock.advance(59).await;
        }
        assert!(!client.served.is_finished());
        client.script.release.notify_waiters();
        assert_eq!(whole(slow).await.0.status(), 200);
        client.script.clock.advance(59).await;
        assert!(!client.served.is_finished());
        client.script.clock.advance(2).await;
        client.script.clock.advance(61).await;
        assert_eq!(client.served.await.unwrap(), End::Expired(Deadline::Idle));
        client.gone.await.unwrap().unwrap();
    });
}

#[test]
fn draining_finishes_what_runs() {
    run(async {
        let mut client = Client::new(Rig::tls(true)).await;
        let slow = client.ask(get("slow.example"), &[]).await;
        client.script.clock.drain().await;
        client.script.release.notify_waiters();
        assert_eq!(whole(slow).await.1, answer(&query("slow.example", false), 300, 4));
        assert_eq!(client.served.await.unwrap(), End::Drained);
    });
}

#[test]
fn a_connection_that_never_becomes_http_2_ends() {
    run(async {
        let rig = Rig::tls(true);
        rig.script.clock.advance(11).await;
        assert_eq!(rig.served.await.unwrap(), End::Expired(Deadline::Head));

        let mut rig = Rig::tls(true);
        rig.client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        assert_eq!(rig.served.await.unwrap(), End::Fault(Blame::Client, "http2-protocol"));
    });
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

/// How a connection ends on which this is sent behind the preface, and how many bytes its client was told.
async fn flooded(frames: &[u8]) -> (Option<End>, usize) {
    let Rig { script, client, served } = Rig::tls(true);
    let (mut read, mut write) = tokio::io::split(client);
    let told = tokio::task::spawn_local(async move {
        let mut told = Vec::new();
        let _ = read.read_to_end(&mut told).await;
        told.len()
    });
    let sent = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &frame(4, 0, 0, b"")[..], frames].concat();
    let _ = write.write_all(&sent).await;
    settle().await;
    let ended = served.is_finished();
    let _ = write.shutdown().await;
    assert!(script.asked.borrow().len() <= 100);
    let end = served.await.unwrap();
    drop(write);
    (ended.then_some(end), told.await.unwrap())
}

#[test]
fn floods_end_the_connection_or_cost_no_more_than_they_bring() {
    run(async {
        let fault = |end| matches!(end, Some(End::Fault(Blame::Client, _)));
        let post = b"\x83\x87\x41\x01a\x44\x0a/dns-query\x5f\x17application/dns-message";
        let open = frame(1, 4, 1, post);

        let empty = [open.clone(), frame(0, 0, 1, b"").repeat(5000)].concat();
        assert!(fault(flooded(&empty).await.0), "empty data");
        let endless = [frame(1, 0, 1, post), frame(9, 0, 1, &[0; 1000]).repeat(1000)].concat();
        assert!(fault(flooded(&endless).await.0), "continuations");
        let bomb = [b"\x40\x01a\x7f\x81\x1e".as_slice(), &[b'b'; 256], &[0xbe; 15_000]].concat();
        let bomb = flooded(&frame(1, 4, 1, &bomb)).await;
        assert!(bomb.1 < 10_000, "{bomb:?}");
        let own = [open, frame(1, 4, 1, post), frame(8, 0, 1, &[0; 4])].concat();
        assert!(fault(flooded(&own).await.0), "a stream opened twice");

        for (kind, payload) in [(6, &[0; 8][..]), (4, b"")] {
            let frames = frame(kind, 0, 0, payload);
            let (_, told) = flooded(&frames.repeat(20_000)).await;
            assert!(told <= frames.len() * 20_000 + 200, "{told} bytes for frames of kind {kind}");
        }
    });
}
