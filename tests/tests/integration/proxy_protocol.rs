//! Servers that are told who the client is.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use sekisho_tests::{Authority, Rig, folder, tls_client};

use super::{answer, connect_from};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A gateway before a server that the test plays itself.
fn rig(protocol: &str, pool: &str) -> (Rig, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let configuration = format!(
        "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = '{protocol}'\npool = 'p'\n\
         [pool.p]\nservers = {{ one = '{}' }}\n{pool}\n",
        listener.local_addr().unwrap()
    );
    (Rig::start(&configuration), listener)
}

fn take<const N: usize>(stream: &mut TcpStream) -> [u8; N] {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// The first line that comes.
fn line(stream: &mut TcpStream) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        line.extend(take::<1>(stream));
    }
    String::from_utf8(line).unwrap()
}

/// A binary header: its second word of four bytes, and what it says.
fn header(stream: &mut TcpStream) -> ([u8; 2], Vec<u8>) {
    assert_eq!(take::<12>(stream), SIGNATURE);
    let [command, family, high, low] = take(stream);
    let mut told = vec![0; usize::from(u16::from_be_bytes([high, low]))];
    stream.read_exact(&mut told).unwrap();
    ([command, family], told)
}

/// Both ends as a header over IPv4 has them.
fn ends(client: SocketAddr, vip: SocketAddr) -> Vec<u8> {
    let octets = |address: SocketAddr| match address.ip() {
        std::net::IpAddr::V4(ip) => ip.octets(),
        std::net::IpAddr::V6(_) => unreachable!("these tests speak IPv4"),
    };
    let ports = [client.port().to_be_bytes(), vip.port().to_be_bytes()];
    [octets(client), octets(vip)].concat().into_iter().chain(ports.concat()).collect()
}

#[test]
fn server_reads_the_clients_address_before_the_clients_first_byte() {
    let (rig, listener) = rig("tcp", "proxy-protocol = 'v1'");
    let vip = rig.address("v");
    let mut client = connect_from("127.0.0.9", vip);
    client.write_all(b"hello\n").unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let own = client.local_addr().unwrap();
    assert_eq!(
        line(&mut server),
        format!("PROXY TCP4 127.0.0.9 127.0.0.1 {} {}\r\n", own.port(), vip.port())
    );
    assert_eq!(line(&mut server), "hello\n");
}

#[test]
fn header_goes_before_the_tls_towards_the_server() {
    let (rig, listener) = rig("tcp", "proxy-protocol = 'v2'\ntls = { verify = false }");
    let client = connect_from("127.0.0.9", rig.address("v"));
    let (mut server, _) = listener.accept().unwrap();
    let (kind, told) = header(&mut server);
    assert_eq!((kind, told), ([0x21, 0x11], ends(client.local_addr().unwrap(), rig.address("v"))));
    assert_eq!(take::<2>(&mut server), [22, 3], "a TLS handshake follows");
}

#[test]
fn server_learns_of_the_tls_that_ends_at_the_gateway() {
    let (authority, folder) = (Authority::new(), folder("proxy-protocol"));
    authority.issue(&["www.example.org"], &folder);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let configuration = format!(
        "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'http'\npool = 'p'\n\
         tls = {{ certificates = 'www.example.org.pem', min-version = '1.3' }}\n\
         [pool.p]\nservers = {{ one = '{}' }}\nproxy-protocol = 'v2'\n",
        listener.local_addr().unwrap()
    );
    let rig = Rig::start_in(&configuration, folder);
    let mut client = tls_client(&authority.client(), "www.example.org", rig.address("v")).unwrap();
    client.write_all(GET).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let (kind, told) = header(&mut server);
    assert_eq!(kind, [0x21, 0x11]);
    let cipher = b"TLS_AES_256_GCM_SHA384";
    let tls = [&[1, 0, 0, 0, 1, 0x21, 0, 7][..], b"TLSv1.3", &[0x23, 0, 22], cipher].concat();
    let expected = [&[2, 0, 15][..], b"www.example.org", &[0x20, 0, 40], &tls].concat();
    assert!(told.ends_with(&expected), "{told:02x?}");
    server.write_all(OK).unwrap();
    assert_eq!(answer(&mut client).1, "ok");
}

#[test]
fn each_client_of_http_has_a_connection_that_names_it() {
    let (rig, listener) = rig("http", "proxy-protocol = 'v2'");
    let mut clients = ["127.0.0.8", "127.0.0.9"].map(|from| connect_from(from, rig.address("v")));
    let mut servers = Vec::new();
    for client in &mut clients {
        client.write_all(GET).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let expected = ends(client.local_addr().unwrap(), rig.address("v"));
        assert_eq!(header(&mut server), ([0x21, 0x11], expected));
        server.write_all(OK).unwrap();
        assert_eq!(answer(client).1, "ok");
        servers.push(server);
    }
    let heads = servers.iter_mut().map(|server| {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(take::<1>(server));
        }
        String::from_utf8(head).unwrap()
    });
    let told: Vec<bool> =
        heads.zip(["127.0.0.8", "127.0.0.9"]).map(|(head, from)| head.contains(from)).collect();
    assert_eq!(told, [true, true]);
}

#[test]
fn every_datagram_of_a_flow_has_a_header_and_no_answer_has() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let rig = Rig::start(&format!(
        "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'udp'\npool = 'p'\n\
         [pool.p]\nservers = {{ one = '{}' }}\nproxy-protocol = 'v2'\n",
        server.local_addr().unwrap()
    ));
    let client = UdpSocket::bind("127.0.0.9:0").unwrap();
    client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    for word in ["one", "two"] {
        client.send_to(word.as_bytes(), rig.address("v")).unwrap();
        let mut room = [0; 64];
        let (length, flow) = server.recv_from(&mut room).unwrap();
        let own = ends(client.local_addr().unwrap(), rig.address("v"));
        let expected = [SIGNATURE, &[0x21, 0x12, 0, 12], &own, word.as_bytes()].concat();
        assert_eq!(room[..length], expected);
        server.send_to(b"answer", flow).unwrap();
        let (length, _) = client.recv_from(&mut room).unwrap();
        assert_eq!(&room[..length], b"answer");
    }
}
