//! Where an answer ends: the only place that decides it.

use http::header::{CONTENT_LENGTH, HeaderMap};
use http::{StatusCode, Version};

use super::Malformed;
use crate::hop;
use crate::present::Present;

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// After this many bytes.
    Length(u64),
    /// After the last chunk.
    Chunked,
    /// Where the connection ends.
    Close,
}

/// The framing of an answer (RFC 9112, section 6.3), strictly: whatever could be read in two ways is malformed, even
/// where the answer has no body. The one exception is a length beside chunks, which RFC 9112 has ignored.
pub(super) fn of_answer(
    to_head: bool,
    status: StatusCode,
    version: Version,
    headers: &HeaderMap,
    present: Present,
) -> Result<Framing, Malformed> {
    let length = if present.has(Present::CONTENT_LENGTH) { content_length(headers)? } else { None };
    let chunked = present.has(Present::TRANSFER_ENCODING);
    if chunked && (version < Version::HTTP_11 || !hop::only_chunked(headers)) {
        return Err(Malformed);
    }
    if to_head || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED {
        return Ok(Framing::Length(0));
    }
    Ok(match length {
        _ if chunked => Framing::Chunked,
        Some(length) => Framing::Length(length),
        None => Framing::Close,
    })
}

/// The one length that all lines and all members of Content-Length agree on.
pub(super) fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Malformed> {
    let mut agreed = None;
    for line in headers.get_all(CONTENT_LENGTH) {
        for member in line.as_bytes().split(|&b| b == b',') {
            let length = digits(member.trim_ascii()).ok_or(Malformed)?;
            if agreed.replace(length).is_some_and(|other| other != length) {
                return Err(Malformed);
            }
        }
    }
    Ok(agreed)
}

fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |number, &byte| {
        let digit = byte.is_ascii_digit().then(|| byte - b'0')?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}
