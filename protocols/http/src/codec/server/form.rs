//! The head of an answer as bytes, and how its body is framed (RFC 9112, section 6).

use http::header::{
    CONNECTION, CONTENT_LENGTH, DATE, HeaderMap, HeaderName, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{StatusCode, response};

use super::framing::Wants;
use crate::hop::has_token;

/// How a body is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// Not at all.
    Nothing,
    /// As it is; so many bytes are still to come.
    Plain(u64),
    /// In chunks; whether trailers are understood.
    Chunked(bool),
    /// As it is, until the connection ends.
    Open,
}

/// How an answer is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) coding: Coding,
    /// The connection ends with it.
    pub(super) close: bool,
}

/// Decides how an answer with a body of this length, if it is known, is written for who wants it like this.
pub(super) fn form(head: &response::Parts, length: Option<u64>, wants: Wants) -> Form {
    let close = wants.close || has_token(&head.headers, &CONNECTION, b"close");
    let coding = match length {
        _ if wants.head_only || bodiless(head.status) => Coding::Nothing,
        Some(length) => Coding::Plain(length),
        None if wants.modern => Coding::Chunked(wants.trailers),
        None => Coding::Open,
    };
    Form { close: close || coding == Coding::Open, coding }
}

/// Statuses whose answers end with their heads.
fn bodiless(status: StatusCode) -> bool {
    status.is_informational() || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
}

