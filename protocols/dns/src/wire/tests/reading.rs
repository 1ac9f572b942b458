//! What is relayed, what is told, what meets silence.

use super::super::{Rcode, Unreadable, is_transfer, payload, query};
use super::{COOKIE, SUBNET, WWW, ask, message, name, opt, read, record};

fn told(bytes: &[u8], label: &'static str) {
    assert_eq!(query(bytes), Err(Unreadable::Tell(Rcode::FORMERR, label)), "{bytes:02x?}");
}

#[test]
fn short_messages_and_answers_meet_silence() {
    let whole = ask(&[]);
    for length in 0..12 {
        assert_eq!(query(&whole[..length]), Err(Unreadable::Silence("short")));
    }
    let mut answer = whole;
    answer[2] |= 0x80;
    assert_eq!(query(&answer), Err(Unreadable::Silence("not-a-query")));
}

#[test]
fn query_asks_exactly_one_question() {
    for questions in [0, 2, 65_535] {
        told(&message(0, [questions, 0, 0, 0], &[WWW, WWW]), "question-count");
    }
}

#[test]
fn question_that_cannot_be_read_is_told_whatever_the_opcode() {
    let long = [b"\x3f".as_slice(), &[b'a'; 63]].concat().repeat(4);
    let bodies: [&[u8]; 9] = [
        b"",
        b"\x03ww",
        b"\x03www\0\0\x01\0",
        b"\x03www\x07example",
        b"\xc0\x0c\0\x01\0\x01",                         // A pointer to itself.
        b"\x03www\xc0\x04\0\x01\0\x01",                  // Into the header.
        b"\x41\x01\0\0\x01\0\x01",                       // A label of the type that was to count bits.
        b"\x03www\x80\0\0\x01\0\x01",                    // A label of a type that nobody has used.
        &[&long, b"\0\0\x01\0\x01".as_slice()].concat(), // 257 octets.
    ];
    for body in bodies {
        for opcode in 0..16 {
            told(&message(opcode, [1, 0, 0, 0], &[body]), "question");
        }
    }
}

#[test]
fn name_has_at_most_255_octets() {
    for (last, fits) in [(61, true), (62, false)] {
        let labels = [63, 63, 63, last].map(|length| "a".repeat(length)).join(".");
        let name = name(&labels);
        assert_eq!(name.len() <= 255, fits);
        assert_eq!(query(&message(0, [1, 0, 0, 0], &[&name, &[0, 1, 0, 1]])).is_ok(), fits);
    }
}

#[test]
fn any_type_class_and_octet_is_relayed() {
    for (kind, class) in [(0, 0), (65_280, 1), (255, 255), (1, 3), (1, 4), (1, 254), (65_535, 65_535)] {
        let end = [u16::to_be_bytes(kind), u16::to_be_bytes(class)].concat();
        let bytes = message(0, [1, 0, 0, 0], &[b"\x05\0\xff.\\A\0", &end]);
        let question = read(&bytes).question.unwrap();
        assert_eq!(
            (question.name, question.kind, question.class),
            (b"\x05\0\xff.\\A\0".as_slice(), kind, class)
        );
        assert_eq!(question.wire, &bytes[12..]);
    }
}

#[test]
fn records_of_a_query_must_be_there() {
    let opt = opt(&[]);
    told(&message(0, [1, 0, 0, 1], &[WWW]), "records");
    told(&message(0, [1, 65_535, 0, 0], &[WWW, &record(&[0], 1, 1, 0, &[])]), "records");
    told(&message(0, [1, 0, 0, 2], &[WWW, &opt]), "records");
    for length in 1..opt.len() {
        told(&message(0, [1, 0, 0, 1], &[WWW, &opt[..length]]), "records");
    }
    // A name that points at itself, forwards, into the header.
    for name in [[0xc0, 33], [0xc0, 60], [0xc0, 4], [0xff, 0xff]] {
        told(&ask(&[&record(&name, 1, 1, 0, &[]), &[0; 40]]), "records");
    }
}

#[test]
fn opt_stands_once_without_a_name_in_the_additional_section() {
    let good = opt(COOKIE);
    told(&ask(&[&good, &good]), "opt");
    told(&ask(&[&record(&name("x"), 41, 1232, 0, &[])]), "opt");
    told(&message(0, [1, 1, 0, 0], &[WWW, &good]), "opt");
    told(&message(0, [1, 0, 1, 0], &[WWW, &good]), "opt");
    let other = record(&name("key"), 1, 1, 0, &[1, 2, 3, 4]);
    for additional in [[&good, &other], [&other, &good]] {
        assert!(read(&ask(&[additional[0], additional[1]])).edns.unwrap().cookie);
    }
}

#[test]
fn options_fill_the_opt_record() {
    for options in [&[0][..], &[0, 10, 0], &[0, 10, 0, 9, 1], &[255, 255, 255, 255], &[0, 3, 0, 0, 0]] {
        told(&ask(&[&opt(options)]), "opt");
        // What options look like in another version is not known.
        let edns = read(&ask(&[&record(&[0], 41, 1232, 0x0001_0000, options)])).edns.unwrap();
        assert_eq!((edns.version, edns.cookie, edns.subnet), (1, false, None));
    }
    let edns = read(&ask(&[&opt(&[&[0xfd, 0xe9, 0, 2, 7, 7], COOKIE, SUBNET].concat())])).edns.unwrap();
    assert!(edns.cookie && edns.subnet.is_some() && edns.has_subnet && !edns.dnssec_ok);
}

