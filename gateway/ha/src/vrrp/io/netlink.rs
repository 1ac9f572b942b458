//! Links and addresses, in the kernel's words: rtnetlink(7), as bytes.
//!
//! Numbers are in the machine's own order. Every message and attribute is padded to four bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::vrrp::announce::Mac;

const ALIGNED: usize = 4;
/// `struct nlmsghdr`.
const HEAD: usize = 16;
/// `struct ifinfomsg`.
const LINK_HEAD: usize = 16;
/// `struct ifaddrmsg`.
const ADDRESS_HEAD: usize = 8;

const NEW_LINK: u16 = libc::RTM_NEWLINK;
const GONE_LINK: u16 = libc::RTM_DELLINK;
const GET_LINK: u16 = libc::RTM_GETLINK;
const NEW_ADDRESS: u16 = libc::RTM_NEWADDR;
const GONE_ADDRESS: u16 = libc::RTM_DELADDR;
const GET_ADDRESS: u16 = libc::RTM_GETADDR;
const ERROR: u16 = libc::NLMSG_ERROR as u16;
const DONE: u16 = libc::NLMSG_DONE as u16;

const REQUEST: u16 = libc::NLM_F_REQUEST as u16;
pub(super) const ACK: u16 = libc::NLM_F_ACK as u16;
pub(super) const DUMP: u16 = libc::NLM_F_DUMP as u16;
const CREATE: u16 = libc::NLM_F_CREATE as u16;
const REPLACE: u16 = libc::NLM_F_REPLACE as u16;

/// Link-layer address and name of a link.
const LINK_ADDRESS: u16 = libc::IFLA_ADDRESS;
const LINK_NAME: u16 = libc::IFLA_IFNAME;
/// Of an address: the other end's on point-to-point links, else one's own; one's own; lifetimes; all of its flags.
const ADDRESS: u16 = libc::IFA_ADDRESS;
const LOCAL: u16 = libc::IFA_LOCAL;
const LIFETIMES: u16 = libc::IFA_CACHEINFO;
const FLAGS: u16 = libc::IFA_FLAGS;

/// Up, and somebody at the other end.
const RUNNING: u32 = (libc::IFF_UP | libc::IFF_RUNNING) as u32;
/// `IFF_LOWER_UP` (linux/if.h).
const LOWER_UP: u32 = 1 << 16;
/// Whether the kernel has made sure that nobody else has the address, and may use it.
const UNUSABLE: u32 = libc::IFA_F_TENTATIVE | libc::IFA_F_DADFAILED;

/// One message of the kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    pub(super) kind: u16,
    pub(crate) sequence: u32,
    pub(super) body: &'a [u8],
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: String,
    /// Whether it is there, or has just gone.
    pub(crate) there: bool,
    /// Whether it is up and connected.
    pub(crate) carries: bool,
    /// Its Ethernet address, if it has one.
    pub(crate) mac: Option<Mac>,
}

/// An address of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) index: u32,
    pub(crate) address: IpAddr,
    pub(crate) prefix: u8,
    /// Whether it may be sent from.
    pub(crate) usable: bool,
    /// Whether it stays until somebody removes it.
    pub(crate) permanent: bool,
    /// Whether it is there, or has just gone.
    pub(crate) there: bool,
}

/// The messages in what was read from the kernel. A broken one ends them.
pub(crate) fn messages(bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (head, _) = rest.split_first_chunk::<HEAD>()?;
        let [l0, l1, l2, l3, k0, k1, _, _, s0, s1, s2, s3, ..] = *head;
        let length = usize::try_from(u32::from_ne_bytes([l0, l1, l2, l3])).ok()?;
        let body = rest.get(HEAD..length)?;
        rest = rest.get(length.next_multiple_of(ALIGNED)..).unwrap_or_default();
        let kind = u16::from_ne_bytes([k0, k1]);
        Some(Message { kind, sequence: u32::from_ne_bytes([s0, s1, s2, s3]), body })
    })
}

