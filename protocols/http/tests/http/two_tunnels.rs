//! WebSockets and tunnels of clients that speak HTTP/2.

use std::time::Duration;

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use h2::ext::Protocol;
use h2::{Reason, RecvStream, SendStream};
use http::{Method, Request, Response, Version};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::support::{Rig, Setup, accept_key, test};

/// A server that the test plays.
struct Server(TcpListener);

impl Server {
    async fn rig(options: &'static str) -> (Self, Rig) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let servers = vec![listener.local_addr().unwrap()];
        (Self(listener), Rig::with(Setup { options, servers, ..Setup::default() }).await)
    }

    /// The next connection and the head of its request, as it came.
    async fn accept(&self) -> (String, TcpStream) {
        let (mut stream, _) = self.0.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        (String::from_utf8(head).unwrap(), stream)
    }
}

fn line<'h>(head: &'h str, name: &str) -> Vec<&'h str> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

/// What a server says that agrees to what it was asked.
fn agreed(asked: &str) -> String {
    let key = line(asked, "sec-websocket-key").remove(0);
    format!(
        "HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: chat\r\nContent-Length: 5\r\nX-Own: 1\r\n\r\n",
        accept_key(key)
    )
}

async fn client(rig: &Rig) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(rig.address).await.unwrap();
    let (client, connection): (_, Connection<_>) = h2::client::handshake(stream).await.unwrap();
    tokio::task::spawn_local(connection);
    let client = client.ready().await.unwrap();
    // The server's settings have come with its first bytes, at the latest with an answer to them.
    while !client.is_extended_connect_protocol_enabled() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    client
}

fn ask(protocol: &'static str) -> Request<()> {
    let asked = Request::builder().method(Method::CONNECT).uri("https://www.example.org/chat?room=1");
    let asked = asked.version(Version::HTTP_2).extension(Protocol::from_static(protocol));
    asked.header("sec-websocket-version", "13").header("sec-websocket-protocol", "chat").body(()).unwrap()
}

/// A WebSocket between a client and a server.
async fn open(
    client: &mut SendRequest<Bytes>,
    server: &Server,
) -> (SendStream<Bytes>, RecvStream, TcpStream) {
    let (response, up) = client.send_request(ask("websocket"), false).unwrap();
    let (asked, mut upstream) = server.accept().await;
    upstream.write_all(agreed(&asked).as_bytes()).await.unwrap();
    let response = response.await.unwrap();
    assert_eq!(response.status(), 200);
    (up, response.into_body(), upstream)
}

/// Takes what a client is sent, until it has this much or its end.
async fn take(body: &mut RecvStream, length: usize) -> Result<Vec<u8>, h2::Error> {
    let mut taken = Vec::new();
    while taken.len() < length
        && let Some(data) = body.data().await
    {
        let data = data?;
        body.flow_control().release_capacity(data.len()).unwrap();
        taken.extend_from_slice(&data);
    }
    Ok(taken)
}

/// Sends as fast as the other side takes it.
async fn give(stream: &mut SendStream<Bytes>, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        stream.reserve_capacity(bytes.len());
        let room = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await.unwrap().unwrap();
        let (now, later) = bytes.split_at(room.min(bytes.len()));
        stream.send_data(Bytes::copy_from_slice(now), false).unwrap();
        bytes = later;
    }
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 31 + i / 251) as u8).collect()
}

async fn whole(response: Response<RecvStream>) -> String {
    String::from_utf8(take(&mut response.into_body(), usize::MAX).await.unwrap()).unwrap()
}

#[test]
fn server_is_asked_in_the_words_of_http_1_1_and_the_client_told_in_its_own() {
    test(async {
        let (server, rig) = Server::rig("").await;
        let mut client = client(&rig).await;
        let mut request = ask("websocket");
        for (name, value) in [("cookie", "a=1"), ("cookie", "b=2"), ("sec-websocket-key", "mine")] {
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let (response, _up) = client.send_request(request, false).unwrap();
        let (asked, mut upstream) = server.accept().await;
        assert!(asked.starts_with("GET /chat?room=1 HTTP/1.1\r\n"), "{asked}");
        for (name, value) in [
            ("host", "www.example.org"),
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "chat"),
            ("cookie", "a=1; b=2"),
            ("x-forwarded-for", "127.0.0.1"),
        ] {
            assert_eq!(line(&asked, name), [value], "{name} in {asked}");
        }
        assert_eq!(line(&asked, "sec-websocket-key").len(), 1);
        assert_ne!(line(&asked, "sec-websocket-key"), ["mine"]);
        for name in ["transfer-encoding", "content-length"] {
            assert!(line(&asked, name).is_empty(), "{name} in {asked}");
        }
        upstream.write_all(agreed(&asked).as_bytes()).await.unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(
            (&response.headers()["sec-websocket-protocol"], &response.headers()["x-own"]),
            (&"chat".parse().unwrap(), &"1".parse().unwrap())
        );
        for name in ["sec-websocket-accept", "content-length", "upgrade", "connection"] {
            assert!(!response.headers().contains_key(name), "{name}");
        }
    });
}

