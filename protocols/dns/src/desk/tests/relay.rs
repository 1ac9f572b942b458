//! What passes, and what is changed on the way.

use sekisho_api::{Answer, Delivery};

use super::{CLIENT, forward, plain, settle};
use crate::desk::ID;
use crate::testing::{answer, exchange, query, subnet, with_opt};
use crate::wire;

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
