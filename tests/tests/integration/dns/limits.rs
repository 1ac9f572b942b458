//! Who may ask, and how often.

use super::*;

#[test]
fn who_may_not_ask_is_refused_and_told_why() {
    let server = naming("one");
    let dns = "allow = ['127.0.0.0/16']\ndeny = ['127.0.5.0/24']";
    let gate = Gate::start(&[&server], Words { dns, ..Words::default() });
    let asked = with_opt(query(1, "www.example"), 1232, 0, &[]);
    for (from, allowed) in [([127, 0, 0, 9], true), ([127, 0, 5, 9], false), ([127, 1, 0, 9], false)] {
        let ip = IpAddr::from(from).to_string();
        for answer in [gate.udp_from(from).ask(&asked), gate.tcp_from(&ip).ask(&asked)] {
            if allowed {
                assert_eq!(text(&answer), "one");
            } else {
                assert_eq!((rcode(&answer), extended_error(&answer, &asked)), (REFUSED, Some(18)), "{ip}");
            }
        }
        let plain = query(2, "www.example");
        if !allowed {
            assert_eq!(options(&gate.udp_from(from).ask(&plain), &plain), None);
        }
    }
    assert_eq!(server.asked(), 2);
}

/// A gateway that lets a client ask five times, and hardly ever again.
fn five(server: &DnsServer, excess: &str) -> Gate {
    let dns = format!("rate = {{ per-second = 1, burst = 5, excess = '{excess}' }}");
    Gate::start(&[server], Words { dns: &dns, ..Words::default() })
}

/// Spends what a client may ask.
fn spend(client: &Client) {
    for number in 0..5 {
        assert_eq!(text(&client.ask(&query(number, "www.example"))), "one");
    }
}

#[test]
fn queries_beyond_the_rate_are_refused_and_others_unhurt() {
    let server = naming("one");
    let gate = five(&server, "refuse");
    let client = gate.udp_from([127, 0, 2, 1]);
    spend(&client);
    until("both are refused within a second", || {
        let asked = query(6, "www.example");
        let answers = [client.ask(&asked), gate.tcp_from("127.0.2.1").ask(&asked)];
        answers.iter().all(|answer| rcode(answer) == REFUSED).then_some(())
    });
    assert_eq!(text(&gate.udp_from([127, 0, 2, 2]).ask(&query(7, "www.example"))), "one");
}

#[test]
fn queries_beyond_the_rate_are_sent_to_tcp_where_they_are_welcome() {
    let server = naming("one");
    let gate = five(&server, "truncate");
    let client = gate.udp_from([127, 0, 2, 1]);
    spend(&client);
    let asked = query(6, "www.example");
    let answer = until("a truncated answer", || Some(client.ask(&asked)).filter(|answer| truncated(answer)));
    assert!(rcode(&answer) == NOERROR && answer.len() == asked.len());
    assert_eq!(text(&gate.tcp_from("127.0.2.1").ask(&asked)), "one");
}

#[test]
fn queries_beyond_the_rate_are_dropped() {
    let server = naming("one");
    let gate = five(&server, "drop");
    let client = gate.udp_from([127, 0, 2, 1]);
    spend(&client);
    client.0.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    client.send(&query(6, "dropped.example"));
    // Its second passes; then it is welcome again.
    let passed = until("a new second", || {
        client.send(&query(7, "passed.example"));
        let mut buffer = [0; 512];
        client.0.recv(&mut buffer).ok().map(|length| buffer[..length].to_vec())
    });
    assert_eq!(passed, dns_answer(&query(7, "passed.example"), 60, "one"));
    assert!(server.seen().iter().all(|seen| !seen.message.windows(7).any(|name| name == b"dropped")));
}
