//! Client subnets and OPT records that are the gateway's, not the client's.

use std::net::IpAddr;

use sekisho_testkit::Seed;

use super::super::{Query, answer_without, rcode, records, with_subnet};
use super::fixtures::{fixture, fixtures};
use super::{COOKIE, HEADER, POINTER, SUBNET, WWW, answered, ask, message, name, opt, read, record};

fn rewritten(query: &Query<'_>, subnet: Option<(&str, u8)>) -> Option<Vec<u8>> {
    let mut out = [0xaa; 65_535];
    let subnet = subnet.map(|(address, bits)| (address.parse::<IpAddr>().unwrap(), bits));
    with_subnet(query, subnet, &mut out).map(|length| out[..length].to_vec())
}

fn without(answer: &[u8], drop_opt: bool, drop_subnet: bool) -> Option<Vec<u8>> {
    let mut out = [0xaa; 65_535];
    answer_without(answer, drop_opt, drop_subnet, &mut out).map(|length| out[..length].to_vec())
}

/// The option for this address.
fn option(address: &str, bits: u8) -> Vec<u8> {
    let rewritten = rewritten(&read(&ask(&[])), Some((address, bits))).unwrap();
    rewritten[WWW.len() + 12 + 11..].to_vec()
}

#[test]
fn subnet_is_masked_and_cut_to_the_octets_it_needs() {
    let cases: [(&str, u8, &[u8]); 8] = [
        ("192.0.2.77", 24, &[0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2]),
        ("192.0.2.77", 32, &[0, 8, 0, 8, 0, 1, 32, 0, 192, 0, 2, 77]),
        ("192.0.31.1", 20, &[0, 8, 0, 7, 0, 1, 20, 0, 192, 0, 16]),
        ("192.0.2.77", 0, &[0, 8, 0, 4, 0, 1, 0, 0]),
        ("192.0.2.77", 99, &[0, 8, 0, 8, 0, 1, 32, 0, 192, 0, 2, 77]),
        ("2001:db8::abcd:0:1", 56, &[0, 8, 0, 11, 0, 2, 56, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0]),
        ("2001:db8::1", 1, &[0, 8, 0, 5, 0, 2, 1, 0, 0]),
        ("::ffff:192.0.2.77", 24, &[0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2]),
    ];
    for (address, bits, expected) in cases {
        assert_eq!(option(address, bits), expected, "{address}/{bits}");
    }
}

#[test]
fn subnet_of_a_client_without_edns_comes_with_an_opt_record_and_512_octets() {
    let mut bytes = ask(&[]);
    let expected = [&message(0, [1, 0, 0, 1], &[WWW])[..], &record(&[0], 41, 512, 0, SUBNET)].concat();
    assert_eq!(rewritten(&read(&bytes), Some(("192.0.2.77", 24))).unwrap(), expected);
    // What trails the message trails it still.
    bytes.extend(b"tail");
    assert_eq!(
        rewritten(&read(&bytes), Some(("192.0.2.77", 24))).unwrap(),
        [expected, b"tail".to_vec()].concat()
    );
    assert_eq!(rewritten(&read(&bytes), None), None);
}

