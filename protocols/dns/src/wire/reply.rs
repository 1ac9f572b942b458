//! What the gateway says itself, and answers that are too long.

use super::edns::{Edns, option};
use super::header::{Header, Rcode, flag};
use super::query::{Question, query};
use super::record::{kind, records};
use super::writer::Writer;

/// How much longer than the query an own answer may be: as good as no amplification.
const GROWTH: usize = 24;

/// The UDP payload that the gateway itself offers: fits every path (DNS Flag Day 2020).
const PAYLOAD: u16 = 1232;

/// Writes an own answer to `request`: its id, opcode, RD, CD and question; OPT only if the request had a good one,
/// with an extended error (RFC 8914) if there is one. Says how long it is.
///
/// Never longer than the request and 24 octets: the text of the extended error is left out rather. `None` if the
/// request may not be answered at all (it is short, or an answer), or `out` has no room.
pub(crate) fn error(request: &[u8], rcode: Rcode, ede: Option<(u16, &str)>, out: &mut [u8]) -> Option<usize> {
    let header = Header::read(request).filter(|header| !header.qr())?;
    let read = query(request).ok();
    own(request, header, read.and_then(|query| query.edns), rcode, ede, out)
}

fn own(
    request: &[u8],
    header: Header,
    edns: Option<Edns>,
    rcode: Rcode,
    ede: Option<(u16, &str)>,
    out: &mut [u8],
) -> Option<usize> {
    let question = one_question(request, header);
    // Without OPT there are four bits for the code.
    let code = if rcode.0 > flag::RCODE && edns.is_none() { Rcode::SERVFAIL.0 } else { rcode.0 };
    let flags = header.flags & (flag::OPCODE | flag::RD | flag::CD) | flag::QR | code & flag::RCODE;
    let counts = [question.is_some().into(), 0, 0, edns.is_some().into()];
    let mut writer = Writer::new(out);
    writer.put(&Header { id: header.id, flags, counts }.octets())?;
    writer.put(question.map_or(&[], |question| question.wire))?;
    if let Some(edns) = edns {
        let room = (request.len() + GROWTH).checked_sub(writer.len() + 11)?;
        let ede = ede
            .filter(|_| room >= 6)
            .map(|(info, text)| (info, if text.len() <= room - 6 { text } else { "" }));
        put_opt(&mut writer, PAYLOAD, (code >> 4) as u8, edns.dnssec_ok, ede)?;
    }
    Some(writer.len())
}

/// Writes what an answer that is too long for its client becomes: its header and question with TC, and its OPT record
/// if the request had one, without options where they do not fit into `limit`. A body is never cut.
///
/// With an empty `answer` it is the gateway that sends the client to TCP.
pub(crate) fn truncated(request: &[u8], answer: &[u8], limit: usize, out: &mut [u8]) -> Option<usize> {
    let edns = query(request).ok().and_then(|query| query.edns);
    let out = out.get_mut(..limit.min(out.len()))?;
    let Some(header) = Header::read(answer) else {
        let asked = Header::read(request).filter(|header| !header.qr())?;
        let length = own(request, asked, edns, Rcode::NOERROR, None, out)?;
        set_tc(out);
        return Some(length);
    };
    let question = one_question(answer, header);
    let opt = edns.and_then(|_| opt(answer));
    let counts = [question.is_some().into(), 0, 0, opt.is_some().into()];
    let mut writer = Writer::new(out);
    writer.put(&Header { flags: header.flags | flag::TC, counts, ..header }.octets())?;
    writer.put(question.map_or(&[], |question| question.wire))?;
    if let Some(opt) = opt {
        let whole = answer.get(opt.range.clone()).and_then(|octets| writer.put(octets));
        if whole.is_none() {
            put_opt(&mut writer, opt.payload, opt.extended, opt.dnssec_ok, None)?;
        }
    }
    Some(writer.len())
}

/// The response code of an answer with its extension (RFC 6891, section 6.1.3); 0 for what is no message.
pub(crate) fn rcode(answer: &[u8]) -> u16 {
    let Some(header) = Header::read(answer) else { return 0 };
    header.rcode().0 | opt(answer).map_or(0, |opt| u16::from(opt.extended) << 4)
}

/// The OPT record of an answer.
fn opt(answer: &[u8]) -> Option<Edns> {
    let record = records(answer)?.map_while(Result::ok).find(|record| record.kind == kind::OPT)?;
    Edns::read(answer, &record)
}

/// The question of a message that has one and no more.
fn one_question(message: &[u8], header: Header) -> Option<Question<'_>> {
    Question::read(message).filter(|_| header.counts[0] == 1)
}

fn set_tc(message: &mut [u8]) {
    if let Some(high) = message.get_mut(2) {
        *high |= (flag::TC >> 8) as u8;
    }
}

/// Writes an OPT record of version 0.
pub(super) fn put_opt(
    writer: &mut Writer<'_>,
    payload: u16,
    extended: u8,
    dnssec_ok: bool,
    ede: Option<(u16, &str)>,
) -> Option<()> {
    writer.put(&[0])?;
    writer.put_u16(kind::OPT)?;
    writer.put_u16(payload)?;
    writer.put(&[extended, 0, if dnssec_ok { 0x80 } else { 0 }, 0])?;
    let Some((info, text)) = ede else { return writer.put_u16(0) };
    let length = u16::try_from(text.len()).ok()?.checked_add(2)?;
    writer.put_u16(length.checked_add(4)?)?;
    writer.put_u16(option::EXTENDED_ERROR)?;
    writer.put_u16(length)?;
    writer.put_u16(info)?;
    writer.put(text.as_bytes())
}
