//! The operator's address.

use std::io::{Read, Write};
use std::net::TcpStream;

use sekisho_admin::{Admin, Doors, bind, take};
use sekisho_tests::Rig;

fn doors() -> Doors {
    let listen = Some("127.0.0.1:0".parse().unwrap());
    Doors::default().with(&sekisho_config::Admin { listen, ..Default::default() })
}

/// What a stranger is answered.
fn asked(stream: &mut TcpStream) -> String {
    stream.write_all(b"GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn operators_address_is_handed_on_and_nobody_finds_it_closed() {
    let rig = Rig::start("[gateway]\nworkers = 1\n");
    let start = |bound| Admin::start(rig.gateway().view(), sekisho::builtin(), bound).unwrap();
    let mut first = start(bind(&doors()).unwrap());
    let address = first.api_address().unwrap();
    let handed = first.hand().unwrap();
    first.leave(false);
    drop(first);
    // Nobody serves it at this moment, and still it is open: whoever comes waits a little.
    let mut early = TcpStream::connect(address).unwrap();
    let second = start(take(&doors(), handed).unwrap());
    assert_eq!(second.api_address(), Some(address));
    let answer = asked(&mut early);
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}

#[test]
fn whoever_asks_gets_in_however_many_say_nothing() {
    let rig = Rig::start("[gateway]\nworkers = 1\n");
    let admin = Admin::start(rig.gateway().view(), sekisho::builtin(), bind(&doors()).unwrap()).unwrap();
    let address = admin.api_address().unwrap();
    let mut silent: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(address).unwrap()).collect();
    let answer = asked(silent.last_mut().unwrap());
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert_eq!(silent[0].read(&mut [0]).unwrap_or(0), 0, "the first has made way");
}
