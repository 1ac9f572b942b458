//! Servers that are gone, silent, or say that they cannot.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::*;

/// A server that was there.
fn gone() -> DnsServer {
    let mut server = naming("gone");
    server.kill();
    server
}

fn silent() -> DnsServer {
    DnsServer::start(|_, _| {})
}

fn servfail() -> DnsServer {
    DnsServer::start(|seen, reply| {
        let mut answer = sekisho_tests::dns_head(&seen.message);
        answer[3] |= SERVFAIL;
        reply.send(&answer);
    })
}

#[test]
fn nothing_up_is_said_at_once_and_why_only_to_those_who_speak_edns() {
    let server = gone();
    // Whoever waited would hear nothing before the test gives up.
    let gate = Gate::start(&[&server], Words { vip: "timeouts = { response = '1h' }", ..Words::default() });
    let (client, mut stream) = (gate.udp(), gate.tcp());
    let plain = query(0xbeef, "www.example");
    let edns = with_opt(plain.clone(), 1232, DO, &[]);
    for _ in 0..5 {
        for answer in [client.ask(&plain), stream.ask(&plain)] {
            assert_eq!((&answer[..2], rcode(&answer)), (&[0xbe, 0xef][..], SERVFAIL));
            assert_eq!(answer[12..], plain[12..], "the question and no OPT");
        }
        for answer in [client.ask(&edns), stream.ask(&edns)] {
            assert_eq!(rcode(&answer), SERVFAIL);
            let error = extended_error(&answer, &edns);
            assert!(matches!(error, Some(22 | 23)), "{error:?}");
        }
    }
}

#[test]
fn no_query_is_lost_to_a_closed_port_while_another_server_answers() {
    let (gone, there) = (gone(), naming("there"));
    let gate = Gate::start(&[&gone, &there], Words::default());
    let (client, mut stream) = (gate.udp(), gate.tcp());
    for number in 0..100 {
        assert_eq!(text(&client.ask(&query(number, "www.example"))), "there", "query {number}");
        assert_eq!(text(&stream.ask(&query(number, "www.example"))), "there", "query {number}");
    }
}

#[test]
fn a_server_that_dies_under_way_and_comes_back_costs_nobody_an_answer() {
    let (mut one, two) = (naming("one"), naming("two"));
    let gate = Gate::start(&[&one, &two], Words::default());
    let (client, mut stream) = (gate.udp(), gate.tcp());
    let mut heard = Vec::new();
    for number in 0..90 {
        match number {
            30 => one.kill(),
            60 => one.restart(),
            _ => {}
        }
        heard.push(text(&client.ask(&query(number, "www.example"))).to_owned());
        text(&stream.ask(&query(number, "www.example")));
    }
    assert!(heard[..30].contains(&"one".to_owned()));
    assert!(heard[30..60].iter().all(|name| name == "two"), "{heard:?}");
}

#[test]
fn a_silent_server_costs_time_and_no_query_where_another_answers() {
    let (silent, there) = (silent(), naming("there"));
    let words = Words { pool: "method = 'first-available'", ..Words::default() };
    let gate = Gate::start(&[&silent, &there], words);
    assert_eq!(text(&gate.udp().ask(&query(1, "www.example"))), "there");
    assert_eq!(text(&gate.tcp().ask(&query(1, "www.example"))), "there");
    assert_eq!(silent.asked(), 2, "it was asked first");
}

#[test]
fn an_update_is_not_said_to_a_second_server() {
    let (silent, there) = (silent(), naming("there"));
    let words = Words {
        vip: "timeouts = { response = '1s' }",
        pool: "method = 'first-available'",
        ..Words::default()
    };
    let gate = Gate::start(&[&silent, &there], words);
    let mut update = query(1, "www.example");
    update[2] = 5 << 3;
    assert_eq!(rcode(&gate.udp().ask(&update)), SERVFAIL);
    assert_eq!(rcode(&gate.tcp().ask(&update)), SERVFAIL);
    assert_eq!((silent.asked(), there.asked()), (2, 0));
}

#[test]
fn silence_ends_with_an_error_once_the_server_had_its_time() {
    let silent = silent();
    let words = Words { vip: "timeouts = { response = '300ms' }", ..Words::default() };
    let gate = Gate::start(&[&silent], words);
    let asked = with_opt(query(1, "www.example"), 1232, 0, &[]);
    for answer in [gate.udp().ask(&asked), gate.tcp().ask(&asked)] {
        assert_eq!((rcode(&answer), extended_error(&answer, &asked)), (SERVFAIL, Some(23)));
    }
}

