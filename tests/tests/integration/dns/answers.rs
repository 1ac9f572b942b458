//! Which answers are believed over UDP, and in which form they reach the client.

use sekisho_tests::{DnsOver, dns_head};

use super::*;

/// A server that says these things over UDP before the truth, which is its name.
fn after(lies: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + Sync + 'static) -> DnsServer {
    DnsServer::start(move |seen, reply| {
        if seen.over == DnsOver::Udp {
            lies(&seen.message).iter().for_each(|lie| reply.send(lie));
        }
        reply.send(&dns_answer(&seen.message, 60, "truth"));
    })
}

#[test]
fn what_does_not_answer_the_question_is_dropped_and_the_true_answer_behind_it_is_delivered() {
    let server = after(|asked| {
        let lie = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut lie = dns_answer(asked, 60, "lie");
            change(&mut lie);
            lie
        };
        let end = question_end(asked);
        vec![
            lie(&|lie| lie[1] ^= 1),
            lie(&|lie| lie[0] ^= 0x80),
            lie(&|lie| lie[13] ^= 1),
            lie(&|lie| lie[end - 3] ^= 1),
            lie(&|lie| lie[end - 1] ^= 2),
            lie(&|lie| lie[2] &= 0x7f),
            lie(&|lie| lie[2] |= 0x20),
            lie(&|lie| lie[5] = 0),
            lie(&|lie| lie[5] = 2),
            lie(&|lie| lie.truncate(end - 1)),
            lie(&|lie| lie.truncate(11)),
            vec![],
            asked.to_vec(),
        ]
    });
    let gate = Gate::plain(&server);
    let client = gate.udp();
    for number in 0..3 {
        let asked = query(number, &format!("name{number}.example"));
        assert_eq!(client.ask(&asked), dns_answer(&asked, 60, "truth"), "question {number}");
    }
    assert!(server.seen().iter().all(|seen| seen.over == DnsOver::Udp));
}

#[test]
fn a_server_in_whose_name_somebody_guesses_is_asked_over_tcp_for_a_while() {
    let server = after(|asked| {
        let mut guess = dns_answer(asked, 60, "lie");
        guess[13] ^= 1;
        vec![guess; 50]
    });
    let gate = Gate::plain(&server);
    let client = gate.udp();
    for number in 0..20 {
        let asked = query(number, &format!("name{number}.example"));
        assert_eq!(client.ask(&asked), dns_answer(&asked, 60, "truth"), "question {number}");
    }
    assert_eq!(server.seen().pop().unwrap().over, DnsOver::Tcp);
}

#[test]
fn a_header_alone_is_believed_as_refused_and_not_as_noerror_or_nxdomain() {
    let header = |asked: &[u8], code: u8| [&asked[..2], &[0x80, code], &[0; 8]].concat();
    for code in [NOERROR, NXDOMAIN] {
        let server = after(move |asked| vec![header(asked, code)]);
        let gate = Gate::plain(&server);
        assert_eq!(text(&gate.udp().ask(&query(3, "www.example"))), "truth", "{code}");
    }
    let server = after(move |asked| vec![header(asked, REFUSED)]);
    let gate = Gate::plain(&server);
    let asked = query(3, "www.example");
    assert_eq!(gate.udp().ask(&asked), header(&asked, REFUSED));
}

#[test]
fn the_right_answer_from_another_port_or_address_is_dropped() {
    let server = DnsServer::start(|seen, reply| {
        if seen.over == DnsOver::Udp {
            for from in ["127.0.0.1:0", "127.0.0.99:0"] {
                let other = UdpSocket::bind(from).unwrap();
                other.send_to(&dns_answer(&seen.message, 60, "lie"), seen.from).unwrap();
            }
        }
        reply.send(&dns_answer(&seen.message, 60, "truth"));
    });
    let gate = Gate::plain(&server);
    let client = gate.udp();
    for number in 0..20 {
        assert_eq!(text(&client.ask(&query(number, "www.example"))), "truth");
    }
}

