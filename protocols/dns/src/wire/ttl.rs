//! For how long an answer may be kept (RFC 1035, section 3.2.1; RFC 2308).

use super::edns::Edns;
use super::header::Header;
use super::query::Question;
use super::record::{Record, Section, kind, records};

/// What a cache has to know of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// The smallest time to live in seconds, over all records but OPT; `None` if there is no other.
    pub(crate) ttl: Option<u32>,
    /// For how many seconds the absence of something may be kept: the smaller of the TTL and the minimum field of the
    /// SOA record in the authority section (RFC 2308, section 5).
    pub(crate) negative: Option<u32>,
    /// Whether the answer section has a record of the type that was asked for, not only aliases on the way to it.
    pub(crate) has_data: bool,
    pub(crate) edns: Option<Edns>,
    /// Whether TSIG or SIG(0) signs the answer, for one client alone.
    pub(crate) signed: bool,
    /// Where the last record ends; the message may be longer.
    pub(crate) end: usize,
}

/// Walks all records of an answer and calls `each` with the place and the value of every TTL but that of OPT and of
/// a signature of the message. `None` if not every record could be read; `each` has then seen the first ones.
pub(crate) fn ttls(answer: &[u8], mut each: impl FnMut(usize, u32)) -> Option<Summary> {
    let question = Header::read(answer).filter(|header| header.counts[0] == 1).and(Question::read(answer));
    let mut summary =
        Summary { ttl: None, negative: None, has_data: false, edns: None, signed: false, end: answer.len() };
    let mut records = records(answer)?;
    for record in records.by_ref() {
        let record = record.ok()?;
        if record.signs(answer) {
            summary.signed = true;
            continue;
        }
        if record.kind == kind::OPT {
            if summary.edns.is_some() {
                return None;
            }
            summary.edns = Some(Edns::read(answer, &record)?);
            continue;
        }
        let ttl = seconds(record.ttl);
        each(record.ttl_at, ttl);
        summary.ttl = Some(summary.ttl.map_or(ttl, |smallest| smallest.min(ttl)));
        match record.section {
            Section::Answer => {
                summary.has_data |= question.is_some_and(|q| q.kind == record.kind || q.kind == kind::ANY);
            }
            Section::Authority if record.kind == kind::SOA => {
                summary.negative = minimum(answer, &record).map(|minimum| minimum.min(ttl));
            }
            _ => {}
        }
    }
    summary.end = records.at();
    Some(summary)
}

/// A time to live with the top bit set is none (RFC 2181, section 8).
fn seconds(ttl: u32) -> u32 {
    if ttl > i32::MAX as u32 { 0 } else { ttl }
}

/// The last field of a SOA record (RFC 1035, section 3.3.13).
fn minimum(answer: &[u8], record: &Record) -> Option<u32> {
    // Two names of at least one octet and four numbers stand before it.
    let data = answer.get(record.data.clone()).filter(|data| data.len() >= 22)?;
    data.last_chunk().map(|&octets| seconds(u32::from_be_bytes(octets)))
}
