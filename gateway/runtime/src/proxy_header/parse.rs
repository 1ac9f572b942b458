//! Reading a header: pure, bounded, and of no more bytes than are there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{DATAGRAM, FIXED, INET, INET6, PROXY, SIGNATURE, STREAM};

/// The longest header that is read: TLVs have room for a client's certificate.
pub(crate) const LONGEST_READ: usize = FIXED + 8 * 1024;

/// Version 1: the longest line, with its end (section 2.1).
const LINE: usize = 107;
const WORD: &[u8] = b"PROXY ";
/// Version 2, command LOCAL.
const LOCAL: u8 = 0x20;
/// The TLV with a checksum of the header (section 2.2.4).
const CRC32C: u8 = 0x03;

/// A whole header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// How many bytes it has.
    pub(crate) length: usize,
    /// The client and the address that it reached; none where the peer speaks for itself, or of no address.
    pub(crate) told: Option<(SocketAddr, SocketAddr)>,
    /// Where its TLVs begin; at its end where it has none.
    pub(crate) tlvs: usize,
}

/// What comes is no header, or a wrong one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The header that a stream begins with, in either version. `None` as long as all of it are bytes of a header that has
/// not ended.
///
/// # Errors
/// What comes is no header.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Header>, Malformed> {
    let begins = |whole: &[u8]| whole.iter().zip(bytes).all(|(one, other)| one == other);
    if begins(SIGNATURE) {
        binary(bytes)
    } else if begins(WORD) {
        line(bytes)
    } else {
        Err(Malformed)
    }
}

/// The header that a datagram begins with: whole, and in version 2.
///
/// # Errors
/// What comes is no header.
pub(crate) fn parse_datagram(bytes: &[u8]) -> Result<Header, Malformed> {
    if !bytes.starts_with(SIGNATURE) {
        return Err(Malformed);
    }
    binary(bytes)?.ok_or(Malformed)
}

fn line(bytes: &[u8]) -> Result<Option<Header>, Malformed> {
    let Some(end) = bytes.iter().take(LINE).position(|byte| *byte == b'\n') else {
        return if bytes.len() < LINE { Ok(None) } else { Err(Malformed) };
    };
    let text = bytes.get(WORD.len()..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(Malformed)?;
    let text = std::str::from_utf8(text).map_err(|_| Malformed)?;
    let length = end + 1;
    if text == "UNKNOWN" || text.starts_with("UNKNOWN ") {
        return Ok(Some(Header { length, told: None, tlvs: length }));
    }
    let mut words = text.split(' ');
    let four = match words.next() {
        Some("TCP4") => true,
        Some("TCP6") => false,
        _ => return Err(Malformed),
    };
    let mut address = || {
        let address: IpAddr = words.next()?.parse().ok()?;
        (address.is_ipv4() == four).then_some(address)
    };
    let (client, local) = address().zip(address()).ok_or(Malformed)?;
    let mut port = || {
        let text = words.next().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
        text.parse::<u16>().ok()
    };
    let (from, to) = port().zip(port()).ok_or(Malformed)?;
    if words.next().is_some() {
        return Err(Malformed);
    }
    let told = Some(pair((client, from), (local, to)));
    Ok(Some(Header { length, told, tlvs: length }))
}

fn binary(bytes: &[u8]) -> Result<Option<Header>, Malformed> {
    let Some(&[command, kind, high, low]) = bytes.get(SIGNATURE.len()..FIXED) else { return Ok(None) };
    let length = FIXED + usize::from(u16::from_be_bytes([high, low]));
    if length > LONGEST_READ || !matches!(command, LOCAL | PROXY) {
        return Err(Malformed);
    }
    let Some(header) = bytes.get(..length) else { return Ok(None) };
    let body = header.get(FIXED..).unwrap_or_default();
    if command == LOCAL {
        return Ok(Some(Header { length, told: None, tlvs: length }));
    }
    let (told, more) = match kind {
        // How the client came to the proxy need not be how the proxy comes here.
        _ if kind == INET | STREAM || kind == INET | DATAGRAM => {
            let (addresses, more) = body.split_first_chunk::<12>().ok_or(Malformed)?;
            let [a, b, c, d, e, f, g, h, ports @ ..] = *addresses;
            let (client, local) = (Ipv4Addr::new(a, b, c, d), Ipv4Addr::new(e, f, g, h));
            (Some((client.into(), local.into(), ports)), more)
        }
        _ if kind == INET6 | STREAM || kind == INET6 | DATAGRAM => {
            let (client, rest) = body.split_first_chunk::<16>().ok_or(Malformed)?;
            let (local, rest) = rest.split_first_chunk::<16>().ok_or(Malformed)?;
            let (ports, more) = rest.split_first_chunk::<4>().ok_or(Malformed)?;
            (Some((Ipv6Addr::from(*client).into(), Ipv6Addr::from(*local).into(), *ports)), more)
        }
        // Of another family, or of none: whom it tells of has no address.
        _ => return Ok(Some(Header { length, told: None, tlvs: length })),
    };
    check(header, more)?;
    let told = told.map(|(client, local, [a, b, c, d]): (IpAddr, IpAddr, [u8; 4])| {
        pair((client, u16::from_be_bytes([a, b])), (local, u16::from_be_bytes([c, d])))
    });
    Ok(Some(Header { length, told, tlvs: length - more.len() }))
}

/// Walks over the TLVs at the header's end; a checksum among them must be right.
fn check(header: &[u8], mut tlvs: &[u8]) -> Result<(), Malformed> {
    while let Some((&[kind, high, low], rest)) = tlvs.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (value, next) = rest.split_at_checked(length).ok_or(Malformed)?;
        if kind == CRC32C {
            let claimed: [u8; 4] = value.try_into().map_err(|_| Malformed)?;
            let at = header.len() - rest.len();
            if crc32c(header, at..at + 4) != u32::from_be_bytes(claimed) {
                return Err(Malformed);
            }
        }
        tlvs = next;
    }
    if tlvs.is_empty() { Ok(()) } else { Err(Malformed) }
}

