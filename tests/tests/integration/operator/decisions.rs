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
    let servers = ["patient", "hasty"].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    let site = |name: &str, server: &TcpListener, timeout: &str| {
        format!(
            "[vip.{name}]\nlisten = '127.0.0.1:0'\nprotocol = 'tcp'\npool = '{name}'\n\
             [pool.{name}]\nqueue = {{ capacity = 1, timeout = '{timeout}' }}\n\
             servers = {{ a = {{ address = '{}', max-connections = 1 }} }}\n",
            server.local_addr().unwrap()
        )
    };
    let rig = Rig::start(&(site("patient", &servers[0], "1h") + &site("hasty", &servers[1], "100ms")));
    let door = Door::of(&rig);
    let told = |vip: &str, what: &str| -> Option<Value> {
        let all = door.rows(&format!("/v1/decisions?vip={vip}"), "decisions");
        all.into_iter().find(|decision| decision["queue"] == what)
    };
    assert_eq!((told("patient", "served"), told("hasty", "served")), (None, None));
    let come = |vip: &str| {
        let mut client = connect_from("127.0.0.1", rig.address(vip));
        client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        client.write_all(b"x").unwrap();
        client
    };
    let [first, _other] = ["patient", "hasty"].map(come);
    let mut theirs = servers.each_ref().map(|server| Some(server.accept().unwrap()));
    let _late = come("patient");
    let queued = || rig.gateway().scheduler().pool("patient").unwrap().queued();
    until("it waits", || (queued() == 1).then_some(()));
    let mut many = come("patient");
    assert_eq!(many.read(&mut [0]).unwrap_or(0), 0, "there is no room for it");
    let full = until("that the queue was full", || told("patient", "full"));
    assert_eq!(full["server"], Value::Null, "{full}");
    drop((first, theirs[0].take()));
    let served = until("that it was served", || told("patient", "served"));
    assert_eq!(served["server"], "a", "{served}");

    assert_eq!(come("hasty").read(&mut [0]).unwrap_or(0), 0, "its time is over");
    let timeout = until("that it waited in vain", || told("hasty", "timeout"));
    assert!(timeout["waited_seconds"].as_f64().is_some_and(|waited| waited > 0.0), "{timeout}");
}
