use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

#[test]
fn numbers_have_the_lengths_of_the_specification_and_read_back() {
    let bounds =
        [(0, 1), (239, 1), (240, 2), (2287, 2), (2288, 3), (264_431, 3), (264_432, 4), (u64::MAX, 10)];
    for (value, length) in bounds {
        let mut bytes = Vec::new();
        varint::write(value, &mut bytes);
        assert_eq!(bytes.len(), length, "{value}");
        assert_eq!(varint::read(&bytes), Some((value, &[][..])));
        assert_eq!(varint::read(&bytes[..length - 1]), None);
    }
    assert_eq!(varint::read(&[255; 30]), None, "more than 64 bits");
}

#[test]
fn hello_names_both_sides_and_comes_in_any_pieces() {
    let mut bytes = Vec::new();
    Hello { version: Version::V2_1, to: "gw2", from: "gw1" }.write(42, &mut bytes);
    assert_eq!(bytes, b"HAProxyS 2.1\ngw2\ngw1 42 1\n");
    for end in 0..bytes.len() {
        assert_eq!(Hello::read(&bytes[..end]), Ok(None), "{end}");
    }
    bytes.extend_from_slice(b"\x00\x04");
    let (hello, length) = Hello::read(&bytes).unwrap().unwrap();
    assert_eq!((hello.to, hello.from, length), ("gw2", "gw1", bytes.len() - 2));
}

#[test]
fn what_is_no_hello_is_refused_for_its_reason() {
    assert_eq!(Hello::read(b"GET / HTTP/1.1\n"), Err(WireError::NotPeers));
    assert_eq!(Hello::read(b"HAProxyS 3.0\n"), Err(WireError::Version));
    assert_eq!(Hello::read(b"HAProxyS 2.1\na\nnospace\n"), Err(WireError::Malformed));
    assert_eq!(Hello::read(&[b'x'; 600]), Err(WireError::TooLong));
    assert_eq!(Status::read(b"200\n"), Ok(Some((Status::WELCOME, 4))));
    assert_eq!(Status::read(b"20"), Ok(None));
    assert_eq!(Status::read(b"no\n"), Err(WireError::NotPeers));
}

#[test]
fn what_is_written_reads_back_and_a_name_is_told_once() {
    let shape = Shape {
        key: KeyForm::Text,
        key_length: 32,
        data: [(types::SERVER_ID, 1), (types::SERVER_KEY, 1)].into_iter().collect(),
    };
    let definition = Definition {
        id: 1,
        name: "users",
        shape: Some(shape.clone()),
        expire: Some(Duration::from_secs(1800)),
    };
    let (mut out, mut told) = (Vec::new(), Told::default());
    definition.write(&mut out);
    let www: Arc<str> = "www01".into();
    let update =
        |number, key, remaining| NewUpdate { number, remaining, key, server: Some(&www), gpt0: 0, gpc0: 0 };
    write_update(&update(1, b"alice", None), &shape, &mut told, &mut out);
    write_update(&update(2, b"bob", Some(Duration::from_secs(60))), &shape, &mut told, &mut out);
    write_control(Control::Heartbeat, &mut out);
    let mut names = Sent::default();
    let (message, used) = next(&out).unwrap().unwrap();
    assert_eq!(message, Message::Define(definition));
    let (message, more) = next(&out[used..]).unwrap().unwrap();
    let Message::Update(first) = message else { panic!("{message:?}") };
    let row = first.read(&shape, &mut names).unwrap();
    assert_eq!(
        (first.number, first.remaining, row.key, row.server),
        (Some(1), None, &b"alice"[..], Some(www.clone()))
    );
    let (message, last) = next(&out[used + more..]).unwrap().unwrap();
    let Message::Update(second) = message else { panic!("{message:?}") };
    let row = second.read(&shape, &mut names).unwrap();
    assert_eq!((second.remaining, row.key, row.server), (Some(60_000), &b"bob"[..], Some(www)));
    assert!(second.data.len() < first.data.len(), "a name is told once");
    assert_eq!(next(&out[used + more + last..]), Ok(Some((Message::Control(Control::Heartbeat), 2))));
}

#[test]
fn rates_and_arrays_of_a_table_are_passed_over() {
    // http_req_rate(10s) at bit 10, gpc array of 2 at bit 23, server key at bit 19.
    let mut body = Vec::new();
    for number in [7, 1] {
        varint::write(number, &mut body);
    }
    body.push(b't');
    for number in [4, 4, 1 << 10 | 1 << 19 | 1 << 23, 5000, 10, 10_000, 23, 2] {
        varint::write(number, &mut body);
    }
    let definition = Definition::read(&body).unwrap();
    let shape = definition.shape.unwrap();
    assert_eq!(shape.data.as_slice(), [(10, 1), (19, 1), (23, 2)]);
    let mut data = vec![192, 0, 2, 1, 1, 2, 3];
    data.extend_from_slice(&[4, 1, 2, b'w', b'1', 8, 9]);
    let update = Update { number: None, remaining: None, data: &data };
    let row = update.read(&shape, &mut Sent::default()).unwrap();
    assert_eq!((row.key, row.server.as_deref()), (&[192, 0, 2, 1][..], Some("w1")));
}

#[test]
fn a_table_with_unknown_types_is_defined_but_not_read() {
    let mut body = vec![1, 1, b't', 6, 32];
    varint::write(1 << 40, &mut body);
    assert_eq!(Definition::read(&body).unwrap().shape, None);
}

#[test]
fn numbers_of_the_dictionary_are_used_again_when_all_are_taken() {
    let (mut told, mut sent) = (Told::default(), Sent::default());
    for round in 0..2 {
        for i in 0..300 {
            let name: Arc<str> = format!("server{i}").into();
            let mut bytes = Vec::new();
            told.write(Some(&name), &mut bytes);
            assert_eq!(sent.read(&bytes).unwrap().0, Some(name), "{round}");
        }
    }
    assert_eq!(sent.read(&[2, 200, 1]), None, "HAProxy has no such number");
    assert_eq!(sent.read(&[0]), Some((None, &[][..])));
}

#[test]
fn reserved_classes_and_messages_that_claim_too_much_are_refused() {
    assert_eq!(next(&[255, 0]), Err(WireError::Reserved));
    assert_eq!(next(&[10, 0x80, 255, 255, 255, 127]), Err(WireError::TooLong));
    assert_eq!(next(&[10, 0x80, 255, 255]), Ok(None));
    assert_eq!(next(&[10, 0x82, 1, 240]), Err(WireError::Malformed));
    assert_eq!(next(&[10, 0x99, 1, 0]), Ok(Some((Message::Unknown, 4))));
    assert_eq!(next(&[1, 0]), Ok(Some((Message::Refused, 2))));
}

proptest! {
    #[test]
    fn every_number_reads_back(value: u64, tail: Vec<u8>) {
        let mut bytes = Vec::new();
        varint::write(value, &mut bytes);
        bytes.extend_from_slice(&tail);
        prop_assert_eq!(varint::read(&bytes), Some((value, tail.as_slice())));
    }

    #[test]
    fn any_bytes_are_answered_for(bytes: Vec<u8>) {
        let _ = Hello::read(&bytes);
        let _ = Status::read(&bytes);
        let mut rest = bytes.as_slice();
        while let Ok(Some((_, used))) = next(rest) {
            prop_assert!(used > 0 && used <= rest.len());
            rest = &rest[used..];
        }
    }
}
