//! Messages about connection tracking, as bytes: pure.
//!
//! Source: Linux, `include/uapi/linux/netlink.h`, `netfilter/nfnetlink.h` and `netfilter/nfnetlink_conntrack.h`. Numbers are
//! in the machine's order of bytes, ports in the network's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::way::Family;

/// What connection tracking knows of a flow.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry<'b> {
    pub(super) original: Tuple,
    pub(super) reply: Tuple,
    /// The original direction as the kernel wrote it, which names the flow.
    name: &'b [u8],
}

/// One direction of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tuple {
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
    pub(super) protocol: u8,
}

/// A part of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'b> {
    Entry(Entry<'b>),
    /// That was all.
    End,
    /// The kernel refused, for this reason (errno(3)).
    Error(i32),
}

/// Asks for all entries of a version of IP.
pub(super) fn list(family: Family) -> Vec<u8> {
    message(GET, REQUEST | DUMP, family, &[])
}

/// Asks to forget an entry.
pub(super) fn delete(family: Family, entry: &Entry<'_>) -> Vec<u8> {
    let length = u16::try_from(ATTRIBUTE + entry.name.len()).unwrap_or(u16::MAX);
    let mut attribute = [length.to_ne_bytes(), (ORIGINAL | NESTED).to_ne_bytes()].concat();
    attribute.extend_from_slice(entry.name);
    message(DELETE, REQUEST, family, &attribute)
}

fn message(kind: u16, flags: u16, family: Family, attributes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + GENERIC + attributes.len()).unwrap_or(u32::MAX);
    let family = match family {
        Family::V4 => 2,
        Family::V6 => 10,
    };
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(&flags.to_ne_bytes());
    // Neither a number of the message nor one of the sender is needed.
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(&[family, 0, 0, 0]);
    bytes.extend_from_slice(attributes);
    bytes
}

/// The parts of what was read; what cannot be read is passed over.
pub(super) fn parts(mut bytes: &[u8]) -> impl Iterator<Item = Part<'_>> {
    std::iter::from_fn(move || {
        loop {
            let length = usize::try_from(u32::from_ne_bytes(*bytes.first_chunk()?)).ok()?;
            let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
            let body = bytes.get(HEADER..length)?;
            bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
            match kind {
                DONE => return Some(Part::End),
                ERROR => {
                    let code = body.first_chunk().map_or(0, |code| i32::from_ne_bytes(*code));
                    return Some(Part::Error(code.saturating_neg()));
                }
                _ => {
                    if let Some(entry) = body.get(GENERIC..).and_then(entry) {
                        return Some(Part::Entry(entry));
                    }
                }
            }
        }
    })
}

fn entry(bytes: &[u8]) -> Option<Entry<'_>> {
    let name = attribute(bytes, ORIGINAL)?;
    Some(Entry { original: tuple(name)?, reply: tuple(attribute(bytes, REPLY)?)?, name })
}

fn tuple(bytes: &[u8]) -> Option<Tuple> {
    let (ip, protocol) = (attribute(bytes, IP)?, attribute(bytes, PROTOCOL)?);
    let address = |four, six| match attribute(ip, four) {
        Some(bytes) => bytes.try_into().ok().map(|bytes: [u8; 4]| IpAddr::V4(Ipv4Addr::from(bytes))),
        None => attribute(ip, six)?.try_into().ok().map(|bytes: [u8; 16]| IpAddr::V6(Ipv6Addr::from(bytes))),
    };
    let port = |kind| Some(u16::from_be_bytes(attribute(protocol, kind)?.try_into().ok()?));
    Some(Tuple {
        source: SocketAddr::new(address(1, 3)?, port(2)?),
        destination: SocketAddr::new(address(2, 4)?, port(3)?),
        protocol: *attribute(protocol, 1)?.first()?,
    })
}

