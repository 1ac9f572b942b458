//! How a question is asked: what decides the answer beside the question itself.

use std::ops::Range;

use crate::wire::Query;

/// Everything of a query that may change its answer, but the question and the subnet that the server is told: RD, AD
/// and CD, whether there is an OPT and with which flags (DO), and whether it has a cookie, padding, or a subnet of the
/// client's own, which comes back in the answer.
///
/// AD is among them because a server may set it in its answer for those who set it (RFC 6840, section 5.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Manner(u32);

impl Manner {
    /// Reads it; `None` for a query whose answer is never kept and that no kept answer is given to:
    ///
    /// * opcodes other than QUERY, classes other than IN (CH speaks of the very server that answers), and the types
    ///   that are none: transfers, ANY (RFC 8482: at the server's discretion, which differs by transport) and their
    ///   kin from 128 to 255 (RFC 6895, section 3.1), OPT and 0;
    /// * signed ones, and those with records, flags or bytes that a plain query has not;
    /// * EDNS versions and options whose effect on the answer is not known here, NSID among them.
    pub(super) fn of(query: &Query<'_>) -> Option<Self> {
        let question = query.question.as_ref()?;
        let unusual = query.signed
            || query.header.flags & !(RD | AD | CD) != 0
            || question.class != IN
            || matches!(question.kind, 0 | OPT | 128..=255)
            || query.header.counts != [1, 0, 0, u16::from(query.edns.is_some())]
            || query.end != query.bytes.len();
        if unusual {
            return None;
        }
        let Some(edns) = &query.edns else { return Some(Self(query.header.flags.into())) };
        if edns.version != 0 {
            return None;
        }
        let mut bits = EDNS;
        for (code, _) in edns.options(query.bytes) {
            match code {
                option::SUBNET if edns.subnet.is_some() => bits |= WITH_SUBNET,
                option::COOKIE => bits |= WITH_COOKIE,
                option::PADDING => bits |= WITH_PADDING,
                option::KEEPALIVE => {}
                _ => return None,
            }
        }
        let flags = opt_flags(query.bytes, &edns.range)?;
        Some(Self(u32::from(flags) << 16 | u32::from(query.header.flags) | bits))
    }

    /// The same as a number.
    pub(super) const fn bits(self) -> u32 {
        self.0
    }
}

/// The flags of the OPT record that takes up this range: DO and those yet to be defined.
fn opt_flags(message: &[u8], opt: &Range<usize>) -> Option<u16> {
    // Behind the root's name, type, class, the upper part of the response code and the version.
    let at = opt.start + 1 + 2 + 2 + 1 + 1;
    message.get(at..)?.first_chunk().map(|&flags| u16::from_be_bytes(flags))
}

/// Numbers of EDNS options.
pub(super) mod option {
    pub(in crate::cache) const SUBNET: u16 = 8;
    pub(in crate::cache) const COOKIE: u16 = 10;
    pub(in crate::cache) const KEEPALIVE: u16 = 11;
    pub(in crate::cache) const PADDING: u16 = 12;
    pub(in crate::cache) const EXTENDED_ERROR: u16 = 15;
}

const RD: u16 = 0x0100;
const AD: u16 = 0x0020;
const CD: u16 = 0x0010;
const IN: u16 = 1;
const OPT: u16 = 41;

/// Bits of the lower half that no kept query's header has set.
const EDNS: u32 = 1;
const WITH_COOKIE: u32 = 2;
const WITH_PADDING: u32 = 4;
const WITH_SUBNET: u32 = 8;
