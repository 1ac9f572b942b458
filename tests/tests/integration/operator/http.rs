//! What HTTP keeps open.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use sekisho_tests::{Rig, WebSocketServer, until};
use serde_json::json;

use super::super::connect_from;
use super::Door;

#[test]
fn what_http_keeps_open_ends_with_its_user_or_its_server_and_others_go_on() {
    let servers = ["one", "two"].map(WebSocketServer::start);
    let rig = Rig::start(&format!(
        "[vip.chat]\nlisten = '127.0.0.1:0'\nprotocol = 'http'\npool = 'chat'\npersist = ['user']\n\
         http = {{ user-from = ['header:x-user'] }}\n\
         [pool.chat]\nservers = {{ one = '{}', two = '{}' }}\n",
        servers[0].address(),
        servers[1].address()
    ));
    let door = Door::of(&rig);
    let socket = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                  Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let ask = |user: &str, more: &str| {
        let mut client = connect_from("127.0.0.1", rig.address("chat"));
        client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let head = format!("GET / HTTP/1.1\r\nHost: a.example\r\nX-User: {user}\r\n{more}\r\n");
        client.write_all(head.as_bytes()).unwrap();
        assert_ne!(client.read(&mut [0; 1]).unwrap(), 0, "there is an answer");
        client
    };
    let ends = |mut client: TcpStream| _ = client.read_to_end(&mut Vec::new()).unwrap();
    let annas = [ask("anna", socket), ask("anna", "")];
    let bobs = ask("bob", socket);
    let listed = || door.rows("/v1/connections", "connections");
    until("those that stay are listed", || (listed().len() == 3).then_some(()));
    assert_eq!(door.post("/v1/users/kick", &json!({ "user": "ANNA" })), json!({ "kicked": 2 }));
    annas.into_iter().for_each(ends);
    let line = rig.line(|line| line["end"] == "kicked");
    assert_eq!(line["status"], 101, "{line}");
    let left = listed();
    let [bob] = &left[..] else { panic!("{left:?}") };
    assert_eq!(bob["user"], "bob");
    let kick = format!("/v1/servers/chat/{}/kick", bob["server"].as_str().unwrap());
    assert_eq!(door.post(&kick, &json!({})), json!({ "kicked": 1 }));
    ends(bobs);
}
