//! The OPT record (RFC 6891) and the client subnet in it (RFC 7871).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::record::Record;

/// Numbers of options that this crate reads or writes.
pub(super) mod option {
    pub(in crate::wire) const SUBNET: u16 = 8;
    pub(in crate::wire) const COOKIE: u16 = 10;
    pub(in crate::wire) const EXTENDED_ERROR: u16 = 15;
}

/// What the OPT record of a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edns {
    /// The record's place in the message.
    pub(crate) range: Range<usize>,
    /// The largest UDP payload that its sender takes, as written.
    pub(crate) payload: u16,
    /// The upper eight bits of the response code.
    pub(crate) extended: u8,
    pub(crate) version: u8,
    /// Whether DNSSEC records are wanted (RFC 3225).
    pub(crate) dnssec_ok: bool,
    /// The options' place in the message.
    pub(crate) options: Range<usize>,
    /// The first client subnet that can be read.
    pub(crate) subnet: Option<Subnet>,
    /// Whether a client subnet stands there, readable or not.
    pub(crate) has_subnet: bool,
    /// Whether a cookie stands there (RFC 7873).
    pub(crate) cookie: bool,
}

impl Edns {
    /// Reads an OPT record. `None` if it has a name, or options that do not fill it; of a version that is not known,
    /// only what all versions share is read.
    #[inline(always)]
    pub(super) fn read(message: &[u8], record: &Record) -> Option<Self> {
        if message.get(record.start) != Some(&0) {
            return None;
        }
        let [extended, version, flags, _] = record.ttl.to_be_bytes();
        let mut edns = Self {
            range: record.start..record.data.end,
            payload: record.class,
            extended,
            version,
            dnssec_ok: flags & 0x80 != 0,
            options: record.data.clone(),
            subnet: None,
            has_subnet: false,
            cookie: false,
        };
        if version != 0 || edns.options.is_empty() {
            return Some(edns);
        }
        let mut options = edns.options(message);
        for (code, range) in options.by_ref() {
            match code {
                option::SUBNET => {
                    edns.has_subnet = true;
                    edns.subnet = edns.subnet.or_else(|| Subnet::read(message, range));
                }
                option::COOKIE => edns.cookie = true,
                _ => {}
            }
        }
        (options.at == edns.options.end).then_some(edns)
    }

    /// The options in their order: number, and place in the message including the head of four octets.
    pub(crate) fn options<'a>(&self, message: &'a [u8]) -> Options<'a> {
        Options { message: message.get(..self.options.end).unwrap_or_default(), at: self.options.start }
    }
}

/// See [`Edns::options`]; ends early before an option that is cut.
#[derive(Clone, Debug)]
pub(crate) struct Options<'a> {
    /// Up to the end of the record.
    message: &'a [u8],
    at: usize,
}

impl Iterator for Options<'_> {
    type Item = (u16, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let &[a, b, c, d] = self.message.get(self.at..)?.first_chunk()?;
        let range = self.at..self.at + 4 + usize::from(u16::from_be_bytes([c, d]));
        if range.end > self.message.len() {
            return None;
        }
        self.at = range.end;
        Some((u16::from_be_bytes([a, b]), range))
    }
}

/// A client subnet option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subnet {
    /// INVARIANT: only the first `source` bits are set.
    pub(crate) address: IpAddr,
    /// How many bits of the address are told; 0: the client wants nothing told (RFC 7871, section 7.1.2).
    pub(crate) source: u8,
    /// In an answer, for how many bits it holds; 0 in a query.
    pub(crate) scope: u8,
    /// The option's place in the message, including its head of four octets.
    pub(crate) range: Range<usize>,
}

impl Subnet {
    fn read(message: &[u8], range: Range<usize>) -> Option<Self> {
        let data = message.get(range.start + 4..range.end)?;
        let (&[family_high, family_low, source, scope], octets) = data.split_first_chunk()?;
        if octets.len() != usize::from(source.div_ceil(8)) {
            return None;
        }
        // The last octet holds what is left of the prefix, and nothing behind it.
        let spare = octets.last().map_or(0, |last| last & (0xff >> (source % 8)));
        if source % 8 != 0 && spare != 0 {
            return None;
        }
        let (address, width) = match u16::from_be_bytes([family_high, family_low]) {
            // `dig +subnet=0` names no family to say that it wants nothing told.
            0 if source == 0 => (IpAddr::V4(Ipv4Addr::UNSPECIFIED), 32),
            1 if octets.len() <= 4 => (Ipv4Addr::from_bits(leading(octets)).into(), 32),
            2 => (Ipv6Addr::from(filled(octets)?).into(), 128),
            _ => return None,
        };
        (source <= width && scope <= width).then_some(Self { address, source, scope, range })
    }
}

/// `octets`, followed by zeros; `None` if there are too many.
fn filled(octets: &[u8]) -> Option<[u8; 16]> {
    let mut all = [0; 16];
    all.get_mut(..octets.len())?.copy_from_slice(octets);
    Some(all)
}

/// The four octets that begin with these; the others are zero.
fn leading(octets: &[u8]) -> u32 {
    let number = octets.iter().fold(0, |number: u32, &octet| number << 8 | u32::from(octet));
    number.checked_shl(32_u32.saturating_sub(8 * octets.len() as u32)).unwrap_or(0)
}

/// `address` with nothing but its first `bits` bits.
pub(crate) fn masked(address: IpAddr, bits: u8) -> IpAddr {
    let bits = u32::from(bits);
    match address {
        IpAddr::V4(a) => {
            Ipv4Addr::from_bits(a.to_bits() & u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0))
                .into()
        }
        IpAddr::V6(a) => Ipv6Addr::from_bits(
            a.to_bits() & u128::MAX.checked_shl(128_u32.saturating_sub(bits)).unwrap_or(0),
        )
        .into(),
    }
}
