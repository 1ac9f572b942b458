//! Field lines, from where the parser found them to a map that shares their bytes.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;

use super::Malformed;

/// Where the names and values of field lines stand in their section: the parser's own table borrows the bytes that
/// have to be split off before values can share them.
pub(super) type Spans = SmallVec<[Span; 24]>;

/// One field line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    name: (usize, usize),
    value: (usize, usize),
}

/// Notes where `lines`, which were found in `section`, stand in it.
pub(super) fn note(
    section: &[u8],
    lines: &[httparse::Header<'_>],
    spans: &mut Spans,
) -> Result<(), Malformed> {
    let base = section.as_ptr() as usize;
    let span = |part: &[u8]| {
        let from = (part.as_ptr() as usize).saturating_sub(base);
        (from, from + part.len())
    };
    for line in lines {
        if line.name.is_empty() {
            return Err(Malformed);
        }
        spans.push(Span { name: span(line.name.as_bytes()), value: span(line.value) });
    }
    Ok(())
}

/// Adds the fields to a map. Values share the section's bytes.
pub(super) fn collect(section: &Bytes, spans: &Spans, fields: &mut HeaderMap) -> Result<(), Malformed> {
    for Span { name, value } in spans {
        let name = section.get(name.0..name.1).ok_or(Malformed)?;
        let name = HeaderName::from_bytes(name).map_err(|_| Malformed)?;
        let value = if value.0 < value.1 && value.1 <= section.len() {
            HeaderValue::from_maybe_shared(section.slice(value.0..value.1)).map_err(|_| Malformed)?
        } else {
            HeaderValue::from_static("")
        };
        fields.try_append(name, value).map_err(|_| Malformed)?;
    }
    Ok(())
}
