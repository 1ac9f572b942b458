//! A request's head, from a message to bytes.

use http::header::{CONTENT_LENGTH, HOST, TRAILER, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, request};

use crate::forward::X_FORWARDED_HOST;
use crate::tls_fields::same;

/// How a request's body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none.
    Nothing,
    /// This many bytes are still to come.
    Length(u64),
    /// Chunks.
    Chunked,
}

/// Writes a head. What the message says about its framing is replaced by what the framing is. `own`: the connection's
/// forwarding fields, if the message has none.
pub(super) fn write_head(bytes: &mut Vec<u8>, head: &request::Parts, framing: Framing, own: Option<&[u8]>) {
    bytes.extend_from_slice(head.method.as_str().as_bytes());
    bytes.push(b' ');
    // All but CONNECT have a path (RFC 9112, section 3.2).
    let authority = || head.uri.authority().map_or("/", |authority| authority.as_str());
    let target = head.uri.path_and_query().map_or_else(authority, |target| target.as_str());
    bytes.extend_from_slice(target.as_bytes());
    bytes.extend_from_slice(b" HTTP/1.1\r\n");
    let (mut framed, mut host) = (false, None);
    for (name, value) in &head.headers {
        if *name == CONTENT_LENGTH || *name == TRANSFER_ENCODING {
            framed = true;
            continue;
        }
        if *name == HOST {
            host = Some(value);
        }
        write_field(bytes, name, value);
    }
    if let Some(own) = own {
        bytes.extend_from_slice(own);
        if let Some(host) = host {
            write_field(bytes, &X_FORWARDED_HOST, host);
        }
    }
    match framing {
        Framing::Nothing if framed => bytes.extend_from_slice(b"content-length: 0\r\n"),
        Framing::Nothing => {}
        Framing::Length(length) => {
            bytes.extend_from_slice(b"content-length: ");
            bytes.extend_from_slice(HeaderValue::from(length).as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        Framing::Chunked => bytes.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
    bytes.extend_from_slice(b"\r\n");
}

/// Writes what stands before a chunk's data.
pub(super) fn write_chunk_size(bytes: &mut Vec<u8>, size: usize) {
    let digits = (usize::BITS - size.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        let digit = size >> (4 * place) & 15;
        bytes.push(b"0123456789abcdef".get(digit).copied().unwrap_or(b'0'));
    }
    bytes.extend_from_slice(b"\r\n");
}

/// Writes the last chunk and those trailers that were declared and may stand there.
pub(super) fn write_last_chunk(bytes: &mut Vec<u8>, trailers: &HeaderMap, declared: &[HeaderName]) {
    bytes.extend_from_slice(b"0\r\n");
    for (name, value) in trailers {
        if declared.contains(name) {
            write_field(bytes, name, value);
        }
    }
    bytes.extend_from_slice(b"\r\n");
}

/// The trailers that a message declares, without those that frame, route or judge it (RFC 9110, section 6.5.1).
pub(super) fn declared(headers: &HeaderMap) -> Box<[HeaderName]> {
    headers
        .get_all(TRAILER)
        .iter()
        .flat_map(|line| line.as_bytes().split(|&b| b == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .filter(may_follow)
        .collect()
}

fn write_field(bytes: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    bytes.extend_from_slice(name.as_str().as_bytes());
    bytes.extend_from_slice(b": ");
    bytes.extend_from_slice(value.as_bytes());
    bytes.extend_from_slice(b"\r\n");
}

/// Whether a field may stand behind a body: not where a server may take it for one that frames, routes or judges the
/// message.
pub(super) fn may_follow(name: &HeaderName) -> bool {
    let forwards =
        name.as_str().as_bytes().get(..FORWARDED.len()).is_some_and(|begin| same(begin, FORWARDED));
    !forwards && !NO_TRAILERS.contains(&name.as_str())
}

const FORWARDED: &[u8] = b"x-forwarded-";
const NO_TRAILERS: [&str; 20] = [
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "max-forwards",
    "proxy-authorization",
    "proxy-connection",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
