//! What is kept.

use std::time::{Duration, Instant};

use sekisho_api::{DATAGRAM, Exchange, Handler, Request, Unavailable};

use super::{CLIENT, ask, extended, forward, settle};
use crate::testing::{answer, exchange, facts, handler, query, with_opt};
use crate::wire;

#[test]
fn answers_are_kept_shared_cut_to_size_and_given_when_nothing_is_up() {
    let pool = r#"cache = { size = "1 MiB", stale = "1h" }"#;
    let exchange = exchange("", pool, &[]);
    let (message, other) = (with_opt(query("a", 1), 4096, &[]), query("WWW.a", 1));
    let (now, facts, mut out) = (Instant::now(), facts(CLIENT), vec![0; DATAGRAM]);
    let (first, _) = forward(&*exchange, CLIENT, &message);
    assert!(first.share.is_some());
    assert_ne!(first.share, forward(&*exchange, CLIENT, &other).0.share);
    assert_eq!(exchange.known(&message, &facts, now, &mut out), None);
    settle(&*exchange, &message, &first, &with_opt(answer(&query("a", 1), 0, 100), 1232, &[]));
    let mut again = with_opt(query("A", 1), 4096, &[]);
    again[0] = 0x77;
    let length = exchange.known(&again, &facts, now, &mut out).unwrap();
    assert_eq!((&out[..2], &out[12..15]), (&[0x77, 0x34][..], &[1, b'A', 0][..]));
    assert_eq!(length, 19 + 100 * 16 + 11);
    let small = with_opt(query("a", 1), 600, &[]);
    let (Request::Answer(length, "cached"), given) = ask(&*exchange, CLIENT, &small) else { panic!() };
    assert_eq!((length, given[2] & 2), (19 + 11, 2));
    let later = now + Duration::from_secs(1000);
    assert_eq!(exchange.known(&again, &facts, later, &mut out), None);
    let length = exchange.refuse(&again, &facts, Unavailable::AllDown, later, &mut out).unwrap();
    assert_eq!((wire::rcode(&out[..length]), extended(&out[..length])), (0, Some(3)));
    let unknown = with_opt(query("b", 1), 4096, &[]);
    let length = exchange.refuse(&unknown, &facts, Unavailable::AllDown, later, &mut out).unwrap();
    assert_eq!((wire::rcode(&out[..length]), extended(&out[..length])), (2, Some(22)));
}

#[test]
fn cache_lives_over_a_reload_that_leaves_its_settings_alone() {
    let dns = crate::Dns::new();
    let configured = |pool: &str| match handler(&dns, "", pool, &[], false) {
        (Some(Handler::Pair(exchange, _)), problems) if problems.is_empty() => exchange,
        (_, problems) => panic!("{problems:?}"),
    };
    let (message, now, mut out) = (query("a", 1), Instant::now(), vec![0; DATAGRAM]);
    let before = configured("cache = \"1 MiB\"");
    let (asked, _) = forward(&*before, CLIENT, &message);
    settle(&*before, &message, &asked, &answer(&message, 0, 1));
    let mut knows =
        |exchange: &dyn Exchange| exchange.known(&message, &facts(CLIENT), now, &mut out).is_some();
    assert!(knows(&*before));
    assert!(!knows(&*configured("cache = \"2 MiB\"")));
    let after = configured("cache = { size = \"1 MiB\" }\nretry-on = \"servfail\"");
    drop(before);
    assert!(knows(&*after));
    drop(after);
    assert!(!knows(&*configured("cache = \"1 MiB\"")));
}