#[test]
fn two_tunnels_of_one_connection_have_keys_of_their_own() {
    test(async {
        let (server, rig) = Server::rig("").await;
        let mut client = client(&rig).await;
        let mut keys = Vec::new();
        for _ in 0..2 {
            let (_response, _up) = client.send_request(ask("websocket"), false).unwrap();
            keys.push(line(&server.accept().await.0, "sec-websocket-key")[0].to_owned());
        }
        assert_ne!(keys[0], keys[1]);
    });
}

#[test]
fn bytes_pass_both_ways_as_they_are_each_side_ends_its_own_and_all_is_counted() {
    test(async {
        let (server, rig) = Server::rig("").await;
        let mut client = client(&rig).await;
        let (mut up, mut down, mut upstream) = open(&mut client, &server).await;
        assert_eq!(rig.leases(), 1);
        let (to_server, to_client) = (pattern(3_000_000), pattern(2_000_000));
        let (mut got, (mut from, mut to)) = (vec![0; to_server.len()], upstream.split());
        let (_, read, _, taken) = tokio::join!(
            give(&mut up, &to_server),
            from.read_exact(&mut got),
            async { to.write_all(&to_client).await.unwrap() },
            take(&mut down, to_client.len()),
        );
        assert!(read.is_ok() && got == to_server && taken.unwrap() == to_client);
        assert_eq!(rig.records(), [""; 0], "a tunnel is booked at its end");
        up.send_data(Bytes::new(), true).unwrap();
        assert_eq!(upstream.read(&mut [0]).await.unwrap(), 0, "half a close is passed on");
        upstream.write_all(b"last words").await.unwrap();
        drop(upstream);
        assert_eq!(take(&mut down, usize::MAX).await.unwrap(), b"last words");
        let records = rig.booked(1).await;
        let expected =
            "GET www.example.org/chat?room=1 HTTP/2 101 s1 method in=3000000 out=2000010 tries=1 done";
        assert_eq!(records, [expected]);
        assert_eq!(rig.leases(), 0);
        assert!(rig.core.servers[0].failures().is_empty());
    });
}

#[test]
fn what_came_with_the_agreement_and_before_it_is_not_lost() {
    test(async {
        let (server, rig) = Server::rig("").await;
        let mut client = client(&rig).await;
        let (response, mut up) = client.send_request(ask("websocket"), false).unwrap();
        up.send_data("early".into(), false).unwrap();
        let (asked, mut upstream) = server.accept().await;
        upstream.write_all(format!("{}at once", agreed(&asked)).as_bytes()).await.unwrap();
        assert_eq!(take(&mut response.await.unwrap().into_body(), 7).await.unwrap(), b"at once");
        let mut early = [0; 5];
        upstream.read_exact(&mut early).await.unwrap();
        assert_eq!(&early, b"early");
    });
}

#[test]
fn reset_of_one_side_is_one_of_the_other() {
    test(async {
        let (server, rig) = Server::rig("").await;
        let mut client = client(&rig).await;
        let (mut up, _down, mut upstream) = open(&mut client, &server).await;
        up.send_reset(Reason::CANCEL);
        assert!(upstream.read(&mut [0]).await.is_err(), "the server takes it for a clean end");
        let (_up, mut down, upstream) = open(&mut client, &server).await;
        upstream.set_zero_linger().unwrap();
        drop(upstream);
        assert_eq!(take(&mut down, 1).await.unwrap_err().reason(), Some(Reason::CANCEL));
        let records = rig.booked(2).await;
        assert!(records[0].ends_with("client-left") && records[1].ends_with("server-left"), "{records:?}");
        assert_eq!(rig.leases(), 0);
    });
}

#[test]
fn client_that_withdraws_after_its_end_frees_the_server() {
    test(async {
        let (server, rig) = Server::rig("").await;
        let mut client = client(&rig).await;
        let (mut up, down, _upstream) = open(&mut client, &server).await;
        up.send_data(Bytes::new(), true).unwrap();
        tokio::task::yield_now().await;
        up.send_reset(Reason::CANCEL);
        drop((up, down));
        rig.booked(1).await;
        assert_eq!(rig.leases(), 0);
    });
}

