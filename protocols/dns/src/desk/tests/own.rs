//! What the gateway says itself.

use std::time::{Duration, Instant};

use sekisho_api::{DATAGRAM, Request, Unavailable};

use super::{CLIENT, ask, extended, forward, plain, told};
use crate::over::Over;
use crate::testing::{answer, desk, exchange, facts, query, with_opt};
use crate::wire;

#[test]
fn bad_messages_are_answered_as_the_page_says() {
    let plain = plain();
    let mut two = query("a", 1);
    two[5] = 2;
    assert_eq!(told(&*plain, CLIENT, &two).0, 1);
    assert_eq!(told(&*plain, CLIENT, &query("a", 1)[..14]).0, 1);
    for silent in [&query("a", 1)[..11], &answer(&query("a", 1), 0, 0)] {
        assert!(matches!(ask(&*plain, CLIENT, silent), (Request::Ignore(_), _)));
    }
}

#[test]
fn clients_that_may_not_ask_are_refused_with_the_reason() {
    let exchange = exchange(
        r#"allow = ["192.0.2.0/24"]
        deny = ["192.0.2.66"]"#,
        "",
        &[],
    );
    let (bare, edns) = (query("a", 1), with_opt(query("a", 1), 1232, &[]));
    forward(&*exchange, CLIENT, &bare);
    for denied in ["192.0.2.66", "198.51.100.1", "2001:db8::1"] {
        assert_eq!(told(&*exchange, denied, &bare), (5, None, "denied"), "{denied}");
        assert_eq!(told(&*exchange, denied, &edns), (5, Some(18), "denied"), "{denied}");
    }
}

#[test]
fn excess_gets_what_is_configured_and_what_was_let_pass_is_not_counted_again() {
    let rate = |excess: &str| format!("rate = {{ per-second = 1, burst = 2, excess = \"{excess}\" }}");
    let message = with_opt(query("a", 1), 1232, &[]);
    for (excess, over, expected) in [
        ("drop", Over::Udp, "silence"),
        ("drop", Over::Tcp, "silence"),
        ("truncate", Over::Udp, "truncated"),
        ("truncate", Over::Tls, "forward"),
        ("refuse", Over::Https, "refused"),
    ] {
        let desk = desk(&rate(excess), "", &[]);
        let (facts, now, mut out) = (facts(CLIENT), Instant::now(), vec![0; DATAGRAM]);
        for _ in 0..2 {
            assert!(matches!(desk.request(&message, &facts, over, now, &mut out), Request::Forward(_)));
            assert!(matches!(desk.handed(&message, &facts, over, now, &mut out), Request::Forward(_)));
        }
        let found = match desk.request(&message, &facts, over, now, &mut out) {
            Request::Ignore(_) => "silence",
            Request::Forward(_) => "forward",
            Request::Answer(n, _) if out[2] & 2 != 0 && wire::rcode(&out[..n]) == 0 => "truncated",
            Request::Answer(n, _) if wire::rcode(&out[..n]) == 5 => "refused",
            Request::Answer(..) => "something else",
        };
        assert_eq!(found, expected, "{excess} over {over:?}");
        let other = self::facts("198.51.100.1");
        assert!(matches!(desk.request(&message, &other, over, now, &mut out), Request::Forward(_)));
        let later = now + Duration::from_secs(1);
        assert!(matches!(desk.request(&message, &facts, over, later, &mut out), Request::Forward(_)));
    }
}

#[test]
fn rules_choose_the_pool_or_answer() {
    let exchange = exchange(
        r#"rules = [
            { qname = "corp.example", type = "AAAA", answer = "refused", reason = "filtered" },
            { qname = "corp.example", pool = "internal" },
            { qname = "bad.example", answer = "nxdomain" },
            { qname = "silent.example", answer = "drop" },
        ]"#,
        "",
        &[],
    );
    let edns = |name, kind| with_opt(query(name, kind), 1232, &[]);
    assert_eq!(forward(&*exchange, CLIENT, &query("a.CORP.example", 1)).0.route.pool, 1);
    assert_eq!(forward(&*exchange, CLIENT, &query("example", 1)).0.route.pool, 0);
    assert_eq!(told(&*exchange, CLIENT, &edns("corp.example", 28)), (5, Some(17), "blocked"));
    assert_eq!(told(&*exchange, CLIENT, &edns("x.bad.example", 1)), (3, Some(15), "blocked"));
    assert_eq!(told(&*exchange, CLIENT, &query("x.bad.example", 1)), (3, None, "blocked"));
    let silent = query("silent.example", 1);
    assert!(matches!(ask(&*exchange, CLIENT, &silent), (Request::Ignore("blocked"), _)));
    assert_eq!(
        exchange.refuse(&silent, &facts(CLIENT), Unavailable::AllDown, Instant::now(), &mut [0; 11]),
        None
    );
}

#[test]
fn refusals_say_why_in_the_clients_own_words() {
    let plain = plain();
    let (bare, edns) = (query("a", 1), with_opt(query("a", 1), 1232, &[]));
    let mut out = vec![0; DATAGRAM];
    for (why, code) in [
        (Unavailable::AllDown, 22),
        (Unavailable::ConnectFailed, 23),
        (Unavailable::Full, 0),
        (Unavailable::QueueTimeout, 0),
    ] {
        let length = plain.refuse(&edns, &facts(CLIENT), why, Instant::now(), &mut out).unwrap();
        assert_eq!((wire::rcode(&out[..length]), extended(&out[..length])), (2, Some(code)), "{why}");
        let length = plain.refuse(&bare, &facts(CLIENT), why, Instant::now(), &mut out).unwrap();
        assert_eq!(length, bare.len());
    }
}
