//! What the gateway says itself, and answers that are too long.

use std::ops::RangeInclusive;

use super::edns::{Edns, option};
use super::header::{Header, Rcode, flag};
use super::opt::{Opt, close, put_option};
use super::query::{Question, query};
use super::record::{kind, records};
use super::writer::Writer;

/// How much longer than the query an own answer may be: as good as no amplification.
const GROWTH: usize = 24;

/// The UDP payload that the gateway itself offers: fits every path (DNS Flag Day 2020).
const PAYLOAD: u16 = 1232;

/// Lengths of a cookie option with both halves, and its head of four octets (RFC 7873, section 4).
const COOKIE: RangeInclusive<usize> = 4 + 8 + 8..=4 + 8 + 32;

/// Writes an own answer to `request`: its id, opcode, RD, CD and question; OPT only if the request had a good one,
/// with an extended error (RFC 8914) if there is one, and the client's cookies. Says how long it is.
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
        let opt = Opt { payload: PAYLOAD, extended: (code >> 4) as u8, dnssec_ok: edns.dnssec_ok };
        let options = opt.open(&mut writer)?;
        if let Some(cookie) = whole_cookie(request, &edns) {
            writer.put(cookie)?;
        }
        if let Some((info, text)) = ede {
            let room = (request.len() + GROWTH).checked_sub(writer.len() + 6)?;
            let text = if text.len() <= room { text } else { "" };
            put_option(&mut writer, option::EXTENDED_ERROR, &[&info.to_be_bytes(), text.as_bytes()])?;
        }
        close(&mut writer, options)?;
    }
    Some(writer.len())
}

/// The cookie option of a client that has a server's cookie already. It goes back as it came: such a client takes no
/// answer without its own half, and none of ours would be heard (RFC 7873, section 5.3).
fn whole_cookie<'a>(request: &'a [u8], edns: &Edns) -> Option<&'a [u8]> {
    let mut options = edns.options(request).filter(|_| edns.cookie);
    let (_, range) =
        options.find(|(code, range)| *code == option::COOKIE && COOKIE.contains(&range.len()))?;
    request.get(range)
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
            let Edns { payload, extended, dnssec_ok, .. } = opt;
            Opt { payload, extended, dnssec_ok }.open(&mut writer)?;
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
