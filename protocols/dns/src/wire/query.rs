//! What a client asks.

use super::edns::Edns;
use super::header::{HEADER, Header, Rcode, opcode};
use super::name;
use super::record::{Records, Section, kind, records};

/// What every client takes over UDP (RFC 1035, section 2.3.4), whatever it says.
const SMALLEST_PAYLOAD: usize = 512;

/// A request that may be relayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query<'a> {
    /// The whole message, with what trails it.
    pub(crate) bytes: &'a [u8],
    pub(crate) header: Header,
    /// `None` only for opcodes other than QUERY that ask none.
    pub(crate) question: Option<Question<'a>>,
    pub(crate) edns: Option<Edns>,
    /// Whether TSIG or SIG(0) signs it: not an octet of it may change.
    pub(crate) signed: bool,
    /// Where the last record that could be read ends; what stands behind it is relayed.
    pub(crate) end: usize,
}

/// The first question of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Question<'a> {
    /// Name, type and class, as they stand behind the header.
    pub(crate) wire: &'a [u8],
    /// Uncompressed, with the root label, in the client's case.
    pub(crate) name: &'a [u8],
    pub(crate) kind: u16,
    pub(crate) class: u16,
}

impl<'a> Question<'a> {
    /// Reads the question that stands behind the header. No pointer may be in it: nothing stands before it.
    pub(super) fn read(message: &'a [u8]) -> Option<Self> {
        let end = name::plain(message, HEADER)?;
        let wire = message.get(HEADER..end + 4)?;
        let (name, &[a, b, c, d]) = wire.split_last_chunk()?;
        Some(Self { wire, name, kind: u16::from_be_bytes([a, b]), class: u16::from_be_bytes([c, d]) })
    }

    /// Where it ends in the message.
    pub(super) fn end(&self) -> usize {
        HEADER + self.wire.len()
    }
}

/// Why a request goes to no server; the label is for the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is no request: an answer to it could only serve to annoy a third party.
    Silence(&'static str),
    /// The client is told.
    Tell(Rcode, &'static str),
}

/// Reads a request.
///
/// A QUERY is read whole, because what servers make of a broken one differs. Of other opcodes only the question must
/// be sound: what follows it belongs to the server.
pub(crate) fn query(bytes: &[u8]) -> Result<Query<'_>, Unreadable> {
    let tell = |label| Unreadable::Tell(Rcode::FORMERR, label);
    let header = Header::read(bytes).ok_or(Unreadable::Silence("short"))?;
    if header.qr() {
        return Err(Unreadable::Silence("not-a-query"));
    }
    let ordinary = header.opcode() == opcode::QUERY;
    let [questions, answers, authority, additional] = header.counts;
    let mut query = Query { bytes, header, question: None, edns: None, signed: false, end: HEADER };
    if ordinary && questions != 1 {
        return Err(tell("question-count"));
    }
    if questions > 0 {
        let question = Question::read(bytes).ok_or(tell("question"))?;
        query.end = question.end();
        query.question = Some(question);
    }
    if [answers, authority, additional] == [0; 3] {
        return Ok(query);
    }
    let walked = if questions <= 1 {
        query.walk(Records::from(bytes, header, query.end))
    } else {
        records(bytes).ok_or("records").and_then(|records| query.walk(records))
    };
    match walked {
        Err(label) if ordinary => Err(tell(label)),
        _ => Ok(query),
    }
}

impl Query<'_> {
    /// Looks for the OPT record and a signature.
    #[inline(always)]
    fn walk(&mut self, mut records: Records<'_>) -> Result<(), &'static str> {
        while let Some(record) = records.next() {
            let record = record.map_err(|_| "records")?;
            if record.kind == kind::OPT {
                // It may stand anywhere in the additional section, and once (RFC 6891, section 6.1.1).
                if record.section != Section::Additional || self.edns.is_some() {
                    return Err("opt");
                }
                self.edns = Some(Edns::read(self.bytes, &record).ok_or("opt")?);
            }
            self.signed |= record.signs(self.bytes);
            self.end = records.at();
        }
        Ok(())
    }
}

/// How much the client takes over UDP in one answer, in bytes.
pub(crate) fn payload(query: &Query<'_>) -> usize {
    query.edns.as_ref().map_or(SMALLEST_PAYLOAD, |edns| SMALLEST_PAYLOAD.max(edns.payload.into()))
}

/// Whether a zone is asked for (RFC 5936, RFC 1995): the answer is of several messages.
pub(crate) fn is_transfer(query: &Query<'_>) -> bool {
    query.header.opcode() == opcode::QUERY
        && query.question.is_some_and(|question| matches!(question.kind, kind::AXFR | kind::IXFR))
}
