//! A gateway in this process, between scripted clients and servers.

mod converse;
mod dns;
mod dns_hostile;
mod drain;
mod exchange;
mod handover;
mod http;
mod http_limits;
mod http_resilience;
mod http_rules;
mod http_upgrade;
mod http_users;
mod imap;
mod leaving;
mod limits;
mod mail;
mod metrics;
mod operator;
mod persistence;
mod proxy_protocol;
mod rdp;
mod rdp_deep;
mod rdp_udp;
mod relay;
mod reload;
mod sni;
mod tls;
mod totals;
mod traces;
mod udp;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use sekisho_tests::{HttpServer, LineServer, connect_from, named};

/// Line servers as a pool lists them.
fn lines(servers: &[LineServer]) -> String {
    named(servers.iter().map(|server| (server.name(), server.address())))
}

/// The same for HTTP servers.
fn https(servers: &[HttpServer]) -> String {
    named(servers.iter().map(|server| (server.name(), server.address())))
}

/// The name with which a line server greets; empty if the connection is closed instead.
fn greeting(stream: &TcpStream) -> String {
    let mut line = String::new();
    let _ = BufReader::with_capacity(1, stream).read_line(&mut line);
    line.trim_end().to_owned()
}

/// Sends a line and reads it back.
fn echo(stream: &mut TcpStream) -> bool {
    let mut back = [0; 5];
    stream.write_all(b"ping\n").is_ok() && stream.read_exact(&mut back).is_ok() && &back == b"ping\n"
}

/// One request on an open connection: status line and fields, and the body.
fn request(stream: &mut (impl Read + Write), text: &str) -> (Vec<String>, String) {
    stream.write_all(text.as_bytes()).unwrap();
    answer(stream)
}

/// One answer with a Content-Length.
fn answer(stream: &mut impl Read) -> (Vec<String>, String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        assert_eq!(
            stream.read(&mut byte).unwrap(),
            1,
            "the head ended early: {}",
            String::from_utf8_lossy(&head)
        );
        head.push(byte[0]);
    }
    let head: Vec<String> = String::from_utf8(head).unwrap().lines().map(str::to_owned).collect();
    let length = field(&head, "content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (head, String::from_utf8(body).unwrap())
}

/// A field's value.
fn field(head: &[String], name: &str) -> Option<String> {
    let fields = head.iter().filter_map(|line| line.split_once(':'));
    fields.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).next()
}
