//! For how long an answer may be kept.

use super::super::{Summary, ttls};
use super::fixtures::fixture;
use super::{COOKIE, POINTER, SUBNET, answered, name, opt, record};

fn walked(answer: &[u8]) -> Option<(Vec<u32>, Summary)> {
    let mut seen = Vec::new();
    let summary = ttls(answer, |at, ttl| {
        assert!(u32::from_be_bytes(answer[at..at + 4].try_into().unwrap()) == ttl || ttl == 0);
        seen.push(ttl);
    })?;
    Some((seen, summary))
}

fn soa(ttl: u32, minimum: u32) -> Vec<u8> {
    let data = [&name("ns")[..], POINTER, &[0; 16], &minimum.to_be_bytes()].concat();
    record(POINTER, 6, 1, ttl, &data)
}

#[test]
fn smallest_ttl_of_all_sections_counts_and_that_of_opt_does_not() {
    let records = [300, 200, 100].map(|ttl| record(POINTER, 1, 1, ttl, &[192, 0, 2, 1]));
    let answer = answered([1, 1, 2], &[&records[0], &records[1], &opt(COOKIE), &records[2]]);
    let (seen, summary) = walked(&answer).unwrap();
    assert_eq!(seen, [300, 200, 100]);
    assert_eq!((summary.ttl, summary.negative, summary.has_data), (Some(100), None, true));
    assert!(summary.edns.unwrap().cookie && !summary.signed);
    assert_eq!(summary.end, answer.len());
}

#[test]
fn ttl_with_the_top_bit_is_none() {
    let (seen, summary) = walked(&answered([1, 0, 0], &[&record(POINTER, 1, 1, 0x8000_0000, &[])])).unwrap();
    assert_eq!((seen, summary.ttl), (vec![0], Some(0)));
    let (seen, _) = walked(&answered([1, 0, 0], &[&record(POINTER, 1, 1, 0x7fff_ffff, &[])])).unwrap();
    assert_eq!(seen, [0x7fff_ffff]);
}

#[test]
fn absence_is_kept_for_the_smaller_of_ttl_and_minimum() {
    for (ttl, minimum, expected) in [(60, 300, 60), (300, 60, 60), (300, 0x8000_0000, 0)] {
        let (_, summary) = walked(&answered([0, 1, 0], &[&soa(ttl, minimum)])).unwrap();
        assert_eq!((summary.negative, summary.has_data), (Some(expected), false));
    }
    // In the answer section it is data; too short to have a minimum, it says nothing.
    assert_eq!(walked(&answered([1, 0, 0], &[&soa(60, 60)])).unwrap().1.negative, None);
    assert_eq!(
        walked(&answered([0, 1, 0], &[&record(POINTER, 6, 1, 60, &[0; 21])])).unwrap().1.negative,
        None
    );
}

#[test]
fn alias_is_no_data() {
    let alias = record(POINTER, 5, 1, 60, POINTER);
    assert!(!walked(&answered([1, 0, 0], &[&alias])).unwrap().1.has_data);
    assert!(walked(&answered([2, 0, 0], &[&alias, &record(POINTER, 1, 1, 60, &[])])).unwrap().1.has_data);
    let (_, summary) = walked(&fixture("alias-without-data").answer).unwrap();
    assert_eq!((summary.ttl, summary.negative, summary.has_data), (Some(300), Some(300), false));
}

#[test]
fn answers_of_a_real_server_are_summed_up() {
    for (file, ttl, negative, has_data) in [
        ("plain", Some(300), None, true),
        ("negative", Some(300), Some(300), false),
        ("referral", Some(3600), None, false),
        ("mx", Some(600), None, true),
        ("truncated", None, None, false),
        ("soa", Some(3600), None, true),
    ] {
        let (_, summary) = walked(&fixture(file).answer).unwrap();
        assert_eq!((summary.ttl, summary.negative, summary.has_data), (ttl, negative, has_data), "{file}");
    }
    assert!(walked(&fixture("tsig").answer).unwrap().1.signed);
    let (_, summary) = walked(&fixture("opt-first").answer).unwrap();
    assert_eq!(summary.edns.unwrap().subnet.unwrap().scope, 24);
}

#[test]
fn answer_that_cannot_be_read_to_its_end_has_no_summary() {
    let data = record(POINTER, 1, 1, 300, &[192, 0, 2, 1]);
    let whole = answered([1, 0, 1], &[&data, &opt(SUBNET)]);
    assert!(walked(&whole).is_some());
    for length in 0..whole.len() {
        assert_eq!(walked(&whole[..length]), None, "{length}");
    }
    assert_eq!(walked(&answered([1, 0, 2], &[&data, &opt(&[]), &opt(&[])])), None);
    let trailing = [&whole[..], b"tail"].concat();
    assert_eq!(walked(&trailing).unwrap().1.end, whole.len());
}
