use proptest::prelude::*;

use super::*;

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const ALL: IpAddr = IpAddr::V4(GROUP_V4);
const SOURCE_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1));
const ALL_V6: IpAddr = IpAddr::V6(GROUP_V6);

/// Virtual router 51, priority 200, every 100 ms, 203.0.113.10; checksum with the pseudo-header, then without.
const ADVERT: [u8; 12] = [0x31, 0x33, 0xc8, 0x01, 0x00, 0x0a, 0x9e, 0x37, 0xcb, 0x00, 0x71, 0x0a];

fn outgoing(addresses: &[IpAddr], checksum: Checksum) -> Outgoing<'_> {
    let interval = Centiseconds::new(10).unwrap();
    Outgoing { router: 51, priority: 200, interval, addresses, checksum }
}

fn datagram<'a>(source: IpAddr, destination: IpAddr, payload: &'a [u8]) -> Datagram<'a> {
    Datagram { source, destination, hop_limit: HOP_LIMIT, payload }
}

#[test]
fn advert_is_laid_out_as_the_rfc_draws_it() {
    let address = ["203.0.113.10".parse().unwrap()];
    let bytes = outgoing(&address, Checksum::Plain).encode(SOURCE, ALL);
    assert_eq!(bytes[..6], ADVERT[..6]);
    assert_eq!(bytes[8..], ADVERT[8..]);
    // 3133 + c801 + 000a + cb00 + 710a = 23548, folded 354a.
    assert_eq!(bytes[6..8], (!0x354a_u16).to_be_bytes());
}

#[test]
fn advert_of_either_checksum_is_heard() {
    let address: [IpAddr; 2] = ["203.0.113.10".parse().unwrap(), "203.0.113.11".parse().unwrap()];
    for checksum in [Checksum::PseudoHeader, Checksum::Plain] {
        let bytes = outgoing(&address, checksum).encode(SOURCE, ALL);
        let datagram = datagram(SOURCE, ALL, &bytes);
        let advert = datagram.advert().unwrap();
        assert_eq!((advert.router, advert.priority, advert.interval.duration().as_millis()), (51, 200, 100));
        assert!(advert.addresses().eq(address));
    }
}

#[test]
fn advert_over_ipv6_is_heard_with_its_pseudo_header_only() {
    let address: [IpAddr; 1] = ["2001:db8::10".parse().unwrap()];
    let bytes = outgoing(&address, Checksum::Plain).encode(SOURCE_V6, ALL_V6);
    assert!(datagram(SOURCE_V6, ALL_V6, &bytes).advert().unwrap().addresses().eq(address));
    let other = "fe80::2".parse().unwrap();
    assert_eq!(datagram(other, ALL_V6, &bytes).advert(), Err(Invalid::Checksum));
}

#[test]
fn packet_that_a_router_may_have_passed_on_is_not_heard() {
    let bytes = outgoing(&[SOURCE], Checksum::Plain).encode(SOURCE, SOURCE);
    for hop_limit in [0, 1, 64, 254] {
        let heard = Datagram { hop_limit, ..datagram(SOURCE, SOURCE, &bytes) };
        assert_eq!(heard.advert(), Err(Invalid::HopLimit(hop_limit)));
    }
    let bytes = outgoing(&[SOURCE_V6], Checksum::Plain).encode(SOURCE_V6, ALL_V6);
    let heard = Datagram { hop_limit: 64, ..datagram(SOURCE_V6, ALL_V6, &bytes) };
    assert_eq!(heard.advert(), Err(Invalid::HopLimit(64)));
}

#[test]
fn ipv6_to_one_address_is_heard_with_keepaliveds_hop_limit() {
    let bytes = outgoing(&[SOURCE_V6], Checksum::Plain).encode(SOURCE_V6, SOURCE_V6);
    let heard = Datagram { hop_limit: 64, ..datagram(SOURCE_V6, SOURCE_V6, &bytes) };
    assert!(heard.advert().is_ok());
}

