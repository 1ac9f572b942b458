//! An answer as it is kept, and as it is given again.

use std::net::IpAddr;
use std::time::Instant;

use super::manner::Manner;
use crate::wire::{HEADER, Query};

/// A prefix of a client's address, and its length in bits: what a server was told of the client (RFC 7871).
pub(super) type Prefix = (IpAddr, u8);

/// The TTL of what is given although it is no longer fresh, in seconds (RFC 8767, section 4).
const STALE_TTL: u32 = 30;

/// What an allocation costs beyond its length, at the most: its header, and rounding up to 16 bytes.
const ALLOCATION: usize = 32;

/// An answer, whole.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: u64,
    /// The message; behind it, two bytes each, the places of its TTLs.
    pub(super) bytes: Box<[u8]>,
    /// How much of that is the message.
    pub(super) length: u16,
    /// How long its question is, name and type and class.
    pub(super) question: u16,
    pub(super) manner: Manner,
    /// Whom the answer is for, where the server said that it is not for everybody.
    pub(super) subnet: Option<Prefix>,
    /// Where the length of the OPT's data stands, if an OPT ends the message: there options can be added.
    pub(super) opt: Option<u16>,
    pub(super) stored: Instant,
    /// Seconds for which it is fresh. No TTL in the message is shorter.
    pub(super) lifetime: u32,
    /// Seconds for which it may be given after that.
    pub(super) stale: u32,
}

impl Entry {
    /// Bytes that it has allocated.
    pub(super) const fn heap(&self) -> usize {
        self.bytes.len() + ALLOCATION
    }

    /// Whether nobody will be given it any more.
    pub(super) fn useless(&self, now: Instant) -> bool {
        self.age(now) >= u64::from(self.lifetime) + u64::from(self.stale)
    }

    /// Whether it is worth more than its successor, an error that will never be given stale, while this one may be:
    /// a server in trouble says SERVFAIL before it says nothing.
    pub(super) fn outlasts(&self, successor: &Self, now: Instant) -> bool {
        self.stale > 0 && successor.stale == 0 && !self.useless(now)
    }

    /// Whether it answers this query: the key alone proves nothing.
    pub(super) fn answers(&self, query: &Query<'_>, manner: Manner, subnet: Option<Prefix>) -> bool {
        let Some(asked) = &query.question else { return false };
        let Some(kept) = self.bytes.get(HEADER..HEADER + usize::from(self.question)) else { return false };
        manner == self.manner
            && self.subnet.is_none_or(|own| subnet == Some(own))
            && same_question(kept, asked.wire)
    }

    /// Writes it as the answer to `query` if it is fresh, and says how long it is. `None` also if `out` is too short.
    pub(super) fn fresh(&self, query: &Query<'_>, now: Instant, out: &mut [u8]) -> Option<usize> {
        let age = u32::try_from(self.age(now)).ok().filter(|&age| age < self.lifetime)?;
        self.write(query, out, |ttl| ttl.saturating_sub(age).max(1))
    }

    /// The same if it is not fresh but still known, with an extended error that says so where the client speaks EDNS
    /// (RFC 8914, sections 4.4 and 4.20).
    pub(super) fn stale(&self, query: &Query<'_>, now: Instant, out: &mut [u8]) -> Option<usize> {
        if self.useless(now) || self.age(now) < self.lifetime.into() {
            return None;
        }
        let length = self.write(query, out, |_| STALE_TTL)?;
        Some(self.say_stale(length, out).unwrap_or(length))
    }

    /// Copies the message with what is the asker's own: the id, RD, CD and the case of the question.
    fn write(&self, query: &Query<'_>, out: &mut [u8], ttl: impl Fn(u32) -> u32) -> Option<usize> {
        let (message, places) = self.bytes.split_at_checked(usize::from(self.length))?;
        let out = out.get_mut(..message.len())?;
        out.copy_from_slice(message);
        let question = query.question.as_ref()?.wire;
        out.get_mut(HEADER..HEADER + question.len())?.copy_from_slice(question);
        for (own, asked, mask) in [(0, 0, 0xff), (1, 1, 0xff), (2, 2, RD), (3, 3, CD)] {
            let (byte, asked) = (out.get_mut::<usize>(own)?, query.bytes.get::<usize>(asked)?);
            *byte = *byte & !mask | asked & mask;
        }
        for place in places.chunks_exact(2) {
            let place = usize::from(u16::from_be_bytes(place.try_into().ok()?));
            let field: &mut [u8; 4] = out.get_mut(place..place + 4)?.try_into().ok()?;
            *field = ttl(u32::from_be_bytes(*field)).to_be_bytes();
        }
        Some(message.len())
    }

    /// Adds the option to the OPT that ends the message.
    fn say_stale(&self, length: usize, out: &mut [u8]) -> Option<usize> {
        let place = usize::from(self.opt?);
        let info = if out.get(3)? & 0x0f == NXDOMAIN { STALE_NXDOMAIN } else { STALE };
        let option: [u8; 6] = [0, EDE, 0, 2, 0, info];
        let end = Some(length + option.len()).filter(|&end| end <= usize::from(u16::MAX))?;
        let held: &mut [u8; 2] = out.get_mut(place..place + 2)?.try_into().ok()?;
        let grown = u16::from_be_bytes(*held).checked_add(option.len() as u16)?;
        // The option first: a buffer without room for it leaves the message as it was.
        let grown = grown.to_be_bytes();
        out.get_mut(length..end)?.copy_from_slice(&option);
        out.get_mut(place..place + 2)?.copy_from_slice(&grown);
        Some(end)
    }

    fn age(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.stored).as_secs()
    }
}

/// Whether two questions, name and type and class, ask the same: names know no case (RFC 4343).
pub(super) fn same_question(one: &[u8], other: &[u8]) -> bool {
    // Type and class are numbers: 65 and 97 are not one letter in two cases. A label's length is below any letter.
    const NUMBERS: usize = 4;
    match (one.split_last_chunk::<NUMBERS>(), other.split_last_chunk::<NUMBERS>()) {
        (Some((one, kind)), Some((other, asked))) => kind == asked && one.eq_ignore_ascii_case(other),
        _ => false,
    }
}

const RD: u8 = 0x01;
const CD: u8 = 0x10;
const NXDOMAIN: u8 = 3;
/// The option Extended DNS Error, and its codes for what is given again late.
const EDE: u8 = 15;
const STALE: u8 = 3;
const STALE_NXDOMAIN: u8 = 19;
