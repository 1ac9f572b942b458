//! A request becomes a WebSocket when the server says so, and not before.

use std::net::SocketAddr;
use std::time::Duration;

use sekisho_api::{CookieSettings, Persist};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::support::{Answer, Client, Origin, Reply, Rig, Setup, test};

const ASK: &str = "GET /chat?room=1 HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const AGREE: &str = "HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A server that the test plays.
struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    async fn rig(&self, options: &'static str) -> Rig {
        Rig::with(Setup { options, servers: vec![self.address], ..Setup::default() }).await
    }

    /// The next connection, and the head of the request that it begins with. Nothing behind it is read.
    async fn accept(&self) -> (String, TcpStream) {
        let (mut stream, _) = self.listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let head = head(&mut stream).await;
        (head, stream)
    }
}

async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}

async fn read(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

/// A client and a server with a WebSocket between them.
async fn open(server: &Server, rig: &Rig) -> (Client, TcpStream) {
    let mut client = rig.client().await;
    client.send(ASK).await;
    let (_, mut upstream) = server.accept().await;
    upstream.write_all(AGREE.as_bytes()).await.unwrap();
    assert_eq!(client.any_answer("GET").await.status, 101);
    (client, upstream)
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 31 + i / 251) as u8).collect()
}

#[test]
fn server_is_asked_for_a_websocket_alone_and_the_client_told_what_it_says() {
    test(async {
        let server = Server::start().await;
        let rig = server.rig("").await;
        let mut client = rig.client().await;
        client
            .send(
                ASK.replace("Upgrade: websocket", "Upgrade: h2c, websocket")
                    .replace("keep-alive", "x-hop, TE")
                    .replace("Host: a", "Host: a\r\nX-Hop: 1\r\nTE: trailers\r\nHTTP2-Settings: AAMAAABk"),
            )
            .await;
        let (asked, mut upstream) = server.accept().await;
        assert!(asked.starts_with("get /chat?room=1 http/1.1\r\n"), "{asked}");
        for line in [
            "connection: upgrade",
            "upgrade: websocket",
            "sec-websocket-key: dghlihnhbxbszsbub25jzq==",
            "x-forwarded-for: 127.0.0.1",
        ] {
            assert_eq!(asked.lines().filter(|found| *found == line).count(), 1, "{line} in {asked}");
        }
        for name in ["x-hop", "http2-settings", "te:", "h2c"] {
            assert!(!asked.contains(name), "{name} in {asked}");
        }
        let agree = AGREE.replace("Upgrade\r\n", "Upgrade, X-Hop\r\nX-Hop: 1\r\nContent-Length: 5\r\n");
        upstream.write_all(agree.as_bytes()).await.unwrap();
        let answer = client.any_answer("GET").await;
        assert!(answer.head.starts_with("HTTP/1.1 101 Web Socket Protocol Handshake\r\n"), "{}", answer.head);
        let (connection, upgrade) = (answer.header("connection"), answer.header("upgrade"));
        assert_eq!((connection, upgrade), (vec!["Upgrade"], vec!["websocket"]));
        assert_eq!(answer.header("sec-websocket-accept"), ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]);
        for name in ["x-hop", "content-length", "transfer-encoding"] {
            assert!(answer.header(name).is_empty(), "{name} in {}", answer.head);
        }
    });
}

#[test]
fn bytes_pass_both_ways_as_they_are_and_are_counted() {
    test(async {
        let server = Server::start().await;
        let rig = server.rig("").await;
        let (mut client, mut upstream) = open(&server, &rig).await;
        assert_eq!(rig.leases(), 1);
        let (up, down) = (pattern(3_000_000), pattern(2_000_000));
        let (mut from_client, mut to_client) = client.stream.split();
        let (mut from_server, mut to_server) = upstream.split();
        let (mut got_up, mut got_down) = (vec![0; up.len()], vec![0; down.len()]);
        let moved = tokio::join!(
            to_client.write_all(&up),
            to_server.write_all(&down),
            from_server.read_exact(&mut got_up),
            from_client.read_exact(&mut got_down),
        );
        assert!(moved.0.is_ok() && moved.1.is_ok() && moved.2.is_ok() && moved.3.is_ok());
        assert!(got_up == up && got_down == down);
        assert_eq!(rig.records(), [""; 0], "a tunnel is booked at its end");
        drop(upstream);
        assert_eq!(client.rest().await, "");
        drop(client);
        rig.quiet().await;
        let records = rig.records();
        assert_eq!(records, ["GET a/chat?room=1 HTTP/1.1 101 s1 method in=3000000 out=2000000 tries=1 done"]);
        assert_eq!(rig.leases(), 0);
        assert!(rig.core.servers[0].failures().is_empty());
    });
}

