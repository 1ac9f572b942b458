//! Which server is asked: every query by itself, and alike over every transport.

use std::collections::{HashMap, HashSet};

use super::*;

fn three() -> [DnsServer; 3] {
    [naming("zero"), naming("one"), naming("two")]
}

fn gate(servers: &[DnsServer; 3], words: Words<'_>) -> Gate {
    let [zero, one, two] = servers;
    Gate::start(&[zero, one, two], words)
}

fn by(hash_by: &str) -> String {
    format!("hash-by = '{hash_by}'")
}

const HASH: &str = "method = 'consistent-hash'";

#[test]
fn queries_of_one_connection_go_round_the_servers() {
    let servers = three();
    let gate = gate(&servers, Words { pool: "method = 'round-robin'", ..Words::default() });
    let (client, mut stream) = (gate.udp(), gate.tcp());
    for _ in 0..20 {
        for ask in [&mut |message: &[u8]| client.ask(message), &mut |message: &[u8]| stream.ask(message)]
            as [&mut dyn FnMut(&[u8]) -> Vec<u8>; 2]
        {
            let names: HashSet<String> =
                (0..3).map(|id| text(&ask(&query(id, "www.example"))).to_owned()).collect();
            assert_eq!(names.len(), 3);
        }
    }
}

#[test]
fn a_name_has_one_server_whatever_its_case_its_type_its_client_and_its_transport() {
    let servers = three();
    let dns = by("qname");
    let gate = gate(&servers, Words { pool: HASH, dns: &dns, ..Words::default() });
    let mut homes: HashMap<String, usize> = HashMap::new();
    for number in 0..60 {
        let name = format!("Name{number}.Example");
        let heard: HashSet<String> = [
            gate.udp().ask(&query(1, &name)),
            gate.udp_from([127, 0, 9, 9]).ask(&query(2, &name.to_uppercase())),
            gate.tcp().ask(&dns_query(3, &name, A)),
            gate.tcp_from("127.0.9.10").ask(&dns_query(4, &name.to_lowercase(), AAAA)),
        ]
        .iter()
        .map(|answer| text(answer).to_owned())
        .collect();
        assert_eq!(heard.len(), 1, "{name}: {heard:?}");
        *homes.entry(heard.into_iter().next().unwrap()).or_default() += 1;
    }
    assert!(homes.len() == 3 && homes.values().all(|&names| names > 5), "{homes:?}");
}

#[test]
fn only_the_last_labels_count_where_it_is_said_so() {
    let servers = three();
    let dns = format!("{}\nqname-labels = 2", by("qname"));
    let gate = gate(&servers, Words { pool: HASH, dns: &dns, ..Words::default() });
    let client = gate.udp();
    for number in 0..20 {
        let heard: HashSet<String> = ["", "www.", "a.b.c."]
            .iter()
            .map(|host| text(&client.ask(&query(1, &format!("{host}zone{number}.example")))).to_owned())
            .collect();
        assert_eq!(heard.len(), 1, "zone{number}: {heard:?}");
    }
}

#[test]
fn a_client_has_one_server_over_ports_names_and_transports() {
    let servers = three();
    let dns = format!("{}\nclient-prefix = {{ ipv4 = 24 }}", by("client"));
    let gate = gate(&servers, Words { pool: HASH, dns: &dns, ..Words::default() });
    let mut homes = HashSet::new();
    for network in 0..30 {
        let heard: HashSet<String> = [
            gate.udp_from([127, 1, network, 1]).ask(&query(1, "a.example")),
            gate.udp_from([127, 1, network, 250]).ask(&query(2, "b.example")),
            gate.tcp_from(&format!("127.1.{network}.3")).ask(&query(3, "c.example")),
        ]
        .iter()
        .map(|answer| text(answer).to_owned())
        .collect();
        assert_eq!(heard.len(), 1, "127.1.{network}.0: {heard:?}");
        homes.extend(heard);
    }
    assert_eq!(homes.len(), 3);
}

#[test]
fn a_subnet_has_one_server_whoever_brings_it() {
    let servers = three();
    let dns = by("client-subnet");
    let gate = gate(&servers, Words { pool: HASH, dns: &dns, ..Words::default() });
    let mut homes = HashSet::new();
    for network in 0..30 {
        let option: &[u8] = &[0, 1, 24, 0, 192, 0, network];
        let asked = with_opt(query(1, "www.example"), 1232, 0, &[(8, option)]);
        let heard: HashSet<String> =
            [gate.udp().ask(&asked), gate.udp_from([127, 0, 3, network]).ask(&asked), gate.tcp().ask(&asked)]
                .iter()
                .map(|answer| text(answer).to_owned())
                .collect();
        assert_eq!(heard.len(), 1, "192.0.{network}.0: {heard:?}");
        homes.extend(heard);
    }
    assert_eq!(homes.len(), 3);
}

#[test]
fn only_the_names_of_a_dead_server_move_and_they_return() {
    let mut servers = three();
    let dns = by("qname");
    let pool = format!("{HASH}\nprobe = {{ kind = 'dns', interval = '100ms' }}");
    let gate = gate(&servers, Words { pool: &pool, dns: &dns, ..Words::default() });
    let client = gate.udp();
    let ask = |number: u16| text(&client.ask(&query(number, &format!("n{number}.example")))).to_owned();
    let before: Vec<String> = (0..60).map(ask).collect();
    servers[1].kill();
    for (number, home) in before.iter().enumerate() {
        let now = ask(number as u16);
        assert!(if home == "one" { now != "one" } else { now == *home }, "n{number}: {home}, now {now}");
    }
    servers[1].restart();
    until("all are back", || (0..60).map(ask).eq(before.iter().cloned()).then_some(()));
}

#[test]
fn a_name_stays_with_the_server_that_the_table_says_over_every_transport() {
    let servers = three();
    let words = Words { vip: "persist = ['qname']", pool: "method = 'round-robin'", ..Words::default() };
    let gate = gate(&servers, words);
    let (client, mut stream) = (gate.udp(), gate.tcp());
    for number in 0..20 {
        let asked = query(number, &format!("n{number}.example"));
        let home = text(&client.ask(&asked)).to_owned();
        for _ in 0..3 {
            assert_eq!(text(&client.ask(&asked)), home);
            assert_eq!(text(&stream.ask(&asked)), home);
        }
    }
}
