//! The protocol keeps the contract's laws, and a gateway with it serves.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;

use sekisho_api::IdentityRules;
use turnstile::{Ticket, Turnstile};

#[test]
fn turnstile_keeps_every_law() {
    sekisho_testkit::head(Ticket { identity: IdentityRules::default() })
        .fixture(
            "a holder",
            r#"
            C: TICKET alice\r\n
            = route user=alice
            ! connected one
            = relay
            > server "TICKET alice\r\n"
            "#,
        )
        .laws();
}

#[test]
fn binary_from_outside_lists_the_protocol_beside_all_others() {
    let help = Command::new(env!("CARGO_BIN_EXE_turnstile")).arg("--help").output().unwrap();
    let help = String::from_utf8_lossy(&help.stdout);
    for protocol in ["turnstile", "http", "tcp", "udp", "sni"] {
        assert!(help.contains(protocol), "{protocol} is missing in:\n{help}");
    }
}

#[test]
fn holder_of_a_ticket_always_meets_the_same_server() {
    let gateway =
        gateway(&["one", "two", "three"].map(|name| format!("{name} = \"{}\"", server(name))).join(", "));
    let vip = gateway.addresses("gate")[0];
    let first: Vec<String> = HOLDERS.iter().map(|holder| visit(vip, holder)).collect();
    assert!(first.iter().any(|server| *server != first[0]), "all on {}", first[0]);
    for _ in 0..3 {
        let again: Vec<String> = HOLDERS.iter().map(|holder| visit(vip, holder)).collect();
        assert_eq!(again, first);
    }
    // One person in two spellings.
    assert_eq!(visit(vip, "EXAMPLE\\Alice"), first[0]);
    gateway.stop_now();
    gateway.wait();
}

#[test]
fn without_a_server_the_client_is_told_in_its_own_protocol() {
    // Bound and dropped again: nobody listens there.
    let nobody = TcpListener::bind("127.0.83.2:0").unwrap().local_addr().unwrap();
    let gateway = gateway(&format!("gone = \"{nobody}\""));
    let answer = visit(gateway.addresses("gate")[0], "alice");
    assert!(answer.starts_with("CLOSED "), "{answer}");
    gateway.stop_now();
    gateway.wait();
}

const HOLDERS: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "frank"];

/// A gateway with one VIP, `gate`, before these servers.
fn gateway(servers: &str) -> sekisho_runtime::Gateway {
    let text = format!(
        r#"
        [gateway]
        workers = 2
        [vip.gate]
        listen = ["127.0.83.1:0"]
        protocol = "turnstile"
        pool = "hall"
        persist = ["user"]
        [pool.hall]
        method = "round-robin"
        servers = {{ {servers} }}
        "#
    );
    let registry = sekisho::builtin().with(Turnstile);
    let config = sekisho_config::parse(&text, "gate.toml", Path::new("."), &registry).unwrap();
    sekisho_runtime::start(config, sekisho_runtime::Options::default()).unwrap()
}

/// A server that answers every first line with its own name.
fn server(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.83.2:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = BufReader::new(client.unwrap());
            let mut line = String::new();
            if client.read_line(&mut line).is_ok_and(|read| read > 0) {
                writeln!(client.get_mut(), "{name}").unwrap();
            }
        }
    });
    address
}

/// What the holder of a ticket is answered.
fn visit(vip: SocketAddr, holder: &str) -> String {
    let mut client = TcpStream::connect(vip).unwrap();
    writeln!(client, "TICKET {holder}").unwrap();
    let mut answer = String::new();
    BufReader::new(client).read_line(&mut answer).unwrap();
    answer.trim_end().to_owned()
}
