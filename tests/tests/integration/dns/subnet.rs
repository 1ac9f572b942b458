//! What servers are told of clients' networks (RFC 7871).

use super::*;

/// A client subnet option.
fn ecs(source: u8, scope: u8, address: &[u8]) -> Vec<u8> {
    [&[0, 1, source, scope][..], address].concat()
}

/// A server that says back the OPT it got, with a scope where there is a client subnet.
fn echoing() -> DnsServer {
    DnsServer::start(|seen, reply| {
        let mut answer = dns_answer(&seen.message, 60, "told");
        let opt = &seen.message[question_end(&seen.message)..];
        if !opt.is_empty() {
            answer[11] = 1;
            let start = answer.len();
            answer.extend(opt);
            // Name, type, class, TTL, length, and the option's head and family and source before it.
            if opt[11..].starts_with(&[0, 8]) {
                answer[start + 11 + 4 + 3] = 24;
            }
        }
        reply.send(&answer);
    })
}

/// Asks over UDP and over TCP; gives what the server was told and what the client was.
fn told(server: &DnsServer, gate: &Gate, asked: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let answers = [gate.udp_from([127, 0, 7, 77]).ask(asked), gate.tcp_from("127.0.7.77").ask(asked)];
    let seen = server.seen();
    let messages = seen[seen.len() - 2..].iter().map(|seen| seen.message.clone());
    messages.zip(answers).collect()
}

fn gate(server: &DnsServer, mode: &str) -> Gate {
    let pool_dns = format!("client-subnet = '{mode}'");
    Gate::start(&[server], Words { pool_dns: &pool_dns, ..Words::default() })
}

const ADDRESS: &[u8] = &[127, 0, 7];

#[test]
fn a_subnet_is_added_to_a_query_without_opt_and_the_answer_has_none() {
    let server = echoing();
    let asked = query(1, "www.example");
    for mode in ["add", "override"] {
        for (seen, answer) in told(&server, &gate(&server, mode), &asked) {
            assert_eq!(options(&seen, &seen).unwrap(), [(8, ecs(24, 0, ADDRESS))], "{mode}");
            assert_eq!(answer, dns_answer(&asked, 60, "told"), "{mode}");
        }
    }
}

#[test]
fn a_subnet_is_added_to_the_clients_opt_and_the_answer_keeps_the_rest() {
    let server = echoing();
    let cookie: (u16, &[u8]) = (10, b"12345678");
    let asked = with_opt(query(1, "www.example"), 1232, DO, &[cookie]);
    for mode in ["add", "override"] {
        for (seen, answer) in told(&server, &gate(&server, mode), &asked) {
            let mut options = options(&seen, &seen).unwrap();
            options.sort();
            assert_eq!(options, [(8, ecs(24, 0, ADDRESS)), (10, cookie.1.to_vec())], "{mode}");
            let expected = with_opt(dns_answer(&asked, 60, "told"), 1232, DO, &[cookie]);
            assert_eq!(answer, expected, "{mode}");
        }
    }
}

#[test]
fn a_clients_own_subnet_is_kept_replaced_or_taken_away() {
    let server = echoing();
    let own = ecs(16, 0, &[192, 0]);
    let asked = with_opt(query(1, "www.example"), 1232, 0, &[(8, &own)]);
    for (mode, expected) in [
        ("pass", Some(own.clone())),
        ("add", Some(own.clone())),
        ("override", Some(ecs(24, 0, ADDRESS))),
        ("strip", None),
    ] {
        for (seen, answer) in told(&server, &gate(&server, mode), &asked) {
            let options = options(&seen, &seen).unwrap();
            assert_eq!(options, Vec::from_iter(expected.clone().map(|data| (8, data))), "{mode}");
            let kept = ecs(16, 24, &[192, 0]);
            let kept = [(8, &*kept)];
            let back: &[(u16, &[u8])] = if expected == Some(own.clone()) { &kept } else { &[] };
            assert_eq!(answer, with_opt(dns_answer(&asked, 60, "told"), 1232, 0, back), "{mode}");
        }
    }
}

#[test]
fn no_subnet_is_told_unless_somebody_says_so() {
    let server = echoing();
    let asked = with_opt(query(1, "www.example"), 1232, 0, &[]);
    for mode in ["pass", "strip"] {
        for (seen, answer) in told(&server, &gate(&server, mode), &asked) {
            assert_eq!(seen[2..], asked[2..], "{mode}");
            assert_eq!(answer, with_opt(dns_answer(&asked, 60, "told"), 1232, 0, &[]), "{mode}");
        }
    }
}

#[test]
fn what_is_signed_is_told_nothing_more() {
    let server = naming("one");
    let mut asked = query(1, "www.example");
    asked[11] = 1;
    asked.extend(b"\x03key\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x03sig");
    for (seen, answer) in told(&server, &gate(&server, "override"), &asked) {
        assert_eq!(seen[2..], asked[2..]);
        assert_eq!(answer[2..], dns_answer(&seen, 60, "one")[2..]);
    }
}

#[test]
fn networks_share_what_is_kept_only_within_themselves() {
    let server = echoing();
    let words = Words { pool_dns: "client-subnet = 'add'\ncache = '1 MiB'", ..Words::default() };
    let gate = Gate::start(&[&server], words);
    let asked = query(1, "www.example");
    for (from, known) in
        [([127, 0, 7, 1], 1), ([127, 0, 7, 200], 1), ([127, 0, 8, 1], 2), ([127, 0, 7, 9], 2)]
    {
        assert_eq!(gate.udp_from(from).ask(&asked), dns_answer(&asked, 60, "told"));
        assert_eq!(server.asked(), known, "{from:?}");
    }
    // Whoever brings the same subnet wants to hear of it.
    let own = with_opt(asked.clone(), 1232, 0, &[(8, &ecs(24, 0, ADDRESS))]);
    for _ in 0..2 {
        let answer = gate.udp().ask(&own);
        let expected = with_opt(dns_answer(&asked, 60, "told"), 1232, 0, &[(8, &ecs(24, 24, ADDRESS))]);
        assert_eq!(answer, expected);
    }
    assert_eq!(server.asked(), 3);
}
