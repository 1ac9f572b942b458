//! HTTP/2 on both sides: calls of gRPC, and tunnels.

use std::future::poll_fn;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request, Response, Version};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::support::{Rig, Setup, TwoOrigin, test};
use super::upstream_two::before;

async fn client(rig: &Rig) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(rig.address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::task::spawn_local(connection);
    client.ready().await.unwrap()
}

/// Begins a call.
fn call(client: &mut SendRequest<Bytes>) -> (h2::client::ResponseFuture, SendStream<Bytes>) {
    let request = Request::post("http://a.example/package.Service/Method").version(Version::HTTP_2);
    let request = request.header("content-type", "application/grpc").header("te", "trailers");
    let request = request.header("grpc-timeout", "5S").header("x-meta-bin", "AAE=");
    client.send_request(request.body(()).unwrap(), false).unwrap()
}

fn status(code: &'static str) -> HeaderMap {
    [("grpc-status".parse().unwrap(), code.parse().unwrap())].into_iter().collect()
}

async fn next(body: &mut RecvStream) -> Option<Bytes> {
    let data = body.data().await?.unwrap();
    body.flow_control().release_capacity(data.len()).unwrap();
    Some(data)
}

#[test]
fn both_sides_of_a_call_talk_at_once_and_it_ends_with_its_status() {
    test(async {
        let origin = TwoOrigin::new(|asked| async move {
            assert_eq!(asked.head.headers()["te"], "trailers");
            assert_eq!(asked.head.headers()["grpc-timeout"], "5S");
            assert_eq!(asked.head.headers()["x-meta-bin"], "AAE=");
            let (mut body, mut respond) = (asked.body, asked.respond);
            let head = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
            let mut way = respond.send_response(head, false).unwrap();
            while let Some(data) = next(&mut body).await {
                way.send_data(data, false).unwrap();
            }
            way.send_trailers(status("0")).unwrap();
        })
        .await;
        let rig = before(&[&origin], "").await;
        let mut client = client(&rig).await;
        let (answer, mut way) = call(&mut client);
        // The answer's head comes before a byte of the body is sent.
        let mut body = answer.await.unwrap().into_body();
        for text in ["one", "two", "three"] {
            way.send_data(Bytes::from_static(text.as_bytes()), false).unwrap();
            assert_eq!(next(&mut body).await.unwrap(), text);
        }
        way.send_data(Bytes::new(), true).unwrap();
        assert_eq!(next(&mut body).await, None);
        assert_eq!(body.trailers().await.unwrap().unwrap(), status("0"));
    });
}

#[test]
fn upload_goes_on_while_the_client_takes_nothing_of_the_answer() {
    test(async {
        let origin = TwoOrigin::new(|asked| async move {
            let (mut body, mut respond) = (asked.body, asked.respond);
            let mut way = respond.send_response(Response::new(()), false).unwrap();
            // More than all windows on the way.
            way.send_data(Bytes::from(vec![b'x'; 2 << 20]), false).unwrap();
            let mut sum = 0;
            while let Some(data) = next(&mut body).await {
                sum += data.len();
            }
            let trailers = [("x-sum".parse().unwrap(), sum.into())].into_iter().collect();
            way.send_trailers(trailers).unwrap();
        })
        .await;
        let rig = before(&[&origin], "").await;
        let mut client = client(&rig).await;
        let (answer, mut way) = call(&mut client);
        let mut body = answer.await.unwrap().into_body();
        let mut left = 3_000_000;
        while left > 0 {
            way.reserve_capacity(left.min(100_000));
            let room = poll_fn(|cx| way.poll_capacity(cx)).await.unwrap().unwrap();
            way.send_data(vec![b'y'; room].into(), left == room).unwrap();
            left -= room;
        }
        let mut taken = 0;
        while let Some(data) = next(&mut body).await {
            taken += data.len();
        }
        assert_eq!(taken, 2 << 20);
        assert_eq!(body.trailers().await.unwrap().unwrap()["x-sum"], "3000000");
    });
}

#[test]
fn status_in_an_answers_head_reaches_the_caller_as_it_is() {
    test(async {
        let origin = TwoOrigin::new(|mut asked| async move {
            let head = Response::builder().header("content-type", "application/grpc");
            let head =
                head.header("grpc-status", "5").header("grpc-message", "not%20there").body(()).unwrap();
            asked.respond.send_response(head, true).unwrap();
        })
        .await;
        let rig = before(&[&origin], "").await;
        let mut client = client(&rig).await;
        let (answer, _way) = call(&mut client);
        let answer = answer.await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["grpc-status"]),
            (200, &"5".parse().unwrap())
        );
        assert_eq!(answer.headers()["grpc-message"], "not%20there");
        assert!(answer.body().is_end_stream());
    });
}

#[test]
fn errors_of_the_gateways_own_are_ones_that_callers_understand() {
    test(async {
        let gone = Rig::with(Setup { pool: "version = \"2\"", ..Setup::default() }).await;
        let (answer, _way) = call(&mut client(&gone).await);
        let answer = answer.await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["grpc-status"]),
            (200, &"14".parse().unwrap())
        );
        assert!(answer.body().is_end_stream());

        let silent = TwoOrigin::new(|asked| async move {
            let _held = asked;
            std::future::pending::<()>().await;
        })
        .await;
        let rig = before(&[&silent], "response-timeout = \"50ms\"").await;
        let (answer, mut way) = call(&mut client(&rig).await);
        way.send_data(Bytes::new(), true).unwrap();
        assert_eq!(answer.await.unwrap().headers()["grpc-status"], "4");

        let left = TwoOrigin::new(|asked| async move { asked.reset(Reason::INTERNAL_ERROR) }).await;
        let rig = before(&[&left], "").await;
        let (answer, _way) = call(&mut client(&rig).await);
        assert_eq!(answer.await.unwrap().headers()["grpc-status"], "14");
    });
}

