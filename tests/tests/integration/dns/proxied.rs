//! Servers that are told of clients by a PROXY header, version 2: before each datagram, and once on each connection.

use std::io::Read;
use std::net::TcpListener;

use super::*;

const PROXY: Words<'_> = Words { vip: "", dns: "", pool: "proxy-protocol = 'v2'", pool_dns: "" };

/// The client that a header names, what it travels over (1: stream, 2: datagram), and the header's length.
fn header(bytes: &[u8]) -> (SocketAddr, u8, usize) {
    assert_eq!(bytes[..13], *b"\r\n\r\n\0\r\nQUIT\n\x21", "version 2, on behalf of somebody");
    assert_eq!(bytes[13] >> 4, 1, "IPv4");
    let ip: [u8; 4] = bytes[16..20].try_into().unwrap();
    let port = u16::from_be_bytes([bytes[24], bytes[25]]);
    let length = 16 + usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
    (SocketAddr::from((ip, port)), bytes[13] & 0x0f, length)
}

#[test]
fn every_datagram_names_its_client() {
    let server = DnsServer::start(|seen, reply| {
        let (client, over, length) = header(&seen.message);
        assert_eq!(over, 2, "a datagram");
        reply.send(&dns_answer(&seen.message[length..], 60, &client.to_string()));
    });
    let gate = Gate::start(&[&server], PROXY);
    let clients: Vec<Client> = (1..20).map(|last| gate.udp_from([127, 0, 6, last])).collect();
    for round in 0..5 {
        for client in &clients {
            client.send(&query(round, "www.example"));
        }
        for client in &clients {
            assert_eq!(text(&client.receive()), client.0.local_addr().unwrap().to_string());
        }
    }
}

/// A server over TCP that answers with the client that each connection names; it ends with the process.
fn naming_clients() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut head = [0; 28];
                stream.read_exact(&mut head).unwrap();
                let (client, over, length) = header(&head);
                assert_eq!((over, length), (1, head.len()), "a stream");
                while let Some(message) = read_framed(&mut stream) {
                    let answer = dns_answer(&message, 60, &client.to_string());
                    let _ = stream.write_all(&framed(&answer));
                }
            });
        }
    });
    address
}

#[test]
fn no_two_clients_share_a_connection_that_names_one_of_them() {
    let address = loopback();
    let rig = Rig::start(&configuration(&address.to_string(), &[naming_clients()], PROXY));
    let gate = Gate { rig, address };
    let mut clients: Vec<Stream> = (1..20).map(|last| gate.tcp_from(&format!("127.0.6.{last}"))).collect();
    for round in 0..5 {
        for client in &mut clients {
            client.send(&query(round, "www.example"));
            client.send(&query(round, "mail.example"));
        }
        for client in &mut clients {
            let own = client.0.local_addr().unwrap().to_string();
            assert_eq!([text(&client.receive()), text(&client.receive())], [&*own, &*own]);
        }
    }
}
