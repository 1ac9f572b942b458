//! A line of the access log, in either form.
//!
//! Text: the time, then `name=value` in the order below, values from the network between quotation marks. JSON: one
//! object with the same names in the same order. What is not known is left out. The names stand in [`crate::names`].
//!
//! ```text
//! 2026-01-02T03:04:05.042Z vip=web id=00000000000004d2 client=192.0.2.7:50112 local=203.0.113.10:443 tls=TLSv1.3
//! pool=web server=www1 why=persisted key=cookie attempts=1 answered_ms=1.250 took_ms=1.402 received=311 sent=5120
//! end=done request="GET" host="www.example.org" target="/index.html" version="HTTP/1.1" status=200
//! ```

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use sekisho_api::{Record, Why};
use sekisho_config::LogFormat;

use super::Place;
use super::clock::Clock;
use super::escape::{is_word, quoted};
use crate::names;

/// Appends one line.
pub(super) fn line(
    format: LogFormat,
    clock: &mut Clock,
    now: SystemTime,
    place: &Place<'_>,
    record: &Record<'_>,
    out: &mut Vec<u8>,
) {
    let mut line = Line::begin(format, clock, now, out);
    line.word(names::VIP, place.vip);
    if record.facts.id != 0 {
        line.identifier(names::ID, record.facts.id);
    }
    line.address(names::CLIENT, record.facts.client);
    if let Some(proxy) = &record.facts.proxy {
        line.address(names::PEER, proxy.address);
        if let Some(id) = &proxy.unique_id {
            line.foreign(names::UNIQUE_ID, id);
        }
    }
    let forwarded_for = record.request.as_ref().and_then(|request| request.marks.forwarded_for);
    if let Some(address) = forwarded_for {
        line.host(names::FORWARDED_FOR, address);
    }
    if let Some(believed) = believed(record, forwarded_for) {
        line.word(names::BELIEVED, believed);
    }
    line.address(names::LOCAL, record.facts.local);
    if let Some(tls) = &record.facts.tls {
        line.word(names::TLS, tls.version);
    }
    if let Some(pool) = place.pool {
        line.word(names::POOL, pool);
    }
    if let Some(server) = record.server {
        line.word(names::SERVER, server.name());
    }
    if let Some(why) = record.why {
        line.word(names::WHY, why.name());
        if let Why::Method(method) | Why::Moved(method) = why {
            line.word(names::METHOD, method);
        }
    }
    if let Some(key) = record.key {
        line.word(names::KEY, key.name());
    }
    if let Some(word) = record.known_by {
        line.word(names::KNOWN_BY, word);
    }
    line.number(names::ATTEMPTS, record.attempts.into());
    if let Some(answered) = record.answered {
        line.milliseconds(names::ANSWERED, answered);
    }
    line.milliseconds(names::TOOK, record.took);
    line.number(names::RECEIVED, record.received);
    line.number(names::SENT, record.sent);
    line.word(names::END, record.end.name());
    if let Some(request) = &record.request {
        line.foreign(names::REQUEST, request.method);
        line.foreign(names::HOST, request.host);
        line.foreign(names::TARGET, request.target);
        line.foreign(names::VERSION, request.version);
        if let Some(rule) = request.rule {
            line.word(names::RULE, rule);
        }
        if request.status != 0 {
            line.number(names::STATUS, request.status.into());
        }
        if let Some(id) = request.marks.request_id {
            line.foreign(names::REQUEST_ID, id);
        }
        if let Some(id) = request.marks.trace_id {
            line.word(names::TRACE_ID, id);
        }
        if let Some(limit) = request.marks.rate_limit {
            line.word(names::RATE_LIMIT, limit);
        }
    }
    line.end();
}

/// Whose word was taken for the client's address; the last where several were.
fn believed(record: &Record<'_>, forwarded_for: Option<IpAddr>) -> Option<&'static str> {
    match (forwarded_for, &record.facts.proxy) {
        (Some(_), _) => Some("x-forwarded-for"),
        (None, Some(_)) => Some("proxy-protocol"),
        (None, None) => None,
    }
}

struct Line<'a> {
    json: bool,
    out: &'a mut Vec<u8>,
}

impl<'a> Line<'a> {
    fn begin(format: LogFormat, clock: &mut Clock, now: SystemTime, out: &'a mut Vec<u8>) -> Self {
        let json = format == LogFormat::Json;
        if json {
            out.extend_from_slice(b"{\"");
            out.extend_from_slice(names::TIME.as_bytes());
            out.extend_from_slice(b"\":\"");
            clock.write(now, out);
            out.push(b'"');
        } else {
            clock.write(now, out);
        }
        Self { json, out }
    }

    fn end(self) {
        self.out.extend_from_slice(if self.json { b"}\n" } else { b"\n" });
    }

    fn name(&mut self, name: &str) {
        if self.json {
            self.out.extend_from_slice(b",\"");
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(b"\":");
        } else {
            self.out.push(b' ');
            self.out.extend_from_slice(name.as_bytes());
            self.out.push(b'=');
        }
    }

    /// A word of ours or of the configuration.
    fn word(&mut self, name: &str, word: &str) {
        self.name(name);
        if !self.json && is_word(word) {
            self.out.extend_from_slice(word.as_bytes());
        } else {
            quoted(word.as_bytes(), self.out);
        }
    }

    /// Text from the network: cut to [`LONGEST`] bytes and always between quotation marks.
    fn foreign(&mut self, name: &str, text: &str) {
        self.name(name);
        let text = text.as_bytes();
        quoted(text.get(..LONGEST).unwrap_or(text), self.out);
    }

    fn identifier(&mut self, name: &str, id: u64) {
        self.name(name);
        // Writing to a vector cannot fail.
        let _ = if self.json { write!(self.out, "\"{id:016x}\"") } else { write!(self.out, "{id:016x}") };
    }

    fn address(&mut self, name: &str, address: SocketAddr) {
        self.name(name);
        // Writing to a vector cannot fail.
        let _ = if self.json { write!(self.out, "\"{address}\"") } else { write!(self.out, "{address}") };
    }

    fn host(&mut self, name: &str, address: IpAddr) {
        self.name(name);
        // Writing to a vector cannot fail.
        let _ = if self.json { write!(self.out, "\"{address}\"") } else { write!(self.out, "{address}") };
    }

    fn number(&mut self, name: &str, number: u64) {
        self.name(name);
        decimal(number, self.out);
    }

    fn milliseconds(&mut self, name: &str, time: Duration) {
        self.name(name);
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        decimal(micros / 1000, self.out);
        let rest = micros % 1000;
        let digits = [rest / 100, rest / 10 % 10, rest % 10].map(|digit| b'0' + digit as u8);
        self.out.push(b'.');
        self.out.extend_from_slice(&digits);
    }
}

fn decimal(mut number: u64, out: &mut Vec<u8>) {
    let start = out.len();
    loop {
        out.push(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    if let Some(digits) = out.get_mut(start..) {
        digits.reverse();
    }
}

/// The longest text from the network that is logged whole; a request line may be longer than a log should be.
const LONGEST: usize = 4096;
