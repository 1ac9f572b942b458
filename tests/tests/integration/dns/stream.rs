//! Clients over TCP (RFC 7766).

use std::io::Read;

use sekisho_tests::{DnsOver, dns_head};

use super::*;

#[test]
fn several_queries_in_one_segment_are_all_answered() {
    let server = naming("one");
    let gate = Gate::plain(&server);
    let mut client = gate.tcp();
    let queries: Vec<Vec<u8>> = (0..50).map(|id| query(id, &format!("n{id}.example"))).collect();
    let segment: Vec<u8> = queries.iter().flat_map(|query| framed(query)).collect();
    client.0.write_all(&segment).unwrap();
    let mut answers: Vec<Vec<u8>> = queries.iter().map(|_| client.receive()).collect();
    answers.sort();
    let mut expected: Vec<Vec<u8>> = queries.iter().map(|query| dns_answer(query, 60, "one")).collect();
    expected.sort();
    assert_eq!(answers, expected);
}

#[test]
fn a_query_that_comes_byte_by_byte_is_answered() {
    let server = naming("one");
    let gate = Gate::plain(&server);
    let mut client = gate.tcp();
    for byte in framed(&query(1, "www.example")) {
        client.0.write_all(&[byte]).unwrap();
    }
    assert_eq!(text(&client.receive()), "one");
}

#[test]
fn a_client_that_ends_its_side_still_gets_its_answers() {
    let server = naming("one");
    let gate = Gate::plain(&server);
    let mut client = gate.tcp();
    for id in 0..10 {
        client.send(&query(id, "www.example"));
    }
    client.finish();
    for _ in 0..10 {
        assert_eq!(text(&client.receive()), "one");
    }
    client.closes();
}

#[test]
fn the_largest_messages_pass_whole_both_ways() {
    let server = DnsServer::start(|seen, reply| {
        let room = 65_535 - dns_head(&seen.message).len() - 12;
        reply.send(&large(&seen.message, room));
    });
    let gate = Gate::plain(&server);
    let mut client = gate.tcp();
    let short = query(5, "www.example");
    let padding = vec![0; 65_535 - with_opt(short.clone(), 1232, 0, &[(12, &[])]).len()];
    let asked = with_opt(short, 1232, 0, &[(12, &padding)]);
    assert_eq!(asked.len(), 65_535);
    for _ in 0..3 {
        let answer = client.ask(&asked);
        assert_eq!(answer.len(), 65_535);
        assert_eq!(answer, large(&asked, 65_535 - dns_head(&asked).len() - 12));
        assert_eq!(server.seen().pop().unwrap().message[2..], asked[2..]);
    }
}

#[test]
fn what_no_client_sends_hurts_its_own_connection_only() {
    let server = naming("one");
    let gate = Gate::plain(&server);
    let mut other = gate.tcp();
    for bad in [vec![], vec![0; 11], dns_answer(&query(1, "www.example"), 60, "an answer")] {
        let mut client = gate.tcp();
        client.send(&bad);
        client.send(&query(2, "www.example"));
        client.finish();
        // It is closed, or the message is passed over: nothing but the answer may come.
        let mut rest = Vec::new();
        let _ = client.0.read_to_end(&mut rest);
        let answer = framed(&dns_answer(&query(2, "www.example"), 60, "one"));
        assert!(rest.is_empty() || rest == answer, "{rest:02x?}");
        assert_eq!(text(&other.ask(&query(3, "www.example"))), "one");
    }
    assert!(server.seen().iter().all(|seen| seen.message[2] & 0x80 == 0));
}

#[test]
fn an_idle_connection_and_half_a_message_end_in_their_time() {
    let server = naming("one");
    let words = Words { dns: "tcp-idle = '400ms'\nmessage-timeout = '200ms'", ..Words::default() };
    let gate = Gate::start(&[&server], words);
    let mut idle = gate.tcp();
    idle.ask(&query(1, "www.example"));
    let mut silent = gate.tcp();
    let mut half = gate.tcp();
    half.0.write_all(&framed(&query(1, "www.example"))[..20]).unwrap();
    idle.closes();
    silent.closes();
    half.closes();
}

#[test]
fn a_connection_ends_after_as_many_queries_as_it_may_ask() {
    let server = naming("one");
    let gate = Gate::start(&[&server], Words { dns: "tcp-queries = 3", ..Words::default() });
    let mut client = gate.tcp();
    for id in 0..3 {
        assert_eq!(text(&client.ask(&query(id, "www.example"))), "one");
    }
    client.closes();
}

