//! What the operator asks and does at the admin socket, as clients meet it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sekisho_admin::{Admin, AdminError, Doors, bind};
use sekisho_tests::{Authority, Desktop, ImapServer, ImapTalk, LineServer, Manner, Rig, tls_client, until};
use serde_json::{Value, json};

use super::{connect_from, echo, greeting, lines};

/// The door of a gateway.
struct Door {
    admin: Admin,
    folder: PathBuf,
    socket: PathBuf,
}

impl Door {
    fn of(rig: &Rig) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("sekisho-operator-{}-{count}", std::process::id()));
        let socket = folder.join("admin.sock");
        let bound = bind(&doors(&socket)).unwrap();
        let admin = Admin::start(rig.gateway().view(), sekisho::builtin(), bound).unwrap();
        Self { admin, folder, socket }
    }

    /// What comes back to these bytes: status and body.
    fn say(&self, bytes: &[u8]) -> (u16, String) {
        say(&self.socket, bytes)
    }

    fn asked(&self, method: &str, target: &str, body: &str) -> (u16, Value) {
        let request = format!("{method} {target} HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let (status, body) = self.say(request.as_bytes());
        (status, serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}")))
    }

    fn get(&self, target: &str) -> Value {
        let (status, body) = self.asked("GET", target, "");
        assert_eq!(status, 200, "{body}");
        body
    }

    fn post(&self, target: &str, body: &Value) -> Value {
        let (status, body) = self.asked("POST", target, &body.to_string());
        assert_eq!(status, 200, "{body}");
        body
    }

    fn refused(&self, target: &str, body: &Value) -> (u16, String) {
        let (status, body) = self.asked("POST", target, &body.to_string());
        assert!(body["help"].as_str().is_some_and(|help| !help.is_empty()), "{body}");
        (status, body["error"].as_str().unwrap().to_owned())
    }

    /// The rows of an answer.
    fn rows(&self, target: &str, name: &str) -> Vec<Value> {
        self.get(target)[name].as_array().unwrap().clone()
    }

    /// Who is on which server.
    fn homes(&self) -> BTreeMap<String, String> {
        let users = self.rows("/v1/users", "users");
        let text = |user: &Value, name: &str| user[name].as_str().unwrap().to_owned();
        users.iter().map(|user| (text(user, "user"), text(user, "server"))).collect()
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        _ = self.admin.prepare(&Doors::default()).map(|change| self.admin.change(change));
        _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn doors(socket: &std::path::Path) -> Doors {
    Doors { admin: Some(socket.to_owned()), ..Doors::default() }
}

fn say(socket: &std::path::Path, bytes: &[u8]) -> (u16, String) {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // Whoever is refused early may not be listened to until the end.
    let _ = stream.write_all(bytes);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// A mail program that has logged in.
struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    fn new(rig: &Rig, user: &str) -> Self {
        let stream = connect_from("127.0.0.1", rig.address("mail"));
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut client = Self { stream: BufReader::new(stream) };
        client.line();
        let answer = client.ask(&format!("a LOGIN \"{}\" pw", user.replace('\\', "\\\\")));
        assert!(answer.starts_with("a OK"), "{answer}");
        client
    }

    fn ask(&mut self, text: &str) -> String {
        self.stream.get_mut().write_all(format!("{text}\r\n").as_bytes()).unwrap();
        self.line()
    }

    /// The next line; empty at the clean end.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn server(&mut self) -> String {
        let line = self.ask("w WHO");
        self.line();
        line.split(' ').nth(2).unwrap_or_else(|| panic!("{line}")).to_owned()
    }
}

/// Three mail servers that call themselves as the configuration does.
fn farm() -> [ImapServer; 3] {
    ["one", "two", "three"].map(ImapServer::start)
}

fn before(servers: &[ImapServer; 3], more: &str) -> String {
    let [one, two, three] = servers.each_ref().map(ImapServer::address);
    format!(
        "[vip.mail]\nlisten = '127.0.0.1:0'\nprotocol = 'imap'\npool = 'mail'\npersist = ['user']\n\
         [pool.mail]\nservers = {{ one = '{one}', two = '{two}', three = '{three}' }}\n{more}"
    )
}

fn another(server: &str) -> &'static str {
    ["one", "two", "three"].into_iter().find(|name| *name != server).unwrap()
}

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
    assert_eq!((one.line(), two.line()), (String::new(), String::new()), "a clean end");
    let line = rig.line(|line| line["end"] == "kicked");
    assert_eq!((&line["server"], &line["vip"]), (&json!(home), &json!("mail")));
    assert_eq!(bob.server(), bobs, "nobody else was");
    let mut back = Client::new(&rig, "anna");
    assert_eq!(back.server(), to);
    // Who is where she should be is left alone.
    let moved = door.post("/v1/users/move", &json!({ "user": "anna", "server": to, "kick": true }));
    assert_eq!((moved["kicked"].clone(), back.server()), (json!(0), to.to_owned()));
    assert_eq!(door.post("/v1/users/kick", &json!({ "user": "ANNA" })), json!({ "kicked": 1 }));
    assert_eq!(back.line(), "");
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
    let line = format!("Cookie: mstshash={user}\r\n");
    let length = u8::try_from(11 + line.len()).unwrap();
    desk.write_all(&[3, 0, 0, length, length - 5, 0xe0, 0, 0, 0, 0, 0]).unwrap();
    desk.write_all(line.as_bytes()).unwrap();
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
    assert_eq!(mail.line(), "");
    desk.read_to_end(&mut Vec::new()).unwrap();
    let (_desk, at) = desktop(&rig, "anna");
    assert!(to.starts_with(at) || to == "two" && at == 't');
    assert_eq!(Client::new(&rig, "ANNA").server(), to);
}

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
    let client = anna.stream.get_ref().local_addr().unwrap();
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
fn drained_server_keeps_its_users_until_they_are_moved_and_gets_no_others() {
    let servers = farm();
    let rig = Rig::start(&before(&servers, ""));
    let door = Door::of(&rig);
    let home = Client::new(&rig, "anna").server();
    let path = format!("/v1/servers/mail/{home}");
    let server = door.post(&path, &json!({ "state": "drain" }));
    assert_eq!((&server["state"], &server["wanted"]), (&json!("draining"), &json!("drain")));
    assert_eq!(Client::new(&rig, "anna").server(), home);
    for n in 0..6 {
        assert_ne!(Client::new(&rig, &format!("new{n}")).server(), home);
    }
    let to = another(&home);
    let all = door.post("/v1/users/move-all", &json!({ "from": home, "to": to }));
    assert_eq!(all, json!({ "moved": 1, "kicked": 0 }));
    assert_eq!(Client::new(&rig, "anna").server(), to);
    door.post(&path, &json!({ "state": "ready", "weight": 256 }));
    assert_eq!(door.post(&path, &json!({ "weight": 7 }))["state"], "up");
    let pools = door.get("/v1/pools");
    let listed = pools["pools"][0]["servers"].as_array().unwrap();
    let weight = listed.iter().find(|server| server["name"] == *home).unwrap()["weight"].clone();
    assert_eq!(weight, 7);
}

