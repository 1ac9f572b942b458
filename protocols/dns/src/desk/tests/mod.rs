//! The desk as a whole, and what its tests share.

mod choice;
mod kept;
mod own;
mod relay;

use std::sync::Arc;
use std::time::Instant;

use sekisho_api::{
    Answer, Asked, DATAGRAM, Delivery, Exchange, Forward, Handler, KeyKind, Request, Unavailable,
};

use crate::exchange::DnsExchange;
use crate::testing::{answer, desk, exchange, facts, handler, query, subnet, with_opt};
use crate::wire;

const CLIENT: &str = "192.0.2.77";

/// What becomes of a request, and what was written.
fn ask(exchange: &dyn Exchange, client: &str, message: &[u8]) -> (Request, Vec<u8>) {
    let mut out = vec![0; DATAGRAM];
    let request = exchange.request(message, &facts(client), Instant::now(), &mut out);
    let written = match &request {
        Request::Forward(forward) => forward.written,
        Request::Answer(written, _) => Some(*written),
        Request::Ignore(_) => None,
    };
    out.truncate(written.unwrap_or(0));
    (request, out)
}

fn forward(exchange: &dyn Exchange, client: &str, message: &[u8]) -> (Forward, Vec<u8>) {
    match ask(exchange, client, message) {
        (Request::Forward(forward), out) => (forward, out),
        (other, _) => panic!("not forwarded: {other:?}"),
    }
}

/// The response code and the extended error of an own answer.
fn told(exchange: &dyn Exchange, client: &str, message: &[u8]) -> (u16, Option<u16>, &'static str) {
    match ask(exchange, client, message) {
        (Request::Answer(_, label), out) => {
            assert_eq!(out[..2], message[..2], "the id");
            assert!(out.len() <= message.len() + 24, "{} bytes for {}", out.len(), message.len());
            (wire::rcode(&out), extended(&out), label)
        }
        (other, _) => panic!("no own answer: {other:?}"),
    }
}

fn extended(message: &[u8]) -> Option<u16> {
    let opt = wire::records(message)?.map_while(Result::ok).find(|record| record.kind == 41)?;
    let data = &message[opt.data];
    (data.len() >= 6 && data[..2] == [0, 15]).then(|| u16::from_be_bytes([data[4], data[5]]))
}

/// What a server's answer to a forwarded request becomes, and what the client gets.
fn settle(exchange: &dyn Exchange, request: &[u8], forward: &Forward, answer: &[u8]) -> (Answer, Vec<u8>) {
    let asked = Asked { request, fingerprint: forward.fingerprint, memo: forward.memo };
    let mut out = vec![0; DATAGRAM];
    let verdict = exchange.answer(answer, &asked, Instant::now(), &mut out);
    let given = match verdict {
        Answer::Deliver(Delivery { written: Some(written), .. })
        | Answer::Another(Delivery { written: Some(written), .. }) => out[..written].to_vec(),
        _ => answer.to_vec(),
    };
    (verdict, given)
}

fn plain() -> Arc<dyn Exchange> {
    exchange("", "", &[])
}

#[test]
fn dns_keeps_every_law_of_exchanges() {
    let vip = r#"hash-by = "client+qname"
        rules = [{ qname = "corp.example", pool = "internal" }]"#;
    let pool = r#"cache = { size = "1 MiB", stale = "1h" }
        client-subnet = "add"
        retry-on = "servfail""#;
    for (vip, pool) in [("", ""), (vip, pool)] {
        let (one, two) = (query("www.example.org", 1), query("www.corp.example", 28));
        let three = with_opt(query("x", 16), 1232, &subnet(&[198, 51, 100, 0], 24));
        let four = [&query(".", 2)[..2], &[0x28], &query("a.example", 6)[3..]].concat();
        sekisho_testkit::exchange(DnsExchange(Arc::new(desk(
            vip,
            pool,
            &[KeyKind::QNAME, KeyKind::CLIENT_SUBNET],
        ))))
        .pair("a", one.clone(), answer(&query("WWW.example.ORG", 1), 0, 2))
        .pair("corp", two.clone(), answer(&two, 3, 0))
        .pair("edns", three.clone(), answer(&query("x", 16), 2, 0))
        .pair("update", four.clone(), {
            let mut answer = four.clone();
            answer[2] |= 0x80;
            answer
        })
        .laws();
    }
}

