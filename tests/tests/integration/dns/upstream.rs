//! Connections to servers: few, shared, and mended when they break.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sekisho_tests::DnsOver;

use super::*;

#[test]
fn clients_share_a_few_connections_to_a_server() {
    let server = naming("one");
    let gate = Gate::plain(&server);
    let mut clients: Vec<Stream> = (0..50).map(|_| gate.tcp()).collect();
    for round in 0..4 {
        for client in &mut clients {
            client.send(&query(round, "www.example"));
        }
        for client in &mut clients {
            assert_eq!(text(&client.receive()), "one");
        }
    }
    let sources: HashSet<SocketAddr> = server.seen().iter().map(|seen| seen.from).collect();
    // Two workers, each with one or two.
    assert!(sources.len() <= 4, "{} connections", sources.len());
}

#[test]
fn a_pool_that_is_reached_over_tcp_alone_serves_udp_clients() {
    let server = DnsServer::start(|seen, reply| {
        let octets = if seen.message[12] == 5 { 3_000 } else { 30 };
        reply.send(&large(&seen.message, octets));
    });
    let gate = Gate::start(&[&server], Words { pool: "over = 'tcp'", ..Words::default() });
    let client = gate.udp();
    for id in 0..50 {
        let asked = query(id, "www.example");
        assert_eq!(client.ask(&asked), large(&asked, 30));
    }
    let asked = query(1, "large.example");
    let cut = client.ask(&asked);
    assert!(truncated(&cut) && cut.len() == asked.len());
    assert!(server.seen().iter().all(|seen| seen.over == DnsOver::Tcp));
}

#[test]
fn a_server_that_closes_after_each_answer_is_not_noticed() {
    let server = DnsServer::start(|seen, reply| {
        reply.send(&dns_answer(&seen.message, 60, "one"));
        reply.close();
    });
    let gate = Gate::plain(&server);
    let mut client = gate.tcp();
    for id in 0..50 {
        assert_eq!(text(&client.ask(&query(id, "www.example"))), "one", "query {id}");
    }
}

#[test]
fn queries_on_a_connection_that_breaks_are_asked_again() {
    let count = Arc::new(AtomicUsize::new(0));
    let server = DnsServer::start({
        let count = count.clone();
        move |seen, reply| {
            // The third query breaks its connection, and so do some later ones.
            match count.fetch_add(1, Ordering::SeqCst) {
                2 | 20 => reply.close(),
                _ => reply.send(&dns_answer(&seen.message, 60, "one")),
            }
        }
    });
    let gate = Gate::plain(&server);
    let mut client = gate.tcp();
    for id in 0..10 {
        client.send(&query(id, "www.example"));
    }
    for _ in 0..10 {
        assert_eq!(text(&client.receive()), "one");
    }
    for id in 0..30 {
        assert_eq!(text(&client.ask(&query(id, "www.example"))), "one", "query {id}");
    }
}

#[test]
fn an_update_on_a_connection_that_breaks_is_not_said_twice() {
    let server = DnsServer::start(|_, reply| reply.close());
    let gate = Gate::plain(&server);
    let mut update = query(1, "www.example");
    update[2] = 5 << 3;
    assert_eq!(rcode(&gate.tcp().ask(&update)), SERVFAIL);
    assert_eq!(server.asked(), 1);
}

#[test]
fn a_server_that_always_closes_is_an_error_and_not_a_wait() {
    let server = DnsServer::start(|_, reply| reply.close());
    let gate = Gate::start(&[&server], Words { vip: "timeouts = { response = '1h' }", ..Words::default() });
    let mut client = gate.tcp();
    assert_eq!(rcode(&client.ask(&query(1, "www.example"))), SERVFAIL);
    assert!(server.asked() <= 8, "asked {} times", server.asked());
}

#[test]
fn answers_over_streams_are_matched_as_those_over_udp_are() {
    let server = DnsServer::start(|seen, reply| {
        let mut lies = vec![dns_answer(&seen.message, 60, "lie"); 4];
        lies[0][1] ^= 1;
        lies[1][13] ^= 1;
        lies[2][2] &= 0x7f;
        lies[3][2] |= 0x20;
        for lie in lies {
            reply.send(&lie);
        }
        let answer = dns_answer(&seen.message, 60, "truth");
        reply.send(&answer);
        reply.send(&answer);
    });
    let gate = Gate::plain(&server);
    let mut client = gate.tcp();
    for id in 0..20 {
        let asked = query(id, "www.example");
        let answer = client.ask(&asked);
        assert_eq!(text(&answer), "truth", "query {id}");
    }
}
