//! What passes, and that it passes unchanged.

use std::collections::HashSet;

use sekisho_tests::DnsOver;

use super::*;

/// Messages that a gateway may be tempted to improve, without their ids.
fn peculiar() -> Vec<(&'static str, Vec<u8>)> {
    let plain = || query(0, "www.example");
    let but = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut message = plain();
        change(&mut message);
        message
    };
    let named = |labels: &[&[u8]]| {
        let mut message = plain()[..12].to_vec();
        for label in labels {
            message.push(label.len() as u8);
            message.extend(*label);
        }
        message.extend([0, 0, 1, 0, 1]);
        message
    };
    let opcode = |opcode: u8| but(&|message| message[2] = opcode << 3);
    let kind = |kind: u16| dns_query(0, "www.example", kind);
    let class = |class: u8| but(&|message| *message.last_mut().unwrap() = class);
    let edns = |options: &[(u16, &[u8])]| with_opt(plain(), 1232, DO, options);
    let mut version_1 = edns(&[]);
    let version = version_1.len() - 5;
    version_1[version] = 1;
    let mut signed = edns(&[]);
    signed[11] += 1;
    signed.extend(b"\x03key\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x10 a signature... ");
    let mut update = opcode(5);
    update[9] = 1;
    update.extend(b"\xc0\x0c\x00\x01\x00\xff\x00\x00\x00\x00\x00\x00");
    vec![
        ("a plain query", plain()),
        ("no RD", but(&|message| message[2] = 0)),
        ("CD and AD", but(&|message| message[3] = 0x30)),
        ("Z", but(&|message| message[3] = 0x40)),
        ("AA, TC and RA in a query", but(&|message| (message[2], message[3]) = (7, 0x80))),
        ("mixed case", query(0, "wWw.ExAmPlE")),
        ("binary labels", named(&[b"\x00\xff.\\", b"A B", b"\xc3\xa4"])),
        ("a name of 255 octets", named(&[&[b'a'; 63], &[b'b'; 63], &[b'c'; 63], &[b'd'; 61]])),
        ("a name of 127 labels", named(&[&b"x"[..]; 127])),
        ("the root", named(&[])),
        ("type ANY", kind(255)),
        ("type 65280", kind(65_280)),
        ("type 0", kind(0)),
        ("class CH", class(3)),
        ("class HS", class(4)),
        ("class NONE", class(254)),
        ("class ANY", class(255)),
        ("IQUERY", opcode(1)),
        ("STATUS", opcode(2)),
        ("STATUS of a header alone", vec![0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("NOTIFY", opcode(4)),
        ("UPDATE", update),
        ("opcode 15", opcode(15)),
        ("EDNS", edns(&[])),
        ("a cookie", edns(&[(10, b"12345678")])),
        ("NSID, padding and what nobody knows", edns(&[(3, b""), (12, &[0; 99]), (65_001, b"?")])),
        ("a client subnet", edns(&[(8, &[0, 1, 24, 0, 192, 0, 2])])),
        ("EDNS version 1", version_1),
        ("TSIG", signed),
        ("trailing bytes", [&plain()[..], b"trail"].concat()),
        ("trailing bytes behind an OPT", [&edns(&[])[..], &[0; 300]].concat()),
        ("a large query", edns(&[(12, &[0; 4_000])])),
    ]
}

/// Says back what it heard, as an answer of this code and with something behind it.
fn mirror(seen: &[u8], code: u8) -> Vec<u8> {
    let mut answer = [seen, b"behind"].concat();
    // A client that speaks EDNS takes what it sent; others no more than 512 octets.
    answer.truncate(if seen.len() > 512 { seen.len() } else { 512 });
    answer[2] = answer[2] & !2 | 0x84;
    answer[3] |= 0xa0 | code;
    answer
}

fn every_byte_passes(over: DnsOver) {
    let server = DnsServer::start(|seen, reply| {
        let code = seen.message.len() as u8 % 11;
        reply.send(&mirror(&seen.message, code));
    });
    let gate = Gate::plain(&server);
    let (udp, mut tcp) = (gate.udp(), gate.tcp());
    for (number, (what, mut message)) in peculiar().into_iter().enumerate() {
        if over == DnsOver::Udp && message.len() > 512 {
            // So much is taken.
            let payload = question_end(&message) + 3;
            message[payload..payload + 2].copy_from_slice(&8_192_u16.to_be_bytes());
        }
        message[..2].copy_from_slice(&[0xab, number as u8]);
        let answer = match over {
            DnsOver::Udp => udp.ask(&message),
            DnsOver::Tcp => tcp.ask(&message),
        };
        let seen = server.seen().pop().unwrap();
        assert_eq!(seen.over, over, "{what}");
        assert_eq!(seen.message[2..], message[2..], "{what}, on its way there");
        let expected = mirror(&message, message.len() as u8 % 11);
        assert_eq!(answer, expected, "{what}, on its way back");
    }
    assert_eq!(server.asked(), peculiar().len());
}

#[test]
fn every_byte_but_the_id_is_unchanged_both_ways_over_udp() {
    every_byte_passes(DnsOver::Udp);
}

#[test]
fn every_byte_but_the_id_is_unchanged_both_ways_over_tcp() {
    every_byte_passes(DnsOver::Tcp);
}

#[test]
fn a_server_that_writes_the_name_in_lower_case_is_believed() {
    let server = DnsServer::start(|seen, reply| {
        let mut answer = dns_answer(&seen.message, 60, "low");
        answer[12..24].make_ascii_lowercase();
        reply.send(&answer);
    });
    let gate = Gate::plain(&server);
    assert_eq!(text(&gate.udp().ask(&query(1, "wWw.ExAmPlE"))), "low");
    assert_eq!(text(&gate.tcp().ask(&query(1, "wWw.ExAmPlE"))), "low");
}

/// Answers nothing until it was asked so often, and then everything, the last first.
fn last_first(times: usize) -> DnsServer {
    let waiting = Held::default();
    DnsServer::start(move |seen, reply| {
        let mut waiting = waiting.lock().unwrap();
        waiting.push((seen.message.clone(), reply.clone()));
        if waiting.len() == times {
            for (message, reply) in waiting.drain(..).rev() {
                let name = message[13..13 + usize::from(message[12])].to_vec();
                reply.send(&dns_answer(&message, 60, std::str::from_utf8(&name).unwrap()));
            }
        }
    })
}

#[test]
fn clients_with_equal_ids_get_their_own_answers() {
    let server = last_first(100);
    let gate = Gate::plain(&server);
    let clients: Vec<Client> = (0..100).map(|_| gate.udp()).collect();
    for (number, client) in clients.iter().enumerate() {
        client.send(&query(7, &format!("name{number}.example")));
    }
    for (number, client) in clients.iter().enumerate() {
        let answer = client.receive();
        assert_eq!((&answer[..2], text(&answer)), (&[0, 7][..], &*format!("name{number}")));
    }
}

#[test]
fn one_socket_may_use_an_id_for_two_names_and_gets_the_later_answer_first() {
    let server = last_first(2);
    let gate = Gate::plain(&server);
    let client = gate.udp();
    client.send(&query(7, "one.example"));
    client.send(&query(7, "two.example"));
    assert_eq!([text(&client.receive()), text(&client.receive())], ["two", "one"]);
}

#[test]
fn one_connection_may_use_an_id_for_two_names_and_gets_the_later_answer_first() {
    let server = last_first(2);
    let gate = Gate::plain(&server);
    let mut client = gate.tcp();
    client.send(&query(7, "one.example"));
    client.send(&query(7, "two.example"));
    assert_eq!([text(&client.receive()), text(&client.receive())], ["two", "one"]);
}

#[test]
fn ids_towards_servers_are_not_the_clients_over_tcp_either() {
    let server = naming("one");
    let gate = Gate::plain(&server);
    let mut client = gate.tcp();
    for number in 0..50 {
        client.ask(&query(7, &format!("n{number}.example")));
    }
    let ids: HashSet<Vec<u8>> = server.seen().iter().map(|seen| seen.message[..2].to_vec()).collect();
    assert!(ids.len() > 45, "{}", ids.len());
}

#[test]
fn a_wildcard_listener_answers_from_the_address_that_was_asked() {
    let server = naming("one");
    let words = Words { dns: "over = ['udp']", ..Words::default() };
    for (listen, asked) in
        [("0.0.0.0:0", vec!["127.0.0.1", "127.9.8.7", "127.0.0.77"]), ("[::]:0", vec!["::1", "127.9.8.7"])]
    {
        let rig = Rig::start(&configuration(listen, &[server.address()], words));
        let port = rig.address("v").port();
        for ip in asked {
            let ip: IpAddr = ip.parse().unwrap();
            let from = if ip.is_ipv4() { "127.0.0.5" } else { "::1" };
            let client = Client::at((ip, port).into(), from.parse().unwrap());
            assert_eq!(text(&client.ask(&query(5, "www.example"))), "one", "{listen} {ip}");
        }
    }
}
