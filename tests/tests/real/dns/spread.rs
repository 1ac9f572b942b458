use std::collections::BTreeMap;

use super::{Sekisho, Server, ask, names, resolvers};

fn counts(answers: &[String]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.as_str()).or_default() += 1;
    }
    counts
}

#[test]
fn every_method_spreads_questions_over_knot_nsd_and_bind_on_udp_and_tcp() {
    let listen = "127.0.6.1:7500";
    let servers = Server::three(1);
    let configuration =
        |method: &str, vip: &str| resolvers(listen, &servers, vip, &format!("method = {method}"));
    let sekisho = Sekisho::start("dns-spread", &configuration("'round-robin'", ""), listen);
    let at = listen.parse().unwrap();
    for (method, vip) in [
        ("'round-robin'", ""),
        ("'least-connections'", ""),
        ("{ kind = 'least-response-time', source = 'traffic', combine = 'none' }", ""),
        ("'least-bandwidth'", ""),
        ("'random-two'", ""),
        ("'consistent-hash'", "dns = { hash-by = 'qname' }"),
        ("'source-hash'", "dns = { hash-by = 'client+qname' }"),
    ] {
        sekisho.reload(&configuration(method, vip), "Reloaded");
        for transport in ["+notcp", "+tcp"] {
            let answers = ask("dig", at, &[transport], &names(30));
            let counts = counts(&answers);
            if method == "'round-robin'" {
                assert!(
                    counts.values().all(|&count| count == 10),
                    "{transport}: {counts:?}\n{}",
                    sekisho.log()
                );
            }
            // The quickest may well get all that come one by one.
            if !method.contains("least-response-time") {
                assert_eq!(counts.len(), 3, "{method} {transport}: {counts:?}\n{}", sekisho.log());
            }
        }
    }
    sekisho.reload(&configuration("'first-available'", ""), "Reloaded");
    assert_eq!(counts(&ask("kdig", at, &[], &names(9))).len(), 1);
}
