//! Bodies and heads, as they come out.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Version};
use http_body::{Body, Frame};
use sekisho_api::settings::{Node, Problems, Section, Table, Value};

use super::body::Encoded;
use super::encoder::{Algorithm, Encoder};
use super::options::Compression;
use super::slots::Slots;
use super::wish::Wish;
use crate::codec::Aborted;

const ALL: [Algorithm; 3] = [Algorithm::Gzip, Algorithm::Brotli, Algorithm::Zstd];

/// What a server does next.
#[derive(Clone, Debug)]
enum Act {
    Data(Vec<u8>),
    /// Nothing for a while.
    Pause,
    Trailers(HeaderMap),
    Break,
}

/// A body that does as it is written; then it ends.
#[derive(Debug)]
struct Script(VecDeque<Act>);

impl Body for Script {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        match self.0.pop_front() {
            Some(Act::Data(data)) => Poll::Ready(Some(Ok(Frame::data(data.into())))),
            Some(Act::Pause) => Poll::Pending,
            Some(Act::Trailers(fields)) => Poll::Ready(Some(Ok(Frame::trailers(fields)))),
            Some(Act::Break) => Poll::Ready(Some(Err(Aborted))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}

fn encoded(algorithm: Algorithm, acts: Vec<Act>) -> Encoded<Script> {
    let slot = Slots::default().take(1).unwrap();
    Encoded::new(Script(acts.into()), Encoder::new(algorithm, 4, None, slot).unwrap())
}

/// What a body came to.
#[derive(Debug, Default)]
struct Got {
    bytes: Vec<u8>,
    trailers: Option<HeaderMap>,
    broken: bool,
    waits: usize,
    largest: usize,
}

fn collect(mut body: Encoded<Script>) -> Got {
    let mut got = Got::default();
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        match Pin::new(&mut body).poll_frame(&mut cx) {
            Poll::Pending => got.waits += 1,
            Poll::Ready(None) => {
                assert!(body.is_end_stream());
                return got;
            }
            Poll::Ready(Some(Err(Aborted))) => {
                got.broken = true;
                return got;
            }
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => {
                    got.largest = got.largest.max(data.len());
                    got.bytes.extend_from_slice(&data);
                }
                Err(frame) => got.trailers = frame.into_trailers().ok(),
            },
        }
    }
}

/// `None`: it has no end.
fn decoded(algorithm: Algorithm, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let whole = match algorithm {
        Algorithm::Gzip => flate2::read::GzDecoder::new(bytes).read_to_end(&mut out),
        Algorithm::Brotli => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut out),
        Algorithm::Zstd => zstd::stream::read::Decoder::new(bytes).unwrap().read_to_end(&mut out),
    };
    whole.ok().map(|_| out)
}

/// As much as can be read before the end has come.
fn decoded_so_far(algorithm: Algorithm, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match algorithm {
        Algorithm::Gzip => {
            let mut decoder = flate2::write::GzDecoder::new(&mut out);
            decoder.write_all(bytes).unwrap();
            decoder.flush().unwrap();
        }
        Algorithm::Brotli => {
            let mut decoder = brotli::DecompressorWriter::new(&mut out, 4096);
            decoder.write_all(bytes).unwrap();
            decoder.flush().unwrap();
        }
        Algorithm::Zstd => {
            let mut decoder = zstd::stream::write::Decoder::new(&mut out).unwrap();
            decoder.write_all(bytes).unwrap();
            decoder.flush().unwrap();
        }
    }
    out
}

/// Bytes that are neither all alike nor all different.
fn text(length: usize) -> Vec<u8> {
    let words = [&b"checkpoint "[..], b"traveller ", b"papers ", b"road ", b"mountain "];
    let mut state = 7u32;
    let mut text = Vec::with_capacity(length + 16);
    while text.len() < length {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.extend_from_slice(words[(state >> 24) as usize % words.len()]);
        text.push(b'0' + (state >> 16) as u8 % 10);
    }
    text.truncate(length);
    text
}

#[test]
fn every_coding_gives_back_what_was_put_in() {
    for algorithm in ALL {
        for length in [0, 1, 1000, 16 * 1024, 300_000] {
            let got = collect(encoded(algorithm, vec![Act::Data(text(length))]));
            assert!(decoded(algorithm, &got.bytes) == Some(text(length)), "{algorithm:?} {length}");
        }
    }
}

