use std::collections::HashMap;
use std::net::TcpStream;

use sekisho_tests::{
    Authority, Opcode, Rig, WebSocket, WebSocketServer, folder, masked, named, tls_client, until,
};

use super::{connect_from, request};

fn configuration(servers: &[WebSocketServer], gateway: &str, vip: &str, pool: &str) -> String {
    format!(
        "{gateway}\n[vip.chat]\nlisten = '127.0.0.1:0'\nprotocol = 'http'\npool = 'chat'\n{vip}\n\
         [pool.chat]\nservers = {{ {} }}\n{pool}\n",
        named(servers.iter().map(|server| (server.name(), server.address())))
    )
}

fn rig(servers: &[WebSocketServer], pool: &str) -> Rig {
    Rig::start(&configuration(servers, "", "", pool))
}

fn open(rig: &Rig) -> WebSocket<TcpStream> {
    WebSocket::open(connect_from("127.0.0.1", rig.address("chat")), b"")
}

/// Frames of every length field, controls between them, and the end of both sides.
fn converse<S: std::io::Read + std::io::Write>(mut socket: WebSocket<S>) {
    assert_eq!(socket.receive(), Some((Opcode::Text as u8, b"early".to_vec())));
    for length in [0, 1, 125, 126, 65_535, 65_536, 3_000_000] {
        assert!(socket.echoes(&vec![b'x'; length]), "{length} bytes");
        socket.send(Opcode::Ping, b"still there?");
        assert_eq!(socket.receive(), Some((Opcode::Pong as u8, b"still there?".to_vec())));
    }
    socket.send(Opcode::Close, &1000u16.to_be_bytes());
    assert_eq!(socket.receive(), Some((Opcode::Close as u8, 1000u16.to_be_bytes().to_vec())));
    assert_eq!(socket.receive(), None);
}

#[test]
fn websocket_passes_whole_and_is_one_line_of_the_log() {
    let servers = [WebSocketServer::start("one")];
    let rig = rig(&servers, "");
    let early = masked(Opcode::Text, b"early");
    converse(WebSocket::open(connect_from("127.0.0.1", rig.address("chat")), &early));
    let line = rig.line(|line| line["status"] == 101);
    assert_eq!(
        (&line["end"], &line["server"], &line["method"]),
        (&"done".into(), &"one".into(), &"GET".into()),
        "{line}"
    );
    assert!(line["received"].as_u64() > Some(3_000_000) && line["sent"].as_u64() > Some(3_000_000), "{line}");
}

#[test]
fn websocket_of_a_tls_client_passes_whole() {
    let folder = folder("websocket");
    let authority = Authority::new();
    authority.issue(&["www.example.org"], &folder);
    let servers = [WebSocketServer::start("one")];
    let tls = "tls = { certificates = ['www.example.org.pem'] }";
    let rig = Rig::start_in(&configuration(&servers, "", tls, ""), folder);
    let client = tls_client(&authority.client(), "www.example.org", rig.address("chat")).unwrap();
    converse(WebSocket::open(client, &masked(Opcode::Text, b"early")));
}

#[test]
fn open_websockets_count_for_least_connections() {
    let servers = ["one", "two"].map(WebSocketServer::start);
    let rig = rig(&servers, "method = 'least-connections'");
    let mut open: Vec<_> = (0..6).map(|_| open(&rig)).collect();
    let mut counts = HashMap::new();
    for socket in &open {
        *counts.entry(socket.server.clone()).or_insert(0) += 1;
    }
    assert_eq!(counts, HashMap::from([("one".to_owned(), 3), ("two".to_owned(), 3)]));
    open.retain(|socket| socket.server == "two");
    for _ in 0..3 {
        rig.line(|line| line["status"] == 101 && line["server"] == "one");
    }
    let again: Vec<_> = (0..3).map(|_| self::open(&rig).server).collect();
    assert!(again.contains(&"one".to_owned()), "{again:?}");
    assert!(open.iter_mut().all(|socket| socket.echoes(b"untouched")));
}

#[test]
fn stopping_gateway_gives_a_websocket_the_drain_timeout_and_no_more() {
    let servers = [WebSocketServer::start("one")];
    let mut rig = Rig::start(&configuration(&servers, "[gateway]\ndrain-timeout = '3s'", "", ""));
    let address = rig.address("chat");
    let mut socket = open(&rig);
    let gateway = rig.stop();
    until("new clients are refused", || TcpStream::connect(address).is_err().then_some(()));
    assert!(socket.echoes(b"still here"));
    gateway.wait();
    assert_eq!(socket.receive(), None);
    let line = rig.line(|line| line["status"] == 101);
    assert_eq!((&line["end"], &line["server"]), (&"drain-timeout".into(), &"one".into()), "{line}");
}

#[test]
fn reload_leaves_open_websockets_alone_and_refuses_new_ones_if_it_says_so() {
    let servers = [WebSocketServer::start("one")];
    let rig = rig(&servers, "");
    let mut before = open(&rig);
    rig.reload(&configuration(&servers, "", "[vip.chat.http]\nupgrades = []", "")).unwrap();
    until("the new configuration is in force", || {
        let ask = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        let (head, _) = request(&mut connect_from("127.0.0.1", rig.address("chat")), ask);
        head[0].starts_with("HTTP/1.1 200 ").then_some(())
    });
    assert!(before.echoes(b"untouched"));
}

#[test]
fn websocket_ends_with_its_server() {
    let mut servers = [WebSocketServer::start("one")];
    let rig = rig(&servers, "");
    let mut socket = open(&rig);
    assert!(socket.echoes(b"there"));
    servers[0].kill();
    assert_eq!(socket.receive(), None);
}