#[test]
fn subnet_takes_the_place_of_the_clients_and_no_other_octet_changes() {
    let other = option("198.51.100.1", 24);
    let (key, tail) = (record(&name("key"), 1, 1, 7, &[1, 2, 3, 4]), b"tail".as_slice());
    type Options<'a> = &'a [&'a [u8]];
    let cases: [(Options<'_>, Options<'_>); 5] = [
        (&[], &[]),
        (&[COOKIE], &[COOKIE]),
        (&[SUBNET, COOKIE], &[COOKIE]),
        (&[COOKIE, SUBNET, &[0xfd, 0xe9, 0, 0]], &[COOKIE, &[0xfd, 0xe9, 0, 0]]),
        (&[SUBNET, &[0, 8, 0, 1, 9], SUBNET], &[]),
    ];
    for (before, after) in cases {
        let asked = |options: &[&[u8]]| {
            [&ask(&[&record(&[0], 41, 4000, 0x8000, &options.concat()), &key]), tail].concat()
        };
        let bytes = asked(before);
        let mut added = after.to_vec();
        added.push(&other);
        assert_eq!(rewritten(&read(&bytes), Some(("198.51.100.1", 24))), Some(asked(&added)));
        let stripped = (before.len() != after.len()).then(|| asked(after));
        assert_eq!(rewritten(&read(&bytes), None), stripped);
    }
}

#[test]
fn signed_queries_other_opcodes_and_other_versions_go_as_they_came() {
    let tsig = record(&name("key"), 250, 255, 0, &[1; 20]);
    for bytes in [
        ask(&[&tsig]),
        ask(&[&opt(SUBNET), &tsig]),
        ask(&[&record(&[0], 41, 1232, 0x0001_0000, SUBNET)]),
        message(4, [1, 0, 0, 1], &[WWW, &opt(SUBNET)]),
        message(5, [1, 0, 0, 0], &[WWW]),
    ] {
        assert_eq!(rewritten(&read(&bytes), Some(("192.0.2.1", 24))), None);
        assert_eq!(rewritten(&read(&bytes), None), None);
    }
    for file in ["tsig", "sig0", "update", "notify", "edns-version-1", "status"] {
        assert_eq!(rewritten(&read(&fixture(file).query), Some(("192.0.2.1", 24))), None, "{file}");
    }
}

#[test]
fn query_without_room_for_a_subnet_goes_as_it_came() {
    let bytes = ask(&[&opt(COOKIE)]);
    let subnet = Some(([192, 0, 2, 1].into(), 24));
    let needed = bytes.len() + 11;
    for room in 0..needed {
        assert_eq!(with_subnet(&read(&bytes), subnet, &mut vec![0; room]), None);
    }
    assert_eq!(with_subnet(&read(&bytes), subnet, &mut vec![0; needed]), Some(needed));
    // An OPT record cannot grow beyond 65,535 octets.
    let full = ask(&[&opt(&[&[0xfd, 0xe9, 0xff, 0xfb][..], &[0; 0xfffb]].concat())]);
    assert_eq!(with_subnet(&read(&full), subnet, &mut vec![0; 70_000]), None);
}

#[test]
fn what_is_added_to_real_queries_can_be_taken_away_again() {
    for fixture in fixtures() {
        let query = read(&fixture.query);
        let Some(with) = rewritten(&query, Some(("203.0.113.9", 24))) else { continue };
        let again = read(&with);
        let subnet = again.edns.as_ref().unwrap().subnet.as_ref().unwrap();
        assert_eq!((subnet.address, subnet.source, subnet.scope), ([203, 0, 113, 0].into(), 24, 0));
        assert_eq!(again.question, query.question);
        if query.edns.as_ref().is_some_and(|edns| !edns.has_subnet) {
            assert_eq!(rewritten(&again, None).as_ref(), Some(&fixture.query), "{}", fixture.file);
        }
        let mut answer = with.clone();
        answer[2] |= 0x80;
        let mut plain = fixture.query.clone();
        plain[2] |= 0x80;
        if query.edns.is_none() {
            assert_eq!(without(&answer, true, false), Some(plain), "{}", fixture.file);
        }
    }
}

#[test]
fn answer_loses_its_opt_record_or_the_subnet_in_it() {
    let data = record(POINTER, 1, 1, 300, &[192, 0, 2, 1]);
    let answer = |options: &[&[u8]]| answered([1, 0, 1], &[&data, &opt(&options.concat())]);
    assert_eq!(without(&answer(&[SUBNET, COOKIE]), true, false), Some(answered([1, 0, 0], &[&data])));
    assert_eq!(without(&answer(&[SUBNET, COOKIE]), true, true), Some(answered([1, 0, 0], &[&data])));
    assert_eq!(without(&answer(&[SUBNET, COOKIE]), false, true), Some(answer(&[COOKIE])));
    assert_eq!(without(&answer(&[COOKIE]), false, true), None);
    assert_eq!(without(&answer(&[SUBNET]), false, false), None);
    assert_eq!(without(&answered([1, 0, 0], &[&data]), true, true), None);
}

#[test]
fn signed_and_unreadable_answers_go_as_they_came() {
    let tsig = record(&name("key"), 250, 255, 0, &[1; 20]);
    assert_eq!(without(&answered([0, 0, 2], &[&opt(SUBNET), &tsig]), true, true), None);
    assert_eq!(without(&answered([0, 0, 2], &[&opt(SUBNET)]), true, true), None);
    assert_eq!(without(&fixture("tsig").answer, true, true), None);
    assert_eq!(without(b"", true, true), None);
}

#[test]
fn code_that_loses_its_upper_bits_becomes_a_failure() {
    let answer = answered([0, 0, 1], &[&record(&[0], 41, 1232, 0x0100_0000, &[])]);
    assert_eq!(rcode(&answer), 16);
    assert_eq!(rcode(&without(&answer, true, false).unwrap()), 2);
}

/// Type, class, TTL and names of all records but OPT, the names in their data too.
fn told(message: &[u8]) -> Vec<(u16, u32, Vec<Vec<u8>>)> {
    let records = records(message).unwrap().map(Result::unwrap).filter(|record| record.kind != 41);
    let told = records.map(|record| {
        let data = record.data.start;
        let mut names = vec![expanded(message, record.start).0];
        match record.kind {
            2 => names.push(expanded(message, data).0),
            6 => {
                let (first, end) = expanded(message, data);
                names.extend([first, expanded(message, end).0]);
            }
            15 => names.push(expanded(message, data + 2).0),
            33 => names.push(expanded(message, data + 6).0),
            _ => {}
        }
        (record.kind, record.ttl, names)
    });
    told.collect()
}

/// The name from `at` without pointers, and where it ends.
fn expanded(message: &[u8], mut at: usize) -> (Vec<u8>, usize) {
    let (mut name, mut end) = (Vec::new(), None);
    loop {
        match message[at] {
            0 => return ([name, vec![0]].concat(), end.unwrap_or(at + 1)),
            length @ 1..=63 => {
                name.extend(&message[at..=at + usize::from(length)]);
                at += usize::from(length) + 1;
            }
            high => {
                end = end.or(Some(at + 2));
                at = usize::from(high & 0x3f) << 8 | usize::from(message[at + 1]);
            }
        }
    }
}

/// An answer with an OPT record anywhere in its additional section, and names that lean on each other as they like.
fn compressed(seed: &mut Seed) -> Vec<u8> {
    let counts = [seed.below(4) as u16, seed.below(3) as u16, 1 + seed.below(6) as u16];
    let [answers, authority, additional] = counts.map(usize::from);
    let place = answers + authority + seed.below(additional);
    let (mut message, mut earlier) = (answered(counts, &[]), vec![HEADER]);
    for number in 0..answers + authority + additional {
        if number == place {
            message.extend(opt([&[], SUBNET, COOKIE, &[COOKIE, SUBNET].concat()][seed.below(4)]));
            continue;
        }
        put_name(&mut message, &mut earlier, seed);
        let kind = [1, 2, 6, 15, 16, 33][seed.below(6)];
        message.extend(record(&[], kind, 1, seed.next() as u32, &[]));
        let data = message.len();
        let (before, names, behind) = match kind {
            2 => (0, 1, 0),
            6 => (0, 2, 20),
            15 => (2, 1, 0),
            33 => (6, 1, 0),
            _ => (seed.below(20), 0, 0),
        };
        message.extend(seed.bytes(before));
        (0..names).for_each(|_| put_name(&mut message, &mut earlier, seed));
        message.extend(seed.bytes(behind));
        let length = (message.len() - data) as u16;
        message[data - 2..data].copy_from_slice(&length.to_be_bytes());
    }
    message
}

/// Appends some labels and the root, or a pointer to a name that is there.
fn put_name(message: &mut Vec<u8>, earlier: &mut Vec<usize>, seed: &mut Seed) {
    let start = message.len();
    for _ in 0..seed.below(3) {
        let length = 1 + seed.below(9);
        message.push(length as u8);
        message.extend(seed.bytes(length));
    }
    if seed.below(4) == 0 {
        message.push(0);
    } else {
        message.extend((0xc000 | earlier[seed.below(earlier.len())] as u16).to_be_bytes());
    }
    earlier.push(start);
}

#[test]
fn names_stay_what_they_were_wherever_the_opt_record_stands() {
    let mut changed = 0;
    for number in 0..3_000 {
        let mut answer = compressed(&mut Seed::new(number));
        let before = told(&answer);
        for (drop_opt, drop_subnet) in [(true, false), (false, true)] {
            let Some(after) = without(&answer, drop_opt, drop_subnet) else { continue };
            assert_eq!(told(&after), before, "{number}");
            changed += 1;
        }
        answer[2] &= 0x7f;
        for subnet in [None, Some(("192.0.2.77", 24)), Some(("2001:db8::1", 128))] {
            let Some(after) = rewritten(&read(&answer), subnet) else { continue };
            assert_eq!(told(&after), before, "{number}");
            changed += 1;
        }
    }
    // All of them but those that have no subnet to lose.
    assert!(changed > 3_000 * 3, "{changed}");
}

#[test]
fn names_behind_the_opt_record_stay_what_they_were() {
    let answer = fixture("opt-first").answer;
    let before = told(&answer);
    assert_eq!(before.last().unwrap().2, [name("x.example.com"), name("mx.glue.example.com")]);
    for (drop_opt, shorter) in [(true, 11 + 11 + 12), (false, 11)] {
        let after = without(&answer, drop_opt, true).unwrap();
        assert_eq!(after.len(), answer.len() - shorter);
        assert_eq!(told(&after), before);
    }
    // As it is made longer, too.
    let mut query = answer;
    query[2] &= 0x7f;
    let longer = rewritten(&read(&query), Some(("2001:db8::1", 128))).unwrap();
    assert_eq!(told(&longer), before);
}

#[test]
fn name_that_points_into_the_opt_record_is_left_alone() {
    // The record's payload field as a name: nobody does this.
    let opt = record(&[0], 41, 0x0161, 0, &[]);
    let at = (12 + WWW.len() + 3) as u8;
    let answer = answered([0, 0, 2], &[&opt, &record(&[0xc0, at], 1, 1, 0, &[])]);
    assert!(records(&answer).unwrap().all(|record| record.is_ok()));
    assert_eq!(without(&answer, true, false), None);
}