#[test]
fn every_cut_of_the_servers_bytes_gives_the_same_body() {
    let whole = text(200);
    for algorithm in ALL {
        for cut in 0..=whole.len() {
            for pause in [false, true] {
                let (before, behind) = whole.split_at(cut);
                let mut acts = vec![Act::Data(before.to_vec())];
                acts.extend(pause.then_some(Act::Pause));
                acts.push(Act::Data(behind.to_vec()));
                let got = collect(encoded(algorithm, acts));
                assert_eq!(decoded(algorithm, &got.bytes).as_ref(), Some(&whole), "{algorithm:?} {cut}");
            }
        }
        let bytewise = whole.iter().flat_map(|b| [Act::Data(vec![*b]), Act::Pause]).collect();
        assert_eq!(decoded(algorithm, &collect(encoded(algorithm, bytewise)).bytes).as_ref(), Some(&whole));
    }
}

#[test]
fn event_is_readable_before_the_next_one_is_sent() {
    for algorithm in ALL {
        let acts = vec![
            Act::Data(b"data: one\n\n".to_vec()),
            Act::Pause,
            Act::Pause,
            Act::Data(b"data: two\n\n".to_vec()),
            Act::Pause,
        ];
        let mut body = encoded(algorithm, acts);
        let mut cx = Context::from_waker(Waker::noop());
        let mut received = Vec::new();
        let mut readable = Vec::new();
        for _ in 0..10 {
            match Pin::new(&mut body).poll_frame(&mut cx) {
                Poll::Ready(Some(Ok(frame))) => received.extend_from_slice(&frame.into_data().unwrap()),
                Poll::Ready(_) => break,
                Poll::Pending => readable.push(decoded_so_far(algorithm, &received)),
            }
        }
        let both = b"data: one\n\ndata: two\n\n".to_vec();
        assert_eq!(readable.first().unwrap(), b"data: one\n\n", "{algorithm:?}");
        assert_eq!(decoded(algorithm, &received), Some(both), "{algorithm:?}");
    }
}

#[test]
fn server_that_pauses_twice_costs_one_flush() {
    for algorithm in ALL {
        let once = collect(encoded(algorithm, vec![Act::Data(text(100)), Act::Pause]));
        let often = [vec![Act::Data(text(100))], vec![Act::Pause; 50]].concat();
        assert_eq!(collect(encoded(algorithm, often)).bytes, once.bytes, "{algorithm:?}");
    }
}

#[test]
fn body_that_breaks_off_is_never_ended() {
    for algorithm in ALL {
        for acts in [
            vec![Act::Break],
            vec![Act::Data(text(5000)), Act::Break],
            vec![Act::Data(text(5000)), Act::Pause, Act::Break],
        ] {
            let got = collect(encoded(algorithm, acts));
            assert!(got.broken);
            assert_eq!(decoded(algorithm, &got.bytes).filter(|body| !body.is_empty()), None, "{algorithm:?}");
        }
    }
}

#[test]
fn trailers_pass_except_those_that_were_reckoned_over_other_bytes() {
    let fields = [("x-sum", "1"), ("content-digest", "sha-256=:AA==:"), ("digest", "x")]
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    let got = collect(encoded(
        Algorithm::Gzip,
        vec![Act::Data(text(10)), Act::Trailers(fields.into_iter().collect())],
    ));
    assert_eq!(decoded(Algorithm::Gzip, &got.bytes), Some(text(10)));
    let trailers = got.trailers.unwrap();
    assert_eq!((trailers.len(), trailers["x-sum"].as_bytes()), (1, &b"1"[..]));
}

#[test]
fn large_piece_is_coded_in_turns_and_passed_on_in_parts() {
    for algorithm in ALL {
        // Incompressible, so that nothing hides how much is held.
        let mut state = 1u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(1 << 20)
        .collect();
        let got = collect(encoded(algorithm, vec![Act::Data(noise.clone())]));
        assert!(got.waits >= 15, "{algorithm:?}: others had {} turns", got.waits);
        // Brotli's blocks are twice its window.
        assert!(got.largest <= 520 * 1024, "{algorithm:?}: {} bytes at once", got.largest);
        assert!(decoded(algorithm, &got.bytes) == Some(noise), "{algorithm:?}");
    }
}

