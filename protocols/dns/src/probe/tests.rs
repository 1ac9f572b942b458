use std::sync::Arc;

use sekisho_api::{Probe, ProbeInput, ProbeKind, ProbeOver, ProbeStep, ProbeTls};

use super::DnsProbe;
use crate::testing::{self, answer, query};

fn configured(text: &str) -> (Option<Arc<dyn Probe>>, Vec<String>) {
    testing::read(text, |section| DnsProbe.configure(section))
}

fn probe(text: &str) -> Arc<dyn Probe> {
    let (probe, problems) = configured(text);
    assert!(problems.is_empty(), "{problems:?}");
    probe.unwrap()
}

/// A message as it travels on a stream.
fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes(), message].concat()
}

/// What a run of this probe says to one message, over datagrams and over a stream.
fn verdict(text: &str, message: &[u8]) -> Option<Result<(), String>> {
    let probe = probe(text);
    let say = |first: ProbeInput<'_>, message: &[u8]| {
        let mut run = probe.open("one", ([192, 0, 2, 1], 53).into(), 0x1234);
        assert!(matches!(run.step(first), ProbeStep::Send(0, _)));
        match run.step(ProbeInput::Bytes(message)) {
            ProbeStep::Up => Some(Ok(())),
            ProbeStep::Down(reason) => Some(Err(reason)),
            ProbeStep::NeedMore => None,
            other => panic!("{other:?}"),
        }
    };
    let datagram = say(ProbeInput::Datagrams, message);
    let stream = say(ProbeInput::Connected(None), &framed(message));
    let plain = |said: &Option<Result<(), String>>| said.as_ref().map(Result::is_ok);
    assert_eq!(plain(&datagram), plain(&stream), "{text}");
    datagram
}

fn well(text: &str, message: &[u8]) -> Option<bool> {
    verdict(text, message).map(|verdict| verdict.is_ok())
}

#[test]
fn query_asks_what_is_configured_and_has_the_run_s_own_id() {
    let probe = probe(r#"name = "id.Server", type = "TXT", class = "CH""#.replace(", ", "\n").as_str());
    for nonce in [0x1234_u64, 0xffff_abcd] {
        let mut run = probe.open("one", ([192, 0, 2, 1], 53).into(), nonce);
        let ProbeStep::Send(0, sent) = run.step(ProbeInput::Datagrams) else { panic!() };
        let mut expected = query("id.server", 16);
        expected[..2].copy_from_slice(&(nonce as u16).to_be_bytes());
        *expected.last_mut().unwrap() = 3;
        assert_eq!(sent, expected);
        let mut run = probe.open("one", ([192, 0, 2, 1], 53).into(), nonce);
        let ProbeStep::Send(0, sent) = run.step(ProbeInput::Connected(None)) else { panic!() };
        assert_eq!(sent, framed(&expected));
    }
}

#[test]
fn answers_of_servers_that_cannot_or_will_not_are_no_sign_of_health() {
    let root = query(".", 2);
    for (rcode, up) in [(0, true), (1, true), (2, false), (3, true), (4, false), (5, false)] {
        assert_eq!(well("", &answer(&root, rcode, 0)), Some(up), "{rcode}");
    }
    let listed = r#"expect-rcodes = ["refused", "3"]"#;
    for (rcode, up) in [(0, false), (3, true), (5, true)] {
        assert_eq!(well(listed, &answer(&root, rcode, 0)), Some(up), "{rcode}");
    }
    assert_eq!(verdict("", &answer(&root, 2, 0)), Some(Err("it answered SERVFAIL".to_owned())));
}

#[test]
fn what_answers_another_query_is_ignored() {
    let right = answer(&query("a.example", 1), 0, 1);
    let text = "name = \"A.example\"\ntype = \"A\"";
    assert_eq!(well(text, &right), Some(true));
    for (name, wrong) in [
        ("name", answer(&query("b.example", 1), 0, 1)),
        ("type", answer(&query("a.example", 28), 0, 1)),
        ("query", query("a.example", 1)),
        ("id", [&[9, 9], &right[2..]].concat()),
        ("cut", right[..20].to_vec()),
        ("empty", Vec::new()),
    ] {
        assert_eq!(well(text, &wrong), None, "{name}");
    }
}

#[test]
fn answers_are_held_to_what_is_expected_of_them() {
    let message = answer(&query(".", 2), 0, 2);
    for (text, up) in [
        ("min-answers = 2", true),
        ("min-answers = 3", false),
        ("expect = \"192.0.2.1\"", true),
        ("expect = \"192.0.2.3\"", false),
    ] {
        assert_eq!(well(text, &message), Some(up), "{text}");
    }
    let mut cut = message.clone();
    cut[2] |= 2;
    let said = verdict("min-answers = 3", &cut);
    assert_eq!(said, Some(Err("it gave 2 answers (it is truncated: probe over TCP)".to_owned())));
    let text = [&message[..17], &[0, 16, 0, 1, 0, 0, 0, 0, 0, 4, 3, b'k', b'2', b'z']].concat();
    let mut text = text;
    text[7] = 1;
    text.splice(17..17, [0]);
    assert_eq!(well("expect = \"k2\"", &text), Some(true));
    assert_eq!(well("expect = \"k3\"", &text), Some(false));
}

#[test]
fn it_speaks_over_what_is_configured() {
    for (text, over, tls) in [
        ("", ProbeOver::AsPool, ProbeTls::AsPool),
        ("over = \"udp\"", ProbeOver::Datagrams, ProbeTls::AsPool),
        ("over = \"tcp\"", ProbeOver::Stream, ProbeTls::Never),
        ("over = \"tls\"", ProbeOver::Stream, ProbeTls::Always),
    ] {
        let probe = probe(text);
        assert_eq!((probe.over(), probe.tls()), (over, tls), "{text}");
    }
}

#[test]
fn keys_that_cannot_be_used_are_refused() {
    for (text, message) in [
        ("name = \"a..b\"", "`a..b` is no name"),
        ("type = \"AAAAA\"", "`AAAAA` is no type"),
        ("class = \"XX\"", "unknown value `XX` for `class`"),
        ("expect-rcodes = \"fail\"", "`fail` is no response code"),
        ("expects = \"a\"", "unknown key `expects`"),
    ] {
        assert_eq!(configured(text).1, [message], "{text}");
    }
}

#[test]
fn probe_keeps_every_law() {
    let root = query(".", 2);
    let other = answer(&query("a", 2), 0, 0);
    let right = framed(&answer(&root, 0, 1));
    sekisho_testkit::probe(|| probe("min-answers = 1").open("one", ([192, 0, 2, 1], 53).into(), 0x1234))
        .up(right.clone())
        .up([framed(&other), right.clone()].concat())
        .down(framed(&answer(&root, 5, 1)))
        .down(framed(&answer(&root, 0, 0)))
        .down(framed(&other))
        .down(right[..right.len() - 1].to_vec())
        .down(Vec::new())
        .laws();
}