/// The value of the first attribute of a kind.
fn attribute(mut bytes: &[u8], kind: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(u16::from_ne_bytes(*bytes.first_chunk()?));
        let found = u16::from_ne_bytes(bytes.get(2..4)?.try_into().ok()?);
        let value = bytes.get(ATTRIBUTE..length)?;
        if found & !NESTED == kind {
            return Some(value);
        }
        bytes = bytes.get(length.next_multiple_of(4)..)?;
    }
}

/// Lengths of headers: of a message, of one of netfilter's, of an attribute.
const HEADER: usize = 16;
const GENERIC: usize = 4;
const ATTRIBUTE: usize = 4;
/// Kinds of messages: those of connection tracking have its number in the upper byte.
const ERROR: u16 = 2;
const DONE: u16 = 3;
const GET: u16 = 1 << 8 | 1;
const DELETE: u16 = 1 << 8 | 2;
/// `NLM_F_REQUEST`, `NLM_F_ROOT | NLM_F_MATCH`.
const REQUEST: u16 = 1;
const DUMP: u16 = 0x300;
/// Attributes of an entry, and of a direction.
const ORIGINAL: u16 = 1;
const REPLY: u16 = 2;
const IP: u16 = 1;
const PROTOCOL: u16 = 2;
/// The bit of attributes that hold others.
const NESTED: u16 = 0x8000;

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute_of(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(ATTRIBUTE + value.len()).unwrap();
        let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend_from_slice(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn tuple_of(kind: u16, source: [u8; 4], destination: [u8; 4], ports: [u16; 2]) -> Vec<u8> {
        let ip = [attribute_of(1, &source), attribute_of(2, &destination)].concat();
        let [from, to] = ports.map(u16::to_be_bytes);
        let protocol = [attribute_of(1, &[17]), attribute_of(2, &from), attribute_of(3, &to)].concat();
        let both = [attribute_of(IP | NESTED, &ip), attribute_of(PROTOCOL | NESTED, &protocol)].concat();
        attribute_of(kind | NESTED, &both)
    }

    /// An answer with one entry and the end of the list.
    fn answer() -> Vec<u8> {
        let entry = [
            tuple_of(ORIGINAL, [198, 51, 100, 9], [203, 0, 113, 10], [4000, 53]),
            tuple_of(REPLY, [10, 0, 0, 41], [198, 51, 100, 9], [5353, 4000]),
        ];
        let mut bytes = message(GET & !0xff, 2, Family::V4, &entry.concat());
        bytes.extend(message(DONE, 2, Family::V4, &[]));
        bytes
    }

    #[test]
    fn entry_is_read_and_forgotten_by_the_name_that_the_kernel_gave_it() {
        let answer = answer();
        let [Part::Entry(entry), Part::End] = &parts(&answer).collect::<Vec<_>>()[..] else {
            panic!("entry, end")
        };
        assert_eq!(entry.original.destination, "203.0.113.10:53".parse().unwrap());
        assert_eq!(entry.reply.source, "10.0.0.41:5353".parse().unwrap());
        assert_eq!(entry.original.protocol, 17);
        let request = delete(Family::V4, entry);
        assert_eq!(
            request.len(),
            usize::try_from(u32::from_ne_bytes(*request.first_chunk().unwrap())).unwrap()
        );
        assert!(
            answer.windows(entry.name.len()).any(|part| part == &request[HEADER + GENERIC + ATTRIBUTE..])
        );
    }

    #[test]
    fn refusal_is_told_by_its_reason() {
        let mut bytes = message(ERROR, 0, Family::V4, &[]);
        bytes[HEADER..HEADER + 4].copy_from_slice(&(-1_i32).to_ne_bytes());
        assert_eq!(parts(&bytes).collect::<Vec<_>>(), [Part::Error(1)]);
    }

    #[test]
    fn damaged_answers_are_read_to_an_end_and_no_further() {
        let whole = answer();
        for cut in 0..whole.len() {
            assert!(parts(&whole[..cut]).count() < 2);
        }
        for place in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[place] = value;
                assert!(parts(&bytes).count() <= bytes.len());
            }
        }
    }
}
