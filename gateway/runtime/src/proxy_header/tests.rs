use std::sync::Arc;

use sekisho_api::TlsFacts;

use super::*;

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn facts(client: &str, local: &str) -> Facts {
    Facts::plain(at(client), at(local))
}

/// Bytes from hexadecimal with blanks and comments.
fn hex(text: &str) -> Vec<u8> {
    let digits: String = text
        .lines()
        .map(|line| line.split('#').next().unwrap().replace(' ', ""))
        .collect::<Vec<_>>()
        .concat();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn text_header_names_both_ends_in_one_family() {
    for (client, local, expected) in [
        ("192.0.2.1:56324", "198.51.100.2:443", "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"),
        ("[2001:db8::1]:1", "[2001:db8::2]:65535", "PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n"),
        ("[::ffff:192.0.2.1]:7", "198.51.100.2:8", "PROXY TCP4 192.0.2.1 198.51.100.2 7 8\r\n"),
        ("192.0.2.1:7", "[2001:db8::2]:8", "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 7 8\r\n"),
    ] {
        let header = stream(ProxyVersion::V1, &[], &facts(client, local));
        assert_eq!(String::from_utf8(header).unwrap(), expected);
    }
}

#[test]
fn text_header_is_never_longer_than_a_reader_must_take() {
    let widest = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535";
    assert!(stream(ProxyVersion::V1, &[], &facts(widest, widest)).len() <= 107);
}

#[test]
fn binary_header_of_a_plain_stream() {
    let expected = hex("0d0a 0d0a 000d 0a51 5549 540a   # signature
         21 11 000c                     # version 2 PROXY, TCP over IPv4, 12 bytes
         c0000201 c6336402              # addresses
         dc04 01bb                      # ports");
    assert_eq!(stream(ProxyVersion::V2, &[], &facts("192.0.2.1:56324", "198.51.100.2:443")), expected);
}

#[test]
fn binary_header_tells_of_the_clients_tls() {
    let mut facts = facts("[2001:db8::1]:1", "[2001:db8::2]:2");
    facts.tls = Some(Arc::new(TlsFacts {
        server_name: Some("a.example".into()),
        alpn: Some((*b"h2").into()),
        version: "TLSv1.3",
        client_subject: Some("O=Ex\\, CN=no,CN=Smith\\, J\\c3\\b6rg+UID=7".into()),
        ..TlsFacts::default()
    }));
    let name = "Smith, Jörg";
    let ssl = [&hex("05 00000000  21 0007 544c5376312e33  22 000c")[..], name.as_bytes()].concat();
    let expected = [
        // ALPN h2, authority a.example, TLS with a certificate that was verified, its version and name.
        &hex("01 0002 6832  02 0009 612e6578616d706c65  20 001e")[..],
        &ssl,
    ]
    .concat();
    let header = stream(ProxyVersion::V2, &ProxyTlv::DEFAULT, &facts);
    assert_eq!(header[12..16], [0x21, 0x21, 0, 36 + expected.len() as u8]);
    assert_eq!(header[52..], expected);
}

#[test]
fn stream_without_a_client_certificate_says_so() {
    let mut facts = facts("192.0.2.1:1", "192.0.2.2:2");
    facts.tls = Some(Arc::new(TlsFacts { version: "TLSv1.2", ..TlsFacts::default() }));
    let header = stream(ProxyVersion::V2, &ProxyTlv::DEFAULT, &facts);
    assert_eq!(header[28..], hex("20 000f  01 00000001  21 0007 544c5376312e32"));
}

#[test]
fn binary_header_of_a_datagram() {
    let mut out = [0; DATAGRAM_HEADER];
    let length = v2_datagram(at("192.0.2.1:5353"), at("198.51.100.2:53"), &mut out).unwrap();
    let expected = hex("0d0a 0d0a 000d 0a51 5549 540a 21 12 000c c0000201 c6336402 14e9 0035");
    assert_eq!(out[..length], expected);
    let length = v2_datagram(at("[2001:db8::1]:5353"), at("[2001:db8::2]:53"), &mut out).unwrap();
    assert_eq!((length, &out[12..16]), (DATAGRAM_HEADER, &[0x21, 0x22, 0, 36][..]));
}

#[test]
fn header_of_a_datagram_does_not_leave_its_room() {
    let short = &mut [0; DATAGRAM_HEADER - 1];
    assert_eq!(v2_datagram(at("192.0.2.1:1"), at("192.0.2.2:2"), short), None);
}

#[test]
fn what_the_gateway_says_for_itself_names_nobody() {
    assert_eq!(own(ProxyVersion::V1), b"PROXY UNKNOWN\r\n");
    assert_eq!(own(ProxyVersion::V2), hex("0d0a 0d0a 000d 0a51 5549 540a 20 00 0000"));
}
