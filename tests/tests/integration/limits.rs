use std::io::Read;
use std::time::Duration;

use sekisho_tests::{LineServer, Rig, until};

use super::{connect_from, echo, greeting};

fn rig(server: &LineServer, vip: &str, server_options: &str, pool: &str) -> Rig {
    Rig::start(&format!(
        "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'tcp'\npool = 'p'\n{vip}\n\
         [pool.p]\nservers = {{ one = {{ address = '{}' {server_options} }} }}\n{pool}\n",
        server.address()
    ))
}

#[test]
fn client_above_its_own_limit_is_refused_and_others_are_not() {
    let server = LineServer::start("one");
    let rig = rig(&server, "limits = { max-connections-per-client = 2 }", "", "");
    let first = connect_from("127.0.0.2", rig.address("v"));
    let second = connect_from("127.0.0.2", rig.address("v"));
    assert_eq!((greeting(&first), greeting(&second)), ("one".into(), "one".into()));
    assert_eq!(greeting(&connect_from("127.0.0.2", rig.address("v"))), "");
    assert_eq!(greeting(&connect_from("127.0.0.3", rig.address("v"))), "one");
    let line = rig.line(|line| line["end"] != "done" && line["end"] != "client-left");
    assert_eq!(line["end"], "max-connections-per-client", "{line}");
    drop(first);
    until("the place comes back", || {
        (greeting(&connect_from("127.0.0.2", rig.address("v"))) == "one").then_some(())
    });
}

#[test]
fn connections_above_the_vips_limit_wait_and_are_not_refused() {
    let server = LineServer::start("one");
    let rig = rig(&server, "limits = { max-connections = 2 }", "", "");
    let mut open: Vec<_> = (0..2).map(|_| connect_from("127.0.0.1", rig.address("v"))).collect();
    assert!(open.iter().all(|client| greeting(client) == "one"));
    let mut waiting = connect_from("127.0.0.1", rig.address("v"));
    waiting.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let kind = waiting.read(&mut [0]).unwrap_err().kind();
    assert_eq!(kind, std::io::ErrorKind::WouldBlock, "it neither got in nor was it refused");
    waiting.set_read_timeout(None).unwrap();
    open.pop();
    assert_eq!(greeting(&waiting), "one");
    assert!(echo(&mut waiting));
}

#[test]
fn full_server_queues_its_clients_in_order_of_arrival() {
    let server = LineServer::start("one");
    let rig = rig(&server, "", ", max-connections = 1", "queue = { capacity = 10, timeout = '20s' }");
    let first = connect_from("127.0.0.1", rig.address("v"));
    assert_eq!(greeting(&first), "one");
    let mut second = connect_from("127.0.0.1", rig.address("v"));
    second.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(second.read(&mut [0]).is_err(), "the server has one connection at the most");
    second.set_read_timeout(None).unwrap();
    drop(first);
    assert_eq!(greeting(&second), "one");
}

#[test]
fn client_that_waited_long_enough_in_the_queue_is_let_go() {
    let server = LineServer::start("one");
    let rig = rig(&server, "", ", max-connections = 1", "queue = { capacity = 10, timeout = '200ms' }");
    let first = connect_from("127.0.0.1", rig.address("v"));
    assert_eq!(greeting(&first), "one");
    assert_eq!(greeting(&connect_from("127.0.0.1", rig.address("v"))), "");
    assert_eq!(rig.line(|_| true)["end"], "queue-timeout");
}
