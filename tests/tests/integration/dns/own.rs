//! What the gateway says, or does not say, to messages that reach no server.

use super::*;

#[test]
fn answers_and_messages_without_a_header_are_met_with_silence() {
    let server = naming("one");
    let gate = Gate::plain(&server);
    let client = gate.udp();
    let whole = query(1, "www.example");
    for length in 0..12 {
        client.send(&whole[..length]);
    }
    client.send(&dns_answer(&whole, 60, "an answer"));
    let mut error = whole.clone();
    error[2] |= 0x80;
    client.send(&error);
    let next = query(2, "next.example");
    client.nothing_but(&next, &dns_answer(&next, 60, "one"));
    assert_eq!(server.asked(), 1);
}

#[test]
fn what_cannot_be_read_is_told_so_and_goes_to_no_server() {
    let server = naming("one");
    let gate = Gate::plain(&server);
    let (client, mut stream) = (gate.udp(), gate.tcp());
    let whole = query(0x1234, "www.example");
    let but = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut message = whole.clone();
        change(&mut message);
        message
    };
    let opt = with_opt(whole.clone(), 1232, 0, &[]);
    let broken = [
        ("a header alone", whole[..12].to_vec()),
        ("no question", but(&|message| message[5] = 0)),
        ("two questions", but(&|message| message[5] = 2)),
        ("a cut question", whole[..20].to_vec()),
        ("a question without its class", whole[..whole.len() - 2].to_vec()),
        ("a label of 64 octets", but(&|message| message[12] = 64)),
        ("a pointer to itself", but(&|message| message[12..14].copy_from_slice(&[0xc0, 12]))),
        ("a pointer forward", but(&|message| message[12..14].copy_from_slice(&[0xc0, 20]))),
        ("an answer that is not there", but(&|message| message[7] = 1)),
        ("two OPT records", [&opt[..11], &[2], &opt[12..], &opt[whole.len()..]].concat()),
        ("an OPT that ends too early", opt[..opt.len() - 1].to_vec()),
        ("an OPT longer than the message", {
            let mut message = opt.clone();
            *message.last_mut().unwrap() = 200;
            message
        }),
    ];
    for (what, message) in broken {
        for answer in [client.ask(&message), stream.ask(&message)] {
            assert_eq!((&answer[..2], rcode(&answer)), (&[0x12, 0x34][..], FORMERR), "{what}");
            assert_eq!(answer[2] & 0xf9, 0x81, "{what}: QR and RD, opcode 0");
            assert!(answer.len() <= message.len() + 24, "{what}: {} octets", answer.len());
        }
    }
    assert_eq!(server.asked(), 0);
}

#[test]
fn rules_answer_for_names_below_a_suffix_and_for_nothing_else() {
    let server = naming("one");
    let dns = "rules = [ { qname = ['bad.example'], answer = 'nxdomain' },
                         { qname = ['worse.example'], type = ['A'], answer = 'refused' },
                         { qname = ['worst.example'], answer = 'drop' } ]";
    let gate = Gate::start(&[&server], Words { dns, ..Words::default() });
    let (client, mut stream) = (gate.udp(), gate.tcp());
    for (name, kind, code) in [
        ("bad.example", TXT, NXDOMAIN),
        ("a.b.BAD.example", A, NXDOMAIN),
        ("notbad.example", A, NOERROR),
        ("bad.example.net", A, NOERROR),
        ("x.worse.example", A, REFUSED),
        ("x.worse.example", AAAA, NOERROR),
    ] {
        let asked = with_opt(dns_query(5, name, kind), 1232, 0, &[]);
        let before = server.asked();
        for answer in [client.ask(&asked), stream.ask(&asked)] {
            assert_eq!(rcode(&answer), code, "{name}");
            if code != NOERROR {
                assert_eq!(extended_error(&answer, &asked), Some(15), "{name}: blocked");
            }
        }
        assert_eq!(server.asked() - before, if code == NOERROR { 2 } else { 0 }, "{name}");
    }
    client.send(&query(6, "worst.example"));
    let next = query(7, "next.example");
    client.nothing_but(&next, &dns_answer(&next, 60, "one"));
}

#[test]
fn rules_send_names_types_and_clients_to_other_pools() {
    let (outside, inside) = (naming("outside"), naming("inside"));
    let address = loopback();
    let dns = "rules = [ { qname = ['corp.example'], client = ['127.0.1.0/24'], pool = 'inside' },
                         { type = ['MX', 99], pool = 'inside' } ]";
    let words = Words { vip: "pools = ['inside']", dns, ..Words::default() };
    let configuration = format!(
        "{}\n[pool.inside]\nservers = {{ i = '{}' }}\n",
        configuration(&address.to_string(), &[outside.address()], words),
        inside.address()
    );
    let rig = Rig::start(&configuration);
    let gate = Gate { rig, address };
    let (here, there) = (gate.udp(), gate.udp_from([127, 0, 1, 9]));
    let mut stream = gate.tcp_from("127.0.1.9");
    let asked = query(1, "host.corp.example");
    assert_eq!(text(&here.ask(&asked)), "outside");
    assert_eq!(text(&there.ask(&asked)), "inside");
    assert_eq!(text(&stream.ask(&asked)), "inside");
    assert_eq!(text(&there.ask(&query(1, "www.example"))), "outside");
    for kind in [15, 99] {
        assert_eq!(text(&here.ask(&dns_query(1, "www.example", kind))), "inside", "{kind}");
    }
}

#[test]
fn the_access_log_says_who_asked_for_what_over_which_transport_and_what_came_of_it() {
    let server = DnsServer::start(|seen, reply| {
        let mut answer = sekisho_tests::dns_head(&seen.message);
        answer[3] |= NXDOMAIN;
        reply.send(&answer);
    });
    let gate = Gate::plain(&server);
    let asked = dns_query(1, "No.Such.example", AAAA);
    gate.udp_from([127, 0, 4, 4]).ask(&asked);
    gate.tcp_from("127.0.4.5").ask(&asked);
    for from in ["127.0.4.4", "127.0.4.5"] {
        let line = gate.rig.line(|line| line["client"].as_str().is_some_and(|client| client.contains(from)));
        assert_eq!(
            (line["method"].as_str(), line["status"].as_u64(), line["server"].as_str(), line["end"].as_str()),
            (Some("AAAA"), Some(3), Some("s0"), Some("done")),
            "{line}"
        );
        assert_eq!(line["host"], "No.Such.example");
    }
}
