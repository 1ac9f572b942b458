//! What is kept, to whom it is given, and what happens meanwhile.

use sekisho_tests::{DnsOver, dns_head};

use super::*;

const CACHE: Words<'_> = Words { vip: "", dns: "", pool: "", pool_dns: "cache = '4 MiB'" };

#[test]
fn what_is_known_is_answered_with_the_askers_own_id_and_case_over_any_transport() {
    let server = naming("one");
    let gate = Gate::start(&[&server], CACHE);
    let first = query(1, "www.example");
    assert_eq!(gate.udp().ask(&first), dns_answer(&first, 60, "one"));
    for (id, name) in [(2, "www.example"), (0xffff, "WWW.example"), (0, "wWw.ExAmPlE")] {
        let asked = query(id, name);
        for mut answer in [gate.udp().ask(&asked), gate.tcp().ask(&asked)] {
            let left = ttl(&answer);
            assert!((1..=60).contains(&left), "{left}");
            let at = question_end(&answer) + 6;
            answer[at..at + 4].copy_from_slice(&60_u32.to_be_bytes());
            assert_eq!(answer, dns_answer(&asked, 60, "one"));
        }
    }
    assert_eq!(server.asked(), 1);
}

#[test]
fn ttls_count_down_and_what_is_over_is_asked_for_again() {
    let server = DnsServer::start(|seen, reply| reply.send(&dns_answer(&seen.message, 2, "two seconds")));
    let gate = Gate::start(&[&server], CACHE);
    let client = gate.udp();
    let mut seen = Vec::new();
    until("it is over", || {
        seen.push(ttl(&client.ask(&query(1, "www.example"))));
        (server.asked() == 2).then_some(())
    });
    seen.dedup();
    assert!(matches!(*seen, [2, 1, 2] | [2, 2] | [2, 1]), "{seen:?}");
}

#[test]
fn what_is_asked_in_another_manner_is_asked_for_by_itself() {
    let server = DnsServer::start(|seen, reply| {
        // Every answer another one, with an OPT for those who sent one.
        let end = question_end(&seen.message);
        let name = format!("{:02x?}", &seen.message[2..4]);
        let mut answer = dns_answer(&seen.message, 60, &name);
        let opt = &seen.message[end..];
        answer[11] = u8::from(!opt.is_empty());
        answer.extend(opt);
        reply.send(&answer);
    });
    let gate = Gate::start(&[&server], CACHE);
    let client = gate.udp();
    let flags = |high: u8, low: u8| {
        let mut message = query(1, "www.example");
        (message[2], message[3]) = (high, low);
        message
    };
    let plain = flags(1, 0);
    let manners = [
        plain.clone(),
        flags(0, 0),
        flags(1, 0x10),
        flags(1, 0x20),
        with_opt(plain.clone(), 1232, 0, &[]),
        with_opt(plain.clone(), 1232, DO, &[]),
        dns_query(1, "www.example", A),
        query(1, "example"),
    ];
    for (number, asked) in manners.iter().enumerate() {
        let first = client.ask(asked);
        assert_eq!(server.asked(), number + 1, "{asked:02x?}");
        let again = client.ask(asked);
        assert_eq!((server.asked(), again.len()), (number + 1, first.len()), "{asked:02x?}");
    }
    // The payload that a client takes is none of these.
    client.ask(&with_opt(plain, 4096, DO, &[]));
    assert_eq!(server.asked(), manners.len());
}

#[test]
fn some_things_are_never_kept() {
    let server = DnsServer::start(|seen, reply| {
        let name = &seen.message[13..13 + usize::from(seen.message[12])];
        let mut answer = dns_answer(&seen.message, if name == b"zero" { 0 } else { 60 }, "one");
        match name {
            b"truncated" => answer[2] |= 2,
            b"formerr" => answer[3] |= FORMERR,
            b"cookie" => answer = with_opt(answer, 1232, 0, &[(10, &[7; 24])]),
            b"trail" => answer.push(0),
            _ => {}
        }
        reply.send(&answer);
    });
    let gate = Gate::start(&[&server], CACHE);
    let client = gate.udp();
    let opcode = |opcode: u8| {
        let mut message = query(1, "www.example");
        message[2] = opcode << 3;
        message
    };
    let never = [
        ("TC", query(1, "truncated.example")),
        ("a TTL of zero", query(1, "zero.example")),
        ("FORMERR", query(1, "formerr.example")),
        ("a cookie", with_opt(query(1, "cookie.example"), 1232, 0, &[(10, &[7; 8])])),
        ("trailing octets", query(1, "trail.example")),
        ("NOTIFY", opcode(4)),
        ("UPDATE", opcode(5)),
        ("STATUS", opcode(2)),
        ("ANY", dns_query(1, "www.example", 255)),
        ("NSID", with_opt(query(1, "www.example"), 1232, 0, &[(3, &[])])),
    ];
    for (number, (what, asked)) in never.iter().enumerate() {
        client.ask(asked);
        client.ask(asked);
        assert_eq!(server.asked(), 2 * (number + 1), "{what}");
    }
}

#[test]
fn errors_are_kept_for_a_moment() {
    let server = DnsServer::start(|seen, reply| {
        let mut answer = dns_head(&seen.message);
        answer[3] |= SERVFAIL;
        reply.send(&answer);
    });
    let gate = Gate::start(&[&server], CACHE);
    for id in 0..10 {
        assert_eq!(rcode(&gate.udp().ask(&query(id, "www.example"))), SERVFAIL);
    }
    assert_eq!(server.asked(), 1);
}

