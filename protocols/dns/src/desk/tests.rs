use std::sync::Arc;
use std::time::{Duration, Instant};

use sekisho_api::{
    Answer, Asked, DATAGRAM, Delivery, Exchange, Forward, Handler, Key, KeyKind, Request, Unavailable,
};

use super::{Desk, ID};
use crate::exchange::DnsExchange;
use crate::over::Over;
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
fn relayed_messages_are_not_written_anew() {
    let plain = plain();
    for (name, message) in [
        ("0x20", query("wWw.eXample.ORG", 1)),
        ("edns", with_opt(query("a", 255), 4096, &[0, 3, 0, 0])),
        ("subnet", with_opt(query("a", 1), 4096, &subnet(&[10, 0, 0, 0], 8))),
        ("trailing", [query("a", 65), vec![1, 2, 3]].concat()),
    ] {
        let (forward, _) = forward(&*plain, CLIENT, &message);
        assert_eq!((forward.written, forward.share, forward.route.hash), (None, None, None), "{name}");
        assert_eq!(
            (forward.route.pool, forward.route.keys.len(), forward.repeatable),
            (0, 0, true),
            "{name}"
        );
        let server = answer(&query("www.example.org", 1), 0, 1);
        if name == "0x20" {
            let (verdict, _) = settle(&*plain, &message, &forward, &server);
            assert_eq!(verdict, Answer::Deliver(Delivery { id: ID, written: None }));
        }
    }
}

#[test]
fn only_queries_are_asked_again_and_only_if_the_operator_wants_it() {
    let update = [&query("a", 6)[..2], &[0x28], &query("a", 6)[3..]].concat();
    assert!(!forward(&*plain(), CLIENT, &update).0.repeatable);
    assert!(!forward(&*exchange("retry = false", "", &[]), CLIENT, &query("a", 1)).0.repeatable);
}

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
fn keys_are_those_that_persist_lists_and_fall_back_to_the_client() {
    let kinds = [KeyKind::CLIENT_SUBNET, KeyKind::QNAME, KeyKind::CLIENT_QNAME];
    let exchange = exchange("client-prefix = { ipv4 = 24 }\nqname-labels = 2", "", &kinds);
    let key = |message: &[u8], kind| forward(&*exchange, CLIENT, message).0.route.key(kind).cloned();
    let bare = query("www.Example.ORG", 1);
    assert_eq!(key(&bare, KeyKind::QNAME), Key::new(KeyKind::QNAME, b"\x07example\x03org\0"));
    assert_eq!(key(&bare, KeyKind::CLIENT_SUBNET), Key::new(KeyKind::CLIENT_SUBNET, &[192, 0, 2, 0]));
    assert_eq!(
        key(&bare, KeyKind::CLIENT_QNAME),
        Key::new(KeyKind::CLIENT_QNAME, b"\xc0\x00\x02\x00\x07example\x03org\0")
    );
    let told = with_opt(bare.clone(), 1232, &subnet(&[198, 51, 100, 0], 24));
    assert_eq!(key(&told, KeyKind::CLIENT_SUBNET), Key::new(KeyKind::CLIENT_SUBNET, &[198, 51, 100, 0]));
    let private = with_opt(bare, 1232, &subnet(&[0, 0, 0, 0], 0));
    assert_eq!(key(&private, KeyKind::CLIENT_SUBNET), Key::new(KeyKind::CLIENT_SUBNET, &[192, 0, 2, 0]));
}

#[test]
fn hash_of_a_query_is_the_same_over_everything_that_clients_speak() {
    let messages = [
        query("www.example.org", 1),
        query("WWW.eXample.org", 28),
        with_opt(query("www.example.org", 1), 512, &subnet(&[198, 51, 100, 0], 24)),
        with_opt(query("www.example.com", 1), 4096, &subnet(&[198, 51, 100, 0], 24)),
        query(".", 2),
    ];
    let clients = [CLIENT, "::ffff:192.0.2.77", "2001:db8::1", "192.0.2.78"];
    let mut out = vec![0; DATAGRAM];
    let mut hash = |desk: &Desk, client: &str, message: &[u8], over| match desk.request(
        message,
        &facts(client),
        over,
        Instant::now(),
        &mut out,
    ) {
        Request::Forward(forward) => forward.route.hash.unwrap(),
        other => panic!("{other:?}"),
    };
    for (by, by_client, by_name) in [
        ("client", true, false),
        ("client-subnet", true, false),
        ("qname", false, true),
        ("client+qname", true, true),
    ] {
        let desk = desk(&format!("hash-by = \"{by}\""), "", &[]);
        for client in clients {
            for message in &messages {
                let udp = hash(&desk, client, message, Over::Udp);
                for over in [Over::Tcp, Over::Tls, Over::Https] {
                    assert_eq!(hash(&desk, client, message, over), udp, "{by} over {over:?}");
                }
            }
        }
        let mut of = |client, message: usize| hash(&desk, client, &messages[message], Over::Udp);
        assert_eq!(
            of(clients[0], 0),
            of(clients[1], 1),
            "{by}: type, case and mapped addresses do not matter"
        );
        assert_eq!(of(clients[0], 0) != of(clients[2], 0), by_client, "{by}");
        assert_eq!(of(clients[0], 0) != of(clients[3], 0), by_client, "{by}");
        assert_eq!(of(clients[0], 0) != of(clients[0], 4), by_name, "{by}");
        assert_eq!(of(clients[0], 2) == of(clients[2], 2), by == "client-subnet" || by == "qname", "{by}");
    }
}

