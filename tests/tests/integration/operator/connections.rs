//! Connections: who is there, and how they are ended.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::UdpSocket;
use std::time::Duration;

use sekisho_tests::{Authority, ImapServer, ImapTalk, LineServer, Rig, folder, tls_client, until};
use serde_json::json;

use super::super::{connect_from, greeting, lines};
use super::{Client, Door, before, farm};

#[test]
fn everybody_on_every_worker_is_found_and_hears_the_end() {
    let servers = farm();
    let rig = Rig::start(&format!("[gateway]\nworkers = 3\n{}", before(&servers, "")));
    let door = Door::of(&rig);
    let mut clients: Vec<Client> = (0..40).map(|n| Client::new(&rig, &format!("user{n}"))).collect();
    let on_one = clients.iter_mut().map(Client::server).filter(|server| server == "one").count();
    assert_eq!(door.rows("/v1/connections?limit=1000", "connections").len(), 40);
    assert_eq!(door.rows("/v1/connections?limit=7", "connections").len(), 7);
    let kicked = door.post("/v1/servers/mail/one/kick", &json!({}));
    assert_eq!(kicked, json!({ "kicked": on_one }));
    until("they are gone", || {
        (door.rows("/v1/connections?limit=1000", "connections").len() == 40 - on_one).then_some(())
    });
    assert!(door.rows("/v1/connections?server=one", "connections").is_empty());
    drop(clients);
    until("all are gone", || door.rows("/v1/connections", "connections").is_empty().then_some(()));
}

#[test]
fn connections_are_listed_by_whom_from_where_and_to_which_server() {
    let servers = farm();
    let rig = Rig::start(&before(&servers, ""));
    let door = Door::of(&rig);
    let mut anna = Client::new(&rig, "anna");
    let (_bob, home) = (Client::new(&rig, "bob"), anna.server());
    let client = anna.0.tcp().local_addr().unwrap();
    let found = &door.rows("/v1/connections?user=CORP%5CAnna&vip=mail&pool=mail", "connections")[0];
    assert_eq!(found["client"], client.to_string());
    assert_eq!((&found["user"], &found["server"]), (&json!("anna"), &json!(home)));
    assert!(found["id"].as_u64().is_some_and(|id| id > 0), "{found}");
    let ids: BTreeSet<u64> =
        door.rows("/v1/connections", "connections").iter().map(|row| row["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), 2);
    assert!(door.rows("/v1/connections?user=nobody", "connections").is_empty());
    let (status, body) = door.asked("GET", "/v1/connections?vip=web", "");
    assert_eq!((status, body["help"].as_str()), (404, Some("known: mail")));
}

#[test]
fn client_whose_server_is_still_to_answer_hears_the_end_as_well() {
    let mute = ImapServer::talking(ImapTalk::greeting("mute", None));
    let rig = Rig::start(&format!(
        "[vip.mail]\nlisten = '127.0.0.1:0'\nprotocol = 'imap'\npool = 'mail'\npersist = ['user']\n\
         timeouts = {{ response = '1m' }}\n[pool.mail]\nservers = {{ mute = '{}' }}\n",
        mute.address()
    ));
    let door = Door::of(&rig);
    let mut client = BufReader::new(connect_from("127.0.0.1", rig.address("mail")));
    let mut said = String::new();
    client.read_line(&mut said).unwrap();
    client.get_mut().write_all(b"a LOGIN anna pw\r\n").unwrap();
    until("it waits", || (door.rows("/v1/connections", "connections").len() == 1).then_some(()));
    assert_eq!(door.post("/v1/users/kick", &json!({ "user": "anna" })), json!({ "kicked": 1 }));
    said.clear();
    client.read_to_string(&mut said).unwrap();
    assert_eq!(rig.line(|_| true)["end"], "kicked");
}

#[test]
fn end_of_tls_is_said_to_a_client_that_is_kicked() {
    let (authority, server) = (Authority::new(), LineServer::start("one"));
    let folder = folder("operator-tls");
    authority.issue(&["www.example.org"], &folder);
    let rig = Rig::start_in(
        &format!(
            "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'tcp'\npool = 'p'\n\
             tls = {{ certificates = ['www.example.org.pem'] }}\n[pool.p]\nservers = {{ one = '{}' }}\n",
            server.address()
        ),
        folder,
    );
    let door = Door::of(&rig);
    let mut client = tls_client(&authority.client(), "www.example.org", rig.address("v")).unwrap();
    let mut greeting = [0; 4];
    client.read_exact(&mut greeting).unwrap();
    assert_eq!(door.post("/v1/servers/p/one/kick", &json!({})), json!({ "kicked": 1 }));
    let mut rest = Vec::new();
    // Without the close_notify this is an error (RFC 8446, section 6.1).
    client.read_to_end(&mut rest).unwrap();
}

#[test]
fn client_that_does_not_read_is_gone_soon_after_it_was_kicked() {
    let server = LineServer::start("one");
    let rig = Rig::start(&format!(
        "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'tcp'\npool = 'p'\n[pool.p]\nservers = {{ {} }}\n",
        lines(std::slice::from_ref(&server))
    ));
    let door = Door::of(&rig);
    let mut client = connect_from("127.0.0.1", rig.address("v"));
    assert_eq!(greeting(&client), "one");
    // Every line comes back, and nobody reads it: in the end nothing moves any more.
    client.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    while client.write_all(&[b'a'; 65_536]).is_ok() {}
    assert_eq!(door.post("/v1/servers/p/one/kick", &json!({})), json!({ "kicked": 1 }));
    assert_eq!(rig.line(|_| true)["end"], "kicked");
    until("it is gone", || door.rows("/v1/connections", "connections").is_empty().then_some(()));
}

#[test]
fn flows_of_datagrams_are_listed_and_kicked_like_connections() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let rig = Rig::start(&format!(
        "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'udp'\npool = 'p'\n[pool.p]\nservers = {{ one = '{}' }}\n",
        server.local_addr().unwrap()
    ));
    let door = Door::of(&rig);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(b"hello", rig.address("v")).unwrap();
    server.recv_from(&mut [0; 16]).unwrap();
    let flow = &door.rows("/v1/connections", "connections")[0];
    assert_eq!(flow["client"], client.local_addr().unwrap().to_string());
    assert_eq!(door.post("/v1/servers/p/one/kick", &json!({})), json!({ "kicked": 1 }));
    assert_eq!(rig.line(|_| true)["end"], "kicked");
    until("it is gone", || door.rows("/v1/connections", "connections").is_empty().then_some(()));
}