#[test]
fn a_large_answer_known_from_tcp_is_cut_for_a_small_udp_client() {
    let server = DnsServer::start(|seen, reply| reply.send(&large(&seen.message, 3_000)));
    let gate = Gate::start(&[&server], CACHE);
    let asked = query(1, "www.example");
    assert_eq!(gate.tcp().ask(&asked), large(&asked, 3_000));
    let answer = gate.udp().ask(&asked);
    assert!(truncated(&answer) && answer.len() == asked.len(), "{} octets", answer.len());
    assert_eq!(server.asked(), 1);
}

#[test]
fn misses_of_one_question_are_one_query() {
    let held = Held::default();
    let server = DnsServer::start({
        let held = held.clone();
        move |seen, reply| {
            if seen.message[12] == 4 {
                held.lock().unwrap().push((seen.message.clone(), reply.clone()));
            } else {
                reply.send(&dns_answer(&seen.message, 60, "marker"));
            }
        }
    });
    let gate = Gate::start(&[&server], Words { vip: "timeouts = { response = '15s' }", ..CACHE });
    let clients: Vec<Client> = (0..50).map(|_| gate.udp()).collect();
    for (number, client) in clients.iter().enumerate() {
        client.send(&query(number as u16, if number % 2 == 0 { "held.example" } else { "HELD.example" }));
        // Whoever has the marker's answer has been read before.
        let marker = client.ask(&query(9, &format!("marker{number}.example")));
        assert_eq!(text(&marker), "marker");
    }
    let asked = held.lock().unwrap().len();
    // One for each worker.
    assert!((1..=2).contains(&asked), "{asked} queries");
    for (message, reply) in held.lock().unwrap().iter() {
        reply.send(&dns_answer(message, 60, "shared"));
    }
    for (number, client) in clients.iter().enumerate() {
        let answer = client.receive();
        assert_eq!((usize::from(answer[1]), text(&answer)), (number, "shared"));
    }
    assert_eq!(held.lock().unwrap().len(), asked);
}

#[test]
fn who_waits_for_an_equal_question_in_vain_is_told_so_too() {
    let server = DnsServer::start(|_, _| {});
    let gate = Gate::start(&[&server], Words { vip: "timeouts = { response = '300ms' }", ..CACHE });
    let clients: Vec<Client> = (0..20).map(|_| gate.udp()).collect();
    let mut stream = gate.tcp();
    for (number, client) in clients.iter().enumerate() {
        client.send(&query(number as u16, "www.example"));
        stream.send(&query(number as u16, "www.example"));
    }
    for (number, client) in clients.iter().enumerate() {
        let answer = client.receive();
        assert_eq!((usize::from(answer[1]), rcode(&answer)), (number, SERVFAIL));
        assert_eq!(rcode(&stream.receive()), SERVFAIL);
    }
}

#[test]
fn stale_answers_serve_while_nothing_is_up_and_fresh_ones_again_afterwards() {
    let mut server = DnsServer::start(|seen, reply| {
        let mut answer = dns_answer(&seen.message, 1, "kept");
        if seen.message[11] == 1 {
            answer = with_opt(answer, 1232, 0, &[]);
        }
        reply.send(&answer);
    });
    let words = Words {
        pool: "probe = { kind = 'dns', interval = '100ms' }",
        pool_dns: "cache = { size = '1 MiB', stale = '1h' }",
        ..Words::default()
    };
    let gate = Gate::start(&[&server], words);
    let client = gate.udp();
    let plain = query(1, "www.example");
    let edns = with_opt(plain.clone(), 1232, 0, &[]);
    client.ask(&plain);
    client.ask(&edns);
    server.kill();
    let expected = dns_answer(&plain, 30, "kept");
    for mut asked in [plain.clone(), edns.clone()] {
        asked[1] = 77;
        let with_edns = asked[11] == 1;
        let mut expected = expected.clone();
        if with_edns {
            expected = with_opt(expected, 1232, 0, &[(15, &[0, 3])]);
        }
        expected[1] = 77;
        until("the answer is stale", || {
            let answer = client.ask(&asked);
            (ttl(&answer) == 30).then(|| assert_eq!(answer, expected))
        });
        assert_eq!(gate.tcp().ask(&asked), expected, "over TCP");
    }
    assert_eq!(rcode(&client.ask(&query(1, "other.example"))), SERVFAIL, "what was never known");
    server.restart();
    until("a fresh one", || (ttl(&client.ask(&plain)) == 1).then_some(()));
}

#[test]
fn what_is_kept_outlives_a_reload_and_not_another_size() {
    let server = naming("one");
    let gate = Gate::start(&[&server], CACHE);
    let words = |pool_dns| {
        let words = Words { vip: "timeouts = { response = '3s' }", pool_dns, ..Words::default() };
        configuration(&gate.address.to_string(), &[server.address()], words)
    };
    let client = gate.udp();
    client.ask(&query(1, "www.example"));
    gate.rig.reload(&words("cache = '4 MiB'")).unwrap();
    assert_eq!(text(&client.ask(&query(2, "www.example"))), "one");
    assert_eq!(server.asked(), 1);
    gate.rig.reload(&words("cache = '5 MiB'")).unwrap();
    until("the new cache is asked", || {
        client.ask(&query(3, "www.example"));
        (server.asked() > 1).then_some(())
    });
}

#[test]
fn what_udp_clients_ask_of_a_pool_that_is_reached_over_tcp_is_kept_as_well() {
    let server = naming("one");
    let gate = Gate::start(&[&server], Words { pool: "over = 'tcp'", ..CACHE });
    for id in 0..5 {
        assert_eq!(text(&gate.udp().ask(&query(id, "www.example"))), "one");
    }
    let seen = server.seen();
    assert_eq!((seen.len(), seen[0].over), (1, DnsOver::Tcp));
}
