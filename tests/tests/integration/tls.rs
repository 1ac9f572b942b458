use std::io::{Read, Write};
use std::path::PathBuf;

use sekisho_tests::{Authority, HttpServer, LineServer, Rig, folder, tls_client, until};

use super::{connect_from, request};

fn rig(folder: PathBuf, tls: &str, server: &HttpServer) -> Rig {
    let configuration = format!(
        "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'http'\npool = 'p'\ntls = {{ {tls} }}\n\
         [pool.p]\nservers = {{ one = '{}' }}\n",
        server.address()
    );
    Rig::start_in(&configuration, folder)
}

const GET: &str = "GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n";

#[test]
fn certificate_is_found_by_name_and_the_server_learns_of_https() {
    let (authority, folder, server) = (Authority::new(), folder("names"), HttpServer::start("one"));
    authority.issue(&["www.example.org"], &folder);
    authority.issue(&["*.example.net"], &folder);
    let rig = rig(folder, "certificates = ['www.example.org.pem', 'any.example.net.pem']", &server);
    for name in ["www.example.org", "anything.example.net"] {
        let mut client = tls_client(&authority.client(), name, rig.address("v")).unwrap();
        assert_eq!(request(&mut client, GET).1, "one");
    }
    assert!(
        server.seen().iter().all(|seen| seen.field("x-forwarded-proto") == ["https"]),
        "{:?}",
        server.seen()
    );
}

#[test]
fn client_that_stops_in_the_handshake_is_cut_and_the_log_says_so() {
    let (authority, folder, server) = (Authority::new(), folder("stall"), HttpServer::start("one"));
    authority.issue(&["www.example.org"], &folder);
    let tls = "certificates = ['www.example.org.pem'] }\ntimeouts = { handshake = '1s'";
    let rig = rig(folder, tls, &server);
    let mut client = connect_from("127.0.0.1", rig.address("v"));
    client.write_all(&[0x16, 3, 1]).unwrap();
    assert_eq!(client.read(&mut [0; 64]).unwrap_or(0), 0);
    assert_eq!(rig.line(|_| true)["end"], "handshake-timeout");
}

#[test]
fn certificate_that_was_replaced_on_disk_is_shown_without_a_restart() {
    let (old, new, folder, server) =
        (Authority::new(), Authority::new(), folder("replaced"), HttpServer::start("one"));
    old.issue(&["www.example.org"], &folder);
    let rig = rig(folder.clone(), "certificates = ['www.example.org.pem']", &server);
    assert!(tls_client(&old.client(), "www.example.org", rig.address("v")).is_ok());
    new.issue(&["www.example.org"], &folder);
    let config = new.client();
    until("the new certificate", || tls_client(&config, "www.example.org", rig.address("v")).ok().map(drop));
}

#[test]
fn servers_are_reached_by_tls_with_their_certificate_checked() {
    let (authority, folder, server) = (Authority::new(), folder("again"), HttpServer::start("one"));
    authority.issue(&["inside.example.org"], &folder);
    let ca = authority.write(&folder);
    let inside = rig(folder, "certificates = ['inside.example.org.pem']", &server);
    let front = |tls: &str| {
        Rig::start(&format!(
            "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'http'\npool = 'p'\n\
             [pool.p]\nservers = {{ one = '{}' }}\ntls = {{ ca = '{}', server-name = '{tls}' }}\n",
            inside.address("v"),
            ca.display()
        ))
    };
    let right = front("inside.example.org");
    assert_eq!(request(&mut connect_from("127.0.0.1", right.address("v")), GET).1, "one");
    let wrong = front("other.example.org");
    let (head, _) = request(&mut connect_from("127.0.0.1", wrong.address("v")), GET);
    assert!(head[0].starts_with("HTTP/1.1 502 ") || head[0].starts_with("HTTP/1.1 503 "), "{head:?}");
}

#[test]
fn plain_conversation_inside_tls_reaches_a_plain_server() {
    let (authority, folder, server) = (Authority::new(), folder("lines"), LineServer::start("one"));
    authority.issue(&["mail.example.org"], &folder);
    let rig = Rig::start_in(
        &format!(
            "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'tcp'\npool = 'p'\n\
             tls = {{ certificates = ['mail.example.org.pem'] }}\n[pool.p]\nservers = {{ one = '{}' }}\n",
            server.address()
        ),
        folder,
    );
    let mut client = tls_client(&authority.client(), "mail.example.org", rig.address("v")).unwrap();
    let mut greeting = [0; 4];
    client.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"one\n");
    let sent: Vec<u8> = (0..2_000_000_u32).map(|i| (i ^ (i >> 9)) as u8).collect();
    let mut back = vec![0; sent.len()];
    // In pieces: a blocking client cannot write all of it before it reads.
    for (piece, back) in sent.chunks(10_000).zip(back.chunks_mut(10_000)) {
        client.write_all(piece).unwrap();
        client.read_exact(back).unwrap();
    }
    assert!(back == sent, "the bytes came back as others");
}
