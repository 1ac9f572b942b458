use proptest::prelude::*;

use super::*;

fn packet(text: &str) -> Vec<u8> {
    sekisho_testkit::hex(text).unwrap()
}

/// A request with this variable part.
fn request(variable: &[u8]) -> Vec<u8> {
    let length = 11 + variable.len();
    let mut bytes = vec![3, 0, (length >> 8) as u8, length as u8, (length - 5) as u8, 0xe0, 0, 0, 0, 0, 0];
    bytes.extend(variable);
    bytes
}

const TLS_AND_CREDSSP: [u8; 8] = [1, 0, 8, 0, 3, 0, 0, 0];

#[test]
fn line_and_negotiation_are_found_where_they_stand() {
    let cases = [
        (&b""[..], None, None),
        (&TLS_AND_CREDSSP, None, Some(3)),
        (b"Cookie: mstshash=alice\r\n", Some(&b"Cookie: mstshash=alice"[..]), None),
        (b"tsv://Farm\r\n\x01\x00\x08\x00\x0b\x00\x00\x00", Some(b"tsv://Farm"), Some(0xb)),
        (b"\r\n\x01\x00\x08\x00\x01\x00\x00\x00", Some(b""), Some(1)),
    ];
    for (variable, line, protocols) in cases {
        let bytes = request(variable);
        let first = first_packet(&bytes).unwrap().unwrap();
        assert_eq!((first.bytes, first.line), (&bytes[..], line));
        assert_eq!(first.negotiation.map(|n| n.protocols), protocols);
    }
}

#[test]
fn correlation_info_stands_where_its_flag_says_and_nowhere_else() {
    let info = [&[6, 0, 36, 0][..], &[7; 32]].concat();
    let with = |flags: u8, info: &[u8]| request(&[&[1, flags, 8, 0, 3, 0, 0, 0], info].concat());
    assert!(first_packet(&with(8, &info)).unwrap().is_some());
    for bytes in [with(0, &info), with(8, b""), with(8, &info[..35]), with(9, &[&info[..], &[0]].concat())] {
        assert_eq!(first_packet(&bytes), Err(Malformed::Variable));
    }
}

#[test]
fn preconnection_pdu_goes_before_the_request_and_belongs_to_what_the_server_is_sent() {
    let id = packet("10000000 00000000 01000000 2a000000");
    let blob = packet("1a000000 00000000 02000000 00000000 0400 760031003a000000");
    for before in [id, blob] {
        let bytes = [&before[..], &request(b"Cookie: mstshash=alice\r\n"), b"behind"].concat();
        let first = first_packet(&bytes).unwrap().unwrap();
        assert_eq!(first.bytes.len(), bytes.len() - 6);
        assert_eq!(first.line, Some(&b"Cookie: mstshash=alice"[..]));
    }
}

#[test]
fn what_is_no_first_packet_is_refused() {
    let request = request(b"Cookie: mstshash=alice\r\n");
    let bent = |at: usize, to: u8| {
        let mut bytes = request.clone();
        bytes[at] = to;
        bytes
    };
    let cases = [
        (b"GET / HTTP/1.1\r\n".to_vec(), Malformed::NotRdp),
        (packet("16030100f8010000f40303"), Malformed::NotRdp),
        (packet("10000000 00000000 03000000 2a000000"), Malformed::NotRdp),
        (packet("01040000 00000000 01000000"), Malformed::NotRdp),
        (packet("10000000 00000000 01000000 2a000000 474554"), Malformed::NotRdp),
        (packet("0300000a05"), Malformed::Length(10)),
        (packet("0300010400"), Malformed::Length(260)),
        (bent(4, 31), Malformed::Length(35)),
        (bent(5, 0xd0), Malformed::NotConnectionRequest(0xd0)),
        (bent(33, b' '), Malformed::Variable),
    ];
    for (bytes, error) in cases {
        assert_eq!(first_packet(&bytes), Err(error), "{bytes:02x?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_give_an_outcome_and_every_prefix_agrees_with_it(
        head in prop::sample::select(vec![&b""[..], b"\x03\x00", b"\x03\x00\x00\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0", b"\x10\0\0\0"]),
        tail in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let bytes = [head, &tail[..]].concat();
        let outcome = first_packet(&bytes);
        for length in 0..bytes.len() {
            match first_packet(&bytes[..length]) {
                // Cannot tell yet: whatever comes.
                Ok(None) => {}
                told => prop_assert_eq!(told, outcome, "at {}", length),
            }
        }
        if let Ok(Some(first)) = outcome {
            prop_assert!(first.bytes.len() <= 1024 + 259);
        }
    }
}

#[test]
fn packet_without_its_line_is_the_same_otherwise() {
    let preconnection = sekisho_testkit::hex("10000000 00000000 01000000 2a000000").unwrap();
    let correlation = [&[6, 0, 36, 0][..], &[7; 32]].concat();
    for tail in [&[][..], &[1, 0, 8, 0, 3, 0, 0, 0], &[&[1, 8, 8, 0, 3, 0, 0, 0][..], &correlation].concat()]
    {
        for before in [&[][..], &preconnection] {
            let packet = |line: &[u8]| {
                let length = 11 + (line.len() + tail.len()) as u8;
                [before, &[3, 0, 0, length, length - 5, 0xe0, 1, 2, 3, 4, 0], line, tail].concat()
            };
            let bytes = packet(b"Cookie: sekisho=AQEAAAAA\r\n");
            let first = first_packet(&bytes).unwrap().unwrap();
            assert_eq!(first.without_line(), packet(b""));
            assert_eq!(first_packet(&packet(b"")).unwrap().unwrap().without_line(), packet(b""));
        }
    }
}
