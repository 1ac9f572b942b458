//! Whether an answer is kept, and for how long.

use std::time::{Duration, Instant};

use super::entry::{Entry, Prefix, same_question};
use super::manner::{Manner, option};
use super::{CacheSettings, question_key};
use crate::wire::{HEADER, Header, Query, Rcode, Summary, ttls};

/// Octets of the shortest record: the root's name, type, class, TTL and the length of its data, which is empty.
const SHORTEST_RECORD: usize = 11;

/// The settings in whole seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    max: u32,
    min: u32,
    negative: u32,
    error: u32,
    stale: u32,
}

impl Terms {
    pub(super) fn new(settings: &CacheSettings) -> Self {
        Self {
            max: seconds(settings.max_ttl),
            min: seconds(settings.min_ttl),
            negative: seconds(settings.negative_ttl),
            error: seconds(settings.error_ttl.min(CacheSettings::LONGEST_ERROR)),
            stale: seconds(settings.stale),
        }
    }
}

/// A question as it was asked: what a kept answer must fit.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) key: u64,
    pub(super) query: &'a Query<'a>,
    pub(super) manner: Manner,
}

/// Makes an entry of what a server said and of the form in which its client was given it; `None` if it is not kept:
///
/// * no answer to the question, or one that says that something is missing (TC);
/// * response codes other than NOERROR, NXDOMAIN, SERVFAIL and REFUSED, and negative answers without the SOA that
///   says for how long they hold (RFC 2308, section 5);
/// * signed ones, those with records that cannot all be read, and those with bytes behind the last one;
/// * a TTL of 0: it is meant for this one client (RFC 1035, section 3.2.1), whatever [`CacheSettings::min_ttl`] says;
/// * an OPT that nobody asked for, or with options that speak to one client or of one server: cookies, NSID, the
///   keeping of connections, and all that is not known here;
/// * a client subnet other than the one that was sent, or a scope longer than that: the answer is for fewer clients
///   than the key stands for. A shorter scope is not made use of: whoever has the same prefix is certainly served
///   right (RFC 7871, section 7.3.1).
pub(super) fn entry(
    asked: &Asked<'_>,
    answer: &[u8],
    given: &[u8],
    terms: Terms,
    seed: (u64, u64),
    now: Instant,
) -> Option<Entry> {
    let question = asked.query.question.as_ref()?.wire;
    let header = Header::read(answer).filter(|header| {
        header.qr() && header.opcode() == asked.query.header.opcode() && !header.tc() && header.counts[0] == 1
    })?;
    for message in [answer, given] {
        let own = message.get(HEADER..HEADER + question.len())?;
        if !same_question(own, question) {
            return None;
        }
    }
    let said = ttls(answer, |_, _| {})?;
    if said.signed || said.end != answer.len() || said.ttl == Some(0) {
        return None;
    }
    let subnet = subnet(asked, &said, answer, seed)?;
    let term = Term::of(header, &said, terms)?;

    let records = header.counts.iter().skip(1).map(|&count| usize::from(count)).sum::<usize>();
    let places = records.min(given.len() / SHORTEST_RECORD);
    let mut bytes = Vec::with_capacity(given.len() + 2 * places);
    bytes.extend_from_slice(given);
    let kept = ttls(given, |place, ttl| {
        // Both fit: a message is shorter than 64 KiB, which is looked at below.
        bytes.extend_from_slice(&(place as u16).to_be_bytes());
        if let Some(field) = bytes.get_mut(place..place + 4) {
            field.copy_from_slice(&term.of_record(ttl).to_be_bytes());
        }
    })?;
    if kept.edns.is_some() && asked.query.edns.is_none() {
        return None;
    }
    let opt = kept.edns.filter(|edns| edns.range.end == given.len());
    Some(Entry {
        key: asked.key,
        bytes: bytes.into(),
        length: u16::try_from(given.len()).ok()?,
        question: u16::try_from(question.len()).ok()?,
        manner: asked.manner,
        subnet,
        opt: opt.and_then(|edns| u16::try_from(edns.options.start - 2).ok()),
        stored: now,
        lifetime: term.lifetime(),
        stale: term.stale,
    })
}

/// Whom the answer is for, by its own words; `None` if its options forbid to keep it.
fn subnet(asked: &Asked<'_>, said: &Summary, answer: &[u8], seed: (u64, u64)) -> Option<Option<Prefix>> {
    let Some(edns) = &said.edns else { return Some(None) };
    let known = |code| matches!(code, option::SUBNET | option::PADDING | option::EXTENDED_ERROR);
    if edns.version != 0 || edns.extended != 0 || !edns.options(answer).all(|(code, _)| known(code)) {
        return None;
    }
    if !edns.has_subnet {
        return Some(None);
    }
    let own = edns.subnet.as_ref().filter(|subnet| subnet.scope <= subnet.source)?;
    let own = Some((own.address, own.source));
    // What was sent is not remembered, but the key was made of it.
    let sent = question_key(asked.query, asked.manner, own, seed);
    (sent == Some(asked.key)).then_some(own)
}

/// For how long, in seconds, an answer and its records hold.
#[derive(Clone, Copy, Debug)]
struct Term {
    smallest: u32,
    most: u32,
    least: u32,
    stale: u32,
}

impl Term {
    fn of(header: Header, said: &Summary, terms: Terms) -> Option<Self> {
        let [_, answers, authority, _] = header.counts;
        if matches!(header.rcode(), Rcode::SERVFAIL | Rcode::REFUSED) {
            let smallest = said.ttl.unwrap_or(terms.error);
            return (terms.error > 0).then_some(Self { smallest, most: terms.error, least: 0, stale: 0 });
        }
        let long = Self { smallest: said.ttl?, most: terms.max, least: terms.min, stale: terms.stale };
        let negative = |most: u32| Self { most: most.min(terms.negative).min(terms.max), ..long };
        let term = match (header.rcode(), said.negative) {
            (Rcode::NXDOMAIN, Some(minimum)) => negative(minimum),
            (Rcode::NOERROR, Some(minimum)) if !said.has_data => negative(minimum),
            // A referral: the servers to ask instead.
            (Rcode::NOERROR, None) if answers == 0 => (authority > 0).then(|| negative(u32::MAX))?,
            (Rcode::NOERROR, _) => long,
            _ => return None,
        };
        // A minimum field of 0 is a TTL of 0.
        (term.most > 0).then_some(term)
    }

    fn of_record(self, ttl: u32) -> u32 {
        ttl.min(self.most).max(self.least)
    }

    /// Never more than [`Term::of_record`] of any record.
    fn lifetime(self) -> u32 {
        self.of_record(self.smallest)
    }
}

fn seconds(duration: Duration) -> u32 {
    // The top bit of a TTL is no part of it (RFC 2181, section 8).
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX).min(i32::MAX as u32)
}