/// The link that a message tells of.
pub(crate) fn link(message: &Message<'_>) -> Option<Link> {
    if !matches!(message.kind, NEW_LINK | GONE_LINK) {
        return None;
    }
    let (head, rest) = message.body.split_first_chunk::<LINK_HEAD>()?;
    let [family, _, _, _, i0, i1, i2, i3, f0, f1, f2, f3, ..] = *head;
    if i32::from(family) != libc::AF_UNSPEC {
        // A bridge tells of its ports in the same words: a port that leaves it is no link that goes.
        return None;
    }
    let flags = u32::from_ne_bytes([f0, f1, f2, f3]);
    let there = message.kind == NEW_LINK;
    let carries = there && flags & RUNNING == RUNNING && flags & LOWER_UP != 0;
    let index = u32::from_ne_bytes([i0, i1, i2, i3]);
    let mut link = Link { index, name: String::new(), there, carries, mac: None };
    for (kind, value) in attributes(rest) {
        match kind {
            LINK_ADDRESS => link.mac = value.try_into().ok(),
            LINK_NAME => link.name = String::from_utf8_lossy(value).trim_end_matches('\0').to_owned(),
            _ => {}
        }
    }
    Some(link)
}

/// The address that a message tells of.
pub(crate) fn address(message: &Message<'_>) -> Option<Address> {
    if !matches!(message.kind, NEW_ADDRESS | GONE_ADDRESS) {
        return None;
    }
    let (head, rest) = message.body.split_first_chunk::<ADDRESS_HEAD>()?;
    let [_, prefix, short_flags, _, i0, i1, i2, i3] = *head;
    let (mut local, mut peer, mut flags) = (None, None, u32::from(short_flags));
    for (kind, value) in attributes(rest) {
        match kind {
            LOCAL => local = ip(value),
            ADDRESS => peer = ip(value),
            FLAGS => flags = value.try_into().map_or(flags, u32::from_ne_bytes),
            _ => {}
        }
    }
    Some(Address {
        index: u32::from_ne_bytes([i0, i1, i2, i3]),
        address: local.or(peer)?,
        prefix,
        usable: flags & UNUSABLE == 0,
        permanent: flags & libc::IFA_F_PERMANENT != 0,
        there: message.kind == NEW_ADDRESS,
    })
}

/// What the kernel answers to a request, as an error number; `Ok` is the end of a list as well.
pub(crate) fn answer(message: &Message<'_>) -> Option<Result<(), i32>> {
    match message.kind {
        DONE => Some(Ok(())),
        ERROR => {
            let (code, _) = message.body.split_first_chunk::<4>()?;
            match i32::from_ne_bytes(*code) {
                0 => Some(Ok(())),
                negative => Some(Err(negative.saturating_neg())),
            }
        }
        _ => None,
    }
}

/// Asks for all links.
pub(crate) fn list_links(sequence: u32) -> Vec<u8> {
    request(GET_LINK, DUMP, sequence, &[0; LINK_HEAD], &[])
}

/// Asks for all addresses.
pub(crate) fn list_addresses(sequence: u32) -> Vec<u8> {
    request(GET_ADDRESS, DUMP, sequence, &[0; ADDRESS_HEAD], &[])
}

/// Adds an address, or gives it more time: it goes by itself after `lifetime`, in whole seconds.
pub(crate) fn add(sequence: u32, index: u32, address: IpAddr, prefix: u8, lifetime: Duration) -> Vec<u8> {
    let valid = u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX).to_ne_bytes();
    let (preferred, flags) = match address {
        IpAddr::V4(_) => (valid, 0),
        // Not preferred: it is no source of what the node sends of its own accord. Nor does the kernel ask around
        // whether somebody else has it: the last owner still may.
        IpAddr::V6(_) => ([0; 4], libc::IFA_F_NODAD),
    };
    let lifetimes = [preferred, valid, [0; 4], [0; 4]].concat();
    let octets = octets(address);
    let attributes: [(u16, &[u8]); 4] =
        [(LOCAL, &octets), (ADDRESS, &octets), (LIFETIMES, &lifetimes), (FLAGS, &flags.to_ne_bytes())];
    let head = address_head(index, address, prefix);
    request(NEW_ADDRESS, CREATE | REPLACE | ACK, sequence, &head, &attributes)
}

/// Removes an address.
pub(crate) fn remove(sequence: u32, index: u32, address: IpAddr, prefix: u8) -> Vec<u8> {
    let octets = octets(address);
    let head = address_head(index, address, prefix);
    request(GONE_ADDRESS, ACK, sequence, &head, &[(LOCAL, &octets), (ADDRESS, &octets)])
}

fn address_head(index: u32, address: IpAddr, prefix: u8) -> [u8; ADDRESS_HEAD] {
    let family = match address {
        IpAddr::V4(_) => libc::AF_INET,
        IpAddr::V6(_) => libc::AF_INET6,
    };
    let [i0, i1, i2, i3] = index.to_ne_bytes();
    [u8::try_from(family).unwrap_or_default(), prefix, 0, libc::RT_SCOPE_UNIVERSE, i0, i1, i2, i3]
}

