//! Addresses that the gateway connects from, on a machine with few ports.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use rustix::process::Signal;
use sekisho_tests::{sekisho, until};
use socket2::{Domain, Socket, Type};

use super::super::Folder;
use super::super::machine::Machine;

/// Ports that an address has for one server.
const PORTS: usize = 20;
const LISTEN: &str = "127.0.0.1:8080";
const SERVER: &str = "127.0.0.1:9000";

/// Says to each client which address it sees, and keeps it.
fn serve(listener: &TcpListener, kept: &mut Vec<TcpStream>) {
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let seen = stream.peer_addr().unwrap().ip().to_string();
        stream.write_all(format!("{seen}\n").as_bytes()).unwrap();
        kept.push(stream);
    }
}

/// A client with an address of its own, and what the server said to it: the address that it sees, or nothing.
fn client(number: usize) -> (TcpStream, Option<IpAddr>) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    // The few ports are the gateway's: clients have another.
    let own = SocketAddr::from(([127, 0, 2, number as u8], 3000));
    socket.bind(&own.into()).unwrap();
    socket.connect(&LISTEN.parse::<SocketAddr>().unwrap().into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let (mut said, mut byte) = (String::new(), [0]);
    while matches!(stream.read(&mut byte), Ok(1)) && byte != [b'\n'] {
        said.push(char::from(byte[0]));
    }
    (stream, said.parse().ok())
}

#[test]
fn one_server_has_as_many_connections_as_all_source_addresses_have_ports() {
    let machine = Machine::start(&[]);
    machine.shell(&format!(
        "ip link set lo up && echo 20000 {} >/proc/sys/net/ipv4/ip_local_port_range",
        19_999 + PORTS
    ));
    let folder = Folder::new("source-addresses");
    let file = folder.write(
        "gateway.toml",
        &format!(
            "[gateway]\nlog = 'info'\ndrain-timeout = '1s'\nworkers = 2\n[vip.few]\nlisten = '{LISTEN}'\nprotocol = 'tcp'\npool = 'few'\n\
             [pool.few]\nservers = {{ one = '{SERVER}' }}\nsource = ['127.0.1.1', '127.0.1.2', '127.0.1.3']\n"
        ),
    );
    let listener = machine.inside(|| TcpListener::bind(SERVER).unwrap());
    std::thread::spawn(move || serve(&listener, &mut Vec::new()));
    let log = folder.path().join("log");
    let mut gateway = machine.run_beside(&log, &[sekisho().to_str().unwrap(), "run", file.to_str().unwrap()]);
    until("the gateway serves", || folder.read("log").contains("Serving").then_some(()));

    let (mut clients, mut seen) = (Vec::new(), BTreeMap::<IpAddr, usize>::new());
    for number in 1..=3 * PORTS {
        let (stream, address) = machine.inside(|| client(number));
        let address =
            address.unwrap_or_else(|| panic!("no server for client {number}: {}", folder.read("log")));
        *seen.entry(address).or_default() += 1;
        clients.push(stream);
    }
    assert_eq!(seen.values().copied().collect::<Vec<_>>(), [PORTS; 3], "{seen:?}");
    // One more has none, and the server is not to blame.
    let (_, address) = machine.inside(|| client(3 * PORTS + 1));
    assert_eq!(address, None);
    assert!(folder.read("log").contains("No socket for a server connection"), "{}", folder.read("log"));
    drop(clients);
    gateway.signal(Signal::TERM);
    until("the gateway has ended", || gateway.ended());
}