#[test]
fn more_queries_than_may_wait_are_answered_all_the_same() {
    let server = naming("one");
    let gate = Gate::start(&[&server], Words { dns: "tcp-in-flight = 4", ..Words::default() });
    let mut client = gate.tcp();
    for id in 0..200 {
        client.send(&query(id, "www.example"));
    }
    let mut ids: Vec<u16> = (0..200)
        .map(|_| {
            let answer = client.receive();
            u16::from_be_bytes([answer[0], answer[1]])
        })
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, Vec::from_iter(0..200));
}

#[test]
fn clients_that_reset_with_queries_under_way_harm_nobody() {
    let server = naming("one");
    let gate = Gate::plain(&server);
    for round in 0..50 {
        let mut client = gate.tcp();
        for id in 0..20 {
            client.send(&query(id, &format!("n{id}r{round}.example")));
        }
        socket2::SockRef::from(&client.0).set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        assert_eq!(text(&gate.tcp().ask(&query(1, "www.example"))), "one", "round {round}");
    }
    until("nothing is under way", || {
        let scheduler = gate.rig.gateway().scheduler();
        let active = scheduler.pool("p").unwrap().server("s0").unwrap().active();
        (active == 0).then_some(())
    });
}

/// A record of the question's name.
fn record(message: &mut Vec<u8>, kind: u16, data: &[u8]) {
    message[7] += 1;
    message.extend([0xc0, 12]);
    message.extend(kind.to_be_bytes());
    message.extend([0, 1, 0, 0, 0, 60]);
    message.extend((data.len() as u16).to_be_bytes());
    message.extend(data);
}

/// Server and responsible are the root; the serial is 7.
const SOA_DATA: [u8; 22] = [0, 0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1];

/// The messages of a transfer: the zone begins and ends with its SOA.
fn transfer(asked: &[u8], messages: usize) -> Vec<Vec<u8>> {
    (0..messages)
        .map(|number| {
            let mut message = dns_head(asked);
            if number == 0 {
                record(&mut message, SOA, &SOA_DATA);
            }
            let filling = vec![number as u8; 20_000];
            record(&mut message, 65_280, &filling);
            if number == messages - 1 {
                record(&mut message, SOA, &SOA_DATA);
            }
            message
        })
        .collect()
}

#[test]
fn a_zone_of_many_messages_comes_whole_and_in_order_while_others_are_answered() {
    let server = DnsServer::start(|seen, reply| {
        let kind = &seen.message[question_end(&seen.message) - 4..][..2];
        if kind == AXFR.to_be_bytes() {
            transfer(&seen.message, 50).iter().for_each(|message| reply.send(message));
        } else {
            reply.send(&dns_answer(&seen.message, 60, "beside"));
        }
    });
    let gate = Gate::plain(&server);
    let mut client = gate.tcp();
    for round in 0..3 {
        let asked = dns_query(100 + round, "example", AXFR);
        client.send(&asked);
        client.send(&query(7, "www.example"));
        let mut zone = Vec::new();
        let mut beside = 0;
        while zone.len() < 50 || beside < 1 {
            let message = client.receive();
            if message[1] == 7 {
                beside += 1;
            } else {
                zone.push(message);
            }
        }
        assert!(zone == transfer(&asked, 50), "round {round}");
    }
}

#[test]
fn an_incremental_transfer_of_one_soa_is_whole_with_it() {
    let server = DnsServer::start(|seen, reply| {
        let mut answer = dns_head(&seen.message);
        record(&mut answer, SOA, &SOA_DATA);
        reply.send(&answer);
    });
    let gate = Gate::plain(&server);
    let mut client = gate.tcp();
    for id in 0..3 {
        let mut asked = dns_query(id, "example", IXFR);
        asked[9] = 1;
        asked.extend([0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 0, 0, 22]);
        asked.extend(SOA_DATA);
        let mut expected = dns_head(&asked[..question_end(&asked)]);
        record(&mut expected, SOA, &SOA_DATA);
        assert_eq!(client.ask(&asked), expected);
    }
}

#[test]
fn truncation_over_udp_is_never_seen_by_stream_clients() {
    let server = DnsServer::start(|seen, reply| {
        let mut answer = dns_answer(&seen.message, 60, "whole");
        if seen.over == DnsOver::Udp {
            answer[2] |= 2;
        }
        reply.send(&answer);
    });
    let gate = Gate::plain(&server);
    assert!(!truncated(&gate.tcp().ask(&query(1, "www.example"))));
}