/// A message of one's own.
pub(super) fn request(
    kind: u16,
    flags: u16,
    sequence: u32,
    head: &[u8],
    attributes: &[(u16, &[u8])],
) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((REQUEST | flags).to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend(head);
    for (kind, value) in attributes {
        let length = u16::try_from(value.len() + ALIGNED).unwrap_or(u16::MAX);
        bytes.extend(length.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(*value);
        bytes.resize(bytes.len().next_multiple_of(ALIGNED), 0);
    }
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_ne_bytes();
    if let Some(place) = bytes.get_mut(..4) {
        place.copy_from_slice(&length);
    }
    bytes
}

/// Kinds and values. A broken one ends them.
fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (head, _) = rest.split_first_chunk::<4>()?;
        let [l0, l1, k0, k1] = *head;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(ALIGNED)..).unwrap_or_default();
        Some((u16::from_ne_bytes([k0, k1]), value))
    })
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(|octets| Ipv4Addr::from(octets).into());
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(|octets| Ipv6Addr::from(octets).into())).ok()
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_that_is_asked_for_is_read_as_it_was_written() {
        for text in ["203.0.113.10", "2001:db8::10"] {
            let wanted: IpAddr = text.parse().unwrap();
            let bytes = add(7, 3, wanted, 24, Duration::from_secs(3));
            assert_eq!(bytes.len() % ALIGNED, 0);
            let message = messages(&bytes).next().unwrap();
            assert_eq!(message.sequence, 7);
            let read = address(&message).unwrap();
            let expected = Address {
                index: 3,
                address: wanted,
                prefix: 24,
                usable: true,
                permanent: false,
                there: true,
            };
            assert_eq!(read, expected);
        }
    }

    #[test]
    fn address_goes_by_itself_and_is_no_source_over_ipv6() {
        let lifetimes = |text: &str| {
            let bytes = add(1, 1, text.parse().unwrap(), 32, Duration::from_secs(3));
            let message = messages(&bytes).next().unwrap();
            let body = &message.body[ADDRESS_HEAD..];
            let (_, value) = attributes(body).find(|(kind, _)| *kind == LIFETIMES).unwrap();
            (value[..4].to_vec(), value[4..8].to_vec())
        };
        let three = 3_u32.to_ne_bytes().to_vec();
        assert_eq!(lifetimes("203.0.113.10"), (three.clone(), three.clone()));
        assert_eq!(lifetimes("2001:db8::10"), (vec![0; 4], three));
    }

    #[test]
    fn errors_are_numbers_and_the_end_of_a_list_is_none() {
        let mut bytes = request(ERROR, 0, 1, &(-libc::EPERM).to_ne_bytes(), &[]);
        bytes.extend(request(ERROR, 0, 2, &[0; 4], &[]));
        bytes.extend(request(DONE, 0, 3, &[], &[]));
        let answers: Vec<_> = messages(&bytes).map(|message| answer(&message)).collect();
        assert_eq!(answers, [Some(Err(libc::EPERM)), Some(Ok(())), Some(Ok(()))]);
    }

    #[test]
    fn link_is_carrying_only_with_somebody_at_the_other_end() {
        let of = |flags: u32, kind| {
            let mut head = [0; LINK_HEAD];
            head[4..8].copy_from_slice(&5_u32.to_ne_bytes());
            head[8..12].copy_from_slice(&flags.to_ne_bytes());
            let bytes =
                request(kind, 0, 1, &head, &[(LINK_NAME, b"eth0\0"), (LINK_ADDRESS, &[2, 0, 0, 0, 0, 1])]);
            link(&messages(&bytes).next().unwrap()).unwrap()
        };
        let up = of(RUNNING | LOWER_UP, NEW_LINK);
        assert_eq!((up.index, &*up.name, up.mac), (5, "eth0", Some([2, 0, 0, 0, 0, 1])));
        assert!(up.carries);
        assert!(!of(libc::IFF_UP as u32, NEW_LINK).carries);
        assert!(!of(RUNNING, NEW_LINK).carries);
        assert!(!of(RUNNING | LOWER_UP, GONE_LINK).carries);
    }

    #[test]
    fn broken_lengths_end_the_messages() {
        let good = list_links(1);
        for length in [0_u32, 1, 15, 1000, u32::MAX] {
            let mut bytes = good.clone();
            bytes[..4].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(messages(&bytes).count(), 0, "{length}");
        }
        // An attribute of length 0 would never end.
        assert_eq!(attributes(&[0, 0, 1, 0, 0, 0, 1, 0]).count(), 0);
    }
}
