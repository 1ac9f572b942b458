//! What each field of a line is: one walk over a record, in the order of [`LogField`], for every form.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use sekisho_api::{Record, Why};
use sekisho_config::LogField as Field;

use super::Place;

/// What takes the fields. What is not known is not given.
pub(super) trait Sink {
    /// A word of the program.
    fn known(&mut self, field: Field, word: &'static str);
    /// A word of the configuration.
    fn word(&mut self, field: Field, word: &str);
    /// Text from the network.
    fn foreign(&mut self, field: Field, text: &str);
    /// A number.
    fn number(&mut self, field: Field, number: u64);
    /// A number in hexadecimal.
    fn identifier(&mut self, field: Field, number: u64);
    /// A time in milliseconds.
    fn milliseconds(&mut self, field: Field, time: Duration);
    /// An address with a port.
    fn address(&mut self, field: Field, address: SocketAddr);
    /// An address without a port.
    fn host(&mut self, field: Field, address: IpAddr);
}

/// Gives all fields but the time.
#[inline]
pub(super) fn visit(place: &Place<'_>, record: &Record<'_>, sink: &mut impl Sink) {
    sink.word(Field::Vip, place.vip);
    client(record, sink);
    if let Some(pool) = place.pool {
        sink.word(Field::Pool, pool);
    }
    if let Some(server) = record.server {
        sink.word(Field::Server, server.name());
    }
    if let Some(why) = record.why {
        sink.known(Field::Why, why.name());
        if let Why::Method(method) | Why::Moved(method) = why {
            sink.known(Field::Balance, method);
        }
    }
    if let Some(key) = record.key {
        sink.word(Field::Key, key.name());
    }
    if let Some(word) = record.known_by {
        sink.word(Field::KnownBy, word);
    }
    sink.number(Field::Attempts, record.attempts.into());
    if let Some(answered) = record.answered {
        sink.milliseconds(Field::Answered, answered);
    }
    sink.milliseconds(Field::Took, record.took);
    sink.number(Field::Received, record.received);
    sink.number(Field::Sent, record.sent);
    sink.word(Field::End, record.end.name());
    request(record, sink);
}

#[inline]
fn client(record: &Record<'_>, sink: &mut impl Sink) {
    let facts = record.facts;
    if facts.id != 0 {
        sink.identifier(Field::Id, facts.id);
    }
    sink.address(Field::Client, facts.client);
    if let Some(proxy) = &facts.proxy {
        sink.address(Field::Peer, proxy.address);
        if let Some(id) = &proxy.unique_id {
            sink.foreign(Field::UniqueId, id);
        }
    }
    let forwarded_for = record.request.as_ref().and_then(|request| request.marks.forwarded_for);
    if let Some(address) = forwarded_for {
        sink.host(Field::ForwardedFor, address);
    }
    // The last where the word of several was taken.
    if forwarded_for.is_some() {
        sink.known(Field::Believed, "x-forwarded-for");
    } else if facts.proxy.is_some() {
        sink.known(Field::Believed, "proxy-protocol");
    }
    sink.address(Field::Local, facts.local);
    if let Some(tls) = &facts.tls {
        sink.known(Field::Tls, tls.version);
    }
}

#[inline]
fn request(record: &Record<'_>, sink: &mut impl Sink) {
    let Some(request) = &record.request else { return };
    let said = [
        (Field::Method, request.method),
        (Field::Host, request.host),
        // What is asked over DNS has neither.
        (Field::Target, request.target),
        (Field::Version, request.version),
    ];
    for (field, text) in said.into_iter().filter(|(_, text)| !text.is_empty()) {
        sink.foreign(field, text);
    }
    if let Some(rule) = request.rule {
        sink.word(Field::Rule, rule);
    }
    if request.status != 0 {
        sink.number(Field::Status, request.status.into());
    }
    if let Some(id) = request.marks.request_id {
        sink.foreign(Field::RequestId, id);
    }
    if let Some(id) = request.marks.trace_id {
        sink.word(Field::TraceId, id);
    }
    if let Some(limit) = request.marks.rate_limit {
        sink.word(Field::RateLimit, limit);
    }
}
