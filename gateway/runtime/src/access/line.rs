//! A line with all fields, as text or as JSON.
//!
//! Text: the time, then `name=value` in the order of [`Field`], values from the network between quotation marks. JSON:
//! one object with the same names in the same order. What is not known is left out.
//!
//! ```text
//! 2026-01-02T03:04:05.042Z vip=web id=00000000000004d2 client=192.0.2.7:50112 local=203.0.113.10:443 tls=TLSv1.3
//! pool=web server=www1 why=persisted key=cookie attempts=1 answered_ms=1.250 took_ms=1.402 received=311 sent=5120
//! end=done method="GET" host="www.example.org" target="/index.html" version="HTTP/1.1" status=200
//! ```

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use sekisho_api::Record;
use sekisho_config::{LineFormat, LogField as Field, LogFormat};

use super::clock::Clock;
use super::escape::{is_word, quoted};
use super::own::Own;
use super::span::span;
use super::visit::{Sink, visit};
use super::{Place, digits};

/// The form of a log's lines.
#[derive(Clone, Debug)]
pub(super) enum Form {
    Text,
    Json,
    Own(Box<Own>),
    Span,
}

impl Form {
    pub(super) fn new(format: &LineFormat) -> Self {
        match format {
            LineFormat::All(LogFormat::Text) => Self::Text,
            LineFormat::All(LogFormat::Json) => Self::Json,
            LineFormat::Span => Self::Span,
            LineFormat::Own(pieces) => Self::Own(Box::new(Own::new(pieces.clone()))),
        }
    }

    /// Whether the record has such a line.
    pub(super) fn has(&self, record: &Record<'_>) -> bool {
        match self {
            Self::Span => record.request.as_ref().is_some_and(|request| request.marks.span.is_some()),
            Self::Text | Self::Json | Self::Own(_) => true,
        }
    }

    /// Appends one line.
    pub(super) fn line(
        &mut self,
        clock: &mut Clock,
        now: SystemTime,
        place: &Place<'_>,
        record: &Record<'_>,
        out: &mut Vec<u8>,
    ) {
        match self {
            Self::Text => {
                clock.write(now, out);
                visit(place, record, &mut Text(out));
                out.push(b'\n');
            }
            Self::Json => {
                json_time(clock, now, out);
                visit(place, record, &mut Json(out));
                out.extend_from_slice(b"}\n");
            }
            Self::Own(own) => own.line(clock, now, place, record, out),
            Self::Span => span(now, place, record, out),
        }
    }

    /// Appends the line that says how many lines there might have been besides.
    pub(super) fn left_out(&self, clock: &mut Clock, now: SystemTime, count: u64, out: &mut Vec<u8>) {
        match self {
            Self::Json => {
                json_time(clock, now, out);
                Json(out).number(Field::LeftOut, count);
                out.extend_from_slice(b"}\n");
            }
            // Counted; a collector has no place for it.
            Self::Span => {}
            Self::Text | Self::Own(_) => {
                clock.write(now, out);
                Text(out).number(Field::LeftOut, count);
                out.push(b'\n');
            }
        }
    }
}

fn json_time(clock: &mut Clock, now: SystemTime, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"time\":\"");
    clock.write(now, out);
    out.push(b'"');
}

struct Text<'a>(&'a mut Vec<u8>);

impl Text<'_> {
    #[inline]
    fn name(&mut self, field: Field) {
        self.0.extend_from_slice(field.in_text().as_bytes());
    }
}

impl Sink for Text<'_> {
    #[inline]
    fn known(&mut self, field: Field, word: &'static str) {
        self.name(field);
        self.0.extend_from_slice(word.as_bytes());
    }

    #[inline]
    fn word(&mut self, field: Field, word: &str) {
        self.name(field);
        match is_word(word) {
            true => self.0.extend_from_slice(word.as_bytes()),
            false => quoted(word.as_bytes(), self.0),
        }
    }

    #[inline]
    fn foreign(&mut self, field: Field, text: &str) {
        self.name(field);
        quoted(super::cut(text), self.0);
    }

    #[inline]
    fn number(&mut self, field: Field, number: u64) {
        self.name(field);
        digits::decimal(number, self.0);
    }

    #[inline]
    fn identifier(&mut self, field: Field, number: u64) {
        self.name(field);
        digits::hexadecimal(number, self.0);
    }

    #[inline]
    fn milliseconds(&mut self, field: Field, time: Duration) {
        self.name(field);
        digits::milliseconds(time, self.0);
    }

    #[inline]
    fn address(&mut self, field: Field, address: SocketAddr) {
        self.name(field);
        digits::socket(address, self.0);
    }

    #[inline]
    fn host(&mut self, field: Field, address: IpAddr) {
        self.name(field);
        digits::host(address, self.0);
    }
}

struct Json<'a>(&'a mut Vec<u8>);

impl Json<'_> {
    #[inline]
    fn name(&mut self, field: Field) {
        self.0.extend_from_slice(field.in_json().as_bytes());
    }

    /// What needs no escapes.
    #[inline]
    fn string(&mut self, field: Field, write: impl FnOnce(&mut Vec<u8>)) {
        self.name(field);
        self.0.push(b'"');
        write(self.0);
        self.0.push(b'"');
    }
}

impl Sink for Json<'_> {
    #[inline]
    fn known(&mut self, field: Field, word: &'static str) {
        self.string(field, |out| out.extend_from_slice(word.as_bytes()));
    }

    #[inline]
    fn word(&mut self, field: Field, word: &str) {
        self.name(field);
        quoted(word.as_bytes(), self.0);
    }

    #[inline]
    fn foreign(&mut self, field: Field, text: &str) {
        self.name(field);
        quoted(super::cut(text), self.0);
    }

    #[inline]
    fn number(&mut self, field: Field, number: u64) {
        self.name(field);
        digits::decimal(number, self.0);
    }

    #[inline]
    fn identifier(&mut self, field: Field, number: u64) {
        self.string(field, |out| digits::hexadecimal(number, out));
    }

    #[inline]
    fn milliseconds(&mut self, field: Field, time: Duration) {
        self.name(field);
        digits::milliseconds(time, self.0);
    }

    #[inline]
    fn address(&mut self, field: Field, address: SocketAddr) {
        self.string(field, |out| digits::socket(address, out));
    }

    #[inline]
    fn host(&mut self, field: Field, address: IpAddr) {
        self.string(field, |out| digits::host(address, out));
    }
}
