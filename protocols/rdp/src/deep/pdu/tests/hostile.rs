//! Bytes of nobody.

use sekisho_testkit::{Seed, prefixes, seeded};

use super::super::*;
use super::recorded;

#[test]
fn packet_that_is_cut_is_none() {
    for tpkt in recorded() {
        for length in 0..tpkt.len() {
            let cut = &tpkt[..length];
            oracle(cut);
            assert!(
                ConnectInitial::read(cut).is_err()
                    && read_connect_response(cut).is_err()
                    && mcs(cut).is_err()
            );
        }
        oracle(&tpkt);
    }
}

#[test]
fn damaged_packets_are_survived() {
    for (number, tpkt) in (0..).zip(recorded()) {
        let mut seed = Seed::new(number);
        for _ in 0..3000 {
            let mut damaged = tpkt.clone();
            seed.damage(&mut damaged);
            oracle(&damaged);
            // Behind the frame, so that it is not the frame that is refused.
            let mut inside = tpkt.get(7..).unwrap_or_default().to_vec();
            seed.damage(&mut inside);
            oracle(&inside);
        }
    }
}

#[test]
fn any_bytes_are_survived() {
    let packets = recorded();
    let words: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
    seeded(3000, &words, oracle);
}

#[test]
fn crashes_that_were_found_stay_fixed() {
    let found = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/fuzz/rdp");
    assert!(sekisho_testkit::regressions(found, oracle) > 0);
}

#[test]
fn end_of_a_packet_is_told_as_soon_as_it_stands_there() {
    let cases = [
        ("03 00 01 ca 02", Ok(Some(Packet::Tpkt(458)))),
        ("03 00 00 07", Ok(Some(Packet::Tpkt(7)))),
        ("03 00 00 06", Err(Malformed::Framing)),
        ("03 01 00 20", Err(Malformed::Framing)),
        ("04 05", Ok(Some(Packet::FastPath(5)))),
        ("04 81", Ok(None)),
        ("04 81 02", Ok(Some(Packet::FastPath(258)))),
        ("04 01", Err(Malformed::Framing)),
        ("04 80 02", Err(Malformed::Framing)),
        ("16 03 01", Err(Malformed::Framing)),
        ("", Ok(None)),
    ];
    for (text, expected) in cases {
        let bytes = super::bytes(text);
        assert_eq!(packet(&bytes), expected, "{text}");
        prefixes(packet, &bytes);
    }
}
