//! A request as a span of OpenTelemetry: a JSON object on one line.
//!
//! Source: OpenTelemetry, *OTLP Specification*, JSON Protobuf Encoding (numbers of traces and spans in hexadecimal, 64-bit
//! numbers as strings), and *Semantic Conventions for HTTP*.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sekisho_api::{End, Record};
use sekisho_config::LogField as Field;

use super::escape::quoted;
use super::visit::{Sink, visit};
use super::{Place, digits};

/// Appends the span of a request that has one; nothing of others.
pub(super) fn span(now: SystemTime, place: &Place<'_>, record: &Record<'_>, out: &mut Vec<u8>) {
    let Some(request) = &record.request else { return };
    let (Some(trace), Some(span)) = (request.marks.trace_id, request.marks.span) else { return };
    let end = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let begin = end.saturating_sub(record.took);
    let mut begun = false;
    for (name, text) in [("traceId", Some(trace)), ("spanId", Some(span.id)), ("parentSpanId", span.parent)] {
        let Some(text) = text else { continue };
        out.extend_from_slice(if begun { b",\"" } else { b"{\"" });
        begun = true;
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        quoted(text.as_bytes(), out);
    }
    out.extend_from_slice(b",\"name\":");
    quoted(request.method.as_bytes(), out);
    // A span of a server.
    out.extend_from_slice(b",\"kind\":2");
    for (name, time) in [("startTimeUnixNano", begin), ("endTimeUnixNano", end)] {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":\"");
        digits::decimal(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), out);
        out.push(b'"');
    }
    out.extend_from_slice(b",\"attributes\":[");
    let mut attributes = Attributes { out, first: true };
    visit(place, record, &mut attributes);
    out.push(b']');
    if request.status >= 500 || !matches!(record.end, End::Done | End::Drained) {
        out.extend_from_slice(b",\"status\":{\"code\":2}");
    }
    out.extend_from_slice(b"}\n");
}

struct Attributes<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl Attributes<'_> {
    fn put(&mut self, field: Field, kind: &str, write: impl FnOnce(&mut Vec<u8>)) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        self.out.extend_from_slice(b"{\"key\":\"");
        match conventional(field) {
            Some(name) => self.out.extend_from_slice(name.as_bytes()),
            None => {
                self.out.extend_from_slice(b"sekisho.");
                self.out.extend_from_slice(field.name().as_bytes());
            }
        }
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
