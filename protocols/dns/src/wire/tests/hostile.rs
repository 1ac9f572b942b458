//! Bytes that mean harm.

use sekisho_testkit::Seed;

use super::super::{name, oracle};
use super::fixtures::fixtures;
use super::{POINTER, answered, ask, opt, query, record};

#[test]
fn every_prefix_of_every_fixture_has_an_outcome() {
    for fixture in fixtures() {
        for bytes in [&fixture.query, &fixture.answer] {
            (0..=bytes.len()).for_each(|length| oracle(&bytes[..length]));
        }
    }
}

#[test]
fn damaged_messages_have_an_outcome() {
    let fixtures = fixtures();
    for number in 0..20_000 {
        let mut seed = Seed::new(number);
        let fixture = &fixtures[seed.below(fixtures.len())];
        let mut bytes = if seed.below(2) == 0 { fixture.query.clone() } else { fixture.answer.clone() };
        seed.damage(&mut bytes);
        oracle(&bytes);
    }
}

#[test]
fn noise_has_an_outcome() {
    for number in 0..5_000 {
        let mut seed = Seed::new(number);
        let length = seed.below(120);
        let mut bytes = seed.bytes(length);
        // A header that says that there is something to read.
        bytes.iter_mut().take(12).skip(2).for_each(|octet| *octet &= 1);
        oracle(&bytes);
    }
}

#[test]
fn crashes_that_were_found_stay_fixed() {
    let found = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/fuzz/dns");
    assert!(sekisho_testkit::regressions(found, oracle) > 0);
}

/// A message of filler in which a name stands at `at`, and where the name ends.
fn compressed(pieces: &[(usize, &[u8])], at: usize) -> Option<usize> {
    let mut message = vec![0; 600];
    for (place, piece) in pieces {
        message[*place..place + piece.len()].copy_from_slice(piece);
    }
    name::compressed(&message, at)
}

#[test]
fn pointers_go_to_earlier_names() {
    let target = (20, b"\x03www\0".as_slice());
    assert_eq!(compressed(&[target, (40, b"\x01a\xc0\x14")], 40), Some(44));
    assert_eq!(compressed(&[target, (30, b"\xc0\x14"), (40, b"\xc0\x1e")], 40), Some(42));
    for (what, pieces) in [
        ("to itself", &[(40, b"\xc0\x28".as_slice())][..]),
        ("to the start of its own labels", &[(40, b"\x01a\xc0\x28")]),
        ("into its own labels", &[(40, b"\x01a\xc0\x29")]),
        ("forwards", &[(40, b"\xc0\x32"), (50, b"\x01a\0")]),
        ("backwards and forwards again", &[(20, b"\xc0\x1e"), (30, b"\x01a\0"), (40, b"\xc0\x14")]),
        ("in a ring", &[(20, b"\xc0\x28"), (40, b"\xc0\x14")]),
        ("to what runs into its own labels", &[(36, b"\x05".as_slice()), (40, b"\x01a\xc0\x24")]),
        ("to half a pointer", &[(39, b"\xc0".as_slice()), (40, b"\xc0\x27")]),
        ("into the header", &[(40, b"\xc0\x0b")]),
        ("past the end", &[(40, b"\xff\xff")]),
    ] {
        assert_eq!(compressed(pieces, 40), None, "a pointer {what}");
    }
    assert_eq!(name::compressed(&[0; 13], 13), None);
    assert_eq!(name::compressed(&[&[0; 20][..], &[0xc0]].concat(), 20), None);
}

#[test]
fn hops_are_counted() {
    // Pointers one behind the other, each to the one before it.
    let mut message = vec![0; 14];
    for hop in 0..1000_u16 {
        message.extend((0xc000 | (12 + hop * 2)).to_be_bytes());
    }
    assert_eq!(name::compressed(&message, 14 + 2 * 125), Some(16 + 2 * 125));
    assert_eq!(name::compressed(&message, 14 + 2 * 126), None);
    assert_eq!(name::compressed(&message, 14 + 2 * 900), None);
}

#[test]
fn compressed_name_is_no_longer_than_another() {
    // 254 octets without the root, and what a pointer adds.
    let long =
        [[&[63_u8][..], &[b'a'; 63]].concat().repeat(3), [&[58_u8][..], &[b'a'; 58]].concat(), vec![0]]
            .concat();
    assert_eq!(long.len(), 252);
    let name = |prefix: &[u8]| [prefix, &[0xc0, 12]].concat();
    for (prefix, fits) in [(&b""[..], true), (b"\x01a", true), (b"\x02ab", true), (b"\x03abc", false)] {
        assert_eq!(compressed(&[(12, &long), (300, &name(prefix))], 300).is_some(), fits, "{prefix:?}");
    }
}

#[test]
fn labels_of_unused_types_are_no_names() {
    for first in 64..=191 {
        assert_eq!(compressed(&[(40, &[first, 0, 0])], 40), None);
        assert_eq!(name::plain(&[first, 0, 0], 0), None);
    }
}

#[test]
fn message_full_of_the_longest_names_is_read_to_its_end() {
    // As many records as fit, each of a name that takes as many steps as a name can.
    let name = [&[1, b'x'].repeat(100)[..], POINTER].concat();
    let records: Vec<_> = (0..300).map(|_| record(&name, 1, 1, 1, &[])).collect();
    let records: Vec<_> = records.iter().map(Vec::as_slice).collect();
    assert!(query(&ask(&records)).is_ok());
    oracle(&ask(&records));
    oracle(&answered([300, 0, 0], &records));
}

#[test]
fn data_that_serves_as_a_name_does_not_make_a_message_unreadable() {
    // TXT data behind the OPT record holds a pointer over it, and a name points to that pointer.
    let txt = record(POINTER, 16, 1, 1, &[1, b'x', 0xc0, 60, 0, 0, 0]);
    let at = |bytes: &[u8]| (ask(&[bytes]).len() + 12) as u8;
    let opt = opt(&[0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2]);
    for target in 40..90 {
        let last = record(&[0xc0, at(&opt).wrapping_add(target)], 1, 1, 1, &[]);
        oracle(&ask(&[&opt, &txt, &last]));
        oracle(&answered([0, 0, 3], &[&opt, &txt, &last]));
    }
}