#[test]
fn side_that_does_not_read_stops_the_other() {
    test(async {
        let (server, rig) = Server::rig("").await;
        let mut client = client(&rig).await;
        let (mut up, _down, mut upstream) = open(&mut client, &server).await;
        let bytes = pattern(64 << 20);
        let both = async { tokio::join!(give(&mut up, &bytes), upstream.write_all(&bytes)) };
        assert!(
            tokio::time::timeout(Duration::from_millis(1500), both).await.is_err(),
            "nobody holds them back"
        );
    });
}

#[test]
fn server_that_proves_nothing_is_no_websocket() {
    test(async {
        let (server, rig) = Server::rig("").await;
        let mut client = client(&rig).await;
        for proof in ["", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"] {
            let (response, _up) = client.send_request(ask("websocket"), false).unwrap();
            let (_, mut upstream) = server.accept().await;
            let said =
                format!("HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{proof}\r\n");
            upstream.write_all(said.as_bytes()).await.unwrap();
            assert_eq!(response.await.unwrap().status(), 502);
        }
        let records = rig.booked(2).await;
        assert!(records.iter().all(|record| record.contains(" 502 s1 ")), "{records:?}");
        assert_eq!((rig.leases(), rig.core.servers[0].failures().len()), (0, 2));
    });
}

#[test]
fn refusal_is_an_answer_like_any_other() {
    test(async {
        let (server, rig) = Server::rig("").await;
        let mut client = client(&rig).await;
        let (response, _up) = client.send_request(ask("websocket"), false).unwrap();
        let (_, mut upstream) = server.accept().await;
        let said = "HTTP/1.1 403 Forbidden\r\nX-Why: because\r\nContent-Length: 8\r\n\r\nnot here";
        upstream.write_all(said.as_bytes()).await.unwrap();
        let response = response.await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["x-why"]),
            (403, &"because".parse().unwrap())
        );
        assert_eq!(whole(response).await, "not here");
    });
}

#[test]
fn other_protocols_are_not_known_and_nothing_is_where_none_is_allowed() {
    test(async {
        let (_server, rig) = Server::rig("").await;
        let mut asking = client(&rig).await;
        let (response, _up) = asking.send_request(ask("connect-udp"), false).unwrap();
        assert_eq!(response.await.unwrap().status(), 501);
        let (_server, rig) = Server::rig("upgrades = []").await;
        let stream = TcpStream::connect(rig.address).await.unwrap();
        let (asking, connection): (SendRequest<Bytes>, Connection<_>) =
            h2::client::handshake(stream).await.unwrap();
        tokio::task::spawn_local(connection);
        let mut asking = asking.ready().await.unwrap();
        let plain = Request::builder().uri("http://www.example.org/").body(()).unwrap();
        let _ = asking.send_request(plain, true).unwrap();
        assert!(!asking.is_extended_connect_protocol_enabled());
    });
}

#[test]
fn tunnel_in_which_nothing_moves_ends_and_others_on_the_connection_go_on() {
    test(async {
        let (server, rig) = Server::rig("tunnel-timeout = \"100ms\"").await;
        let mut client = client(&rig).await;
        let (_up, mut down, _upstream) = open(&mut client, &server).await;
        assert_eq!(take(&mut down, 1).await.unwrap_err().reason(), Some(Reason::CANCEL));
        let (_up, _down, _upstream) = open(&mut client, &server).await;
        assert!(rig.booked(1).await[0].ends_with(" idle-timeout"), "{:?}", rig.records());
    });
}

#[test]
fn connect_opens_a_tunnel_where_it_is_allowed() {
    test(async {
        let (server, rig) = Server::rig("allow-methods = ['CONNECT']").await;
        let mut client = client(&rig).await;
        let connect = || Request::builder().method(Method::CONNECT).uri("db.example:5432").body(()).unwrap();
        let (response, mut up) = client.send_request(connect(), false).unwrap();
        let (asked, mut upstream) = server.accept().await;
        assert!(asked.starts_with("CONNECT db.example:5432 HTTP/1.1\r\n"), "{asked}");
        assert_eq!(line(&asked, "host"), ["db.example:5432"]);
        upstream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello").await.unwrap();
        let mut response = response.await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(take(response.body_mut(), 5).await.unwrap(), b"hello");
        up.send_data("hi".into(), true).unwrap();
        let mut said = Vec::new();
        upstream.read_to_end(&mut said).await.unwrap();
        assert_eq!(said, b"hi");
        drop(upstream);
        assert_eq!(take(response.body_mut(), 1).await.unwrap(), b"");
        assert!(rig.booked(1).await[0].starts_with("CONNECT db.example:5432 HTTP/2 200 s1"));
        let (response, _up) = client.send_request(connect(), false).unwrap();
        let (_, mut upstream) = server.accept().await;
        upstream.write_all(b"HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno").await.unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.status(), 407);
        assert_eq!(whole(response).await, "no");
    });
}