#[test]
fn access_log_is_told_type_name_and_code() {
    let plain = plain();
    let message = query("wWw.example", 28);
    let described = plain.describe(&message, &answer(&message, 3, 0)).unwrap();
    assert_eq!((&*described.method, &*described.host, described.status), ("AAAA", "wWw.example", 3));
    assert_eq!(plain.describe(&message, &[]).unwrap().status, 0);
    let update = [&query("a", 6)[..2], &[0x28], &query("a", 6)[3..]].concat();
    assert_eq!(&*plain.describe(&update, &[]).unwrap().method, "UPDATE");
}

#[test]
fn what_is_spoken_decides_what_kind_of_handler_it_is() {
    let dns = crate::Dns::new();
    for (vip, tls, expected) in [
        ("", false, "pair"),
        ("over = \"udp\"", false, "exchange"),
        ("over = \"tcp\"", false, "service"),
        ("over = \"https\"", false, "service"),
        ("", true, "service"),
        ("over = [\"tls\", \"https\"]\npath = \"/q\"", true, "service"),
        ("over = []", false, "none"),
        ("over = [\"tls\"]", false, "none"),
        ("over = [\"udp\", \"tls\"]", true, "none"),
        ("over = [\"tcp\", \"https\"]", false, "none"),
        ("over = [\"quic\"]", true, "none"),
        ("over = 3", true, "none"),
    ] {
        let (handler, problems) = handler(&dns, vip, "", &[], tls);
        let found = match handler {
            Some(Handler::Pair(..)) => "pair",
            Some(Handler::Exchange(_)) => "exchange",
            Some(Handler::Service(_)) => "service",
            Some(Handler::Conversation(_) | Handler::Companion(_)) => "conversation",
            None => "none",
        };
        assert_eq!((found, problems.is_empty()), (expected, expected != "none"), "{vip}: {problems:?}");
    }
}

#[test]
fn nothing_on_the_path_of_a_query_allocates_but_long_keys_and_what_is_kept() {
    let vip = r#"hash-by = "client+qname"
        rate = { per-second = 1000 }
        rules = [{ qname = "corp.example", client = "10.0.0.0/8", pool = "internal" }]"#;
    for (vip, pool, persist) in [
        ("", "", &[][..]),
        (
            vip,
            "client-subnet = \"override\"\nretry-on = \"servfail\"",
            &[KeyKind::CLIENT_SUBNET, KeyKind::QNAME],
        ),
    ] {
        let exchange = exchange(vip, pool, persist);
        let message = with_opt(query("www.corp.example", 1), 1232, &subnet(&[198, 51, 100, 0], 24));
        let server = answer(&query("www.corp.example", 1), 0, 4);
        let (client, now, mut out) = (facts(CLIENT), Instant::now(), vec![0; DATAGRAM]);
        let mut served = 0;
        let made = sekisho_testkit::allocations(|| {
            let Request::Forward(forward) = exchange.request(&message, &client, now, &mut out) else {
                return;
            };
            let Forward { fingerprint, memo, .. } = forward;
            let asked = Asked { request: &message, fingerprint, memo };
            served +=
                usize::from(matches!(exchange.answer(&server, &asked, now, &mut out), Answer::Deliver(_)));
            served +=
                exchange.refuse(&message, &client, Unavailable::AllDown, now, &mut out).map_or(0, |_| 1);
        });
        assert_eq!((served, made), (2, 0), "{vip}");
    }
}
