//! Advertisements as bytes: VRRPv3, [RFC 9568], section 5.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |Version| Type  | Virtual Rtr ID|   Priority    |IPvX Addr Count|
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |Reserve| Max Advertise Interval|           Checksum            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                       IPvX Address(es)                        |
//! ```
//!
//! [RFC 9568]: https://www.rfc-editor.org/rfc/rfc9568

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::checksum::Sum;

/// The protocol's number (section 5.1.1.4).
pub(crate) const PROTOCOL: u8 = 112;
/// Where IPv4 adverts go (section 5.1.1.2).
pub(crate) const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// Where IPv6 adverts go (section 5.1.2.2).
pub(crate) const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
/// What proves that a packet comes from the same link: no router has passed it on (section 5.1.1.3).
pub(crate) const HOP_LIMIT: u8 = 255;
/// What keepalived sends over IPv6 to one address: the system's usual hop limit.
const KEEPALIVED_HOP_LIMIT: u8 = 64;
/// The most addresses that fit in one advert, whose count is one byte.
pub(crate) const ADDRESSES_MAX: usize = 255;
/// The longest advert: the head and [`ADDRESSES_MAX`] IPv6 addresses.
pub(crate) const LENGTH_MAX: usize = HEAD + ADDRESSES_MAX * 16;

const HEAD: usize = 8;
/// Version 3, type 1: the only type there is.
const VERSION_AND_TYPE: u8 = 0x31;
/// The length of an IPv4 header without options.
const IPV4_HEAD: usize = 20;
/// Internetwork control, as routing protocols send (RFC 791).
const TYPE_OF_SERVICE: u8 = 0xc0;

/// The interval between adverts: 1 to 4095 hundredths of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Centiseconds(u16);

impl Centiseconds {
    /// The longest that fits in the packet's 12 bits.
    pub(crate) const MAX: Self = Self(4095);

    /// So many hundredths of a second; none outside 1 to 4095.
    pub(crate) fn new(hundredths: u16) -> Option<Self> {
        (1..=Self::MAX.0).contains(&hundredths).then_some(Self(hundredths))
    }

    /// The nearest that is not longer; the shortest for what is shorter.
    pub(crate) fn from_duration(duration: Duration) -> Self {
        let hundredths = (duration.as_millis() / 10).clamp(1, u128::from(Self::MAX.0));
        Self(u16::try_from(hundredths).unwrap_or(Self::MAX.0))
    }

    /// As a duration.
    pub(crate) fn duration(self) -> Duration {
        Duration::from_millis(u64::from(self.0) * 10)
    }
}

/// What the checksum of IPv4 adverts covers. Both are accepted; IPv6 leaves no choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Checksum {
    /// The pseudo-header as well, as RFC 5798 was read by keepalived and others.
    #[default]
    PseudoHeader,
    /// The advert alone, as RFC 9568, section 5.2.8 has it.
    Plain,
}

/// A packet of the protocol as it came from the network, not yet looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Datagram<'a> {
    /// Who sent it.
    pub(crate) source: IpAddr,
    /// To whom: a group or one address. Of the family of `source`.
    pub(crate) destination: IpAddr,
    /// What is left of its time to live or hop limit.
    pub(crate) hop_limit: u8,
    /// The advert.
    pub(crate) payload: &'a [u8],
}

/// An advertisement that has passed every check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Advert<'a> {
    /// The virtual router.
    pub(crate) router: u8,
    /// The sender's priority; 0: it stops.
    pub(crate) priority: u8,
    /// The most time until its next advert.
    pub(crate) interval: Centiseconds,
    addresses: Addresses<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Addresses<'a> {
    V4(&'a [u8]),
    V6(&'a [u8]),
}

/// Why a packet is not heard. The sender's fault, or somebody's who pretends to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Invalid {
    /// It is cut off, longer than it says, or no IPv4 datagram of the protocol.
    #[error("the length is wrong")]
    Length,
    /// It is of VRRPv2, or of a version to come.
    #[error("version {0} is not spoken")]
    Version(u8),
    /// It is something else than an advert.
    #[error("type {0} is unknown")]
    Type(u8),
    /// A router may have passed it on: it may come from anywhere.
    #[error("the hop limit is {0} instead of 255")]
    HopLimit(u8),
    /// It names no address.
    #[error("it names no address")]
    NoAddress,
    /// The interval is 0.
    #[error("the interval is 0")]
    Interval,
    /// The virtual router is 0.
    #[error("the virtual router is 0")]
    Router,
    /// It is not as it was sent.
    #[error("the checksum is wrong")]
    Checksum,
}

impl<'a> Datagram<'a> {
    /// Reads what a raw IPv4 socket gives: the datagram with its header (RFC 791, section 3.1).
    ///
    /// # Errors
    /// [`Invalid::Length`].
    pub(crate) fn ipv4(bytes: &'a [u8]) -> Result<Self, Invalid> {
        let (head, _) = bytes.split_first_chunk::<IPV4_HEAD>().ok_or(Invalid::Length)?;
        let [first, _, high, low, _, _, _, _, hop_limit, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] =
            *head;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let header = usize::from(first & 0x0f) * 4;
        if first >> 4 != 4 || header < IPV4_HEAD || protocol != PROTOCOL {
            return Err(Invalid::Length);
        }
        Ok(Self {
            source: Ipv4Addr::new(s0, s1, s2, s3).into(),
            destination: Ipv4Addr::new(d0, d1, d2, d3).into(),
            hop_limit,
            payload: bytes.get(header..length).ok_or(Invalid::Length)?,
        })
    }