/// CRC32C (RFC 4960, appendix B) of the bytes, with zeros in place of some.
fn crc32c(bytes: &[u8], zeros: std::ops::Range<usize>) -> u32 {
    let step = |crc: u32, (at, byte): (usize, &u8)| {
        let byte = if zeros.contains(&at) { 0 } else { *byte };
        (0..8).fold(
            crc ^ u32::from(byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 },
        )
    };
    !bytes.iter().enumerate().fold(u32::MAX, step)
}

fn pair(client: (IpAddr, u16), local: (IpAddr, u16)) -> (SocketAddr, SocketAddr) {
    let address = |(address, port): (IpAddr, u16)| SocketAddr::new(address.to_canonical(), port);
    (address(client), address(local))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

    fn v2(command: u8, kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [V2, &[command, kind], &length, body].concat()
    }

    fn told(client: &str, local: &str) -> Option<(SocketAddr, SocketAddr)> {
        Some((client.parse().unwrap(), local.parse().unwrap()))
    }

    const FOUR: [u8; 12] = [192, 0, 2, 7, 203, 0, 113, 10, 0xC0, 0, 1, 187];

    #[test]
    fn both_versions_tell_the_client_and_the_address_it_reached() {
        let text = b"PROXY TCP4 192.0.2.7 203.0.113.10 49152 443\r\nGET /";
        let expected = told("192.0.2.7:49152", "203.0.113.10:443");
        assert_eq!(parse(text), Ok(Some(Header { length: 45, told: expected, tlvs: 45 })));
        assert_eq!(parse(&v2(0x21, 0x11, &FOUR)), Ok(Some(Header { length: 28, told: expected, tlvs: 28 })));
        let six = b"PROXY TCP6 2001:db8::7 2001:db8::10 49152 443\r\n";
        let expected = told("[2001:db8::7]:49152", "[2001:db8::10]:443");
        assert_eq!(parse(six).unwrap().unwrap().told, expected);
        let addresses =
            ["2001:db8::7", "2001:db8::10"].map(|text| text.parse::<Ipv6Addr>().unwrap().octets());
        let body = [&addresses.concat()[..], &[0xC0, 0, 1, 187]].concat();
        assert_eq!(parse(&v2(0x21, 0x21, &body)).unwrap().unwrap().told, expected);
    }

    #[test]
    fn peer_that_speaks_for_itself_tells_nobody() {
        for header in [
            &b"PROXY UNKNOWN\r\n"[..],
            b"PROXY UNKNOWN ffff::1 ::2 a b\r\n",
            &v2(0x20, 0, b""),
            &v2(0x21, 0, b"xyz"),
        ] {
            let length = header.len();
            assert_eq!(parse(header), Ok(Some(Header { length, told: None, tlvs: length })));
        }
    }

    #[test]
    fn every_beginning_of_a_header_asks_for_more() {
        let checked = v2(0x21, 0x11, &[&FOUR[..], &[4, 0, 1, 0]].concat());
        for whole in [&b"PROXY TCP4 192.0.2.7 203.0.113.10 49152 443\r\n"[..], &checked] {
            for end in 0..whole.len() {
                assert_eq!(parse(&whole[..end]), Ok(None), "{end}");
            }
            assert_eq!(parse(whole).unwrap().unwrap().length, whole.len());
        }
    }

    #[test]
    fn what_is_no_header_or_a_wrong_one_is_refused() {
        let long = [b"PROXY TCP4 ", &[b'1'; 100][..]].concat();
        let beyond = v2(0x21, 0x11, &[&FOUR[..], &[4, 0, 9, 0]].concat());
        let half = v2(0x21, 0x11, &[&FOUR[..], &[4, 0]].concat());
        let huge = [V2, &[0x21, 0x11, 0xff, 0xff]].concat();
        for wrong in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"PROXY\r\n",
            b"PROXY TCP4 192.0.2.7 203.0.113.10 49152\r\n",
            b"PROXY TCP4 192.0.2.7 203.0.113.10 49152 443 \r\n",
            b"PROXY TCP4 192.0.2.7 203.0.113.10 +1 443\r\n",
            b"PROXY TCP4 192.0.2.7 203.0.113.10 65536 443\r\n",
            b"PROXY TCP6 192.0.2.7 203.0.113.10 1 443\r\n",
            b"PROXY TCP4 192.0.2.7 203.0.113.10 1 443\n",
            b"PROXY UDP4 192.0.2.7 203.0.113.10 1 443\r\n",
            &long,
            &beyond,
            &half,
            &huge,
            &v2(0x31, 0x11, &FOUR),
            &v2(0x22, 0x11, &FOUR),
            &v2(0x21, 0x11, &FOUR[..11]),
        ] {
            assert_eq!(parse(wrong), Err(Malformed), "{wrong:?}");
        }
    }

    #[test]
    fn datagrams_header_is_whole_and_binary() {
        for kind in [0x11, 0x12] {
            let mut datagram = v2(0x21, kind, &FOUR);
            let length = datagram.len();
            datagram.extend_from_slice(b"question");
            let header = parse_datagram(&datagram).unwrap();
            assert_eq!((header.length, header.told), (length, told("192.0.2.7:49152", "203.0.113.10:443")));
            for end in 0..length {
                assert_eq!(parse_datagram(&datagram[..end]), Err(Malformed), "{end}");
            }
        }
        assert_eq!(parse_datagram(b"PROXY UNKNOWN\r\nquestion"), Err(Malformed));
    }

    #[test]
    fn checksum_must_be_right() {
        assert_eq!(crc32c(b"123456789", 0..0), 0xe306_9283);
        let mut header = v2(0x21, 0x11, &[&FOUR[..], &[3, 0, 4, 0, 0, 0, 0]].concat());
        assert_eq!(parse(&header), Err(Malformed));
        let (length, sum) = (header.len(), crc32c(&header, 0..0));
        header[length - 4..].copy_from_slice(&sum.to_be_bytes());
        assert!(parse(&header).unwrap().unwrap().told.is_some());
    }

    #[test]
    fn what_the_gateway_writes_it_reads() {
        let facts =
            sekisho_api::Facts::plain("192.0.2.7:5".parse().unwrap(), "[2001:db8::1]:443".parse().unwrap());
        for version in [sekisho_config::ProxyVersion::V1, sekisho_config::ProxyVersion::V2] {
            let header = parse(&super::super::stream(version, &[], &facts)).unwrap().unwrap();
            assert_eq!(header.told, Some((facts.client, facts.local)));
            assert_eq!(parse(super::super::own(version)).unwrap().unwrap().told, None);
        }
    }
}
