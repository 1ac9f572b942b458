use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};

use sekisho_tests::{LineServer, Rig};

use super::{connect_from, echo, greeting, lines};

fn three() -> Vec<LineServer> {
    ["one", "two", "three"].map(LineServer::start).into()
}

fn configuration(servers: &[LineServer], vip: &str, pool: &str) -> String {
    format!(
        "[vip.lines]\nlisten = '127.0.0.1:0'\nprotocol = 'tcp'\npool = 'lines'\n{vip}\n\
         [pool.lines]\nservers = {{ {} }}\n{pool}\n",
        lines(servers)
    )
}

#[test]
fn round_robin_gives_each_server_its_turn() {
    let servers = three();
    let rig = Rig::start(&configuration(&servers, "", "method = 'round-robin'"));
    let mut counts = HashMap::new();
    for _ in 0..30 {
        let mut client = connect_from("127.0.0.1", rig.address("lines"));
        *counts.entry(greeting(&client)).or_insert(0) += 1;
        assert!(echo(&mut client));
    }
    assert_eq!(counts, HashMap::from([("one".into(), 10), ("two".into(), 10), ("three".into(), 10)]));
}

#[test]
fn client_address_keeps_its_server_and_the_log_says_why() {
    let servers = three();
    let rig = Rig::start(&configuration(&servers, "persist = ['source-ip']", "method = 'round-robin'"));
    let mut home = HashMap::new();
    for round in 0..3 {
        for host in 2..8 {
            let from = format!("127.0.0.{host}");
            let client = connect_from(&from, rig.address("lines"));
            let server = greeting(&client);
            drop(client);
            let known = home.entry(from).or_insert_with(|| server.clone());
            assert_eq!(*known, server, "round {round}");
            let why = if round == 0 { "method" } else { "persisted" };
            let line = rig.line(|line| line["server"] == server.as_str());
            assert_eq!(line["why"], why, "{line}");
        }
    }
    let mut servers: Vec<&String> = home.values().collect();
    servers.sort_unstable();
    servers.dedup();
    assert_eq!(servers.len(), 3, "six addresses over three servers: {home:?}");
}

#[test]
fn server_that_refuses_costs_its_clients_nothing() {
    let mut servers = three();
    let rig = Rig::start(&configuration(&servers, "persist = ['source-ip']", "method = 'round-robin'"));
    let homes: Vec<String> =
        (2..8).map(|h| greeting(&connect_from(&format!("127.0.0.{h}"), rig.address("lines")))).collect();
    servers[1].kill();
    for (host, home) in (2..8).zip(&homes) {
        let now = greeting(&connect_from(&format!("127.0.0.{host}"), rig.address("lines")));
        match home.as_str() {
            "two" => assert!(now == "one" || now == "three", "moved to {now:?}"),
            _ => assert_eq!(now, *home, "a client of a living server was moved"),
        }
    }
}

#[test]
fn probe_takes_a_dead_server_out_and_brings_it_back() {
    let mut servers = three();
    let pool = "probe = { kind = 'tcp', interval = '100ms', fast-interval = '100ms', fall = 2, rise = 2 }";
    let rig = Rig::start(&configuration(&servers, "", pool));
    rig.until_state("lines", "two", "up");
    servers[1].kill();
    rig.until_state("lines", "two", "down");
    for _ in 0..6 {
        assert_ne!(greeting(&connect_from("127.0.0.1", rig.address("lines"))), "two");
    }
    servers[1].restart();
    rig.until_state("lines", "two", "up");
    let names: Vec<String> =
        (0..6).map(|_| greeting(&connect_from("127.0.0.1", rig.address("lines")))).collect();
    assert!(names.contains(&"two".to_owned()), "{names:?}");
}

#[test]
fn nobody_up_closes_at_once_and_the_log_names_the_reason() {
    let mut servers = vec![LineServer::start("one")];
    let rig = Rig::start(&configuration(&servers, "", ""));
    servers[0].kill();
    assert_eq!(greeting(&connect_from("127.0.0.1", rig.address("lines"))), "");
    let line = rig.line(|_| true);
    assert_eq!(line["end"], "connect-failed", "{line}");
}

#[test]
fn half_close_reaches_the_server_and_its_answer_the_client() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = std::thread::spawn({
        let listener = listener.try_clone().unwrap();
        move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).unwrap();
            stream.write_all(format!("{} bytes", all.len()).as_bytes()).unwrap();
        }
    });
    let rig = Rig::start(&format!(
        "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'tcp'\npool = 'p'\n[pool.p]\nservers = {{ a = '{}' }}\n",
        listener.local_addr().unwrap()
    ));
    let mut client = connect_from("127.0.0.1", rig.address("v"));
    client.write_all(&[7; 300_000]).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "300000 bytes");
    server.join().unwrap();
    let line = rig.line(|_| true);
    assert_eq!(
        (&line["end"], &line["received"], &line["sent"]),
        (&"done".into(), &300_000.into(), &12.into())
    );
}

#[test]
fn ipv6_several_addresses_and_port_ranges_serve_one_vip() {
    let servers = three();
    let rig = Rig::start(&format!(
        "[vip.lines]\nlisten = ['127.0.3.1:7301-7303', '[::1]:0']\nprotocol = 'tcp'\npool = 'lines'\n\
         [pool.lines]\nservers = {{ {} }}\n",
        lines(&servers)
    ));
    let addresses = rig.addresses("lines");
    assert_eq!(addresses.len(), 4, "{addresses:?}");
    for address in addresses {
        let from = if address.is_ipv6() { "::1" } else { "127.0.0.1" };
        assert!(echo_after_greeting(from, address), "{address}");
    }
}

fn echo_after_greeting(from: &str, address: std::net::SocketAddr) -> bool {
    let mut client = connect_from(from, address);
    !greeting(&client).is_empty() && echo(&mut client)
}

#[test]
fn relayed_server_that_never_answers_ends_the_connection_at_the_response_timeout() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let rig = Rig::start(&format!(
        "[vip.lines]\nlisten = '127.0.0.1:0'\nprotocol = 'tcp'\npool = 'lines'\n\
         timeouts = {{ response = '200ms', idle = '1h' }}\n\
         [pool.lines]\nservers = {{ one = '{}' }}\n",
        mute.local_addr().unwrap()
    ));
    let mut client = connect_from("127.0.0.1", rig.address("lines"));
    client.write_all(b"anybody?\n").unwrap();
    assert_eq!(client.read(&mut [0]).unwrap_or(0), 0);
    assert_eq!(rig.line(|_| true)["end"], "response-timeout");
    let pool = rig.gateway().scheduler().pool("lines").unwrap().clone();
    assert_eq!(pool.server("one").unwrap().failures(), 1);
}