#[test]
fn every_field_that_is_wrong_is_named() {
    let right = outgoing(&[SOURCE], Checksum::Plain).encode(SOURCE, ALL);
    let check = |place: usize, value: u8, expected| {
        let mut bytes = right.clone();
        bytes[place] = value;
        bytes[6..8].fill(0);
        let sum = Sum::default().add(&bytes).finish().to_be_bytes();
        bytes[6..8].copy_from_slice(&sum);
        assert_eq!(datagram(SOURCE, ALL, &bytes).advert().map(|_| ()), expected, "{place}: {value}");
    };
    check(0, 0x21, Err(Invalid::Version(2)));
    check(0, 0x32, Err(Invalid::Type(2)));
    check(1, 0, Err(Invalid::Router));
    check(3, 0, Err(Invalid::NoAddress));
    check(3, 2, Err(Invalid::Length));
    check(3, 255, Err(Invalid::Length));
    check(5, 0, Err(Invalid::Interval));
    // Reserved bits are ignored.
    check(4, 0xf0, Ok(()));
    check(2, 0, Ok(()));
}

#[test]
fn bit_that_turns_over_is_noticed() {
    let right = outgoing(&[SOURCE], Checksum::PseudoHeader).encode(SOURCE, ALL);
    for place in 0..right.len() * 8 {
        let mut bytes = right.clone();
        bytes[place / 8] ^= 1 << (place % 8);
        assert!(datagram(SOURCE, ALL, &bytes).advert().is_err(), "bit {place}");
    }
}

#[test]
fn prefix_of_a_datagram_is_never_heard() {
    let advert = outgoing(&[SOURCE], Checksum::Plain).encode(SOURCE, ALL);
    let whole = ipv4(Ipv4Addr::new(192, 0, 2, 1), GROUP_V4, &advert);
    for length in 0..whole.len() {
        assert_eq!(Datagram::ipv4(&whole[..length]), Err(Invalid::Length), "{length}");
    }
    let read = Datagram::ipv4(&whole).unwrap();
    assert_eq!((read.source, read.destination, read.hop_limit), (SOURCE, ALL, 255));
    assert!(read.advert().is_ok());
}

#[test]
fn longest_advert_has_255_addresses() {
    let addresses = vec![SOURCE_V6; 300];
    let bytes = outgoing(&addresses, Checksum::Plain).encode(SOURCE_V6, ALL_V6);
    assert_eq!(bytes.len(), LENGTH_MAX);
    assert_eq!(datagram(SOURCE_V6, ALL_V6, &bytes).advert().unwrap().addresses().count(), ADDRESSES_MAX);
}

#[test]
fn intervals_are_cut_to_what_the_packet_holds() {
    let from = |millis| Centiseconds::from_duration(Duration::from_millis(millis)).0;
    assert_eq!([0, 9, 10, 109, 1000, 40_950, 60_000].map(from), [1, 1, 1, 10, 100, 4095, 4095]);
    assert!(Centiseconds::new(0).is_none() && Centiseconds::new(4096).is_none());
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        (router, priority, hundredths) in (1_u8.., any::<u8>(), 1_u16..=4095),
        addresses in prop::collection::vec(any::<[u8; 4]>(), 1..20),
        plain in any::<bool>(),
    ) {
        let addresses: Vec<IpAddr> = addresses.into_iter().map(IpAddr::from).collect();
        let interval = Centiseconds::new(hundredths).unwrap();
        let checksum = if plain { Checksum::Plain } else { Checksum::PseudoHeader };
        let written = Outgoing { router, priority, interval, addresses: &addresses, checksum };
        let bytes = written.encode(SOURCE, ALL);
        let datagram = datagram(SOURCE, ALL, &bytes);
        let read = datagram.advert().unwrap();
        prop_assert_eq!((read.router, read.priority, read.interval), (router, priority, interval));
        prop_assert!(read.addresses().eq(addresses));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        super::super::oracle::packets(&bytes);
    }
}