#[test]
fn where_the_pool_says_so_another_server_is_asked_when_one_says_that_it_cannot() {
    let (ill, well) = (servfail(), naming("well"));
    let words = Words { pool_dns: "retry-on = ['servfail']", ..Words::default() };
    let gate = Gate::start(&[&ill, &well], words);
    let (client, mut stream) = (gate.udp(), gate.tcp());
    for number in 0..20 {
        assert_eq!(text(&client.ask(&query(number, "www.example"))), "well");
        assert_eq!(text(&stream.ask(&query(number, "www.example"))), "well");
    }
    assert!(ill.asked() > 0);
}

#[test]
fn an_error_that_every_server_has_is_the_answer_and_one_that_is_no_reason_passes() {
    let (ill, worse, well) = (servfail(), servfail(), naming("well"));
    let words = Words { pool_dns: "retry-on = ['servfail']", ..Words::default() };
    let all = Gate::start(&[&ill, &worse], words);
    assert_eq!(rcode(&all.udp().ask(&query(1, "www.example"))), SERVFAIL);
    assert_eq!(rcode(&all.tcp().ask(&query(1, "www.example"))), SERVFAIL);

    let gate = Gate::start(&[&ill, &well], Words { pool: "method = 'first-available'", ..Words::default() });
    assert_eq!(rcode(&gate.udp().ask(&query(1, "www.example"))), SERVFAIL);
    assert_eq!(rcode(&gate.tcp().ask(&query(1, "www.example"))), SERVFAIL);
    assert_eq!(well.asked(), 0);
}

#[test]
fn probes_take_out_who_answers_wrongly_and_bring_back_who_recovered() {
    let ill = Arc::new(AtomicBool::new(false));
    let sick = DnsServer::start({
        let ill = ill.clone();
        move |seen, reply| {
            let mut answer = dns_answer(&seen.message, 60, "sick");
            if ill.load(Ordering::SeqCst) {
                answer[3] |= SERVFAIL;
            }
            reply.send(&answer);
        }
    });
    let well = naming("well");
    let probe = "probe = { kind = 'dns', name = 'probe.example', interval = '100ms', fall = 2, rise = 1 }";
    for pool in [probe.to_owned(), format!("{probe}\nover = 'tcp'")] {
        ill.store(false, Ordering::SeqCst);
        let gate = Gate::start(&[&sick, &well], Words { pool: &pool, ..Words::default() });
        gate.rig.until_state("p", "s0", "up");
        ill.store(true, Ordering::SeqCst);
        gate.rig.until_state("p", "s0", "down");
        for number in 0..20 {
            assert_eq!(text(&gate.udp().ask(&query(number, "www.example"))), "well");
        }
        ill.store(false, Ordering::SeqCst);
        gate.rig.until_state("p", "s0", "up");
    }
}

#[test]
fn questions_that_a_server_leaves_unanswered_do_not_take_it_from_those_that_it_answers() {
    let server = DnsServer::start(|seen, reply| {
        if !seen.message[13..].starts_with(b"dead") {
            reply.send(&dns_answer(&seen.message, 60, "there"));
        }
    });
    let given = Duration::from_secs(1);
    let vip = Words { vip: "timeouts = { response = '1s' }", dns: "retry = false", ..Words::default() };
    let gate = Gate::start(&[&server], vip);
    let (hostile, client, mut other) = (gate.udp(), gate.udp(), gate.tcp());
    for number in 0..20 {
        hostile.send(&query(number, "dead.example"));
        other.send(&query(number, "dead.example"));
    }
    // Until all of them have been given up, and for a while after that.
    let mut left = 40;
    let (mut stream, began) = (gate.tcp(), Instant::now());
    while left > 0 || began.elapsed() < 2 * given {
        for answer in [client.ask(&query(1, "live.example")), stream.ask(&query(1, "live.example"))] {
            assert_eq!((rcode(&answer), text(&answer)), (NOERROR, "there"), "{:?}", began.elapsed());
        }
        // A question on its way would be answered, and clear the server at once.
        std::thread::sleep(Duration::from_millis(5));
        if began.elapsed() > given && left > 0 {
            let answer = if left > 20 { hostile.receive() } else { other.receive() };
            assert_eq!(rcode(&answer), SERVFAIL);
            left -= 1;
        }
    }
}
