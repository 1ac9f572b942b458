//! Who a client is, and what is hashed of it.

use std::time::Instant;

use sekisho_api::{DATAGRAM, Key, KeyKind, Request};

use super::{CLIENT, forward};
use crate::desk::Desk;
use crate::over::Over;
use crate::testing::{desk, exchange, facts, query, subnet, with_opt};

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