fn configured(entries: Vec<(&str, Value)>) -> (Option<Box<Compression>>, Vec<String>) {
    let node = |value| Node { span: 0..0, value };
    let entries = entries.into_iter().map(|(key, value)| (key.to_owned(), 0..0, node(value))).collect();
    let table = node(Value::Table(Table { entries }));
    let outer = Table { entries: vec![("compression".to_owned(), 0..0, table)] };
    let problems = Problems::new();
    let compression = Compression::read(&mut Section::new(&outer, 0..0, &problems));
    (compression, problems.into_vec().into_iter().map(|problem| problem.message).collect())
}

fn plain() -> Box<Compression> {
    let (compression, problems) = configured(vec![]);
    assert!(problems.is_empty());
    compression.unwrap()
}

fn map(lines: &[(&str, &str)]) -> HeaderMap {
    lines.iter().map(|(n, v)| (n.parse::<HeaderName>().unwrap(), v.parse().unwrap())).collect()
}

/// What the request leaves of its head, and what it wishes.
fn wished(
    compression: &Compression,
    method: Method,
    version: Version,
    lines: &[(&str, &str)],
) -> (Wish, HeaderMap) {
    let (mut head, ()) = Request::new(()).into_parts();
    (head.method, head.version, head.headers) = (method, version, map(lines));
    let wish = compression.wish(&mut head);
    (wish, head.headers)
}

/// Whether the answer is coded for a client that takes gzip, and its head afterwards.
fn answered(status: u16, lines: &[(&str, &str)]) -> (bool, HeaderMap) {
    let (wish, _) = wished(&plain(), Method::GET, Version::HTTP_11, &[("accept-encoding", "gzip")]);
    let mut response = Response::new(());
    *response.status_mut() = status.try_into().unwrap();
    *response.headers_mut() = map(lines);
    let (mut head, ()) = response.into_parts();
    let coded = plain().begin(wish, &mut head, &Slots::default()).is_some();
    (coded, head.headers)
}

#[test]
fn head_of_a_coded_answer_says_what_is_true_of_it() {
    let (coded, head) = answered(
        200,
        &[
            ("content-type", "text/html; charset=utf-8"),
            ("content-length", "5000"),
            ("accept-ranges", "bytes"),
            ("etag", "\"abc\""),
            ("vary", "Origin"),
            ("vary", "Cookie"),
            ("content-md5", "x"),
            ("repr-digest", "y"),
            ("content-digest", "z"),
            ("digest", "z"),
            ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ],
    );
    assert!(coded);
    let expected = map(&[
        ("content-type", "text/html; charset=utf-8"),
        ("etag", "W/\"abc\""),
        ("vary", "Origin, Cookie, accept-encoding"),
        ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("content-encoding", "gzip"),
    ]);
    assert_eq!(head, expected);
}

#[test]
fn answers_that_must_stay_as_they_are_do() {
    let text = ("content-type", "text/plain");
    for (status, lines, varies) in [
        (200, &[text, ("content-encoding", "br")][..], false),
        (200, &[text, ("cache-control", "public, No-Transform")], false),
        (200, &[text, ("content-length", "1023")], false),
        (200, &[("content-type", "image/png")], false),
        (200, &[], false),
        (200, &[("content-type", "application/grpc-web+json")], false),
        (204, &[text], true),
        (206, &[text, ("content-range", "bytes 0-4999/9000")], true),
        (200, &[text, ("content-range", "bytes 0-4999/9000")], true),
        (304, &[("etag", "\"abc\"")], true),
        (304, &[("content-type", "image/png")], false),
    ] {
        let (coded, head) = answered(status, lines);
        assert!(!coded, "{status} {lines:?}");
        let mut left = map(lines);
        if varies {
            left.insert("vary", HeaderValue::from_static("accept-encoding"));
        }
        assert_eq!(head, left, "{status} {lines:?}");
    }
}

#[test]
fn vary_is_said_once_and_not_beside_an_asterisk() {
    let vary = |vary: &str| answered(200, &[("content-type", "text/css"), ("vary", vary)]).1["vary"].clone();
    assert_eq!(vary("Accept-Encoding"), "Accept-Encoding");
    assert_eq!(vary("*"), "*");
    assert_eq!(vary("Origin"), "Origin, accept-encoding");
}

#[test]
fn answer_that_another_client_would_get_coded_says_so() {
    let compression = plain();
    let (wish, _) = wished(&compression, Method::GET, Version::HTTP_11, &[]);
    let (mut head, ()) = Response::new(()).into_parts();
    head.headers = map(&[("content-type", "text/html")]);
    assert!(compression.begin(wish, &mut head, &Slots::default()).is_none());
    assert_eq!(head.headers["vary"], "accept-encoding");
}

