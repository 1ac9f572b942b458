use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sekisho_tests::Rig;

/// A UDP server that answers each datagram with its name and the datagram.
struct NameServer {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
}

impl NameServer {
    fn start(name: &'static str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let stopping = Arc::new(AtomicBool::new(false));
        std::thread::spawn({
            let stopping = stopping.clone();
            move || {
                let mut buffer = [0; 65_536];
                while let Ok((n, client)) = socket.recv_from(&mut buffer) {
                    if stopping.load(Ordering::SeqCst) {
                        return;
                    }
                    let answer = [name.as_bytes(), b" ", &buffer[..n]].concat();
                    let _ = socket.send_to(&answer, client);
                }
            }
        });
        Self { address, stopping }
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        let _ = UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"", self.address);
    }
}

fn rig(listen: &str, vip: &str, servers: &[NameServer]) -> Rig {
    let list: Vec<String> =
        servers.iter().enumerate().map(|(i, s)| format!("s{i} = '{}'", s.address)).collect();
    Rig::start(&format!(
        "[vip.v]\nlisten = '{listen}'\nprotocol = 'udp'\npool = 'p'\n{vip}\n[pool.p]\nservers = {{ {} }}\n",
        list.join(", ")
    ))
}

fn ask(socket: &UdpSocket, to: SocketAddr, text: &str) -> (String, SocketAddr) {
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    // Datagrams may be lost, even here: asked again as a real client would.
    for _ in 0..50 {
        socket.send_to(text.as_bytes(), to).unwrap();
        let mut buffer = [0; 65_536];
        if let Ok((n, from)) = socket.recv_from(&mut buffer) {
            return (String::from_utf8(buffer[..n].to_vec()).unwrap(), from);
        }
    }
    panic!("no answer from {to}");
}

#[test]
fn flow_keeps_its_server_and_flows_are_spread() {
    let servers = ["one", "two", "three"].map(NameServer::start);
    let rig = rig("127.0.0.1:0", "", &servers);
    let mut met = HashSet::new();
    for _ in 0..9 {
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        let names: HashSet<String> = (0..5)
            .map(|i| {
                let (answer, from) = ask(&client, rig.address("v"), &format!("q{i}"));
                assert_eq!(from, rig.address("v"));
                answer.split(' ').next().unwrap().to_owned()
            })
            .collect();
        assert_eq!(names.len(), 1, "a flow changed its server");
        met.extend(names);
    }
    assert_eq!(met.len(), 3);
}

#[test]
fn datagrams_keep_their_boundaries_and_their_bytes() {
    let servers = [NameServer::start("one")];
    let rig = rig("127.0.0.1:0", "", &servers);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    for length in [1, 100, 1472, 9000, 60_000] {
        let text = "x".repeat(length);
        assert_eq!(ask(&client, rig.address("v"), &text).0, format!("one {text}"));
    }
}

#[test]
fn wildcard_listener_answers_from_the_address_that_was_asked() {
    let servers = [NameServer::start("one")];
    for (listen, asked) in [("0.0.0.0:7321", "127.0.3.9:7321"), ("[::]:7322", "127.0.3.10:7322")] {
        let rig = rig(listen, "", &servers);
        assert_eq!(rig.addresses("v").len(), 1);
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        let asked: SocketAddr = asked.parse().unwrap();
        assert_eq!(ask(&client, asked, "q").1, asked);
    }
}

#[test]
fn idle_flow_ends_and_its_place_comes_back() {
    let servers = [NameServer::start("one")];
    let rig = rig("127.0.0.1:0", "timeouts = { idle = '1s' }\nlimits = { max-connections = 1 }", &servers);
    let first = UdpSocket::bind("127.0.0.1:0").unwrap();
    ask(&first, rig.address("v"), "q");
    let second = UdpSocket::bind("127.0.0.1:0").unwrap();
    ask(&second, rig.address("v"), "q");
    assert_eq!(rig.line(|_| true)["end"], "idle-timeout");
}
