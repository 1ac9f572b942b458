//! Resource records (RFC 1035, section 4.1.3), one after another.

use std::ops::Range;

use super::header::{HEADER, Header};
use super::name;

/// Types that this crate tells from the rest.
pub(crate) mod kind {
    pub(crate) const NS: u16 = 2;
    pub(crate) const MD: u16 = 3;
    pub(crate) const MF: u16 = 4;
    pub(crate) const CNAME: u16 = 5;
    pub(crate) const SOA: u16 = 6;
    pub(crate) const MB: u16 = 7;
    pub(crate) const MG: u16 = 8;
    pub(crate) const MR: u16 = 9;
    pub(crate) const PTR: u16 = 12;
    pub(crate) const MINFO: u16 = 14;
    pub(crate) const MX: u16 = 15;
    pub(crate) const RP: u16 = 17;
    pub(crate) const AFSDB: u16 = 18;
    pub(crate) const RT: u16 = 21;
    pub(crate) const SIG: u16 = 24;
    pub(crate) const PX: u16 = 26;
    pub(crate) const SRV: u16 = 33;
    pub(crate) const KX: u16 = 36;
    pub(crate) const DNAME: u16 = 39;
    pub(crate) const OPT: u16 = 41;
    pub(crate) const TSIG: u16 = 250;
    pub(crate) const IXFR: u16 = 251;
    pub(crate) const AXFR: u16 = 252;
    pub(crate) const ANY: u16 = 255;
}

/// Which part of a message a record stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Answer,
    Authority,
    Additional,
}

/// A record, by the places of its parts in the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) section: Section,
    /// Where its name begins.
    pub(crate) start: usize,
    pub(crate) kind: u16,
    pub(crate) class: u16,
    /// Where its time to live stands: four octets.
    pub(crate) ttl_at: usize,
    /// As it stands, with all 32 bits.
    pub(crate) ttl: u32,
    /// RDATA; the record ends with it.
    pub(crate) data: Range<usize>,
}

impl Record {
    // Inlined, the parts of a record are never put together: that halves the time of an ordinary query.
    #[inline(always)]
    fn read(message: &[u8], start: usize, section: Section) -> Option<Self> {
        let name_end = name::compressed(message, start)?;
        let &[a, b, c, d, e, f, g, h, i, j] = message.get(name_end..)?.first_chunk()?;
        let data = name_end + 10..name_end + 10 + usize::from(u16::from_be_bytes([i, j]));
        (data.end <= message.len()).then(|| Self {
            section,
            start,
            kind: u16::from_be_bytes([a, b]),
            class: u16::from_be_bytes([c, d]),
            ttl_at: name_end + 4,
            ttl: u32::from_be_bytes([e, f, g, h]),
            data,
        })
    }

    /// Whether it signs the message (RFC 8945; SIG(0) of RFC 2931 covers type 0).
    pub(super) fn signs(&self, message: &[u8]) -> bool {
        self.section == Section::Additional
            && match self.kind {
                kind::TSIG => true,
                kind::SIG => message.get(self.data.clone()).is_some_and(|data| data.starts_with(&[0, 0])),
                _ => false,
            }
    }
}

/// A record that is cut, or whose name is none: nothing behind it can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken;

/// The records of a message in their order; after an error there are no more.
#[derive(Clone, Debug)]
pub(crate) struct Records<'a> {
    message: &'a [u8],
    at: usize,
    left: [u16; 3],
}

impl<'a> Records<'a> {
    /// The records that begin at `at`, which is behind the questions.
    pub(super) fn from(message: &'a [u8], header: Header, at: usize) -> Self {
        let [_, answer, authority, additional] = header.counts;
        Self { message, at, left: [answer, authority, additional] }
    }

    /// Where the next record begins: behind the last, the end of the message or what trails it.
    pub(super) fn at(&self) -> usize {
        self.at
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Record, Broken>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let [answer, authority, additional] = &mut self.left;
        let (left, section) = if *answer > 0 {
            (answer, Section::Answer)
        } else if *authority > 0 {
            (authority, Section::Authority)
        } else if *additional > 0 {
            (additional, Section::Additional)
        } else {
            return None;
        };
        *left -= 1;
        let Some(record) = Record::read(self.message, self.at, section) else {
            self.left = [0; 3];
            return Some(Err(Broken));
        };
        self.at = record.data.end;
        Some(Ok(record))
    }
}

/// The records of `message`; `None` if what stands before them cannot be read.
pub(crate) fn records(message: &[u8]) -> Option<Records<'_>> {
    let header = Header::read(message)?;
    let mut at = HEADER;
    for _ in 0..header.counts[0] {
        at = name::compressed(message, at)?.checked_add(4).filter(|&end| end <= message.len())?;
    }
    Some(Records::from(message, header, at))
}