#[test]
fn opt_tells_payload_version_extended_code_and_dnssec() {
    for (class, ttl, expected) in [
        (0, 0, (0, 0, 0, false)),
        (4096, 0x8000, (4096, 0, 0, true)),
        (65_535, 0x01ff_7fff, (65_535, 1, 255, false)),
    ] {
        let edns = read(&ask(&[&record(&[0], 41, class, ttl, &[])])).edns.unwrap();
        assert_eq!((edns.payload, edns.extended, edns.version, edns.dnssec_ok), expected);
    }
}

#[test]
fn client_takes_512_octets_or_what_it_says() {
    assert_eq!(payload(&read(&ask(&[]))), 512);
    for (said, taken) in [(0, 512), (511, 512), (512, 512), (1232, 1232), (65_535, 65_535)] {
        assert_eq!(payload(&read(&ask(&[&record(&[0], 41, said, 0, &[])]))), taken);
    }
}

#[test]
fn subnet_is_an_address_cut_to_its_prefix() {
    let cases: [(&[u8], Option<&str>); 14] = [
        (&[0, 1, 24, 0, 192, 0, 2], Some("192.0.2.0/24")),
        (&[0, 1, 32, 0, 192, 0, 2, 7], Some("192.0.2.7/32")),
        (&[0, 1, 20, 0, 192, 0, 16], Some("192.0.16.0/20")),
        (&[0, 2, 56, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0xab], Some("2001:db8:0:ab00::/56")),
        (&[0, 1, 0, 0], Some("0.0.0.0/0")),
        (&[0, 2, 0, 0], Some("::/0")),
        (&[0, 0, 0, 0], Some("0.0.0.0/0")),
        (&[0, 1, 24, 0, 192, 0], None),          // Too few octets.
        (&[0, 1, 24, 0, 192, 0, 2, 0], None),    // Too many.
        (&[0, 1, 20, 0, 192, 0, 0x1f], None),    // Bits behind the prefix.
        (&[0, 1, 33, 0, 192, 0, 2, 0, 0], None), // Longer than an address.
        (&[0, 3, 8, 0, 1], None),                // A family that nobody knows.
        (&[0, 0, 8, 0, 1], None),
        (&[0, 1, 24], None),
    ];
    for (data, expected) in cases {
        let option = [&[0, 8, 0, data.len() as u8], data].concat();
        let bytes = ask(&[&opt(&[COOKIE, &option].concat())]);
        let edns = read(&bytes).edns.unwrap();
        assert!(edns.has_subnet);
        let shown = edns.subnet.as_ref().map(|subnet| format!("{}/{}", subnet.address, subnet.source));
        assert_eq!(shown.as_deref(), expected, "{data:?}");
        if let Some(subnet) = edns.subnet {
            assert_eq!(&bytes[subnet.range], option);
        }
    }
}

#[test]
fn signature_is_seen() {
    let (tsig, sig0, sig) = (
        record(&name("key"), 250, 255, 0, &[1; 20]),
        record(&[0], 24, 255, 0, &[0; 30]),
        record(&[0], 24, 1, 0, &[0, 1, 0, 0]),
    );
    for (additional, signed) in [(&tsig, true), (&sig0, true), (&sig, false)] {
        assert_eq!(read(&ask(&[&opt(&[]), additional])).signed, signed);
    }
    // Outside the additional section it signs nothing.
    assert!(!read(&message(0, [1, 1, 0, 0], &[WWW, &tsig])).signed);
}

#[test]
fn other_opcodes_are_relayed_once_their_question_is_read() {
    for opcode in 1..16 {
        assert!(read(&message(opcode, [0, 0, 0, 0], &[])).question.is_none());
        assert!(read(&message(opcode, [0, 9, 9, 9], &[b"whatever"])).question.is_none());
        let lying = message(opcode, [1, 3, 0, 1], &[WWW, b"\xc0"]);
        assert!(read(&lying).question.is_some());
        let twice = message(opcode, [2, 0, 0, 1], &[WWW, b"\xc0\x0c\0\x06\0\x01", &opt(COOKIE)]);
        assert!(read(&twice).edns.is_some_and(|edns| edns.cookie));
    }
}

#[test]
fn trailing_data_is_no_part_of_the_message() {
    let mut bytes = ask(&[&opt(&[])]);
    let end = bytes.len();
    bytes.extend(b"trailing");
    assert_eq!((read(&bytes).end, read(&bytes).bytes.len()), (end, end + 8));
}

#[test]
fn transfers_are_queries_for_a_zone() {
    for (opcode, kind, expected) in [(0, 252, true), (0, 251, true), (0, 1, false), (4, 252, false)] {
        assert_eq!(
            is_transfer(&read(&message(opcode, [1, 0, 0, 0], &[&name("zone"), &[0, kind, 0, 1]]))),
            expected
        );
    }
}
