//! Datagrams of Remote Desktop clients, which follow their connections.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use sekisho_tests::{Rig, desktop_request, until};

/// A server of Remote Desktop on TCP and UDP of one port; it confirms every client, and answers datagrams with its name.
struct Both {
    address: SocketAddr,
}

impl Both {
    fn start(name: &'static str, ip: [u8; 4]) -> Self {
        let streams = TcpListener::bind((std::net::Ipv4Addr::from(ip), 0)).unwrap();
        let address = streams.local_addr().unwrap();
        let datagrams = UdpSocket::bind(address).unwrap();
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for stream in streams.incoming() {
                let Ok(mut stream) = stream else { continue };
                let mut request = [0; 64];
                if stream.read(&mut request).is_ok_and(|n| n > 0) {
                    let confirm = [3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0, 8, 0, 1, 0, 0, 0];
                    _ = stream.write_all(&confirm);
                    open.push(stream);
                }
            }
        });
        std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while let Ok((_, client)) = datagrams.recv_from(&mut buffer) {
                _ = datagrams.send_to(name.as_bytes(), client);
            }
        });
        Self { address }
    }
}

fn rig(options: &str) -> Rig {
    let (one, two) = (Both::start("one", [127, 0, 62, 1]), Both::start("two", [127, 0, 62, 2]));
    Rig::start(&format!(
        "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'rdp'\npool = 'p'\npersist = ['user']\ntimeouts = {{ half-closed = '200ms' }}\n{options}\n\
         [pool.p]\nmethod = 'round-robin'\nservers = {{ one = '{}', two = '{}' }}\n",
        one.address, two.address
    ))
}

/// A confirmed connection.
fn connect(rig: &Rig, user: &str) -> TcpStream {
    let mut stream = TcpStream::connect(rig.address("v")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(&desktop_request(&format!("Cookie: mstshash={user}"), Some(1))).unwrap();
    let mut confirm = [0; 19];
    stream.read_exact(&mut confirm).unwrap();
    stream
}

/// Who answers a datagram within a while; `None` if nobody does.
fn asked(socket: &UdpSocket) -> Option<String> {
    socket.send(b"hello").unwrap();
    let mut name = [0; 16];
    let read = socket.recv(&mut name).ok()?;
    Some(String::from_utf8_lossy(&name[..read]).into_owned())
}

fn socket(rig: &Rig) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    socket.connect(rig.address("v")).unwrap();
    socket
}

#[test]
fn datagrams_go_to_the_server_of_the_clients_newest_connection_and_nowhere_without_one() {
    let rig = rig("rdp.udp = true");
    assert_eq!(asked(&socket(&rig)), None, "nobody to follow");
    let first = connect(&rig, "anna");
    let follower = until("datagrams follow the connection", || asked(&socket(&rig)));
    let second = connect(&rig, "otto");
    until("datagrams follow the newer one", || asked(&socket(&rig)).filter(|now| *now != follower));
    drop((first, second));
    until("datagrams go nowhere", || asked(&socket(&rig)).is_none().then_some(()));
}

#[test]
fn port_is_closed_to_datagrams_where_nothing_is_said() {
    let rig = rig("");
    let _stream = connect(&rig, "anna");
    let socket = socket(&rig);
    socket.send(b"hello").unwrap();
    let refused = socket.recv(&mut [0; 16]).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}
