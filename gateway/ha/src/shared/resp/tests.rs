use proptest::prelude::*;

use super::{Reader, Reply, RespError, command, resp_oracle};

fn read(bytes: &[u8]) -> Result<Vec<Reply>, RespError> {
    let mut reader = Reader::default();
    reader.feed(bytes);
    let mut replies = Vec::new();
    while let Some(reply) = reader.next()? {
        replies.push(reply);
    }
    Ok(replies)
}

fn bytes(text: &str) -> Reply {
    Reply::Bytes(text.into())
}

#[test]
fn command_is_a_list_of_strings() {
    let mut out = Vec::new();
    command(&[b"SET", b"a\r\nb", b""], &mut out);
    assert_eq!(out, b"*3\r\n$3\r\nSET\r\n$4\r\na\r\nb\r\n$0\r\n\r\n");
}

#[test]
fn every_kind_of_value_is_read() {
    let said = b"+OK\r\n-ERR no\r\n:-7\r\n$2\r\nhi\r\n$-1\r\n*-1\r\n_\r\n#t\r\n,1.5\r\n(123\r\n!2\r\nNO\r\n=6\r\ntxt:hi\r\n";
    let expected = vec![
        Reply::Word(b"OK".to_vec()),
        Reply::Refusal(b"ERR no".to_vec()),
        Reply::Number(-7),
        bytes("hi"),
        Reply::Nil,
        Reply::Nil,
        Reply::Nil,
        Reply::Number(1),
        Reply::Word(b"1.5".to_vec()),
        Reply::Word(b"123".to_vec()),
        Reply::Refusal(b"NO".to_vec()),
        bytes("txt:hi"),
    ];
    assert_eq!(read(said), Ok(expected));
}

#[test]
fn lists_maps_and_pushes_nest() {
    let said = b"*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n*0\r\n%1\r\n+k\r\n:1\r\n>2\r\n$7\r\nmessage\r\n_\r\n";
    let expected = vec![
        Reply::List(vec![bytes("0"), Reply::List(vec![bytes("a"), Reply::List(vec![])])]),
        Reply::List(vec![Reply::Word(b"k".to_vec()), Reply::Number(1)]),
        Reply::Push(vec![bytes("message"), Reply::Nil]),
    ];
    assert_eq!(read(said), Ok(expected));
}

#[test]
fn attributes_are_passed_over_wherever_they_stand() {
    assert_eq!(read(b"|1\r\n+ttl\r\n:3\r\n+OK\r\n"), Ok(vec![Reply::Word(b"OK".to_vec())]));
    let list = Reply::List(vec![Reply::Number(1), Reply::Number(2)]);
    assert_eq!(read(b"*2\r\n:1\r\n|1\r\n+a\r\n+b\r\n:2\r\n"), Ok(vec![list]));
}

#[test]
fn what_is_no_reply_or_beyond_all_bounds_is_an_error() {
    assert_eq!(read(b"HTTP/1.1 400 Bad Request\r\n"), Err(RespError::Kind));
    assert_eq!(read(b"+no carriage return\n"), Err(RespError::Kind));
    assert_eq!(read(b":seven\r\n"), Err(RespError::Number));
    assert_eq!(read(b"$-2\r\n"), Err(RespError::Number));
    assert_eq!(read(b"$999999999999\r\n"), Err(RespError::Length));
    assert_eq!(read(b"$1\r\nabc\r\n"), Err(RespError::Length));
    assert_eq!(read(b"*1000000\r\n"), Err(RespError::Count));
    assert_eq!(read(b"%9223372036854775807\r\n"), Err(RespError::Count));
    assert_eq!(read(&b"*1\r\n".repeat(100)), Err(RespError::Depth));
    assert_eq!(read(&[b'+'; 5000]), Err(RespError::Length));
    let many = [b"*32000\r\n".as_slice(), &b"*1\r\n:1\r\n".repeat(32_000)].concat();
    assert_eq!(read(&many), Err(RespError::Count));
}

#[test]
fn what_is_not_whole_waits() {
    for part in ["", "$", "$2\r\nhi", "*2\r\n:1\r\n", "+OK\r"] {
        assert_eq!(read(part.as_bytes()), Ok(vec![]), "{part:?}");
    }
}

#[test]
fn what_fuzzing_begins_from_comes_to_the_same_in_any_pieces() {
    let found = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/fuzz/resp");
    let files: Vec<_> = std::fs::read_dir(found).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(!files.is_empty());
    for file in files {
        resp_oracle(&std::fs::read(file).unwrap());
    }
}

proptest! {
    #[test]
    fn any_bytes_come_to_the_same_in_any_pieces(data in proptest::collection::vec(any::<u8>(), 0..200)) {
        resp_oracle(&data);
    }

    #[test]
    fn anything_like_a_reply_comes_to_the_same_in_any_pieces(data in "([-+:$*_#%>|~!][0-4]?\r\n|a\r\n){0,40}") {
        resp_oracle(data.as_bytes());
    }
}
