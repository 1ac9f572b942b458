//! What the operator asks and does at the admin socket, as clients meet it.

mod address;
mod connections;
mod decisions;
mod door;
mod http;
mod servers;
mod users;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use sekisho_admin::{Admin, Doors, bind};
use sekisho_tests::{ImapServer, LineClient, Rig, folder};
use serde_json::Value;

/// The door of a gateway.
struct Door {
    admin: Admin,
    folder: PathBuf,
    socket: PathBuf,
}

impl Door {
    fn of(rig: &Rig) -> Self {
        let folder = folder("operator");
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
struct Client(LineClient);

impl Client {
    fn new(rig: &Rig, user: &str) -> Self {
        let mut client = LineClient::connect("127.0.0.1", rig.address("mail"));
        client.line();
        let answer = client.ask(&format!("a LOGIN \"{}\" pw", user.replace('\\', "\\\\")));
        assert!(answer.starts_with("a OK"), "{answer}");
        Self(client)
    }

    fn server(&mut self) -> String {
        let line = self.0.ask("w WHO");
        self.0.line();
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
