//! The few changes that a message may suffer on its way.

use std::net::IpAddr;
use std::ops::Range;

use super::edns::{Edns, masked, option};
use super::header::{Header, Rcode, flag, opcode};
use super::name;
use super::opt::{Opt, close, put_option};
use super::query::Query;
use super::record::{Record, Section, kind, records};
use super::writer::Writer;

/// The payload that is offered for a client without EDNS: it takes no more than this.
const PAYLOAD: u16 = 512;

/// Where the additional count stands.
const ADDITIONAL_AT: usize = 10;

/// Writes `query` with this client subnet (an address and how many bits of it are told) in the place of any it has,
/// or, without one, with none. An OPT record is added where there is none to carry it.
///
/// `None`: the query goes as it came. It is signed, of another opcode or EDNS version, has nothing to strip, or there
/// is no room.
pub(crate) fn with_subnet(query: &Query<'_>, subnet: Option<(IpAddr, u8)>, out: &mut [u8]) -> Option<usize> {
    if query.signed || query.header.opcode() != opcode::QUERY {
        return None;
    }
    let mut writer = Writer::new(out);
    let Some(edns) = &query.edns else {
        let (address, bits) = subnet?;
        let (before, behind) = query.bytes.split_at_checked(query.end)?;
        writer.put(before)?;
        writer.set_u16(ADDITIONAL_AT, query.header.counts[3].checked_add(1)?)?;
        let options = Opt { payload: PAYLOAD, extended: 0, dnssec_ok: false }.open(&mut writer)?;
        put_subnet(&mut writer, address, bits)?;
        close(&mut writer, options)?;
        writer.put(behind)?;
        return Some(writer.len());
    };
    if edns.version != 0 || (subnet.is_none() && !edns.has_subnet) {
        return None;
    }
    writer.put(query.bytes.get(..edns.options.start)?)?;
    put_other_options(&mut writer, query.bytes, edns)?;
    if let Some((address, bits)) = subnet {
        put_subnet(&mut writer, address, bits)?;
    }
    close(&mut writer, edns.options.start)?;
    put_rest(&mut writer, query.bytes, edns)?;
    Some(writer.len())
}

/// Writes `answer` without its OPT record, or without the client subnet in it: what the client did not ask for.
///
/// `None`: the answer goes as it came. It is signed, has nothing of the kind, cannot be read, or there is no room.
pub(crate) fn answer_without(
    answer: &[u8],
    drop_opt: bool,
    drop_subnet: bool,
    out: &mut [u8],
) -> Option<usize> {
    let header = Header::read(answer)?;
    let mut found = None;
    for record in records(answer)? {
        let record = record.ok()?;
        if record.signs(answer) {
            return None;
        }
        if record.kind == kind::OPT && record.section == Section::Additional && found.is_none() {
            found = Some(Edns::read(answer, &record)?);
        }
    }
    let edns = found?;
    let mut writer = Writer::new(out);
    if drop_opt {
        writer.put(answer.get(..edns.range.start)?)?;
        writer.set_u16(ADDITIONAL_AT, header.counts[3].checked_sub(1)?)?;
        if edns.extended != 0 {
            // The client has no way to see the upper bits: what is left of the code would say something else.
            writer.set_u16(2, header.flags & !flag::RCODE | Rcode::SERVFAIL.0)?;
        }
    } else if drop_subnet && edns.has_subnet {
        writer.put(answer.get(..edns.options.start)?)?;
        put_other_options(&mut writer, answer, &edns)?;
        close(&mut writer, edns.options.start)?;
    } else {
        return None;
    }
    put_rest(&mut writer, answer, &edns)?;
    Some(writer.len())
}

/// Writes the options other than the client subnet.
fn put_other_options(writer: &mut Writer<'_>, message: &[u8], edns: &Edns) -> Option<()> {
    for (code, range) in edns.options(message) {
        if code != option::SUBNET {
            writer.put(message.get(range)?)?;
        }
    }
    Some(())
}

/// Writes a client subnet as a query has it (RFC 7871, section 6).
fn put_subnet(writer: &mut Writer<'_>, address: IpAddr, bits: u8) -> Option<()> {
    let address = address.to_canonical();
    let (family, width) = if address.is_ipv4() { (1, 32) } else { (2, 128) };
    let bits = bits.min(width);
    let told = usize::from(bits.div_ceil(8));
    let head = [0, family, bits, 0];
    match masked(address, bits) {
        IpAddr::V4(address) => put_option(writer, option::SUBNET, &[&head, address.octets().get(..told)?]),
        IpAddr::V6(address) => put_option(writer, option::SUBNET, &[&head, address.octets().get(..told)?]),
    }
}

/// Writes what stands behind the OPT record of `message`, which has become longer or shorter: pointers in it to what
/// has moved are moved along.
fn put_rest(writer: &mut Writer<'_>, message: &[u8], edns: &Edns) -> Option<()> {
    let (from, to) = (edns.range.end, writer.len());
    writer.put(message.get(from..)?)?;
    if from == message.len() {
        return Some(());
    }
    let written = writer.written();
    for record in records(message)?.map_while(Result::ok).filter(|record| record.start >= from) {
        for at in names(message, &record) {
            // Data that is no name may look like one that goes on behind the record.
            let place = name::pointer_place(message, at).filter(|place| place + 2 <= record.data.end);
            let Some(place) = place else { continue };
            let target = name::pointer(message, place)?;
            if target < edns.range.start {
                continue;
            }
            // What was in the record is gone.
            let moved = u16::try_from(target.checked_sub(from)? + to).ok().filter(|&moved| moved < 0x4000)?;
            let here = written.get_mut(place - from + to..)?.first_chunk_mut()?;
            *here = (moved | 0xc000).to_be_bytes();
        }
    }
    // Data of other types may hold what a name behind it points to: that is nobody's idea of compression, but it must
    // not make a message unreadable that was not.
    records(written)?.all(|record| record.is_ok()).then_some(())
}

/// Where names begin in a record: its own, and those of the types in whose data pointers may stand (RFC 3597,
/// section 4).
fn names(message: &[u8], record: &Record) -> impl Iterator<Item = usize> {
    let data = record.data.clone();
    let (skip, count) = match record.kind {
        kind::NS
        | kind::MD
        | kind::MF
        | kind::CNAME
        | kind::MB
        | kind::MG
        | kind::MR
        | kind::PTR
        | kind::DNAME => (0, 1),
        kind::SOA | kind::MINFO | kind::RP => (0, 2),
        kind::MX | kind::AFSDB | kind::RT | kind::KX => (2, 1),
        kind::PX => (2, 2),
        kind::SRV => (6, 1),
        kind::SIG => (18, 1),
        _ => (0, 0),
    };
    let first = inside(&data, data.start + skip).filter(|_| count > 0);
    let second = first.filter(|_| count > 1).and_then(|at| inside(&data, name::compressed(message, at)?));
    [Some(record.start), first, second].into_iter().flatten()
}

fn inside(data: &Range<usize>, at: usize) -> Option<usize> {
    data.contains(&at).then_some(at)
}