#[test]
fn every_split_of_the_answer_and_what_follows_it_reads_the_same() {
    test(async {
        let server = Server::start().await;
        let rig = server.rig("").await;
        let said = format!("{AGREE}first words");
        for at in 1..said.len() {
            let mut client = rig.client().await;
            client.send(ASK).await;
            let (_, mut upstream) = server.accept().await;
            let (first, second) = said.as_bytes().split_at(at);
            upstream.write_all(first).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
            upstream.write_all(second).await.unwrap();
            assert_eq!(client.any_answer("GET").await.status, 101, "split at {at}");
            assert_eq!(client.until(b"first words").await, Some(11), "split at {at}");
            client.send("answer").await;
            assert_eq!(read(&mut upstream, 6).await, b"answer", "split at {at}");
        }
    });
}

#[test]
fn what_the_client_says_with_its_request_waits_for_the_servers_word() {
    test(async {
        let server = Server::start().await;
        let rig = server.rig("").await;
        let mut client = rig.client().await;
        client.send(format!("{ASK}early GET / HTTP/1.1\r\n\r\n")).await;
        let (_, mut upstream) = server.accept().await;
        let mut early = [0; 64];
        let none = tokio::time::timeout(Duration::from_millis(50), upstream.read(&mut early)).await;
        assert!(none.is_err(), "bytes passed before the server agreed");
        upstream.write_all(AGREE.as_bytes()).await.unwrap();
        assert_eq!(read(&mut upstream, 24).await, b"early GET / HTTP/1.1\r\n\r\n");
        assert_eq!(client.any_answer("GET").await.status, 101);
    });
}

#[test]
fn end_of_one_side_is_passed_on_and_the_other_may_finish() {
    test(async {
        let server = Server::start().await;
        let rig = server.rig("").await;
        let (mut client, mut upstream) = open(&server, &rig).await;
        client.send("bye").await;
        client.stream.shutdown().await.unwrap();
        let mut said = Vec::new();
        upstream.read_to_end(&mut said).await.unwrap();
        assert_eq!(said, b"bye");
        upstream.write_all(b"farewell").await.unwrap();
        drop(upstream);
        assert_eq!(client.rest().await, "farewell");
        let (mut client, mut upstream) = open(&server, &rig).await;
        upstream.write_all(b"bye").await.unwrap();
        upstream.shutdown().await.unwrap();
        assert_eq!(client.rest().await, "bye");
        client.send("farewell").await;
        assert_eq!(read(&mut upstream, 8).await, b"farewell");
        drop(client);
        rig.quiet().await;
        assert!(rig.records().iter().all(|record| record.ends_with(" done")), "{:?}", rig.records());
    });
}

#[test]
fn reset_of_one_side_resets_the_other() {
    test(async {
        let server = Server::start().await;
        let rig = server.rig("").await;
        let (client, mut upstream) = open(&server, &rig).await;
        client.stream.set_zero_linger().unwrap();
        drop(client);
        assert!(
            upstream.read_u8().await.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
        );
        let (mut client, upstream) = open(&server, &rig).await;
        upstream.set_zero_linger().unwrap();
        drop(upstream);
        assert!(!client.ended().await, "the client takes the reset for an end");
        rig.quiet().await;
        let records = rig.booked(2).await;
        assert!(records[0].ends_with(" client-left") && records[1].ends_with(" server-left"), "{records:?}");
        assert_eq!(rig.leases(), 0);
    });
}

#[test]
fn answer_that_changes_to_anything_else_or_unasked_is_502() {
    test(async {
        let lies = [
            (ASK, AGREE.replace("Upgrade: websocket\r\n", "Upgrade: h2c\r\n")),
            (ASK, AGREE.replace("Upgrade: websocket\r\n", "Upgrade: websocket, h2c\r\n")),
            (ASK, AGREE.replace("Upgrade: websocket\r\n", "")),
            (ASK, AGREE.replace("Connection: Upgrade\r\n", "")),
            (ASK, AGREE.replace("HTTP/1.1", "HTTP/1.0")),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", AGREE.to_owned()),
            ("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", AGREE.to_owned()),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", AGREE.to_owned()),
        ];
        for (asked, lie) in lies {
            let said = lie.clone();
            let origin = Origin::new(move |seen| match seen.connection {
                1 => Reply::Say(format!("{said}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged").into()),
                _ => Reply::ok("own"),
            })
            .await;
            let rig = Rig::new("", &[&origin]).await;
            let mut client = rig.client().await;
            client.send(asked).await;
            assert_eq!(client.any_answer("GET").await.status, 502, "{asked}{lie}");
            assert_eq!(client.get("/", "").await.text(), "own", "{asked}{lie}");
            assert_eq!(rig.leases(), 0);
        }
    });
}

