//! Frames that tell a link where an address is from now on: gratuitous ARP, and unsolicited neighbour advertisements.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::checksum::Sum;

/// An Ethernet address.
pub(crate) type Mac = [u8; 6];

const BROADCAST: Mac = [0xff; 6];
/// Where multicast to all nodes of a link goes (RFC 2464, section 7).
const ALL_NODES_MAC: Mac = [0x33, 0x33, 0, 0, 0, 1];
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;
const ICMPV6: u8 = 58;
/// Neighbour discovery is believed with this hop limit only (RFC 4861, section 7.1.2).
const HOP_LIMIT: u8 = 255;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
const TARGET_LINK_LAYER: u8 = 2;

/// What neighbours are told of an IPv6 address beside its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Neighbours that have this node as their router keep it as one.
    Router,
    /// It forwards nothing.
    Host,
}

/// The Ethernet frame that announces that `address` is at `mac`.
pub(crate) fn frame(address: IpAddr, mac: Mac, role: Role) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => gratuitous_arp(address, mac),
        IpAddr::V6(address) => neighbour(address, mac, role),
    }
}

/// A gratuitous ARP in the form of a request (RFC 5227, section 3), which more hosts heed than an answer.
fn gratuitous_arp(address: Ipv4Addr, mac: Mac) -> Vec<u8> {
    let mut frame = ethernet(BROADCAST, mac, ARP);
    // Ethernet, IPv4, their lengths, request.
    frame.extend([0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend(mac);
    frame.extend(address.octets());
    frame.extend([0; 6]);
    frame.extend(address.octets());
    frame
}

/// An unsolicited neighbour advertisement (RFC 4861, sections 4.4 and 7.2.6): Override is set.
fn neighbour(address: Ipv6Addr, mac: Mac, role: Role) -> Vec<u8> {
    const ROUTER: u8 = 0x80;
    const OVERRIDE: u8 = 0x20;
    let flags = if role == Role::Router { ROUTER | OVERRIDE } else { OVERRIDE };
    let mut body = vec![NEIGHBOUR_ADVERTISEMENT, 0, 0, 0, flags, 0, 0, 0];
    body.extend(address.octets());
    body.extend([TARGET_LINK_LAYER, 1]);
    body.extend(mac);
    let sum = Sum::default().add(&body).pseudo(address.into(), ALL_NODES.into(), ICMPV6, body.len());
    if let Some(place) = body.get_mut(2..4) {
        place.copy_from_slice(&sum.finish().to_be_bytes());
    }
    let mut frame = ethernet(ALL_NODES_MAC, mac, IPV6);
    frame.extend([0x60, 0, 0, 0]);
    frame.extend(u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes());
    frame.extend([ICMPV6, HOP_LIMIT]);
    frame.extend(address.octets());
    frame.extend(ALL_NODES.octets());
    frame.extend(body);
    frame
}

fn ethernet(destination: Mac, source: Mac, kind: u16) -> Vec<u8> {
    let mut frame = Vec::with_capacity(86);
    frame.extend(destination);
    frame.extend(source);
    frame.extend(kind.to_be_bytes());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = [0x02, 0, 0, 0, 0, 0x0a];

    #[test]
    fn gratuitous_arp_is_a_broadcast_request_for_ones_own_address() {
        let frame = frame("203.0.113.10".parse().unwrap(), MAC, Role::Host);
        let expected = [
            // To all, from us, ARP.
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 0x0a, 0x08, 0x06,
            // Ethernet, IPv4, lengths, request.
            0, 1, 0x08, 0, 6, 4, 0, 1, // Sender: us, the address.
            0x02, 0, 0, 0, 0, 0x0a, 203, 0, 113, 10, // Target: nobody, the same address.
            0, 0, 0, 0, 0, 0, 203, 0, 113, 10,
        ];
        assert_eq!(frame, expected);
    }

    #[test]
    fn neighbour_advertisement_overrides_and_has_a_right_checksum() {
        let address: Ipv6Addr = "2001:db8::10".parse().unwrap();
        let frame = frame(address.into(), MAC, Role::Host);
        assert_eq!(frame.len(), 14 + 40 + 32);
        let body = &frame[54..];
        assert_eq!(body[..2], [NEIGHBOUR_ADVERTISEMENT, 0]);
        assert_eq!(body[4], 0x20);
        assert_eq!(body[8..24], address.octets());
        assert_eq!(body[24..], [2, 1, 0x02, 0, 0, 0, 0, 0x0a]);
        let sum = Sum::default().add(body).pseudo(address.into(), ALL_NODES.into(), ICMPV6, 32);
        assert!(sum.is_right());
        assert_eq!(frame[18..20], [0, 32]);
    }

    #[test]
    fn only_who_forwards_says_that_it_is_a_router() {
        let flags = |role| frame("2001:db8::10".parse().unwrap(), MAC, role)[58];
        assert_eq!((flags(Role::Router), flags(Role::Host)), (0xa0, 0x20));
    }
}
