//! A request as a span of OpenTelemetry: a JSON object on one line.
//!
//! Source: OpenTelemetry, *OTLP Specification*, JSON Protobuf Encoding (numbers of traces and spans in hexadecimal, 64-bit
//! numbers as strings), and *Semantic Conventions for HTTP*.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sekisho_api::{End, Record, Try};
use sekisho_config::LogField as Field;

use super::escape::quoted;
use super::visit::{Sink, visit};
use super::{Place, digits};

/// Appends the span of a request that has one, and those of the servers that it was tried on; nothing of others.
pub(super) fn span(now: SystemTime, place: &Place<'_>, record: &Record<'_>, out: &mut Vec<u8>) {
    let Some(request) = &record.request else { return };
    let (Some(trace), Some(span)) = (request.marks.trace_id, request.marks.span) else { return };
    let end = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let begin = end.saturating_sub(record.took);
    head([trace, span.id, span.parent.unwrap_or_default()], request.method, SERVER, (begin, end), out);
    let mut attributes = Attributes { out, first: true };
    visit(place, record, &mut attributes);
    out.push(b']');
    if request.status >= 500 || !matches!(record.end, End::Done | End::Drained) {
        out.extend_from_slice(b",\"status\":{\"code\":2}");
    }
    out.extend_from_slice(b"}\n");
    for (count, one) in request.marks.tries.iter().enumerate() {
        let Ok(id) = std::str::from_utf8(&one.id) else { continue };
        head([trace, id, span.id], request.method, CLIENT, (begin + one.began, begin + one.ended), out);
        attempt(one, count as u64, out);
    }
}

/// Begins a span: the numbers of its trace, of itself and of its parent, which may be empty; what it is called, what kind
/// it is of, and its time since 1970.
fn head(numbers: [&str; 3], name: &str, kind: &str, (begin, end): (Duration, Duration), out: &mut Vec<u8>) {
    let mut begun = false;
    for (name, text) in ["traceId", "spanId", "parentSpanId"].into_iter().zip(numbers) {
        if text.is_empty() {
            continue;
        }
        out.extend_from_slice(if begun { b",\"" } else { b"{\"" });
        begun = true;
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        quoted(text.as_bytes(), out);
    }
    out.extend_from_slice(b",\"name\":");
    quoted(name.as_bytes(), out);
    out.extend_from_slice(b",\"kind\":");
    out.extend_from_slice(kind.as_bytes());
    for (name, time) in [("startTimeUnixNano", begin), ("endTimeUnixNano", end)] {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":\"");
        digits::decimal(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), out);
        out.push(b'"');
    }
    out.extend_from_slice(b",\"attributes\":[");
}

/// The rest of the span of a server that a request was tried on, as the so-manieth from 0 on.
fn attempt(one: &Try, count: u64, out: &mut Vec<u8>) {
    let mut attributes = Attributes { out, first: true };
    attributes.word(Field::Server, &one.server);
    if one.status != 0 {
        attributes.number(Field::Status, one.status.into());
    }
    if count > 0 {
        attributes.put_as("http.request.resend_count", "intValue", |out| {
            out.push(b'"');
            digits::decimal(count, out);
            out.push(b'"');
        });
    }
    if let Some(failure) = one.failure {
        attributes.put_as("error.type", "stringValue", |out| quoted(failure.as_bytes(), out));
    }
    out.push(b']');
    if one.status >= 500 || one.failure.is_some() {
        out.extend_from_slice(b",\"status\":{\"code\":2}");
    }
    out.extend_from_slice(b"}\n");
}

/// Kinds of spans.
const SERVER: &str = "2";
const CLIENT: &str = "3";

struct Attributes<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl Attributes<'_> {
    fn put(&mut self, field: Field, kind: &str, write: impl FnOnce(&mut Vec<u8>)) {
        match conventional(field) {
            Some(name) => self.put_as(name, kind, write),
            None => self.put_under("sekisho.", field.name(), kind, write),
        }
    }

    fn put_as(&mut self, name: &str, kind: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.put_under("", name, kind, write);
    }

    fn put_under(&mut self, family: &str, name: &str, kind: &str, write: impl FnOnce(&mut Vec<u8>)) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        self.out.extend_from_slice(b"{\"key\":\"");
        self.out.extend_from_slice(family.as_bytes());
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\",\"value\":{\"");
        self.out.extend_from_slice(kind.as_bytes());
        self.out.extend_from_slice(b"\":");
        write(self.out);
        self.out.extend_from_slice(b"}}");
    }

    fn string(&mut self, field: Field, write: impl FnOnce(&mut Vec<u8>)) {
        self.put(field, "stringValue", |out| {
            out.push(b'"');
            write(out);
            out.push(b'"');
        });
    }
}

/// What the conventions call a field that they have.
fn conventional(field: Field) -> Option<&'static str> {
    Some(match field {
        Field::Client => "client.address",
        Field::Method => "http.request.method",
        Field::Host => "server.address",
        Field::Target => "url.path",
        Field::Version => "network.protocol.version",
        Field::Status => "http.response.status_code",
        Field::Rule => "http.route",
        _ => return None,
    })
}

impl Sink for Attributes<'_> {
    fn known(&mut self, field: Field, word: &'static str) {
        self.put(field, "stringValue", |out| quoted(word.as_bytes(), out));
    }

    fn word(&mut self, field: Field, word: &str) {
        self.put(field, "stringValue", |out| quoted(word.as_bytes(), out));
    }

    fn foreign(&mut self, field: Field, text: &str) {
        let text = match field {
            // A query may have anything in it, and a collector is somebody else's.
            Field::Target => text.split('?').next().unwrap_or_default(),
            Field::Version => text.strip_prefix("HTTP/").unwrap_or(text),
            _ => text,
        };
        self.put(field, "stringValue", |out| quoted(super::cut(text), out));
    }

    fn number(&mut self, field: Field, number: u64) {
        self.put(field, "intValue", |out| {
            out.push(b'"');
            digits::decimal(number, out);
            out.push(b'"');
        });
    }

    fn identifier(&mut self, field: Field, number: u64) {
        self.string(field, |out| digits::hexadecimal(number, out));
    }

    fn milliseconds(&mut self, field: Field, time: Duration) {
        self.put(field, "doubleValue", |out| digits::milliseconds(time, out));
    }

    fn address(&mut self, field: Field, address: SocketAddr) {
        self.string(field, |out| digits::socket(address, out));
    }

    fn host(&mut self, field: Field, address: IpAddr) {
        self.string(field, |out| digits::host(address, out));
    }
}
