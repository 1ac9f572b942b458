//! Another gateway in one's place, as an upgrade has it.

use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use sekisho_tests::{LineServer, Rig, until};

use super::{connect_from, echo, greeting, lines};

fn configuration(workers: usize, servers: &[LineServer], datagrams: SocketAddr) -> String {
    format!(
        "[gateway]\nworkers = {workers}\n\
         [vip.lines]\nlisten = '127.0.0.1:0'\nprotocol = 'tcp'\npool = 'lines'\npersist = ['source-ip']\n\
         [vip.datagrams]\nlisten = '127.0.0.1:0'\nprotocol = 'udp'\npool = 'datagrams'\n\
         [pool.lines]\nmethod = 'round-robin'\nservers = {{ {} }}\n\
         [pool.datagrams]\nservers = {{ echo = '{datagrams}' }}\n",
        lines(servers)
    )
}

/// Sends datagrams back until one says `end`.
fn echoes() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 100];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            if &buffer[..length] == b"end" {
                return;
            }
            let _ = socket.send_to(&buffer[..length], from);
        }
    });
    address
}

fn asks(socket: &UdpSocket, to: SocketAddr) {
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    until("a datagram comes back", || {
        socket.send_to(b"here?", to).unwrap();
        socket.recv(&mut [0; 100]).ok()
    });
}

#[test]
fn every_client_is_served_whatever_the_numbers_of_workers() {
    let servers = ["one", "two"].map(LineServer::start);
    let datagrams = echoes();
    for (before, after) in [(2, 2), (1, 3), (3, 1), (4, 3)] {
        let old = Rig::start(&configuration(before, &servers, datagrams));
        let (stream, udp) = (old.address("lines"), old.address("datagrams"));
        let mut early = TcpStream::connect(stream).unwrap();
        assert!(!greeting(&early).is_empty() && echo(&mut early));
        let flow = UdpSocket::bind("127.0.0.1:0").unwrap();
        asks(&flow, udp);

        let new = old.replace(&configuration(after, &servers, datagrams));
        assert_eq!((new.address("lines"), new.address("datagrams")), (stream, udp), "{before} {after}");
        for _ in 0..40 {
            let mut late = TcpStream::connect(stream).unwrap();
            assert!(!greeting(&late).is_empty() && echo(&mut late), "{before} {after}");
            asks(&UdpSocket::bind("127.0.0.1:0").unwrap(), udp);
        }
        assert!(echo(&mut early), "a connection stays where it was");
        asks(&flow, udp);
        drop(early);
        // And once more, with what was handed before.
        let last = new.replace(&configuration(before, &servers, datagrams));
        drop(old);
        for _ in 0..20 {
            assert!(!greeting(&TcpStream::connect(stream).unwrap()).is_empty(), "{before} {after}");
        }
        asks(&flow, udp);
        assert_eq!(last.address("lines"), stream);
        drop((new, last));
    }
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"end", datagrams).unwrap();
}

#[test]
fn client_of_the_old_gateway_is_known_to_the_new_one() {
    let servers = ["one", "two"].map(LineServer::start);
    let datagrams = echoes();
    let old = Rig::start(&configuration(1, &servers, datagrams));
    let address = old.address("lines");
    let clients = ["127.0.9.21", "127.0.9.22", "127.0.9.23"];
    let met: Vec<String> = clients.iter().map(|client| greeting(&connect_from(client, address))).collect();
    let new = old.replace(&configuration(1, &servers, datagrams));
    for (client, met) in clients.iter().zip(met) {
        assert_eq!(greeting(&connect_from(client, address)), met);
    }
    drop((old, new));
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"end", datagrams).unwrap();
}
