//! A HAProxy as the other node: it learns, and it teaches.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use sekisho_tests::program;

use super::super::{Folder, Nginx, Running, until};
use super::{Node, PEERS, curl, secret, servers};

struct Haproxy {
    folder: Folder,
    host: &'static str,
    _running: Running,
}

impl Haproxy {
    fn start(host: &'static str, peer: (&str, &str), servers: &[Nginx]) -> Self {
        let folder = Folder::new(&format!("peers-haproxy-{host}"));
        let list: Vec<String> =
            servers.iter().map(|s| format!("  server {} {}\n", s.name, s.address)).collect();
        let file = folder.write(
            "haproxy.cfg",
            &format!(
                "global\n  stats socket {}/socket level admin\n\
                 defaults\n  mode http\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n\
                 peers nodes\n  peer hap {host}:{PEERS}\n  peer {} {}:{PEERS}\n\
                 frontend web\n  bind {host}:7420\n  default_backend users\n\
                 backend users\n  balance roundrobin\n\
                 \x20 stick-table type string len 64 size 10k expire 30m peers nodes\n\
                 \x20 stick on req.hdr(X-User)\n{}",
                folder.path().display(),
                peer.0,
                peer.1,
                list.concat()
            ),
        );
        let mut command = Command::new(program("haproxy"));
        command.args(["-db", "-L", "hap", "-f"]).arg(file).stdout(Stdio::null()).stderr(Stdio::null());
        let listens: SocketAddr = format!("{host}:7420").parse().unwrap();
        Self { folder, host, _running: Running::start(&mut command, listens) }
    }

    /// What its table says of a user.
    fn entry(&self, user: &str) -> Option<String> {
        let mut socket = UnixStream::connect(self.folder.path().join("socket")).unwrap();
        socket.write_all(b"show table users\n").unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).unwrap();
        let line = text.lines().find(|line| line.contains(&format!("key={user} ")))?;
        line.split_once("server_key=").map(|(_, server)| server.trim().to_owned())
    }

    fn user(&self, name: &str) -> String {
        curl(&["--header", &format!("X-User: {name}"), &format!("http://{}:7420/", self.host)])
    }
}

#[test]
fn haproxy_learns_from_sekisho_and_teaches_it() {
    let folder = Folder::new("peers-haproxy");
    let (secret, servers) = (secret(&folder, "the secret of this node"), servers("127.0.71.29"));
    let tables = "tables = { users = { key = 'user', length = 64 } }\n";
    let mut node = Node::new("gw1", "127.0.71.21", "hap = '127.0.71.22:7414'", &secret, &servers, tables);
    let haproxy = Haproxy::start("127.0.71.22", ("gw1", "127.0.71.21"), &servers);
    node.is_joined("hap");

    let learns = |haproxy: &Haproxy, user: &str, server: &str| {
        until(&format!("HAProxy knows {user}"), || {
            (haproxy.entry(user).as_deref() == Some(server)).then_some(())
        });
    };
    let alice = node.user("alice");
    learns(&haproxy, "alice", &alice);
    for _ in 0..4 {
        assert_eq!(haproxy.user("alice"), alice);
    }
    let taught: Vec<(String, String)> =
        ["bob", "carol", "dave", "erin"].map(|user| (user.to_owned(), haproxy.user(user))).into();
    node.knows(5);
    for (user, server) in &taught {
        assert_eq!(node.user(user), *server, "{user}");
    }

    // A node that begins anew is told by HAProxy, a HAProxy that does by the node.
    node.kill();
    let frank = haproxy.user("frank");
    node.start();
    node.is_joined("hap");
    node.knows(6);
    assert_eq!((node.user("frank"), node.user("alice")), (frank.clone(), alice.clone()));
    drop(haproxy);
    let haproxy = Haproxy::start("127.0.71.22", ("gw1", "127.0.71.21"), &servers);
    for (user, server) in taught.iter().chain([&("frank".to_owned(), frank), &("alice".to_owned(), alice)]) {
        learns(&haproxy, user, server);
        assert_eq!(haproxy.user(user), *server);
    }
}
