use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sekisho_tests::{Rig, numbered, until};

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
    Rig::start(&format!(
        "[vip.v]\nlisten = '{listen}'\nprotocol = 'udp'\npool = 'p'\n{vip}\n[pool.p]\nservers = {{ {} }}\n",
        numbered(servers.iter().map(|server| server.address))
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

#[test]
fn flow_ends_with_its_address_which_is_free_then_and_can_come_back() {
    let servers = [NameServer::start("one")];
    let with = |listen: &str| {
        format!(
            "[vip.v]\nlisten = '{listen}'\nprotocol = 'udp'\npool = 'p'\n[pool.p]\nservers = {{ one = '{}' }}\n",
            servers[0].address
        )
    };
    let (here, there) = ("127.0.3.21:7342", "127.0.3.21:7343");
    let rig = Rig::start(&with(here));
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    for listen in [there, here, there] {
        ask(&client, rig.address("v"), "q");
        rig.reload(&with(listen)).unwrap();
        assert_eq!(rig.line(|_| true)["end"], "drained");
    }
    until("nobody has the address any more", || UdpSocket::bind(here).ok());
}

#[test]
fn busy_flow_leaves_a_server_that_is_gone() {
    let (alive, gone) = (NameServer::start("alive"), UdpSocket::bind("127.0.0.1:0").unwrap());
    let list = format!("s0 = '{}', s1 = '{}'", gone.local_addr().unwrap(), alive.address);
    drop(gone);
    let rig = Rig::start(&format!(
        "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'udp'\npool = 'p'\n\
         [pool.p]\nmethod = 'first-available'\nhealth = {{ down-after = 1 }}\nservers = {{ {list} }}\n"
    ));
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    until("an answer", || {
        // In bursts, so that the refusal of one meets the sending of the next.
        (0..32).for_each(|_| _ = client.send_to(b"q", rig.address("v")).unwrap());
        client.recv(&mut [0; 64]).ok()
    });
    assert_eq!(rig.line(|_| true)["end"], "server-left");
}

#[test]
fn flows_go_on_through_twenty_reloads() {
    let servers = ["one", "two"].map(NameServer::start);
    let with = |servers: &[NameServer]| {
        format!(
            "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'udp'\npool = 'p'\n[pool.p]\nservers = {{ {} }}\n",
            numbered(servers.iter().map(|server| server.address))
        )
    };
    let rig = Rig::start(&with(&servers));
    let clients: Vec<_> = (0..8).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let name = |client| ask(client, rig.address("v"), "q").0;
    let homes: Vec<String> = clients.iter().map(name).collect();
    for round in 0..20 {
        rig.reload(&with(&servers[round % 2..])).unwrap();
        let now: Vec<String> = clients.iter().map(name).collect();
        assert_eq!(now, homes, "a flow changed its server in round {round}");
    }
}

#[test]
fn client_with_its_share_of_flows_gets_no_more_and_others_do() {
    let servers = [NameServer::start("one")];
    let rig = rig("127.0.0.1:0", "limits = { max-connections-per-client = 4 }", &servers);
    let flood: Vec<_> = (0..64).map(|_| UdpSocket::bind("127.0.0.2:0").unwrap()).collect();
    for socket in &flood {
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        socket.send_to(b"q", rig.address("v")).unwrap();
    }
    let other = UdpSocket::bind("127.0.0.3:0").unwrap();
    ask(&other, rig.address("v"), "q");
    let served = flood.iter().filter(|socket| socket.recv(&mut [0; 64]).is_ok()).count();
    assert!((1..=4).contains(&served), "{served}");
}
