//! The same messages, read and written by hickory-proto.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsCode, EdnsOption};
use hickory_proto::rr::{DNSClass, Name, RecordType};
use sekisho_testkit::Seed;

use super::super::{Rcode, answer_without, error, payload, query, truncated, with_subnet};
use super::fixtures::fixtures;
use super::read;

/// A request as hickory builds one: any name, type and class, often with EDNS.
fn built(seed: &mut Seed) -> Message {
    let mut labels = Vec::new();
    for _ in 0..seed.below(8) {
        let length = 1 + seed.below(30);
        labels.push(seed.bytes(length));
    }
    let name = Name::from_labels(labels).unwrap();
    let mut query = Query::query(name, RecordType::from(pick(seed, &[1, 2, 6, 28, 65, 255, 65_280])));
    query.set_query_class(DNSClass::from(pick(seed, &[1, 3, 4])));
    let mut message = Message::new(seed.next() as u16, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = seed.below(2) == 0;
    message.metadata.checking_disabled = seed.below(2) == 0;
    message.add_query(query);
    if seed.below(4) > 0 {
        let mut edns = Edns::new();
        edns.set_max_payload(512 + seed.below(8000) as u16).set_dnssec_ok(seed.below(2) == 0);
        if seed.below(2) == 0 {
            let length = 8 + seed.below(32);
            let cookie = seed.bytes(length);
            edns.options_mut().insert(EdnsOption::Unknown(10, cookie));
        }
        if seed.below(2) == 0 {
            let (address, bits) = subnet(seed);
            edns.options_mut().insert(EdnsOption::Subnet(ClientSubnet::new(masked(address, bits), bits, 0)));
        }
        message.set_edns(edns);
    }
    message
}

fn pick(seed: &mut Seed, numbers: &[u16]) -> u16 {
    numbers[seed.below(numbers.len())]
}

fn subnet(seed: &mut Seed) -> (IpAddr, u8) {
    if seed.below(2) == 0 {
        (Ipv4Addr::from_bits(seed.next() as u32).into(), seed.below(33) as u8)
    } else {
        (
            Ipv6Addr::from_bits(u128::from(seed.next()) << 64 | u128::from(seed.next())).into(),
            seed.below(129) as u8,
        )
    }
}

/// Bit by bit, so that nothing is shared with what is tested.
fn masked(address: IpAddr, bits: u8) -> IpAddr {
    fn cut(octets: &mut [u8], bits: u8) {
        for (number, octet) in octets.iter_mut().enumerate() {
            for bit in 0..8 {
                if number * 8 + bit >= usize::from(bits) {
                    *octet &= !(0x80 >> bit);
                }
            }
        }
    }
    match address {
        IpAddr::V4(address) => {
            let mut octets = address.octets();
            cut(&mut octets, bits);
            octets.into()
        }
        IpAddr::V6(address) => {
            let mut octets = address.octets();
            cut(&mut octets, bits);
            octets.into()
        }
    }
}

fn told(message: &Message) -> Option<(IpAddr, u8, u8)> {
    match message.edns.as_ref()?.option(EdnsCode::Subnet)? {
        EdnsOption::Subnet(subnet) => Some((subnet.addr(), subnet.source_prefix(), subnet.scope_prefix())),
        other => panic!("{other:?}"),
    }
}

/// Requests and their octets.
fn requests() -> impl Iterator<Item = (Seed, Message, Vec<u8>)> {
    (0..3_000).map(|number| {
        let mut seed = Seed::new(number);
        let message = built(&mut seed);
        let bytes = message.to_vec().unwrap();
        (seed, message, bytes)
    })
}

#[test]
fn what_hickory_writes_is_read_equally() {
    for (_, message, bytes) in requests() {
        let (query, asked) = (read(&bytes), &message.queries[0]);
        let question = query.question.unwrap();
        let labels: Vec<_> = super::super::name::labels(question.name).collect();
        assert_eq!(labels, asked.name.iter().collect::<Vec<_>>());
        assert_eq!(question.kind, u16::from(asked.query_type));
        assert_eq!(question.class, u16::from(asked.query_class));
        assert_eq!(query.header.id, message.metadata.id);
        assert_eq!(query.header.flags & 0x0100 != 0, message.metadata.recursion_desired);
        assert_eq!(query.header.flags & 0x0010 != 0, message.metadata.checking_disabled);
        assert_eq!(query.edns.is_some(), message.edns.is_some());
        assert_eq!(payload(&query), usize::from(message.max_payload()));
        let Some((ours, theirs)) = query.edns.as_ref().zip(message.edns.as_ref()) else { continue };
        assert_eq!((ours.version, ours.payload), (theirs.version(), theirs.max_payload()));
        assert_eq!(ours.dnssec_ok, theirs.flags().dnssec_ok);
        assert_eq!(ours.cookie, theirs.option(EdnsCode::Cookie).is_some());
        assert_eq!(ours.subnet.as_ref().map(|s| (s.address, s.source, s.scope)), told(&message));
    }
}

#[test]
fn damaged_requests_are_read_equally_where_both_read_them() {
    let mut both = 0;
    for (mut seed, _, mut bytes) in requests() {
        seed.damage(&mut bytes);
        let (Ok(ours), Ok(theirs)) = (query(&bytes), Message::from_vec(&bytes)) else { continue };
        both += 1;
        let Some((question, asked)) = ours.question.zip(theirs.queries.first()) else { continue };
        let labels: Vec<_> = super::super::name::labels(question.name).collect();
        assert_eq!(labels, asked.name.iter().collect::<Vec<_>>(), "{bytes:02x?}");
        assert_eq!(question.kind, u16::from(asked.query_type), "{bytes:02x?}");
        let (ours, theirs) = (ours.edns.as_ref(), theirs.edns.as_ref());
        assert_eq!(ours.map(|edns| edns.version), theirs.map(|edns| edns.version()), "{bytes:02x?}");
        assert_eq!(
            ours.map(|edns| edns.payload.max(512)),
            theirs.map(|edns| edns.max_payload()),
            "{bytes:02x?}"
        );
    }
    assert!(both > 300, "{both}");
}

#[test]
fn own_answers_are_understood_by_hickory() {
    let mut out = [0; 4096];
    for (mut seed, message, bytes) in requests() {
        let code = pick(&mut seed, &[1, 2, 3, 5]);
        let length = error(&bytes, Rcode(code), Some((22, "no server is up")), &mut out).unwrap();
        let reply = Message::from_vec(&out[..length]).unwrap();
        assert_eq!(reply.metadata.id, message.metadata.id);
        assert_eq!(reply.metadata.message_type, MessageType::Response);
        assert_eq!(reply.metadata.recursion_desired, message.metadata.recursion_desired);
        assert_eq!(u16::from(reply.metadata.response_code), code);
        assert_eq!(reply.queries, message.queries);
        let extended = reply.edns.as_ref().map(|edns| edns.option(EdnsCode::from(15)).cloned());
        let expected = [&[0, 22][..], b"no server is up"].concat();
        assert_eq!(extended, message.edns.is_some().then_some(Some(EdnsOption::Unknown(15, expected))));
    }
}

#[test]
fn truncations_are_understood_by_hickory() {
    let mut out = [0; 4096];
    for (_, message, bytes) in requests() {
        let mut answer = message.clone().into_response();
        answer.metadata.authoritative = true;
        let length = truncated(&bytes, &answer.to_vec().unwrap(), 512, &mut out).unwrap();
        answer.metadata.truncation = true;
        assert_eq!(Message::from_vec(&out[..length]).unwrap(), answer);
    }
}

#[test]
fn subnets_that_are_written_are_understood_by_hickory() {
    let mut out = [0; 4096];
    for (mut seed, message, bytes) in requests() {
        let (query, (address, bits)) = (read(&bytes), subnet(&mut seed));
        let length = with_subnet(&query, Some((address, bits)), &mut out).unwrap();
        let with = Message::from_vec(&out[..length]).unwrap();
        assert_eq!(told(&with), Some((masked(address, bits), bits, 0)));
        assert_eq!((&with.queries, &with.metadata), (&message.queries, &message.metadata));
        let Some(length) = with_subnet(&query, None, &mut out) else {
            assert_eq!(told(&message), None);
            continue;
        };
        let mut stripped = message.clone();
        stripped.edns.as_mut().unwrap().options_mut().remove(EdnsCode::Subnet);
        assert_eq!(Message::from_vec(&out[..length]).unwrap(), stripped);
    }
}

#[test]
fn answers_that_lost_something_are_understood_by_hickory() {
    let mut out = [0; 4096];
    for fixture in fixtures() {
        // Hickory takes neither TSIG without a key nor what is no message of version 0.
        let Ok(whole) = Message::from_vec(&fixture.answer) else { continue };
        let Some(length) = answer_without(&fixture.answer, true, false, &mut out) else { continue };
        let after = Message::from_vec(&out[..length]).unwrap();
        assert!(after.edns.is_none());
        assert_eq!(
            (&after.answers, &after.authorities),
            (&whole.answers, &whole.authorities),
            "{}",
            fixture.file
        );
        assert_eq!(after.additionals, whole.additionals, "{}", fixture.file);
        assert!(
            after.metadata.response_code == whole.metadata.response_code || fixture.file == "edns-version-1"
        );
    }
    assert_eq!(u16::from(ResponseCode::ServFail), Rcode::SERVFAIL.0);
}
