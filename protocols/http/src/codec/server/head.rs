//! The head of a request, from bytes to a message of the `http` crate.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use httparse::{Header, Status};

use super::framing::{Framing, decide};
use crate::codec::chunks::Limits;

/// A request's head and what it says about its body and its connection.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) request: Request<()>,
    pub(super) framing: Framing,
}

/// Why a head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// It does not follow RFC 9112.
    #[error("malformed head")]
    Malformed,
    /// More bytes or fields than allowed.
    #[error("head too large")]
    TooLarge,
    /// The target alone is too long.
    #[error("target too long")]
    TargetTooLong,
}

/// How far bytes are the preface of HTTP/2 (RFC 9113, section 3.4), with which a client begins that knows that it is
/// understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preface {
    None,
    /// They can still become it.
    Begun,
    Whole,
}

/// How far `bytes` are the preface.
pub(super) fn preface(bytes: &[u8]) -> Preface {
    match bytes.first() {
        Some(b'P') if bytes.starts_with(PREFACE) => Preface::Whole,
        // One letter may be the beginning of any other method that a client drips.
        Some(b'P') if bytes.len() > 2 && PREFACE.starts_with(bytes) => Preface::Begun,
        _ => Preface::None,
    }
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads the head that `bytes` begin with, and says how many of them it is. `None`: it is not complete.
///
/// Empty lines before it are the caller's to remove. Lines may end with LF alone (RFC 9112, section 2.2).
///
/// # Errors
/// What is wrong with it, as early as it can be seen.
pub(super) fn parse(bytes: &[u8], limits: Limits) -> Result<Option<(Head, usize)>, Refused> {
    if limits.fields <= ON_STACK {
        let mut fields = [const { MaybeUninit::uninit() }; ON_STACK];
        parse_into(bytes, limits, fields.get_mut(..limits.fields).unwrap_or_default())
    } else {
        parse_into(bytes, limits, &mut vec![MaybeUninit::uninit(); limits.fields])
    }
}

fn parse_into<'b>(
    bytes: &'b [u8],
    limits: Limits,
    fields: &mut [MaybeUninit<Header<'b>>],
) -> Result<Option<(Head, usize)>, Refused> {
    let mut head = httparse::Request::new(&mut []);
    match head.parse_with_uninit_headers(bytes, fields) {
        Ok(Status::Complete(length)) if length > limits.size => Err(Refused::TooLarge),
        Ok(Status::Complete(length)) => build(bytes, length, &head).map(|head| Some((head, length))),
        Ok(Status::Partial) if bytes.len() < limits.size => Ok(None),
        Ok(Status::Partial) if head.path.is_none() => Err(Refused::TargetTooLong),
        Ok(Status::Partial) | Err(httparse::Error::TooManyHeaders) => Err(Refused::TooLarge),
        Err(_) => Err(Refused::Malformed),
    }
}

fn build(bytes: &[u8], length: usize, head: &httparse::Request<'_, '_>) -> Result<Head, Refused> {
    let (Some(method), Some(target), Some(version)) = (head.method, head.path, head.version) else {
        return Err(Refused::Malformed);
    };
    if target.len() > LONGEST_TARGET {
        return Err(Refused::TargetTooLong);
    }
    // No form of a target has a fragment, and readers differ in where it ends then (RFC 9112, section 3.2).
    if target.contains('#') {
        return Err(Refused::Malformed);
    }
    // One copy, which target and values are slices of: the buffer that was read into is the worker's.
    let text = Bytes::copy_from_slice(bytes.get(..length).unwrap_or_default());
    let mut headers = HeaderMap::with_capacity(head.headers.len() + ADDED);
    for field in &*head.headers {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Refused::Malformed)?;
        let value = HeaderValue::from_maybe_shared(part(&text, bytes, field.value))
            .map_err(|_| Refused::Malformed)?;
        headers.append(name, value);
    }
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).map_err(|_| Refused::Malformed)?;
    *request.uri_mut() =
        Uri::from_maybe_shared(part(&text, bytes, target.as_bytes())).map_err(|_| Refused::Malformed)?;
    *request.version_mut() = if version == 0 { Version::HTTP_10 } else { Version::HTTP_11 };
    *request.headers_mut() = headers;
    let framing = decide(&mut request).map_err(|_| Refused::Malformed)?;
    Ok(Head { request, framing })
}

/// `part` of `bytes` as a slice of their copy.
fn part(text: &Bytes, bytes: &[u8], part: &[u8]) -> Bytes {
    let start = part.as_ptr().addr().saturating_sub(bytes.as_ptr().addr());
    match start.checked_add(part.len()) {
        Some(end) if end <= text.len() => text.slice(start..end),
        _ => Bytes::new(),
    }
}

/// The empty lines before a request, which are ignored (RFC 9112, section 2.2).
pub(super) fn blank(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let [b'\r', b'\n', more @ ..] | [b'\n', more @ ..] = rest {
        rest = more;
    }
    bytes.len() - rest.len()
}

/// Heads with more fields are parsed with the help of the heap.
const ON_STACK: usize = 100;
/// Fields that the gateway adds on the way.
const ADDED: usize = 6;
/// What `Uri` can hold.
const LONGEST_TARGET: usize = 65_534;
