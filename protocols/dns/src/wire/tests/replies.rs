//! What the gateway says itself.

use super::super::{Rcode, error, query, rcode, truncated};
use super::fixtures::fixtures;
use super::{COOKIE, SUBNET, WWW, answered, ask, message, opt, record};

fn said(request: &[u8], rcode: Rcode, ede: Option<(u16, &str)>) -> Option<Vec<u8>> {
    let mut out = [0xaa; 65_535];
    error(request, rcode, ede, &mut out).map(|length| out[..length].to_vec())
}

#[test]
fn own_answer_has_the_id_opcode_rd_cd_and_question_of_the_request() {
    let mut request = message(4, [1, 0, 0, 0], &[WWW]);
    for (flags, expected) in [(0x2000, 0xa002), (0x2110, 0xa112), (0x27ef, 0xa102), (0x2010, 0xa012)] {
        request[2..4].copy_from_slice(&u16::to_be_bytes(flags));
        let reply = said(&request, Rcode::SERVFAIL, Some((22, "down"))).unwrap();
        assert_eq!(&reply[..2], &request[..2]);
        assert_eq!(reply[2..4], u16::to_be_bytes(expected));
        assert_eq!(reply[4..12], [0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(&reply[12..], WWW);
    }
}

#[test]
fn own_answer_has_an_extended_error_only_where_edns_was_spoken() {
    let plain = said(&ask(&[]), Rcode::REFUSED, Some((18, ""))).unwrap();
    assert_eq!((plain[11], plain.len()), (0, ask(&[]).len()));
    let bare = said(&ask(&[&opt(COOKIE)]), Rcode::REFUSED, None).unwrap();
    assert_eq!(&bare[bare.len() - 11..], record(&[0], 41, 1232, 0, &[]));
    let dnssec = ask(&[&record(&[0], 41, 4096, 0x8000, &[])]);
    let reply = said(&dnssec, Rcode::REFUSED, Some((18, "not for you"))).unwrap();
    let option = [b"\0\x0f\0\x0d\0\x12".as_slice(), b"not for you"].concat();
    assert_eq!(&reply[WWW.len() + 12..], record(&[0], 41, 1232, 0x8000, &option));
    assert_eq!(reply[11], 1);
}

#[test]
fn text_that_would_make_the_answer_too_long_is_left_out() {
    let request = ask(&[&opt(&[])]);
    for (length, kept) in [(18, true), (19, false), (70_000, false)] {
        let reply = said(&request, Rcode::SERVFAIL, Some((22, &"x".repeat(length)))).unwrap();
        assert_eq!(reply.len(), request.len() + if kept { 24 } else { 6 });
    }
}

#[test]
fn cookies_of_a_client_that_has_both_come_back() {
    let both = [&[0, 10, 0, 16][..], &[7; 16]].concat();
    let request = ask(&[&opt(&[SUBNET, &both].concat())]);
    let reply = said(&request, Rcode::SERVFAIL, Some((22, "down"))).unwrap();
    let options = [&both, b"\0\x0f\0\x06\0\x16down".as_slice()].concat();
    assert_eq!(&reply[12 + WWW.len()..], opt(&options));
    // Half a cookie is no promise that the other half will come, and anything else is none.
    for (length, kept) in [(8, false), (15, false), (16, true), (40, true), (41, false)] {
        let cookie = [&[0, 10, 0, length][..], &vec![7; length.into()]].concat();
        let reply = said(&ask(&[&opt(&cookie)]), Rcode::SERVFAIL, None).unwrap();
        assert_eq!(&reply[12 + WWW.len()..], opt(if kept { &cookie } else { &[] }), "{length}");
    }
}

#[test]
fn broken_opt_is_answered_without_opt() {
    let opt = opt(&[]);
    for request in [ask(&[&opt, &opt]), message(0, [1, 0, 0, 2], &[WWW, &opt])] {
        let reply = said(&request, Rcode::FORMERR, Some((0, ""))).unwrap();
        assert_eq!((&reply[2..12], &reply[12..]), ([0x81, 1, 0, 1, 0, 0, 0, 0, 0, 0].as_slice(), WWW));
    }
}

#[test]
fn unreadable_question_is_answered_by_a_header() {
    for request in [
        message(0, [1, 0, 0, 0], &[b"\x03ww"]),
        message(0, [0, 0, 0, 0], &[]),
        message(0, [2, 0, 0, 0], &[WWW, WWW]),
        message(0, [1, 0, 0, 0], &[b"\xc0\x0c\0\x01\0\x01"]),
    ] {
        let reply = said(&request, Rcode::FORMERR, Some((0, ""))).unwrap();
        assert_eq!(reply, [0x12, 0x34, 0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
}

#[test]
fn silence_is_kept_towards_answers_and_pieces_and_where_there_is_no_room() {
    assert_eq!(said(&answered([0; 3], &[]), Rcode::FORMERR, None), None);
    assert_eq!(said(&ask(&[])[..11], Rcode::FORMERR, None), None);
    let request = ask(&[&opt(&[])]);
    for room in 0..request.len() {
        assert_eq!(error(&request, Rcode::SERVFAIL, None, &mut vec![0; room]), None);
    }
}

#[test]
fn code_that_needs_an_opt_record_is_a_failure_without_one() {
    assert_eq!(rcode(&said(&ask(&[&opt(&[])]), Rcode(23), None).unwrap()), 23);
    assert_eq!(rcode(&said(&ask(&[]), Rcode(23), None).unwrap()), 2);
    assert_eq!(rcode(b"short"), 0);
    assert_eq!(rcode(&answered([1, 0, 0], &[b"cut"])), 0);
}

#[test]
fn long_answer_becomes_header_question_and_opt_with_tc() {
    let own = opt(COOKIE);
    let data = record(&[0xc0, 12], 1, 1, 300, &[192, 0, 2, 1]);
    let answer = answered([1, 0, 1], &[&data, &own]);
    let (with, without) = (ask(&[&opt(&[])]), ask(&[]));
    let cut = |request: &[u8], limit| {
        let mut out = [0; 4096];
        truncated(request, &answer, limit, &mut out).map(|length| out[..length].to_vec())
    };
    let head = |additional| [&answer[..2], &[0x83, 0, 0, 1, 0, 0, 0, 0, 0, additional], WWW].concat();
    assert_eq!(cut(&with, 512).unwrap(), [head(1), own.clone()].concat());
    assert_eq!(cut(&without, 512).unwrap(), head(0));
    // Options are left out before the record is.
    assert_eq!(cut(&with, head(1).len() + 11).unwrap(), [head(1), opt(&[])].concat());
    assert_eq!(cut(&with, head(1).len() + 10), None);
    assert_eq!(cut(&without, head(0).len() - 1), None);
}

#[test]
fn answer_that_cannot_be_read_is_truncated_all_the_same() {
    let mut out = [0; 512];
    let length = truncated(&ask(&[&opt(&[])]), &answered([9, 9, 9], &[&[1; 600]]), 512, &mut out).unwrap();
    assert_eq!(out[..length], *[&[0x12, 0x34, 0x83, 0, 0, 1, 0, 0, 0, 0, 0, 0], WWW].concat());
}

#[test]
fn gateway_itself_sends_a_client_to_tcp() {
    let mut out = [0; 512];
    let request = ask(&[&opt(COOKIE)]);
    let length = truncated(&request, &[], 512, &mut out).unwrap();
    let expected = [&[0x12, 0x34, 0x83, 0, 0, 1, 0, 0, 0, 0, 0, 1], WWW, &opt(&[])].concat();
    assert_eq!(out[..length], expected);
    assert_eq!(truncated(&answered([0; 3], &[]), &[], 512, &mut out), None);
}

#[test]
fn real_requests_are_answered_in_kind_and_not_at_length() {
    for fixture in fixtures() {
        let reply = said(&fixture.query, Rcode::SERVFAIL, Some((22, "no server is up"))).unwrap();
        assert!(reply.len() <= fixture.query.len() + 24, "{}", fixture.file);
        let asked = query(&fixture.query).unwrap();
        assert_eq!(reply[11], u8::from(asked.edns.is_some()), "{}", fixture.file);
        assert_eq!(rcode(&reply), 2);
        assert_eq!(
            &reply[12..12 + asked.question.map_or(0, |q| q.wire.len())],
            asked.question.map_or(&[][..], |q| q.wire)
        );
    }
}
