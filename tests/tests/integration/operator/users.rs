//! Users: where they are, and how they are sent elsewhere.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use sekisho_tests::{Desktop, Manner, Rig, desktop_request, until};
use serde_json::{Value, json};

use super::super::connect_from;
use super::{Client, Door, another, before, farm};

#[test]
fn users_are_listed_with_their_servers_once_they_have_logged_in() {
    let servers = farm();
    let rig = Rig::start(&before(&servers, ""));
    let door = Door::of(&rig);
    assert_eq!(door.get("/v1/users"), json!({ "users": [], "more": false }));
    let (mut anna, mut bob) = (Client::new(&rig, "anna"), Client::new(&rig, "CORP\\Bob"));
    let homes = BTreeMap::from([("anna".to_owned(), anna.server()), ("bob".to_owned(), bob.server())]);
    assert_eq!(door.homes(), homes);
    let user = &door.rows("/v1/users?user=ANNA%40corp.example", "users")[0];
    assert_eq!(
        (&user["open"], &user["expires_in_seconds"], &user["pool"]),
        (&json!(1), &Value::Null, &Value::Null)
    );
    let on = |server: &str| door.rows(&format!("/v1/users?server={server}"), "users").len();
    assert_eq!(on(&homes["anna"]), homes.values().filter(|home| **home == homes["anna"]).count());
    assert_eq!(door.rows("/v1/users?limit=1", "users").len(), 1);
    assert_eq!(door.get("/v1/users?limit=1")["more"], true);
    drop(anna);
    until("anna has left", || {
        let user = &door.rows("/v1/users?user=anna", "users")[0];
        (user["open"] == 0 && user["expires_in_seconds"].is_u64()).then_some(())
    });
}

#[test]
fn moved_user_stays_until_the_connection_ends_and_comes_back_on_the_new_server() {
    let servers = farm();
    let rig = Rig::start(&before(&servers, ""));
    let door = Door::of(&rig);
    let mut client = Client::new(&rig, "anna");
    let home = client.server();
    let to = another(&home);
    let moved = door.post("/v1/users/move", &json!({ "user": "CORP\\Anna", "server": to }));
    assert_eq!(moved, json!({ "user": "anna", "server": to, "state": "up", "kicked": 0 }));
    assert_eq!(client.server(), home, "nobody was kicked");
    assert_eq!(Client::new(&rig, "anna").server(), to);
    drop(client);
    assert_eq!(Client::new(&rig, "Anna@corp.example").server(), to);
    // Also somebody who never came.
    door.post("/v1/users/move", &json!({ "user": "new", "server": "three" }));
    assert_eq!(Client::new(&rig, "new").server(), "three");
    door.post("/v1/users/forget", &json!({ "user": "NEW" }));
    assert!(!door.homes().contains_key("new"));
}

#[test]
fn kicked_user_hears_the_end_and_finds_the_new_server() {
    let servers = farm();
    let rig = Rig::start(&before(&servers, ""));
    let door = Door::of(&rig);
    let (mut one, mut two, mut bob) =
        (Client::new(&rig, "anna"), Client::new(&rig, "anna"), Client::new(&rig, "bob"));
    let (home, bobs) = (one.server(), bob.server());
    let to = another(&home);
    let moved = door.post("/v1/users/move", &json!({ "user": "anna", "server": to, "kick": true }));
    assert_eq!(moved["kicked"], 2);
    assert!(one.0.ended() && two.0.ended());
    let line = rig.line(|line| line["end"] == "kicked");
    assert_eq!((&line["server"], &line["vip"]), (&json!(home), &json!("mail")));
    assert_eq!(bob.server(), bobs, "nobody else was");
    let mut back = Client::new(&rig, "anna");
    assert_eq!(back.server(), to);
    // Who is where she should be is left alone.
    let moved = door.post("/v1/users/move", &json!({ "user": "anna", "server": to, "kick": true }));
    assert_eq!((moved["kicked"].clone(), back.server()), (json!(0), to.to_owned()));
    assert_eq!(door.post("/v1/users/kick", &json!({ "user": "ANNA" })), json!({ "kicked": 1 }));
    assert!(back.0.ended());
    assert_eq!(Client::new(&rig, "anna").server(), to, "a kick alone moves nobody");
    until("the servers know, too", || {
        let pools = door.get("/v1/pools");
        let servers = pools["pools"][0]["servers"].as_array().unwrap();
        let active: u64 = servers.iter().map(|server| server["active"].as_u64().unwrap()).sum();
        (active == 1).then_some(())
    });
}

/// A Remote Desktop client of this user, and the first letter of its server's name.
fn desktop(rig: &Rig, user: &str) -> (TcpStream, char) {
    let mut desk = connect_from("127.0.0.1", rig.address("desks"));
    desk.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    desk.write_all(&desktop_request(&format!("Cookie: mstshash={user}"), None)).unwrap();
    let mut answer = [0; 20];
    desk.read_exact(&mut answer).unwrap();
    (desk, char::from(answer[19]))
}

#[test]
fn moved_person_finds_mail_and_desktop_on_the_new_server() {
    let servers = farm();
    let desktops = ["one", "two", "three"].map(|name| Desktop::start(name, Manner::Confirms));
    let [one, two, three] = desktops.each_ref().map(Desktop::address);
    let more = format!(
        "[vip.desks]\nlisten = '127.0.0.1:0'\nprotocol = 'rdp'\npool = 'desks'\npersist = ['user']\n\
         [pool.desks]\nservers = {{ one = '{one}', two = '{two}', three = '{three}' }}\n"
    );
    let rig = Rig::start(&before(&servers, &more));
    let door = Door::of(&rig);
    let mut mail = Client::new(&rig, "anna@corp.example");
    let home = mail.server();
    let (mut desk, at) = desktop(&rig, "LAB\\anna");
    assert!(home.starts_with(at));
    assert_eq!(door.rows("/v1/connections?user=anna", "connections").len(), 2);
    let to = another(&home);
    let moved = door.post("/v1/users/move", &json!({ "user": "Anna", "server": to, "kick": true }));
    assert_eq!(moved["kicked"], 2, "both of them");
    assert!(mail.0.ended());
    desk.read_to_end(&mut Vec::new()).unwrap();
    let (_desk, at) = desktop(&rig, "anna");
    assert!(to.starts_with(at));
    assert_eq!(Client::new(&rig, "ANNA").server(), to);
}

#[test]
fn several_domains_are_told_apart_by_name() {
    let servers = farm();
    let more = "[vip.other]\nlisten = '127.0.0.1:0'\nprotocol = 'imap'\npool = 'mail'\npersist = ['user']\n\
                domain = 'staff'\n[domain.staff]\nidentity = { keep-domain = true }\n";
    let rig = Rig::start(&before(&servers, more));
    let door = Door::of(&rig);
    let (status, error) = door.refused("/v1/users/move", &json!({ "user": "anna", "server": "one" }));
    assert_eq!((status, error.as_str()), (400, "there are several domains"));
    let said = json!({ "user": "CORP\\Anna", "server": "one", "domain": "staff" });
    assert_eq!(door.post("/v1/users/move", &said)["user"], "anna@corp");
    let users = door.rows("/v1/users", "users");
    assert_eq!((users.len(), users[0]["domain"].as_str()), (1, Some("staff")));
    assert!(door.rows("/v1/users?domain=default", "users").is_empty());
}
