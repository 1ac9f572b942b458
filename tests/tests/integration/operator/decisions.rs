//! Why clients go where they do, while somebody watches.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use sekisho_tests::{HttpServer, Rig, until};
use serde_json::Value;

use super::super::{connect_from, request};
use super::Door;

#[test]
fn decisions_of_a_user_of_http_are_found_by_the_name_in_any_spelling() {
    let server = HttpServer::start("one");
    let rig = Rig::start(&format!(
        "[vip.web]\nlisten = '127.0.0.1:0'\nprotocol = 'http'\npool = 'web'\npersist = ['user']\n\
         http = {{ user-from = ['header:x-user'] }}\n[pool.web]\nservers = {{ one = '{}' }}\n",
        server.address()
    ));
    let door = Door::of(&rig);
    let decisions = |user: &str| door.rows(&format!("/v1/decisions?vip=web&user={user}"), "decisions").len();
    assert_eq!(decisions("anna"), 0, "from here on somebody watches");
    for user in ["anna", "bob", r"CORP\Anna"] {
        let mut client = connect_from("127.0.0.1", rig.address("web"));
        request(&mut client, &format!("GET / HTTP/1.1\r\nHost: a.example\r\nX-User: {user}\r\n\r\n"));
    }
    assert_eq!(["anna", "ANNA%40corp.example", "bob", "carl"].map(decisions), [2, 2, 1, 0]);
    let all = door.rows("/v1/decisions?vip=web", "decisions");
    assert_eq!(all.len(), 3);
    assert!(!serde_json::to_string(&all).unwrap().to_lowercase().contains("anna"), "nobody is named");
}

#[test]
fn what_becomes_of_clients_in_the_queue_is_among_the_decisions() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let rig = Rig::start(&format!(
        "[vip.raw]\nlisten = '127.0.0.1:0'\nprotocol = 'tcp'\npool = 'raw'\n\
         [pool.raw]\nqueue = {{ capacity = 1, timeout = '1s' }}\n\
         servers = {{ a = {{ address = '{}', max-connections = 1 }} }}\n",
        server.local_addr().unwrap()
    ));
    let door = Door::of(&rig);
    let told = |what: &str| -> Option<Value> {
        let all = door.rows("/v1/decisions?vip=raw", "decisions");
        all.into_iter().find(|decision| decision["queue"] == what)
    };
    assert_eq!(told("served"), None);
    let come = || {
        let mut client = connect_from("127.0.0.1", rig.address("raw"));
        client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        client.write_all(b"x").unwrap();
        client
    };
    let first = come();
    until("it has the server", || server.accept().ok());
    let queued = || rig.gateway().scheduler().pool("raw").unwrap().queued();
    let mut late = come();
    until("it waits", || (queued() == 1).then_some(()));
    let mut many = come();
    assert_eq!(many.read(&mut [0]).unwrap_or(0), 0, "there is no room for it");
    let full = until("that the queue was full", || told("full"));
    assert_eq!(full["server"], Value::Null, "{full}");
    assert_eq!(late.read(&mut [0]).unwrap_or(0), 0, "its time is over");
    let timeout = until("that it waited in vain", || told("timeout"));
    assert!(timeout["waited_seconds"].as_f64().is_some_and(|waited| waited >= 1.0), "{timeout}");
    let _next = come();
    until("it waits", || (queued() == 1).then_some(()));
    drop(first);
    let served = until("that it was served", || told("served"));
    assert_eq!(served["server"], "a", "{served}");
}