/// Writes a head. The framing fields are `form`'s, except that an answer without a body keeps the Content-Length that
/// the body would have, where it may have one (RFC 9110, section 8.6).
pub(super) fn write_head(
    out: &mut Vec<u8>,
    head: &response::Parts,
    form: &Form,
    wants: Wants,
    reason: Option<&[u8]>,
    date: &[u8],
) {
    out.extend_from_slice(if wants.modern { b"HTTP/1.1 " } else { b"HTTP/1.0 " });
    out.extend_from_slice(head.status.as_str().as_bytes());
    out.push(b' ');
    let known = || head.status.canonical_reason().unwrap_or_default().as_bytes();
    out.extend_from_slice(reason.unwrap_or_else(known));
    out.extend_from_slice(b"\r\n");
    let keeps_length = form.coding == Coding::Nothing && head.status != StatusCode::NO_CONTENT;
    let mut dated = false;
    for (name, value) in &head.headers {
        if *name == CONNECTION || *name == TRANSFER_ENCODING || (*name == CONTENT_LENGTH && !keeps_length) {
            continue;
        }
        dated |= *name == DATE;
        field(out, name, value.as_bytes());
    }
    match form.coding {
        Coding::Plain(length) => number(out, b"content-length: ", length, false, b"\r\n"),
        Coding::Chunked(_) => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Coding::Nothing | Coding::Open => {}
    }
    match (wants.modern, form.close) {
        (_, true) => out.extend_from_slice(b"connection: close\r\n"),
        (false, false) => out.extend_from_slice(b"connection: keep-alive\r\n"),
        (true, false) => {}
    }
    if !dated {
        field(out, &DATE, date);
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes the head of an answer of the 1xx class, or of one that opens a tunnel, `more` behind its fields. It frames
/// nothing (RFC 9110, sections 9.3.6 and 15.2).
pub(super) fn write_informational(
    out: &mut Vec<u8>,
    head: &response::Parts,
    reason: Option<&[u8]>,
    more: &[u8],
) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(head.status.as_str().as_bytes());
    out.push(b' ');
    let known = || head.status.canonical_reason().unwrap_or_default().as_bytes();
    out.extend_from_slice(reason.unwrap_or_else(known));
    out.extend_from_slice(b"\r\n");
    let passes = |name: &HeaderName| ![CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE].contains(name);
    for (name, value) in head.headers.iter().filter(|(name, _)| passes(name)) {
        field(out, name, value.as_bytes());
    }
    out.extend_from_slice(more);
    out.extend_from_slice(b"\r\n");
}

/// The fields that say that a protocol was changed to the one that there is.
pub(super) const SWITCHED: &[u8] = b"connection: Upgrade\r\nupgrade: websocket\r\n";

/// Writes the end of a chunked body: the fields that the head announced, except those that no trailer may set
/// (RFC 9110, section 6.5.1).
pub(super) fn write_end(out: &mut Vec<u8>, announced: &HeaderMap, trailers: Option<&HeaderMap>) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers.into_iter().flatten() {
        if passes_behind(announced, name) {
            field(out, name, value.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Whether a field may stand behind a body at all.
pub(crate) fn may_stand_behind(name: &HeaderName) -> bool {
    !NEVER.contains(&name.as_str())
}

/// Whether a field may stand behind a body whose head announced such fields.
fn passes_behind(announced: &HeaderMap, name: &HeaderName) -> bool {
    may_stand_behind(name) && has_token(announced, &TRAILER, name.as_str().as_bytes())
}

/// Writes the line before a chunk of this size.
pub(super) fn write_size(out: &mut Vec<u8>, size: usize) {
    number(out, b"", size as u64, true, b"\r\n");
}

fn field(out: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    let name = name.as_str().as_bytes();
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn number(out: &mut Vec<u8>, before: &[u8], number: u64, hex: bool, after: &[u8]) {
    out.extend_from_slice(before);
    let _ = match hex {
        true => std::io::Write::write_fmt(out, format_args!("{number:x}")),
        false => std::io::Write::write_fmt(out, format_args!("{number}")),
    };
    out.extend_from_slice(after);
}

/// What frames, routes, authenticates or decodes a message is of no use behind it.
const NEVER: [&str; 17] = [
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "host",
    "keep-alive",
    "max-forwards",
    "proxy-authenticate",
    "proxy-connection",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Response};

    use super::*;

    const MODERN: Wants = Wants { modern: true, head_only: false, trailers: false, close: false };

    fn head(status: u16, lines: &[(&'static str, &'static str)]) -> response::Parts {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        for (name, value) in lines {
            response.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        response.into_parts().0
    }

    fn written(head: &response::Parts, length: Option<u64>, wants: Wants) -> (Form, String) {
        let form = form(head, length, wants);
        let mut out = Vec::new();
        write_head(&mut out, head, &form, wants, None, b"D");
        (form, String::from_utf8(out).unwrap())
    }

    #[test]
    fn there_is_one_framing_field_and_it_is_the_codecs() {
        let told = head(200, &[("content-length", "9"), ("transfer-encoding", "chunked"), ("date", "x")]);
        let (form, text) = written(&told, Some(5), MODERN);
        assert_eq!(form, Form { coding: Coding::Plain(5), close: false });
        assert_eq!(text, "HTTP/1.1 200 OK\r\ndate: x\r\ncontent-length: 5\r\n\r\n");
        let (form, text) = written(&told, None, MODERN);
        assert_eq!(form, Form { coding: Coding::Chunked(false), close: false });
        assert_eq!(text, "HTTP/1.1 200 OK\r\ndate: x\r\ntransfer-encoding: chunked\r\n\r\n");
        let (form, text) = written(&told, None, Wants { modern: false, ..MODERN });
        assert_eq!(form, Form { coding: Coding::Open, close: true });
        assert_eq!(text, "HTTP/1.0 200 OK\r\ndate: x\r\nconnection: close\r\n\r\n");
    }

    #[test]
    fn answer_without_a_body_keeps_its_length_unless_it_may_have_none() {
        let (form, text) = written(&head(304, &[("content-length", "9")]), Some(0), MODERN);
        assert_eq!(form.coding, Coding::Nothing);
        assert_eq!(text, "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\ndate: D\r\n\r\n");
        let (_, text) = written(&head(204, &[("content-length", "9")]), Some(0), MODERN);
        assert_eq!(text, "HTTP/1.1 204 No Content\r\ndate: D\r\n\r\n");
        let asked = Wants { head_only: true, ..MODERN };
        let (form, text) = written(&head(200, &[("content-length", "9")]), Some(9), asked);
        assert_eq!(form.coding, Coding::Nothing);
        assert_eq!(text, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\ndate: D\r\n\r\n");
    }

    #[test]
    fn trailers_pass_if_they_were_announced_and_frame_nothing() {
        let announced: HeaderMap =
            [(TRAILER, HeaderValue::from_static("x-sum, Content-Length"))].into_iter().collect();
        let trailers: HeaderMap = [
            (HeaderName::from_static("x-sum"), HeaderValue::from_static("1")),
            (HeaderName::from_static("x-other"), HeaderValue::from_static("2")),
            (CONTENT_LENGTH, HeaderValue::from_static("3")),
        ]
        .into_iter()
        .collect();
        let mut out = Vec::new();
        write_end(&mut out, &announced, Some(&trailers));
        assert_eq!(out, b"0\r\nx-sum: 1\r\n\r\n");
    }
}