#[test]
fn head_connect_and_http_1_0_get_nothing_coded_nor_who_forbids_it() {
    let gzip = ("accept-encoding", "gzip");
    let algorithm = |method, version, lines: &[(&str, &str)]| match wished(&plain(), method, version, lines).0
    {
        Wish::On { algorithm, .. } => algorithm,
        Wish::Off => panic!("it is on"),
    };
    assert_eq!(algorithm(Method::GET, Version::HTTP_11, &[gzip]), Some(Algorithm::Gzip));
    assert_eq!(algorithm(Method::POST, Version::HTTP_11, &[gzip]), Some(Algorithm::Gzip));
    assert_eq!(algorithm(Method::HEAD, Version::HTTP_11, &[gzip]), None);
    assert_eq!(algorithm(Method::CONNECT, Version::HTTP_11, &[gzip]), None);
    assert_eq!(algorithm(Method::GET, Version::HTTP_10, &[gzip]), None);
    assert_eq!(algorithm(Method::GET, Version::HTTP_11, &[gzip, ("cache-control", "no-transform")]), None);
}

#[test]
fn copy_with_a_weak_tag_is_confirmed_with_a_weak_tag() {
    for (asked, tag) in [("W/\"a\"", "W/\"a\""), ("\"a\"", "\"a\""), ("\"b\", W/\"a\"", "W/\"a\"")] {
        let compression = plain();
        let (wish, _) = wished(&compression, Method::GET, Version::HTTP_11, &[("if-none-match", asked)]);
        let mut response = Response::new(());
        *response.status_mut() = http::StatusCode::NOT_MODIFIED;
        *response.headers_mut() = map(&[("etag", "\"a\"")]);
        let (mut head, ()) = response.into_parts();
        assert!(compression.begin(wish, &mut head, &Slots::default()).is_none());
        assert_eq!(head.headers["etag"], tag, "{asked}");
    }
}

#[test]
fn server_hears_what_the_client_takes_unless_the_gateway_alone_codes() {
    let lines = [("accept-encoding", "gzip"), ("accept", "*/*")];
    let (_, left) = wished(&plain(), Method::GET, Version::HTTP_11, &lines);
    assert_eq!(left, map(&lines));
    let (offload, _) = configured(vec![("offload", Value::Flag(true))]);
    let (wish, left) = wished(&offload.unwrap(), Method::GET, Version::HTTP_11, &lines);
    assert_eq!(left, map(&lines[1..]));
    assert_eq!(wish, Wish::On { algorithm: Some(Algorithm::Gzip), weak: false });
}

#[test]
fn no_more_answers_are_coded_at_a_time_than_allowed() {
    let (one, _) = configured(vec![("max-answers", Value::Integer(1))]);
    let (one, slots) = (one.unwrap(), Slots::default());
    let begin = || {
        let (wish, _) = wished(&one, Method::GET, Version::HTTP_11, &[("accept-encoding", "br")]);
        let (mut head, ()) = Response::new(()).into_parts();
        head.headers = map(&[("content-type", "text/html"), ("content-length", "5000")]);
        let encoder = one.begin(wish, &mut head, &slots);
        (encoder, head.headers.contains_key("content-length"))
    };
    let (first, _) = begin();
    assert!(first.is_some());
    let (second, whole) = begin();
    assert!(second.is_none() && whole);
    drop(first);
    assert!(begin().0.is_some());
}

#[test]
fn what_is_wrong_in_the_table_is_said() {
    let list = |words: &[&str]| {
        Value::List(words.iter().map(|w| Node { span: 0..0, value: Value::Text((*w).to_owned()) }).collect())
    };
    for (key, value, message) in [
        ("algorithms", list(&["gzip", "deflate"]), "unknown value `deflate` in `algorithms`"),
        ("algorithms", list(&["gzip", "gzip"]), "`gzip` stands twice in `algorithms`"),
        ("algorithms", list(&[]), "`algorithms` is empty"),
        ("types", list(&["html"]), "`html` is not a media type"),
        ("zstd-level", Value::Integer(22), "`zstd-level` is out of range"),
        ("levels", Value::Integer(1), "unknown key `levels`"),
    ] {
        let (_, problems) = configured(vec![(key, value)]);
        assert_eq!(problems, [message]);
    }
    let absent = Problems::new();
    assert!(Compression::read(&mut Section::absent(0..0, &absent)).is_none() && absent.is_empty());
}