/// What the server sees of a request, which it answers plainly.
async fn plainly(options: &'static str, request: &str) -> (Answer, String) {
    let origin = Origin::named("plain").await;
    let rig = Rig::new(options, &[&origin]).await;
    let answer = rig.client().await.ask(request).await;
    (answer, origin.seen().first().map(|seen| seen.head.to_ascii_lowercase()).unwrap_or_default())
}

#[test]
fn upgrade_that_is_not_allowed_is_stripped_and_the_request_served() {
    test(async {
        let post = ASK.replace("GET", "POST").replace("Host: a", "Host: a\r\nContent-Length: 0");
        let body = ASK.replace("Host: a", "Host: a\r\nContent-Length: 2") + "ab";
        let chunked = ASK.replace("Host: a", "Host: a\r\nTransfer-Encoding: chunked") + "0\r\n\r\n";
        let h2c = ASK.replace(
            "Upgrade\r\nUpgrade: websocket",
            "Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA",
        );
        for (options, request) in [
            ("upgrades = []", ASK.to_owned()),
            ("", post),
            ("", body),
            ("", chunked),
            ("", h2c),
            ("", ASK.replace("keep-alive, Upgrade", "keep-alive")),
            ("", ASK.replace("HTTP/1.1", "HTTP/1.0")),
        ] {
            let (answer, seen) = plainly(options, &request).await;
            assert_eq!((answer.status, answer.text()), (200, "plain"), "{request}");
            assert!(!seen.contains("upgrade") && !seen.contains("h2c") && !seen.contains("http2"), "{seen}");
        }
    });
}

#[test]
fn server_that_declines_goes_on_in_http_and_so_does_the_client() {
    test(async {
        let origin = Origin::new(|seen| match seen.line().contains("/chat") {
            true => Reply::say("HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nno"),
            false => Reply::ok("plain"),
        })
        .await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        for _ in 0..3 {
            let answer = client.ask(ASK).await;
            assert_eq!((answer.status, answer.text(), answer.header("connection")), (426, "no", vec![]));
            assert_eq!(client.get("/", "").await.text(), "plain");
        }
        assert_eq!((origin.connections.get(), rig.leases()), (1, 0));
        assert_eq!(origin.seen().len(), 6);
    });
}

#[test]
fn bytes_behind_a_declined_upgrade_are_http_and_nothing_else() {
    test(async {
        let origin = Origin::new(|seen| Reply::ok(seen.line())).await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        // A gateway that took the connection for a tunnel would hand this on as it is, spoofed field and all.
        client
            .send(format!("{ASK}GET /admin HTTP/1.1\r\nHost: b\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n"))
            .await;
        assert_eq!(client.answer("GET").await.text(), "GET /chat?room=1 HTTP/1.1");
        assert_eq!(client.answer("GET").await.text(), "GET /admin HTTP/1.1");
        let seen = origin.seen();
        assert_eq!((seen.len(), seen[1].header("x-forwarded-for")), (2, vec!["127.0.0.1"]));
        client.send(format!("{ASK}\u{1}\u{2}frame of a WebSocket\r\n\r\n")).await;
        assert_eq!(client.answer("GET").await.status, 200);
        assert_eq!(client.answer("GET").await.status, 400);
        assert!(client.ended().await);
        assert_eq!(origin.seen().len(), 3);
    });
}