#[test]
fn an_answer_that_comes_twice_is_delivered_once() {
    let server = DnsServer::start(|seen, reply| {
        let answer = dns_answer(&seen.message, 60, "truth");
        (0..3).for_each(|_| reply.send(&answer));
    });
    let gate = Gate::plain(&server);
    let client = gate.udp();
    for number in 0..20 {
        // A second answer would be read as that of the next question.
        let asked = query(number, "www.example");
        assert_eq!(client.ask(&asked), dns_answer(&asked, 60, "truth"));
    }
}

#[test]
fn an_answer_that_comes_too_late_is_not_delivered() {
    let held = Held::default();
    let server = DnsServer::start({
        let held = held.clone();
        move |seen, reply| match &*seen.message {
            [_, _, .., b's', b'l', b'o', b'w', 0, _, _, _, _] => {
                held.lock().unwrap().push((seen.message.clone(), reply.clone()));
            }
            _ => {
                for (message, reply) in held.lock().unwrap().drain(..) {
                    reply.send(&dns_answer(&message, 60, "late"));
                }
                reply.send(&dns_answer(&seen.message, 60, "quick"));
            }
        }
    });
    let words = Words { vip: "timeouts = { response = '1s' }", dns: "retry = false", ..Words::default() };
    let gate = Gate::start(&[&server], words);
    let client = gate.udp();
    assert_eq!(rcode(&client.ask(&query(1, "www.slow"))), SERVFAIL);
    let next = query(1, "www.quick");
    client.nothing_but(&next, &dns_answer(&next, 60, "quick"));
}

#[test]
fn a_truncated_answer_reaches_a_udp_client_as_it_is_and_its_retry_goes_over_tcp() {
    let server = DnsServer::start(|seen, reply| match seen.over {
        DnsOver::Tcp => reply.send(&large(&seen.message, 20_000)),
        DnsOver::Udp => {
            let mut answer = dns_answer(&seen.message, 60, "part");
            answer[2] |= 2;
            reply.send(&answer);
        }
    });
    let gate = Gate::plain(&server);
    let asked = query(9, "www.example");
    let first = gate.udp().ask(&asked);
    assert!(truncated(&first));
    assert_eq!(text(&first), "part");
    assert_eq!(gate.tcp().ask(&asked), large(&asked, 20_000));
    let overs: Vec<DnsOver> = server.seen().iter().map(|seen| seen.over).collect();
    assert_eq!(overs, [DnsOver::Udp, DnsOver::Tcp]);
}

#[test]
fn an_answer_larger_than_the_client_takes_is_cut_to_its_question_and_says_so() {
    let server = DnsServer::start(|seen, reply| reply.send(&large(&seen.message, 1_400)));
    let gate = Gate::plain(&server);
    let client = gate.udp();
    let plain = query(9, "www.example");
    for asked in [plain.clone(), with_opt(plain.clone(), 600, 0, &[]), with_opt(plain.clone(), 10, 0, &[])] {
        let answer = client.ask(&asked);
        assert!(truncated(&answer));
        assert_eq!(answer[4..12], [0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(answer[12..], asked[12..question_end(&asked)]);
    }
    let takes_it = with_opt(plain, 1_500, 0, &[]);
    assert_eq!(client.ask(&takes_it), large(&takes_it, 1_400));
}

#[test]
fn the_largest_datagram_passes_whole() {
    let server = DnsServer::start(|seen, reply| {
        let room = 65_507 - dns_head(&seen.message).len() - 12;
        reply.send(&large(&seen.message, room));
    });
    let gate = Gate::plain(&server);
    let asked = with_opt(query(9, "www.example"), 65_535, 0, &[]);
    let answer = gate.udp().ask(&asked);
    assert_eq!(answer.len(), 65_507);
    assert!(!truncated(&answer));
}
