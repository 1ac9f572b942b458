//! An answer's head, from bytes to a message.

use std::mem::MaybeUninit;

use bytes::BytesMut;
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderValue};
use http::{HeaderMap, Response, StatusCode, Version};

use super::framing::{self, Framing};
use super::{Malformed, fields};
use crate::codec::Opened;
use crate::codec::reason::Reason;
use crate::hop;
use crate::present::Present;

/// What stands at the beginning of the input.
#[derive(Debug)]
pub(super) enum Parsed {
    /// Not yet a whole head.
    More,
    /// An interim answer: the final one is still to come. `100 Continue` comes without its fields.
    Interim(Response<()>),
    /// The final answer in HTTP: what follows is the protocol that was asked for.
    Switched(Response<()>),
    /// The final answer.
    Final(Head),
}

/// The head of a final answer.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) message: Response<()>,
    pub(super) framing: Framing,
    /// Whether the connection can serve another request.
    pub(super) keeps: bool,
}

/// What the reading of an answer depends on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    /// Only for the head.
    pub(super) to_head: bool,
    /// For another protocol.
    pub(super) upgrade: bool,
    /// For a tunnel.
    pub(super) connect: bool,
}

/// Parses a head and consumes it. `seen` bytes of the input were looked at before, and were no whole head.
pub(super) fn parse(
    input: &mut BytesMut,
    seen: usize,
    asked: Asked,
    max_head: usize,
) -> Result<Parsed, Malformed> {
    if seen > 0 && !ends_behind(input, seen) {
        return if input.len() >= max_head { Err(Malformed) } else { Ok(Parsed::More) };
    }
    let mut lines = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut answer = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut answer, input, &mut lines)
        .map_err(|_| Malformed)?;
    let length = match parsed {
        httparse::Status::Complete(length) if length <= max_head => length,
        httparse::Status::Partial if input.len() < max_head => return Ok(Parsed::More),
        _ => return Err(Malformed),
    };
    let status = answer.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(Malformed)?;
    let version = if answer.version == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 };
    let unusual = |reason: &&str| !reason.is_empty() && status.canonical_reason() != Some(*reason);
    let reason = answer.reason.filter(unusual).map(reason_of);
    let mut spans = fields::Spans::new();
    fields::note(input, answer.headers, &mut spans)?;
    let head = input.split_to(length).freeze();
    let mut message = Response::new(());
    *message.status_mut() = status;
    *message.version_mut() = version;
    if status == StatusCode::CONTINUE {
        return Ok(Parsed::Interim(message));
    }
    message.headers_mut().try_reserve(spans.len() + OWN_FIELDS).map_err(|_| Malformed)?;
    fields::collect(&head, &spans, message.headers_mut())?;
    if let Some(reason) = reason {
        message.extensions_mut().insert(reason?);
    }
    if status.is_informational() {
        return interim(message, asked);
    }
    if asked.connect && status.is_success() {
        // Whatever it says of a body's length is to be ignored (RFC 9110, section 9.3.6).
        message.extensions_mut().insert(Opened);
        return Ok(Parsed::Switched(message));
    }
    let present = Present::of(message.headers());
    let framing = framing::of_answer(asked.to_head, status, version, message.headers(), present)?;
    let keeps = keeps(version, framing, message.headers(), present);
    one_length(message.headers_mut(), present);
    Ok(Parsed::Final(Head { message, framing, keeps }))
}

/// An answer that is no final one, unless it changes the protocol. Whoever does that unasked, or to another one than was
/// asked for, is not understood.
fn interim(message: Response<()>, asked: Asked) -> Result<Parsed, Malformed> {
    match message.status() {
        StatusCode::SWITCHING_PROTOCOLS => {
            let meant = asked.upgrade && message.version() == Version::HTTP_11;
            let meant = meant && hop::upgrades(message.headers());
            if meant { Ok(Parsed::Switched(message)) } else { Err(Malformed) }
        }
        _ => Ok(Parsed::Interim(message)),
    }
}

/// A phrase that is not the status's usual one. The codec of the client's side writes it again.
fn reason_of(reason: &str) -> Result<Reason, Malformed> {
    Reason::new(reason.as_bytes()).ok_or(Malformed)
}

/// Whether the end of a head is in what came after the first `seen` bytes: what was looked at in vain is not looked
/// at again, or a head that drips in would cost its size squared.
fn ends_behind(input: &[u8], seen: usize) -> bool {
    let fresh = input.get(seen.saturating_sub(3)..).unwrap_or_default();
    fresh.windows(2).any(|end| end == b"\n\n") || fresh.windows(3).any(|end| end == b"\n\r\n")
}

/// A server of HTTP/1.0 would get all further requests in that version, and one that frames twice is not sure of
/// itself.
fn keeps(version: Version, framing: Framing, headers: &HeaderMap, present: Present) -> bool {
    version == Version::HTTP_11
        && framing != Framing::Close
        && !(present.has(Present::TRANSFER_ENCODING) && present.has(Present::CONTENT_LENGTH))
        && !(present.has(Present::CONNECTION) && hop::has_token(headers, &CONNECTION, b"close"))
}

/// At most one Content-Length with one number: repeated ones that agree are legal to receive, not to send, and none
/// stands beside chunks.
fn one_length(headers: &mut HeaderMap, present: Present) {
    if !present.has(Present::CONTENT_LENGTH) {
        return;
    }
    if present.has(Present::TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
        return;
    }
    let mut lines = headers.get_all(CONTENT_LENGTH).iter();
    let plain = |line: &HeaderValue| line.as_bytes().iter().all(u8::is_ascii_digit);
    if lines.next().is_none_or(plain) && lines.next().is_none() {
        return;
    }
    if let Ok(Some(length)) = framing::content_length(headers) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}

/// The most fields of an answer.
const MAX_FIELDS: usize = 100;
/// Fields that the gateway may add.
const OWN_FIELDS: usize = 2;