#[test]
fn kept_connection_may_become_a_websocket_and_is_nobody_elses_then() {
    test(async {
        let server = Server::start().await;
        let rig = server.rig("").await;
        let mut other = rig.client().await;
        other.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let (_, mut kept) = server.accept().await;
        kept.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        assert_eq!(other.answer("GET").await.status, 200);
        let mut client = rig.client().await;
        client.send(ASK).await;
        assert!(head(&mut kept).await.contains("upgrade: websocket"));
        kept.write_all(AGREE.as_bytes()).await.unwrap();
        assert_eq!(client.any_answer("GET").await.status, 101);
        other.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let (_, mut fresh) = server.accept().await;
        fresh.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await.unwrap();
        assert_eq!(other.answer("GET").await.status, 200);
        // Once the WebSocket is over its connection is closed, and serves no request either.
        drop(client);
        assert_eq!(kept.read(&mut [0; 8]).await.unwrap(), 0);
        kept.shutdown().await.unwrap();
        other.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        server.accept().await;
    });
}

#[test]
fn kept_connection_that_died_costs_no_websocket() {
    test(async {
        let server = Server::start().await;
        let rig = server.rig("").await;
        let mut other = rig.client().await;
        other.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let (_, mut kept) = server.accept().await;
        kept.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        assert_eq!(other.answer("GET").await.status, 200);
        let mut client = rig.client().await;
        client.send(ASK).await;
        head(&mut kept).await;
        drop(kept);
        let (again, mut upstream) = server.accept().await;
        assert!(again.contains("upgrade: websocket"), "{again}");
        upstream.write_all(AGREE.as_bytes()).await.unwrap();
        assert_eq!(client.any_answer("GET").await.status, 101);
    });
}

#[test]
fn silent_tunnel_ends_at_its_own_deadline_and_no_other() {
    test(async {
        let server = Server::start().await;
        let rig = server
            .rig("keep-alive-timeout = \"20ms\"\nbody-timeout = \"20ms\"\nresponse-timeout = \"5s\"\ntunnel-timeout = \"150ms\"")
            .await;
        let (mut client, mut upstream) = open(&server, &rig).await;
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            client.send("ping").await;
            assert_eq!(read(&mut upstream, 4).await, b"ping");
        }
        assert_eq!(upstream.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(client.rest().await, "");
        assert!(rig.booked(1).await[0].ends_with("in=24 out=0 tries=1 idle-timeout"));
        rig.quiet().await;
        assert_eq!(rig.leases(), 0);
    });
}

#[test]
fn side_that_does_not_read_stops_the_other_with_bounded_memory() {
    test(async {
        let server = Server::start().await;
        let rig = server.rig("tunnel-timeout = \"300ms\"").await;
        let (_client, mut upstream) = open(&server, &rig).await;
        let piece = vec![b'x'; 64 * 1024];
        let mut written = 0;
        while let Ok(n) = upstream.write(&piece).await {
            written += n;
        }
        assert!(written < 32 << 20, "{written} bytes");
        assert!(rig.booked(1).await[0].ends_with(" idle-timeout"));
    });
}

#[test]
fn draining_leaves_a_websocket_its_time() {
    test(async {
        let server = Server::start().await;
        let rig = server.rig("").await;
        let (mut client, mut upstream) = open(&server, &rig).await;
        rig.core.draining.set(true);
        rig.core.drained.notify_waiters();
        client.send("still here").await;
        assert_eq!(read(&mut upstream, 10).await, b"still here");
        drop(upstream);
        assert_eq!(client.rest().await, "");
    });
}

#[test]
fn websocket_has_the_cookie_that_leads_back_to_its_server() {
    test(async {
        let server = Server::start().await;
        let persist = vec![Persist::Cookie(CookieSettings::default())];
        let rig = Rig::with(Setup { persist, servers: vec![server.address], ..Setup::default() }).await;
        let mut client = rig.client().await;
        client.send(ASK).await;
        let (_, mut upstream) = server.accept().await;
        upstream.write_all(AGREE.as_bytes()).await.unwrap();
        let answer = client.any_answer("GET").await;
        assert!(
            answer.header("set-cookie")[0].starts_with("SEKISHO=token-of-server-000001;"),
            "{}",
            answer.head
        );
    });
}

#[test]
fn operator_ends_a_websocket_and_both_sides_hear_it() {
    test(async {
        let server = Server::start().await;
        let rig = server.rig("").await;
        let (mut client, mut upstream) = open(&server, &rig).await;
        let (who, kicked) = rig.listed(1).await;
        assert_eq!(who, "s1 -");
        kicked.notify_one();
        assert!(client.ended().await);
        assert_eq!(upstream.read(&mut [0; 8]).await.unwrap(), 0);
        assert!(rig.booked(1).await[0].ends_with(" kicked"), "{:?}", rig.records());
    });
}
