use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

use super::{Nginx, Sekisho, web};

/// A connection from one of several addresses: one has too few ports.
fn connect(n: usize, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 1, 0, (n % 50) as u8 + 1], 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.into()
}

#[test]
fn new_client_is_served_beside_10000_idle_connections_and_500_slow_ones() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let listen = "127.0.4.21:7420";
    let servers = [Nginx::start("www1", "127.0.4.21:7421")];
    let vip = "limits = { max-connections = 15000, max-connections-per-client = 1000 }";
    let sekisho = Sekisho::start("crowd", &web(listen, &servers, vip, ""), listen);
    let to = listen.parse().unwrap();
    let mut crowd = Vec::with_capacity(10_500);
    for n in 0..10_000 {
        crowd.push(connect(n, to));
    }
    for n in 0..500 {
        let mut slow = connect(n, to);
        slow.write_all(b"GET / HTTP/1.1\r\nHost: slow.example.org\r\nX-Slow").unwrap();
        crowd.push(slow);
    }
    for n in 0..20 {
        let mut client = connect(n, to);
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: www.example.org\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap_or_else(|error| panic!("{error}\n{}", sekisho.log()));
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("www1\n"), "{answer}");
    }
    // Still there: nobody was dropped to make room.
    for client in crowd.iter_mut().step_by(997).filter(|_| true).take(10) {
        client.set_nonblocking(true).unwrap();
        let kind = client.read(&mut [0]).unwrap_err().kind();
        assert_eq!(kind, std::io::ErrorKind::WouldBlock);
    }
}
