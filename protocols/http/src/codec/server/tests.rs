//! The client's side of the codec, from bytes to what is understood by them.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use http::header::HeaderMap;
use sekisho_api::{BoxStream, Stream, TlsFacts};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::framing::Length;
use super::inbound::{Ended, Inbound};
use crate::codec::chunks::{Limits, Piece};

const LIMITS: Limits = Limits { size: 8 * 1024, fields: 16 };

/// A stream that delivers these pieces and ends.
#[derive(Debug)]
struct Script(VecDeque<Vec<u8>>);

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(mut piece) = self.0.pop_front() {
            let rest = piece.split_off(piece.len().min(buffer.remaining()));
            buffer.put_slice(&piece);
            if !rest.is_empty() {
                self.0.push_front(rest);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Stream for Script {
    fn tls(&self) -> Option<&Arc<TlsFacts>> {
        None
    }

    fn poll_readable(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn plain(&mut self) -> Option<&mut tokio::net::TcpStream> {
        None
    }
}

/// All that is understood by these pieces: one line per head, its body behind it, and how the bytes end.
fn understood(pieces: impl IntoIterator<Item = Vec<u8>>) -> String {
    let pieces = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
    let mut stream: BoxStream = Box::new(Script(pieces));
    let mut inbound = Inbound::default();
    let mut worktop = [0; 1024];
    let mut said = String::new();
    let cx = &mut Context::from_waker(Waker::noop());
    loop {
        let Poll::Ready(head) = inbound.poll_head(&mut stream, &mut worktop, LIMITS, cx, || {}) else {
            panic!("a script never waits");
        };
        let head = match head {
            Ok(Some(head)) => head,
            Ok(None) => {
                said += if inbound.is_empty() { "." } else { "cut" };
                return said;
            }
            Err(Ended::Refused(refused)) => return said + &refused.to_string(),
            Err(Ended::Preface) => return said + "preface",
            Err(Ended::Stream(error)) => panic!("{error}"),
        };
        let (request, framing) = (head.request, head.framing);
        let _ = write!(said, "{} {}", request.method(), request.uri());
        fields(&mut said, request.headers());
        if framing.wants.close {
            said += " close";
        }
        said += match framing.length {
            Length::Known(0) => " =",
            Length::Known(_) => " n=",
            Length::Chunked => " c=",
        };
        match body(&mut inbound, &mut stream, cx) {
            Ok(text) => said += &text,
            Err(text) => return said + text,
        }
        if framing.wants.close {
            return said;
        }
        said += "\n";
    }
}

fn fields(said: &mut String, fields: &HeaderMap) {
    for (name, value) in fields {
        if name != "host" {
            let _ = write!(said, " {name}:{}", value.as_bytes().escape_ascii());
        }
    }
}

fn body(inbound: &mut Inbound, stream: &mut BoxStream, cx: &mut Context<'_>) -> Result<String, &'static str> {
    let mut text = String::new();
    loop {
        match inbound.piece() {
            Ok(Some(Piece::Data(data))) => text += &data.escape_ascii().to_string(),
            Ok(Some(Piece::Trailers(map))) => fields(&mut text, &map),
            Ok(Some(Piece::End)) => return Ok(text),
            Err(_) => return Err("malformed body"),
            Ok(None) => match inbound.poll_more(stream, cx) {
                Poll::Ready(Ok(0)) => return Err("cut"),
                Poll::Ready(Ok(_)) => {}
                _ => panic!("a script never waits"),
            },
        }
    }
}

/// Bytes, and what is understood by them: `=` stands before a body, `n=` before one of known length, `c=` before
/// chunks, `.` for the end between two requests.
const VECTORS: &[(&str, &str)] = &[
    ("", "."),
    ("\r\n\n\r\n", "."),
    ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / =\n."),
    ("\r\nGET / HTTP/1.1\nHost: a\n\n", "GET / =\n."),
    ("GET / HTTP/1.0\r\n\r\n", "GET / close ="),
    ("GET / HTTP/1.1\r\nX:\t1 \t\r\nX: 2\r\n\r\n", "GET / x:1 x:2 =\n."),
    ("GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n", "GET /1 =\nGET /2 =\n."),
    ("GET / HTTP/1.1\r\nHo", "cut"),
    (
        "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n",
        "POST / content-length:3 n=abc\nGET / =\n.",
    ),
    ("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab", "POST / content-length:3 n=cut"),
    (
        "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        "POST / content-length:3 n=abc\n.",
    ),
    // Lengths in doubt.
    ("POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "malformed head"),
    ("POST / HTTP/1.1\r\nContent-Length: 3, 3\r\n\r\nabc", "malformed head"),
    ("POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc", "malformed head"),
    ("POST / HTTP/1.1\r\nContent-Length: 3 4\r\n\r\nabc", "malformed head"),
    ("POST / HTTP/1.1\r\nContent-Length:\r\n\r\nabc", "malformed head"),
    ("POST / HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n\r\nabc", "malformed head"),
    ("POST / HTTP/1.1\r\nContent-Length : 3\r\n\r\nabc", "malformed head"),
    ("POST / HTTP/1.1\r\nContent-Length\r\n\r\nabc", "malformed head"),
    // Codings in doubt.
    ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "malformed head"),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n", "malformed head"),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n", "malformed head"),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: x chunked\r\n\r\n0\r\n\r\n", "malformed head"),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", "malformed head"),
    ("POST / HTTP/1.1\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "malformed head"),
    ("POST / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "malformed head"),
    (
        "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        "POST / transfer-encoding:chunked close c=",
    ),
    // Bytes that are no text.
    ("GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", "malformed head"),
    ("GET / HTTP/1.1\r\nX: a\rb\r\n\r\n", "malformed head"),
    ("GET / HTTP/1.1\r\nX\0: a\r\n\r\n", "malformed head"),
    ("GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n", "malformed head"),
    ("GET / HTTP/1.1\r\n: a\r\n\r\n", "malformed head"),
    ("GET / HTTP/1.1\r\n X: a\r\n\r\n", "malformed head"),
    ("GET /\x01 HTTP/1.1\r\n\r\n", "malformed head"),
    ("GET / HTTP/1.10\r\n\r\n", "malformed head"),
    ("GET / HTTP/2.0\r\n\r\n", "malformed head"),
    ("GET /\r\n\r\n", "malformed head"),
    ("G@T / HTTP/1.1\r\n\r\n", "malformed head"),
    ("\x16\x03\x01\x02\r\n", "malformed head"),
    // Chunks.
    (
        "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n3;a=\"b\"\r\nabc\r\n00a\r\n0123456789\r\n0\r\nX: 1\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        "POST / transfer-encoding:Chunked c=abc0123456789 x:1\nGET / =\n.",
    ),
    (
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3 \t;x\r\nabc\r\n0\r\n\r\n",
        "POST / transfer-encoding:chunked c=abc\n.",
    ),
    (
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "POST / transfer-encoding:chunked c=cut",
    ),
];

/// Chunks that are refused.
const MALFORMED: &[&str] = &[
    "\r\n",
    ";x\r\n",
    " 3\r\nabc\r\n",
    "0x3\r\nabc\r\n",
    "-3\r\nabc\r\n",
    "+3\r\nabc\r\n",
    "3\nabc\r\n",
    "3\rabc\r\n",
    "3 3\r\nabc\r\n",
    "3;\x01\r\nabc\r\n",
    "3;a\nb\r\nabc\r\n",
    "3\r\nabcd\r\n",
    "3\r\nab\r\n0\r\n\r\n",
    "3\r\nabc\n0\r\n\r\n",
    "3\r\nabc\r0\r\n\r\n",
    "00000000000000000\r\n\r\n",
    "ffffffffffffffff1\r\nabc\r\n",
    "0\r\nX\r\n\r\n",
    "0\r\nX : 1\r\n\r\n",
    "0\r\nX: 1\n\r\n\r\n",
    "0\r\nX: 1\r\n\n\r\n\r\n",
    "0\r\nX: 1\r\n 2\r\n\r\n",
    "0\r\nX: \0\r\n\r\n",
    "0\r\nX: a\rb\r\n\r\n",
    "0\n\r\n",
];

fn requests() -> impl Iterator<Item = (Vec<u8>, String)> {
    let table = VECTORS.iter().map(|(bytes, said)| (bytes.as_bytes().to_vec(), (*said).to_owned()));
    let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunks = MALFORMED.iter().map(move |chunks| {
        let data = chunks.find("abc").filter(|_| chunks.starts_with("3\r\n"));
        let body = if data.is_some() { "abc" } else { "" };
        let body = if chunks.starts_with("3\r\nab\r") { "ab\\r" } else { body };
        (
            format!("{head}{chunks}").into_bytes(),
            format!("POST / transfer-encoding:chunked c={body}malformed body"),
        )
    });
    table.chain(chunks)
}

/// Without the data before a fault: how much of it was delivered depends on how it came.
fn outcome(said: &str) -> String {
    match said.rsplit_once('=') {
        Some((before, end)) if end.ends_with("malformed body") || end.ends_with("cut") => {
            format!("{before}={}", if end.ends_with("cut") { "cut" } else { "malformed body" })
        }
        _ => said.to_owned(),
    }
}

#[test]
fn every_vector_has_its_one_reading_however_it_is_cut() {
    for (bytes, expected) in requests() {
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        let expected = outcome(&expected);
        assert_eq!(outcome(&understood([bytes.clone()])), expected, "{shown:?}");
        for at in 1..bytes.len() {
            let (a, b) = bytes.split_at(at);
            assert_eq!(outcome(&understood([a.to_vec(), b.to_vec()])), expected, "{shown:?} cut at {at}");
        }
        let single = bytes.iter().map(|b| vec![*b]);
        assert_eq!(outcome(&understood(single)), expected, "{shown:?} byte by byte");
    }
}

#[test]
fn mutated_bytes_are_understood_alike_however_they_are_cut() {
    let mut random = Random(0x5eed);
    let vectors: Vec<_> = requests().map(|(bytes, _)| bytes).filter(|bytes| !bytes.is_empty()).collect();
    for round in 0..20_000 {
        let mut bytes = vectors[random.below(vectors.len())].clone();
        for _ in 0..=random.below(3) {
            let (at, byte) = (random.below(bytes.len()), INTERESTING[random.below(INTERESTING.len())]);
            match random.below(3) {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => {}
            }
        }
        // An empty line at the end: what is wrong with a line is seen when it is complete.
        bytes.extend_from_slice(b"\r\n\r\n");
        let (a, b) = bytes.split_at(random.below(bytes.len()));
        let (whole, cut) = (understood([bytes.clone()]), understood([a.to_vec(), b.to_vec()]));
        assert_eq!(outcome(&whole), outcome(&cut), "round {round}: {}", bytes.escape_ascii());
    }
}

#[test]
fn limits_hold_exactly_and_however_the_head_is_cut() {
    let head = |size: usize| {
        let frame = "GET / HTTP/1.1\r\nX: \r\n\r\n".len();
        format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(size - frame)).into_bytes()
    };
    for piece in [1, 7, 1024, 20_000] {
        let cut = |bytes: Vec<u8>| understood(bytes.chunks(piece).map(<[u8]>::to_vec));
        assert!(cut(head(LIMITS.size)).ends_with("=\n."));
        assert_eq!(cut(head(LIMITS.size + 1)), "head too large");
        assert_eq!(cut(format!("GET /{}", "x".repeat(9_000)).into()), "target too long");
        let fields = |n| format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(n)).into_bytes();
        assert!(cut(fields(LIMITS.fields)).ends_with("=\n."));
        assert_eq!(cut(fields(LIMITS.fields + 1)), "head too large");
    }
}

#[test]
fn extensions_and_trailers_are_bounded() {
    let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    for flood in [
        format!("1;{}", "e".repeat(20_000)),
        "1;eeeeeeeeeeeeeee\r\nx\r\n".repeat(2_000),
        format!("0\r\n{}\r\n", "X: y\r\n".repeat(17)),
        format!("0\r\nX: {}", "y".repeat(9_000)),
    ] {
        assert!(understood([format!("{head}{flood}").into_bytes()]).ends_with("malformed body"));
    }
}

#[test]
fn connection_between_two_requests_owns_no_buffer() {
    let mut inbound = Inbound::default();
    let request = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc".to_vec();
    let mut stream: BoxStream = Box::new(Script([request].into()));
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(inbound.poll_head(&mut stream, &mut [0; 1024], LIMITS, cx, || {}).is_ready());
    assert_eq!(body(&mut inbound, &mut stream, cx).as_deref(), Ok("abc"));
    assert_eq!(inbound.capacity(), 0);
}

/// Numbers that look random and are the same in every run (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % bound as u64) as usize
    }
}

const INTERESTING: &[u8] = b"\r\n\0 \t:;,0a3X/\x7f\xff";
