use std::net::TcpStream;

use sekisho_tests::{LineServer, Rig, until};

use super::{connect_from, echo, greeting};

fn rig(server: &LineServer, drain: &str) -> Rig {
    Rig::start(&format!(
        "[gateway]\ndrain-timeout = '{drain}'\n\
         [vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'tcp'\npool = 'p'\n[pool.p]\nservers = {{ one = '{}' }}\n",
        server.address()
    ))
}

#[test]
fn stopping_gateway_serves_its_connections_to_their_end_and_takes_no_new_ones() {
    let server = LineServer::start("one");
    let mut rig = rig(&server, "30s");
    let address = rig.address("v");
    let mut client = connect_from("127.0.0.1", address);
    assert_eq!(greeting(&client), "one");
    let gateway = rig.stop();
    until("new clients are refused", || TcpStream::connect(address).is_err().then_some(()));
    assert!(echo(&mut client), "a connection was cut before the drain timeout");
    assert!(!gateway.stopped());
    drop(client);
    gateway.wait();
}

#[test]
fn what_is_left_after_the_drain_timeout_is_cut() {
    let server = LineServer::start("one");
    let mut rig = rig(&server, "1s");
    let mut client = connect_from("127.0.0.1", rig.address("v"));
    assert_eq!(greeting(&client), "one");
    rig.stop().wait();
    assert!(!echo(&mut client));
    assert_eq!(rig.line(|_| true)["end"], "drain-timeout");
}
