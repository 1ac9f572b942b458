//! Which answers are taken for a question.

use super::super::name::lower_name;
use super::super::{answers, fingerprint, lower_hash};
use super::{WWW, answered, ask, message, name, read};

const KEY: (u64, u64) = (0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);

/// `flags` and `questions` of an answer to [`ask`], whose question is `question`.
fn reply(flags: u16, questions: u16, question: &[u8]) -> Vec<u8> {
    let mut reply = message(0, [questions, 0, 0, 0], &[question]);
    reply[2..4].copy_from_slice(&flags.to_be_bytes());
    reply
}

#[test]
fn answer_is_taken_for_its_question_alone() {
    let asked = ask(&[]);
    let print = fingerprint(KEY, &read(&asked));
    let lower = [WWW[..15].to_ascii_lowercase(), WWW[15..].to_vec()].concat();
    let other_name = b"\x03wwx\x07example\x03org\0\0\x01\0\x01";
    let other_type = b"\x03www\x07example\x03org\0\0\x02\0\x01";
    let other_class = b"\x03www\x07example\x03org\0\0\x01\0\x03";
    // The same octets, cut into labels elsewhere.
    let other_labels = b"\x0bwww\x07example\x03org\0\0\x01\0\x01";
    let cases: [(Vec<u8>, bool, &str); 17] = [
        (reply(0x8180, 1, WWW), true, "as asked"),
        (reply(0x8180, 1, &WWW.to_ascii_uppercase()), true, "in upper case"),
        (reply(0x8180, 1, &lower), true, "in lower case"),
        (reply(0x0180, 1, WWW), false, "QR=0"),
        (reply(0x9180, 1, WWW), false, "another opcode"),
        (reply(0x8180, 1, other_name), false, "another name"),
        (reply(0x8180, 1, other_type), false, "another type"),
        (reply(0x8180, 1, other_class), false, "another class"),
        (reply(0x8180, 1, other_labels), false, "other labels"),
        (reply(0x8180, 2, &[WWW, WWW].concat()), false, "two questions"),
        (reply(0x8180, 1, &WWW[..WWW.len() - 1]), false, "a cut question"),
        (reply(0x8180, 1, b"\xc0\x0c\0\x01\0\x01"), false, "a pointer"),
        (reply(0x8185, 0, b""), true, "REFUSED without a question"),
        (reply(0x8182, 0, b""), true, "SERVFAIL without a question"),
        (reply(0x8180, 0, b""), false, "NOERROR without a question"),
        (reply(0x8183, 0, b""), false, "NXDOMAIN without a question"),
        (b"\x12\x34\x81\x85\0\0\0\0\0\0\0".to_vec(), false, "too short"),
    ];
    for (answer, taken, what) in cases {
        assert_eq!(answers(&answer, 0, print, KEY), taken, "{what}");
    }
    assert!(!answers(&reply(0x8180, 1, WWW), 0, print ^ 1, KEY));
    assert!(!answers(&reply(0x8180, 1, WWW), 0, print, (KEY.0 ^ 1, KEY.1)));
}

#[test]
fn request_without_a_question_takes_an_answer_without_one() {
    let asked = message(6, [0; 4], &[]);
    let print = fingerprint(KEY, &read(&asked));
    assert!(answers(&reply(0xb000, 0, b""), 6, print, KEY));
    assert!(!answers(&reply(0xb000, 1, WWW), 6, print, KEY));
}

#[test]
fn update_may_be_answered_by_a_header() {
    let asked = message(5, [1, 0, 0, 0], &[WWW]);
    let print = fingerprint(KEY, &read(&asked));
    assert!(answers(&reply(0xa800, 0, b""), 5, print, KEY));
    assert!(answers(&reply(0xa800, 1, WWW), 5, print, KEY));
}

#[test]
fn hash_knows_no_case_in_the_name_and_every_bit_of_the_type() {
    let hash = |kind: u8, www: &[u8]| {
        let bytes = message(0, [1, 0, 0, 0], &[www, &[0, kind, 0, 1]]);
        lower_hash(KEY, &read(&bytes).question.unwrap())
    };
    assert_eq!(hash(65, b"\x03wWw\0"), hash(65, b"\x03www\0"));
    // 65 and 97 would be one letter.
    assert_ne!(hash(65, b"\x03www\0"), hash(97, b"\x03www\0"));
    // Only ASCII has case (RFC 4343): 0xc4 and 0xe4 are two octets, [ and { two signs.
    assert_ne!(hash(1, b"\x01\xc4\0"), hash(1, b"\x01\xe4\0"));
    assert_ne!(hash(1, b"\x01[\0"), hash(1, b"\x01{\0"));
}

#[test]
fn answer_whose_body_lies_still_has_its_question() {
    let asked = ask(&[]);
    let mut answer = answered([9, 9, 9], &[b"garbage"]);
    assert!(answers(&answer, 0, fingerprint(KEY, &read(&asked)), KEY));
    answer[5] = 0;
    assert!(!answers(&answer, 0, fingerprint(KEY, &read(&asked)), KEY));
}

#[test]
fn last_labels_of_a_name_are_kept_in_lower_case() {
    let mut buf = [0; 255];
    for (last, expected) in [
        (None, "www.example.org"),
        (Some(0), ""),
        (Some(1), "org"),
        (Some(2), "example.org"),
        (Some(3), "www.example.org"),
        (Some(255), "www.example.org"),
    ] {
        assert_eq!(lower_name(&name("wWw.eXample.ORG"), last, &mut buf), name(expected));
        assert_eq!(lower_name(&name(""), last, &mut buf), name(""));
    }
    let longest = name(&vec!["X"; 127].join("."));
    assert_eq!(lower_name(&longest, None, &mut buf), longest.to_ascii_lowercase());
}