#[test]
fn call_that_breaks_off_ends_with_a_status_too() {
    test(async {
        let origin = TwoOrigin::new(|asked| async move {
            let head = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
            let mut way = asked.say(head);
            way.send_data(Bytes::from_static(b"begun"), false).unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            way.send_reset(Reason::INTERNAL_ERROR);
        })
        .await;
        let rig = before(&[&origin], "").await;
        let (answer, _way) = call(&mut client(&rig).await);
        let mut body = answer.await.unwrap().into_body();
        assert_eq!(next(&mut body).await.unwrap(), "begun");
        assert_eq!(next(&mut body).await, None);
        assert_eq!(body.trailers().await.unwrap().unwrap()["grpc-status"], "14");
    });
}

/// A client's request for a WebSocket.
const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[test]
fn websocket_is_opened_as_rfc_8441_has_it_where_the_server_allows_it() {
    test(async {
        let mut settings = h2::server::Builder::new();
        settings.enable_connect_protocol();
        let origin = TwoOrigin::with(settings, |asked| async move {
            assert_eq!(asked.head.method(), "CONNECT");
            assert_eq!(asked.head.uri().to_string(), "http://a.example/chat");
            assert!(!asked.head.headers().contains_key("sec-websocket-key"));
            let (mut body, mut respond) = (asked.body, asked.respond);
            let mut way = respond.send_response(Response::new(()), false).unwrap();
            while let Some(data) = next(&mut body).await {
                way.send_data(data, false).unwrap();
            }
            way.send_data(Bytes::new(), true).unwrap();
        })
        .await;
        let rig = before(&[&origin], "").await;
        let mut client = rig.client().await;
        client.send(UPGRADE).await;
        let answer = client.any_answer("GET").await;
        assert_eq!((answer.status, answer.header("upgrade")), (101, vec!["websocket"]));
        assert_eq!(answer.header("sec-websocket-accept"), ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]);
        for text in [&b"one"[..], &[b'x'; 100_000]] {
            let mut back = vec![0; text.len()];
            let (mut reader, mut writer) = client.stream.split();
            let (sent, read) = tokio::join!(writer.write_all(text), reader.read_exact(&mut back));
            sent.unwrap();
            read.unwrap();
            assert_eq!(back, text);
        }
        client.stream.shutdown().await.unwrap();
        assert!(client.ended().await);
        rig.quiet().await;
        assert_eq!(rig.leases(), 0);
    });
}

#[test]
fn websocket_to_a_server_that_has_no_way_to_it_is_refused_and_is_no_failure_of_the_servers() {
    test(async {
        let origin = TwoOrigin::named("a").await;
        let rig = before(&[&origin], "").await;
        let mut client = rig.client().await;
        assert_eq!(client.ask(UPGRADE).await.status, 502);
        assert!(origin.seen.borrow().is_empty() && rig.core.servers[0].failures().is_empty());
    });
}

#[test]
fn websocket_without_a_key_is_refused_before_a_server_opens_one() {
    test(async {
        let mut settings = h2::server::Builder::new();
        settings.enable_connect_protocol();
        let origin = TwoOrigin::with(settings, |asked| async move { asked.ok("open") }).await;
        let rig = before(&[&origin], "").await;
        // So that a connection is there whose server allows them.
        assert_eq!(rig.client().await.get("/", "").await.status, 200);
        let request = UPGRADE.replace("Sec-WebSocket-Key", "X-Other");
        let answer = rig.client().await.ask(request).await;
        assert_eq!((answer.status, answer.complete), (502, true));
        assert_eq!(origin.seen.borrow().len(), 1);
    });
}

#[test]
fn answer_whose_request_went_wrong_never_looks_complete() {
    test(async {
        let origin = TwoOrigin::new(|asked| async move {
            let _body = asked.body;
            let mut respond = asked.respond;
            let mut way = respond.send_response(Response::new(()), false).unwrap();
            // More than the client's window, and never all.
            way.send_data(Bytes::from(vec![b'x'; 100_000]), false).unwrap();
            std::future::pending::<()>().await;
        })
        .await;
        let rig = before(&[&origin], "max-body = \"1 KiB\"").await;
        let mut client = client(&rig).await;
        let request = Request::post("http://a.example/").version(Version::HTTP_2).body(()).unwrap();
        let (answer, mut way) = client.send_request(request, false).unwrap();
        let mut body = answer.await.unwrap().into_body();
        // The gateway has a full window before it, and reads what the client says.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        way.send_data(vec![b'y'; 2000].into(), false).unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let mut broken = false;
        while let Some(data) = body.data().await {
            match data {
                Ok(data) => body.flow_control().release_capacity(data.len()).unwrap(),
                Err(_) => {
                    broken = true;
                    break;
                }
            }
        }
        assert!(broken, "what was cut passes for the whole");
    });
}
