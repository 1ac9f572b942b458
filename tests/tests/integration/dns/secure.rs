//! Clients over TLS (RFC 7858) and HTTPS (RFC 8484).

use std::collections::HashSet;
use std::io::Read;
use std::net::Shutdown;

use rustls::{ClientConnection, StreamOwned};
use sekisho_tests::{Authority, DnsOver, folder, tls_client};

use super::*;

type Secure = StreamOwned<ClientConnection, TcpStream>;

/// A gateway with a VIP over UDP and TCP and one over TLS and HTTPS, before the same pool.
struct Both {
    plain: Gate,
    secure: SocketAddr,
    authority: Authority,
}

impl Both {
    fn start(servers: &[&DnsServer], words: Words<'_>) -> Self {
        let authority = Authority::new();
        let (address, secure) = (loopback(), loopback());
        let folder = folder("dns");
        authority.issue(&["dns.example.org"], &folder);
        let servers: Vec<SocketAddr> = servers.iter().map(|server| server.address()).collect();
        let configuration = format!(
            "{}\n[vip.s]\nlisten = '{secure}'\nprotocol = 'dns'\npool = 'p'\n\
             tls = {{ certificates = ['dns.example.org.pem'] }}\n\
             [vip.s.dns]\nover = ['tls', 'https']\n{}\n",
            configuration(&address.to_string(), &servers, words),
            words.dns
        );
        let rig = Rig::start_in(&configuration, folder);
        Self { plain: Gate { rig, address }, secure, authority }
    }

    /// A connection that offers this protocol, or none.
    fn connect(&self, alpn: Option<&str>) -> Secure {
        let mut config = (*self.authority.client()).clone();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let stream = tls_client(&config.into(), "dns.example.org", self.secure).unwrap();
        stream.sock.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn over_tls(&self, message: &[u8]) -> Vec<u8> {
        let mut stream = self.connect(Some("dot"));
        stream.write_all(&framed(message)).unwrap();
        read_framed(&mut stream).expect("an answer")
    }

    fn over_https(&self, message: &[u8]) -> Vec<u8> {
        let (status, _, body) = self.http(&post("application/dns-message", message));
        assert_eq!(status, 200);
        body
    }

    /// One request over HTTP/1.1: the status, the head, the body.
    fn http(&self, request: &[u8]) -> (u16, String, Vec<u8>) {
        let mut stream = self.connect(Some("http/1.1"));
        stream.write_all(request).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let length = field(&head, "content-length").map_or(0, |value| value.parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        (head[9..12].parse().unwrap(), head, body)
    }
}

/// The value of a field in a head of lower case.
fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

fn post(kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /dns-query HTTP/1.1\r\nhost: dns.example.org\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nhost: dns.example.org\r\naccept: application/dns-message\r\n\r\n")
        .into()
}

/// Base64 for URLs, without padding (RFC 4648, section 5).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digits = bytes.chunks(3).flat_map(|chunk| {
        let bits = chunk.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte));
        let bits = bits << (8 * (3 - chunk.len()));
        (0..=chunk.len()).map(move |digit| char::from(DIGITS[(bits >> (18 - 6 * digit) & 63) as usize]))
    });
    digits.collect()
}

#[test]
fn tls_carries_what_tcp_carries_with_its_name_agreed_upon_or_without() {
    let server = naming("one");
    let both = Both::start(&[&server], Words::default());
    for alpn in [Some("dot"), None] {
        let mut stream = both.connect(alpn);
        assert_eq!(stream.conn.alpn_protocol(), alpn.map(str::as_bytes));
        let segment: Vec<u8> = (0..50).flat_map(|id| framed(&query(id, &format!("n{id}.example")))).collect();
        stream.write_all(&segment).unwrap();
        // Nothing more from here: what was asked is answered all the same.
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        stream.sock.shutdown(Shutdown::Write).unwrap();
        let mut ids: Vec<u8> = (0..50).map(|_| read_framed(&mut stream).expect("an answer")[1]).collect();
        ids.sort_unstable();
        assert_eq!(ids, Vec::from_iter(0..50), "{alpn:?}");
    }
}