#[test]
fn server_in_maintenance_is_left_at_once_by_those_who_are_kicked() {
    let servers = farm();
    let rig = Rig::start(&before(&servers, ""));
    let door = Door::of(&rig);
    let mut client = Client::new(&rig, "anna");
    let home = client.server();
    door.post(&format!("/v1/servers/mail/{home}"), &json!({ "state": "maintenance" }));
    assert_eq!(client.server(), home, "whoever is connected stays");
    door.post(&format!("/v1/servers/mail/{home}/kick"), &json!({}));
    assert_eq!(client.line(), "");
    assert_ne!(Client::new(&rig, "anna").server(), home);
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
    let folder = std::env::temp_dir().join(format!("sekisho-operator-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
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
    while client.write_all(&[b'a'; 65_536].map(|byte| byte)).is_ok() {}
    assert_eq!(door.post("/v1/servers/p/one/kick", &json!({})), json!({ "kicked": 1 }));
    assert_eq!(rig.line(|_| true)["end"], "kicked");
    assert!(door.rows("/v1/connections", "connections").is_empty());
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

#[test]
fn vips_and_pools_are_listed_with_what_they_serve() {
    let server = LineServer::start("one");
    let rig = Rig::start(&format!(
        "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'tcp'\npool = 'p'\npersist = ['source-ip']\n\
         [pool.p]\nprobe = {{ kind = 'tcp', interval = '100ms' }}\nservers = {{ {} }}\n",
        lines(std::slice::from_ref(&server))
    ));
    let door = Door::of(&rig);
    let mut client = connect_from("127.0.0.1", rig.address("v"));
    assert_eq!(greeting(&client), "one");
    assert!(echo(&mut client));
    let vip = &door.rows("/v1/vips", "vips")[0];
    assert_eq!(
        (&vip["name"], &vip["protocol"], &vip["connections"]),
        (&json!("v"), &json!("tcp"), &json!(1))
    );
    assert_eq!((&vip["persist"], &vip["pools"]), (&json!(["source-ip"]), &json!(["p"])));
    let server = until("a probe", || {
        let server = door.rows("/v1/pools", "pools")[0]["servers"][0].clone();
        (server["last_probe"]["ok"] == true).then_some(server)
    });
    assert_eq!(
        (&server["state"], &server["health"], &server["active"]),
        (&json!("up"), &json!("up"), &json!(1))
    );
    assert!(door.rows("/v1/users", "users").is_empty(), "an address is no user");
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

#[test]
fn what_is_not_there_is_refused_with_what_is() {
    let servers = farm();
    let rig = Rig::start(&before(&servers, ""));
    let door = Door::of(&rig);
    let all = "known: one, two, three";
    for (target, body, status, help) in [
        ("/v1/servers/mail/four", json!({ "state": "drain" }), 404, all),
        ("/v1/servers/web/one", json!({ "state": "drain" }), 404, "known: mail"),
        ("/v1/servers/mail/one", json!({}), 400, ""),
        ("/v1/servers/mail/one", json!({ "state": "off" }), 400, ""),
        ("/v1/servers/mail/one", json!({ "weight": 257 }), 400, "send 0 to 256"),
        ("/v1/servers/mail/one", json!({ "weight": -1 }), 400, ""),
        ("/v1/servers/mail/one", json!({ "wieght": 1 }), 400, ""),
        ("/v1/servers/mail/one/kick", json!({ "now": true }), 400, ""),
        ("/v1/users/move", json!({ "user": "anna", "server": "four" }), 404, all),
        ("/v1/users/move", json!({ "user": "anna", "server": "one", "pool": "web" }), 404, "known: mail"),
        ("/v1/users/move", json!({ "user": "", "server": "one" }), 400, ""),
        ("/v1/users/move", json!({ "user": "a\u{0}b", "server": "one" }), 400, ""),
        ("/v1/users/move", json!({ "user": "anna" }), 400, ""),
        ("/v1/users/kick", json!({ "user": "anna", "domain": "staff" }), 404, "known: default"),
        ("/v1/users/move-all", json!({ "from": "four", "to": "one" }), 404, all),
        ("/v1/users", json!({}), 405, "send GET, HEAD"),
        ("/v1/everything", json!({}), 404, ""),
    ] {
        let (found, answer) = door.asked("POST", target, &body.to_string());
        assert_eq!(found, status, "{target} {body}: {answer}");
        assert!(help.is_empty() || answer["help"] == help, "{target} {body}: {answer}");
        assert!(answer["error"].is_string() && answer["help"].is_string(), "{answer}");
    }
    assert_eq!(door.asked("GET", "/v1/users/move", "").0, 405);
    assert_eq!(door.asked("GET", "/v1/users?usr=a", "").0, 400);
    assert!(door.homes().is_empty(), "nothing was changed");
}

#[test]
fn whatever_is_sent_is_answered_or_closed_and_nobody_is_kept_out() {
    let rig = Rig::start("[gateway]\nworkers = 1\n");
    let door = Door::of(&rig);
    let post = "POST /v1/users/kick HTTP/1.1\r\n";
    for (bytes, status) in [
        ("\u{16}\u{3}\u{1}".to_owned(), 400),
        ("GET /metrics HTTP/1.1\r\n\r\n".to_owned(), 404),
        (format!("GET /v1/vips HTTP/1.1\r\nA: {}\r\n\r\n", "b".repeat(20_000)), 431),
        (format!("{post}Content-Length: 100000\r\n\r\n"), 413),
        (format!("{post}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{{}}"), 411),
        (format!("{post}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"), 411),
        (format!("{post}Content-Length: 9\r\n\r\n{{\"user\": "), 400),
        (format!("{post}Content-Length: 3\r\n\r\n[1]"), 400),
        (format!("{post}Content-Length: 6000\r\n\r\n{}", "[".repeat(6000)), 400),
    ] {
        let (found, answer) = door.say(bytes.as_bytes());
        assert_eq!(found, status, "{bytes:.60}: {answer}");
        assert!(
            serde_json::from_str::<Value>(&answer).is_ok_and(|body| body["error"].is_string()),
            "{answer}"
        );
    }
    // As many as there are places, all of them silent: each is given up after its deadline.
    let idle: Vec<UnixStream> = (0..8).map(|_| UnixStream::connect(&door.socket).unwrap()).collect();
    assert_eq!(door.get("/v1/vips"), json!({ "vips": [] }));
    for mut stream in idle {
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "it was closed");
    }
    // Half a body, and then nothing more.
    let mut half = UnixStream::connect(&door.socket).unwrap();
    half.write_all(format!("{post}Content-Length: 9\r\n\r\n{{").as_bytes()).unwrap();
    half.shutdown(Shutdown::Write).unwrap();
    assert_eq!(half.read(&mut [0]).unwrap(), 0);
}

#[test]
fn socket_is_the_owners_alone_moves_with_a_change_and_is_taken_from_nobody() {
    let rig = Rig::start("[gateway]\nworkers = 1\n");
    let mut door = Door::of(&rig);
    let mode = std::fs::metadata(&door.socket).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "{mode:o}");
    assert!(matches!(bind(&doors(&door.socket)), Err(AdminError::InUse { .. })), "another gateway");
    let same = door.admin.prepare(&doors(&door.socket)).unwrap();
    door.admin.change(same).unwrap();
    assert_eq!(door.get("/v1/vips"), json!({ "vips": [] }));
    let other = door.folder.join("deeper/other.sock");
    let change = door.admin.prepare(&doors(&other)).unwrap();
    assert!(door.socket.exists(), "prepared is not done");
    door.admin.change(change).unwrap();
    assert!(!door.socket.exists());
    assert_eq!(say(&other, b"GET /v1/vips HTTP/1.1\r\n\r\n").0, 200);
    // Somebody has tidied up too well.
    std::fs::remove_file(&other).unwrap();
    let again = door.admin.prepare(&doors(&other)).unwrap();
    door.admin.change(again).unwrap();
    assert_eq!(say(&other, b"GET /v1/vips HTTP/1.1\r\n\r\n").0, 200);
    let off = door.admin.prepare(&Doors::default()).unwrap();
    door.admin.change(off).unwrap();
    assert!(!other.exists());
    let _: Option<SocketAddr> = door.admin.address();
}