/// The subnet that a message bears.
fn bears(message: &[u8]) -> Option<(std::net::IpAddr, u8)> {
    let subnet = wire::query(message).unwrap().edns?.subnet?;
    Some((subnet.address, subnet.source))
}

#[test]
fn servers_are_told_of_the_clients_network_as_the_pool_says() {
    let own = subnet(&[198, 51, 100, 0], 24);
    let (bare, edns, says) =
        (query("a", 1), with_opt(query("a", 1), 1232, &[]), with_opt(query("a", 1), 1232, &own));
    let added = Some(("192.0.2.0".parse().unwrap(), 24));
    let said = Some(("198.51.100.0".parse().unwrap(), 24));
    for (policy, expected) in [
        ("pass", [None, None, None]),
        ("add", [Some(added), Some(added), None]),
        ("override", [Some(added), Some(added), Some(added)]),
        ("strip", [None, None, Some(None)]),
    ] {
        let exchange = exchange("", &format!("client-subnet = \"{policy}\""), &[]);
        for (message, expected) in [&bare, &edns, &says].into_iter().zip(expected) {
            let (forward, written) = forward(&*exchange, CLIENT, message);
            let found = forward.written.map(|_| bears(&written));
            assert_eq!(found, expected, "{policy}");
            assert!(found.is_some() || bears(message).is_none() || bears(message) == said);
        }
        let mut signed = says.clone();
        signed[11] += 1;
        signed.extend([0, 0, 250, 0, 255, 0, 0, 0, 0, 0, 0]);
        assert_eq!(forward(&*exchange, CLIENT, &signed).0.written, None, "{policy}: signed");
        let transfer = query("a", 252);
        assert_eq!(forward(&*exchange, CLIENT, &transfer).0.written, None, "{policy}: transfer");
    }
}

#[test]
fn what_the_gateway_added_is_not_in_the_answer() {
    let exchange = exchange("", "client-subnet = \"add\"", &[]);
    let scoped = [0, 8, 0, 7, 0, 1, 24, 24, 192, 0, 2];
    for (message, room) in [(query("a", 1), 0), (with_opt(query("a", 1), 1232, &[]), 11)] {
        let (forward, _) = forward(&*exchange, CLIENT, &message);
        let bare = answer(&query("a", 1), 0, 1);
        let (verdict, given) = settle(&*exchange, &message, &forward, &with_opt(bare.clone(), 1232, &scoped));
        assert!(matches!(verdict, Answer::Deliver(_)));
        assert_eq!(given.len(), bare.len() + room);
    }
}

#[test]
fn answers_that_a_udp_client_cannot_take_are_cut_with_tc_and_never_in_the_body() {
    let plain = plain();
    for (message, limit) in [(query("a", 1), 512), (with_opt(query("a", 1), 1000, &[]), 1000)] {
        let (forward, _) = forward(&*plain, CLIENT, &message);
        let fits = answer(&query("a", 1), 0, ((limit - 19) / 16) as u8);
        assert!(matches!(
            settle(&*plain, &message, &forward, &fits).0,
            Answer::Deliver(Delivery { written: None, .. })
        ));
        let large = answer(&query("a", 1), 0, 200);
        let (_, given) = settle(&*plain, &message, &forward, &large);
        assert_eq!(given.len(), 19);
        assert_eq!((given[2] & 2, &given[6..8]), (2, &[0, 0][..]));
        let mut cut = fits.clone();
        cut[2] |= 2;
        assert_eq!(settle(&*plain, &message, &forward, &cut).1, cut, "what the server cut passes");
    }
}

#[test]
fn codes_that_the_pool_names_ask_another_server() {
    let exchange = exchange("", r#"retry-on = ["servfail", "5"]"#, &[]);
    let message = query("a", 1);
    let (forward, _) = forward(&*exchange, CLIENT, &message);
    for (rcode, another) in [(0, false), (2, true), (3, false), (5, true)] {
        let (verdict, _) = settle(&*exchange, &message, &forward, &answer(&message, rcode, 0));
        assert_eq!(matches!(verdict, Answer::Another(_)), another, "{rcode}");
    }
}

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
            Some(Handler::Conversation(_)) => "conversation",
            None => "none",
        };
        assert_eq!((found, problems.is_empty()), (expected, expected != "none"), "{vip}: {problems:?}");
    }
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