    /// Reads the advert in it, with every check of RFC 9568, section 7.1, that needs no configuration.
    ///
    /// The hop limit must be 255; over IPv6 to one address it may be what keepalived sends there. The sender is one of
    /// the configured peers then, which the caller checks.
    ///
    /// # Errors
    /// The first check that it does not pass.
    pub(crate) fn advert(&self) -> Result<Advert<'a>, Invalid> {
        let to_one = self.source.is_ipv6() && !self.destination.is_multicast();
        if self.hop_limit != HOP_LIMIT && !(to_one && self.hop_limit == KEEPALIVED_HOP_LIMIT) {
            return Err(Invalid::HopLimit(self.hop_limit));
        }
        let (head, rest) = self.payload.split_first_chunk::<HEAD>().ok_or(Invalid::Length)?;
        let [kind, router, priority, count, high, low, _, _] = *head;
        if kind >> 4 != VERSION_AND_TYPE >> 4 {
            return Err(Invalid::Version(kind >> 4));
        }
        if kind != VERSION_AND_TYPE {
            return Err(Invalid::Type(kind & 0x0f));
        }
        if count == 0 {
            return Err(Invalid::NoAddress);
        }
        let (size, addresses) = match self.source {
            IpAddr::V4(_) => (4, Addresses::V4(rest)),
            IpAddr::V6(_) => (16, Addresses::V6(rest)),
        };
        if rest.len() != usize::from(count) * size {
            return Err(Invalid::Length);
        }
        if !self.is_whole() {
            return Err(Invalid::Checksum);
        }
        if router == 0 {
            return Err(Invalid::Router);
        }
        // The upper four bits are reserved and ignored (section 5.2.6).
        let hundredths = u16::from_be_bytes([high, low]) & 0x0fff;
        let interval = Centiseconds::new(hundredths).ok_or(Invalid::Interval)?;
        Ok(Advert { router, priority, interval, addresses })
    }

    fn is_whole(&self) -> bool {
        let sum = Sum::default().add(self.payload);
        let covered = sum.pseudo(self.source, self.destination, PROTOCOL, self.payload.len());
        covered.is_right() || self.source.is_ipv4() && sum.is_right()
    }
}

impl Advert<'_> {
    /// The addresses that the sender answers for, in its order.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let (four, sixteen): (&[u8], &[u8]) = match self.addresses {
            Addresses::V4(bytes) => (bytes, &[]),
            Addresses::V6(bytes) => (&[], bytes),
        };
        let four = four.as_chunks::<4>().0.iter().map(|octets| IpAddr::from(*octets));
        four.chain(sixteen.as_chunks::<16>().0.iter().map(|octets| IpAddr::from(*octets)))
    }
}

/// An advertisement to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'a> {
    /// The virtual router.
    pub(crate) router: u8,
    /// Our priority; 0: we stop.
    pub(crate) priority: u8,
    /// The most time until the next.
    pub(crate) interval: Centiseconds,
    /// The addresses; of one family, [`ADDRESSES_MAX`] at the most: those behind are left out.
    pub(crate) addresses: &'a [IpAddr],
    /// What the checksum covers, if the family is IPv4.
    pub(crate) checksum: Checksum,
}

impl Outgoing<'_> {
    /// The advert's bytes, to be sent from `source` to `destination`.
    pub(crate) fn encode(&self, source: IpAddr, destination: IpAddr) -> Vec<u8> {
        let addresses = self.addresses.get(..ADDRESSES_MAX).unwrap_or(self.addresses);
        let count = u8::try_from(addresses.len()).unwrap_or(u8::MAX);
        let [high, low] = self.interval.0.to_be_bytes();
        let mut bytes = vec![VERSION_AND_TYPE, self.router, self.priority, count, high, low, 0, 0];
        for address in addresses {
            match address {
                IpAddr::V4(address) => bytes.extend(address.octets()),
                IpAddr::V6(address) => bytes.extend(address.octets()),
            }
        }
        let sum = Sum::default().add(&bytes);
        let sum = match (source, self.checksum) {
            (IpAddr::V4(_), Checksum::Plain) => sum,
            _ => sum.pseudo(source, destination, PROTOCOL, bytes.len()),
        };
        if let Some(place) = bytes.get_mut(6..HEAD) {
            place.copy_from_slice(&sum.finish().to_be_bytes());
        }
        bytes
    }
}

/// `payload` behind an IPv4 header of the protocol. The kernel fills in the header's checksum and its number.
pub(crate) fn ipv4(source: Ipv4Addr, destination: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(IPV4_HEAD + payload.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut bytes = vec![0x45, TYPE_OF_SERVICE, high, low, 0, 0, 0x40, 0, HOP_LIMIT, PROTOCOL, 0, 0];
    bytes.extend(source.octets());
    bytes.extend(destination.octets());
    bytes.extend(payload);
    bytes
}

#[cfg(test)]
mod tests;