#[test]
fn garbage_on_a_tls_listener_hurts_nobody_else() {
    let server = naming("one");
    let both = Both::start(&[&server], Words::default());
    let mut good = both.connect(Some("dot"));
    let plain_dns = framed(&query(1, "www.example"));
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 300], &[22, 3, 1, 255, 255, 1], &plain_dns] {
        let mut raw = TcpStream::connect(both.secure).unwrap();
        raw.set_read_timeout(Some(PATIENCE)).unwrap();
        raw.write_all(garbage).unwrap();
        raw.shutdown(Shutdown::Write).unwrap();
        let _ = raw.read_to_end(&mut Vec::new());
        let mut inside = both.connect(Some("dot"));
        inside.write_all(&framed(&garbage[..garbage.len().min(11)])).unwrap();
        good.write_all(&framed(&query(2, "www.example"))).unwrap();
        assert_eq!(text(&read_framed(&mut good).expect("an answer")), "one");
    }
}

#[test]
fn https_answers_get_and_post_and_says_for_how_long() {
    let server = naming("one");
    let both = Both::start(&[&server], Words::default());
    let asked = query(0, "www.example");
    let target = format!("/dns-query?dns={}", base64(&asked));
    for request in [get(&target), post("application/dns-message", &asked)] {
        let (status, head, body) = both.http(&request);
        assert_eq!((status, field(&head, "content-type")), (200, Some("application/dns-message")));
        assert_eq!(body, dns_answer(&asked, 60, "one"));
        let age = field(&head, "cache-control").and_then(|value| value.strip_prefix("max-age="));
        let age: u32 = age.unwrap_or_else(|| panic!("no max-age: {head}")).parse().unwrap();
        assert!(age <= 60, "{age}");
    }
}

#[test]
fn https_says_what_is_wrong_with_a_request() {
    let server = naming("one");
    let both = Both::start(&[&server], Words::default());
    let asked = query(0, "www.example");
    let whole = base64(&asked);
    let cases = [
        ("no such path", 404, get(&format!("/other?dns={whole}"))),
        ("no message", 400, get("/dns-query")),
        ("no base64", 400, get("/dns-query?dns=!!!!")),
        ("no DNS", 400, get("/dns-query?dns=AAAA")),
        ("another type", 415, post("text/plain", &asked)),
        ("another method", 405, b"PUT /dns-query HTTP/1.1\r\nhost: d\r\ncontent-length: 0\r\n\r\n".to_vec()),
    ];
    for (what, status, request) in cases {
        assert_eq!(both.http(&request).0, status, "{what}");
    }
    let declared = b"POST /dns-query HTTP/1.1\r\nhost: d\r\ncontent-type: application/dns-message\r\n\
                     content-length: 70000\r\n\r\n";
    assert_eq!(both.http(declared).0, 413, "too large");
    assert_eq!(server.asked(), 0);
    assert_eq!(text(&both.over_https(&asked)), "one");
}

#[test]
fn a_name_has_one_server_over_every_transport() {
    let servers = [naming("zero"), naming("one"), naming("two")];
    let [zero, one, two] = &servers;
    let words = Words { dns: "hash-by = 'qname'", pool: "method = 'consistent-hash'", ..Words::default() };
    let both = Both::start(&[zero, one, two], words);
    let mut homes = HashSet::new();
    for number in 0..20 {
        let asked = query(0, &format!("n{number}.example"));
        let heard: HashSet<String> = [
            both.plain.udp().ask(&asked),
            both.plain.tcp().ask(&asked),
            both.over_tls(&asked),
            both.over_https(&asked),
        ]
        .iter()
        .map(|answer| text(answer).to_owned())
        .collect();
        assert_eq!(heard.len(), 1, "n{number}: {heard:?}");
        homes.extend(heard);
    }
    assert_eq!(homes.len(), 3);
}

#[test]
fn what_is_kept_serves_every_transport() {
    let server = naming("one");
    let both = Both::start(&[&server], Words { pool_dns: "cache = '1 MiB'", ..Words::default() });
    let asked = query(0, "www.example");
    for answer in [
        both.plain.udp().ask(&asked),
        both.plain.tcp().ask(&asked),
        both.over_tls(&asked),
        both.over_https(&asked),
    ] {
        assert_eq!(text(&answer), "one");
    }
    assert_eq!(server.asked(), 1);
}

#[test]
fn truncation_over_udp_is_seen_neither_over_tls_nor_over_https() {
    let server = DnsServer::start(|seen, reply| {
        let mut answer = large(&seen.message, 9_000);
        if seen.over == DnsOver::Udp {
            answer = dns_answer(&seen.message, 60, "part");
            answer[2] |= 2;
        }
        reply.send(&answer);
    });
    let both = Both::start(&[&server], Words::default());
    let asked = query(0, "www.example");
    assert_eq!(both.over_tls(&asked), large(&asked, 9_000));
    assert_eq!(both.over_https(&asked), large(&asked, 9_000));
}
