//! Whether an answer is coded, and what its head says then.

use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, response};

use super::encoder::Encoder;
use super::options::Compression;
use super::slots::Slots;
use super::wish::Wish;
use crate::hop::has_token;

impl Compression {
    /// The encoder for the body of this answer, whose head then says so; `None`: it stays as it is. An answer that
    /// another client would get coded tells caches so.
    pub(crate) fn begin(&self, wish: Wish, head: &mut response::Parts, slots: &Slots) -> Option<Encoder> {
        let Wish::On { algorithm, weak } = wish else { return None };
        let headers = &mut head.headers;
        let not_modified = head.status == StatusCode::NOT_MODIFIED;
        if !self.may(headers, not_modified) {
            return None;
        }
        if not_modified {
            // RFC 9110, section 15.4.5: what the whole answer would say.
            vary(headers);
            if weak {
                weaken(headers);
            }
            return None;
        }
        let length = length(headers);
        if length.is_some_and(|length| length < self.min_size) {
            return None;
        }
        vary(headers);
        if partial(head.status, headers) {
            return None;
        }
        let algorithm = algorithm?;
        let slot = slots.take(self.most)?;
        let encoder = Encoder::new(algorithm, self.level(algorithm), length, slot).ok()?;
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(algorithm.name()));
        headers.remove(CONTENT_LENGTH);
        headers.remove(ACCEPT_RANGES);
        for name in &DIGESTS {
            headers.remove(name);
        }
        weaken(headers);
        Some(encoder)
    }

    /// Whether such an answer is ever coded.
    fn may(&self, headers: &HeaderMap, not_modified: bool) -> bool {
        if headers.contains_key(CONTENT_ENCODING) || has_token(headers, &CACHE_CONTROL, b"no-transform") {
            return false;
        }
        let Some(content_type) = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes) else {
            return not_modified;
        };
        // gRPC has codings of its own, message by message.
        let grpc = content_type.get(..GRPC.len()).is_some_and(|start| start.eq_ignore_ascii_case(GRPC));
        !grpc && self.types.iter().any(|media| media.holds(content_type))
    }
}

/// Whether a body is no whole representation, or none at all.
fn partial(status: StatusCode, headers: &HeaderMap) -> bool {
    status.is_informational()
        || [StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT, StatusCode::PARTIAL_CONTENT].contains(&status)
        || headers.contains_key(CONTENT_RANGE)
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Says that the answer depends on what the client takes (RFC 9110, section 12.5.5).
fn vary(headers: &mut HeaderMap) {
    if has_token(headers, &VARY, b"*") || has_token(headers, &VARY, ACCEPT_ENCODING.as_str().as_bytes()) {
        return;
    }
    // One line: there are caches that read only the first.
    let mut all: Vec<u8> = Vec::new();
    for line in headers.get_all(VARY) {
        all.extend_from_slice(line.as_bytes());
        all.extend_from_slice(b", ");
    }
    all.extend_from_slice(b"accept-encoding");
    if let Ok(all) = HeaderValue::from_bytes(&all) {
        headers.insert(VARY, all);
    }
}

/// A strong tag promises the same bytes (RFC 9110, section 8.8.1): coded, there are others.
fn weaken(headers: &mut HeaderMap) {
    let Some(tag) = headers.get(ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/")) else { return };
    let weak = HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat());
    match weak {
        Ok(weak) => headers.insert(ETAG, weak),
        Err(_) => headers.remove(ETAG),
    };
}

const GRPC: &[u8] = b"application/grpc";
/// What is reckoned over the bytes of a body (RFC 9530; RFC 3230 and 1864 before it).
pub(crate) static DIGESTS: [HeaderName; 4] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];
