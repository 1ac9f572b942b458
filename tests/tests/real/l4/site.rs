//! The machines: a client outside, servers inside, gateways in between.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::Signal;
use sekisho_tests::{sekisho, until};
use socket2::{Domain, Socket, Type};

use super::super::machine::{Machine, Program};
use super::server::{self, Server};
use super::{Folder, run};

/// A version of IP, and the addresses that everything has in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) const BOTH: [Self; 2] = [Self::V4, Self::V6];

    fn outside(self, number: usize) -> String {
        match self {
            Self::V4 => format!("203.0.113.{number}"),
            Self::V6 => format!("2001:db8:1::{number}"),
        }
    }

    fn inside(self, number: usize) -> String {
        match self {
            Self::V4 => format!("10.0.0.{number}"),
            Self::V6 => format!("2001:db8:2::{number}"),
        }
    }

    const fn length(self) -> u8 {
        match self {
            Self::V4 => 24,
            Self::V6 => 64,
        }
    }

    pub(super) fn client(self) -> IpAddr {
        self.outside(9).parse().unwrap()
    }

    /// The VIPs' address.
    pub(super) fn vip(self, port: u16) -> SocketAddr {
        SocketAddr::new(self.outside(100).parse().unwrap(), port)
    }

    /// The servers' way out, which is where the VIP is.
    pub(super) fn way_out(self) -> IpAddr {
        self.inside(100).parse().unwrap()
    }

    pub(super) fn server(self, number: usize) -> SocketAddr {
        SocketAddr::new(self.inside(10 + number).parse().unwrap(), port(number))
    }
}

/// Servers do not listen on the VIPs' ports, nor on the same.
fn port(number: usize) -> u16 {
    9000 + u16::try_from(number).unwrap()
}

/// Servers `a`, `b` and `c` behind gateways.
pub(super) struct Site {
    pub(super) nodes: Vec<Node>,
    servers: Vec<(Machine, Option<Server>)>,
    pub(super) client: Machine,
    pub(super) switch: Machine,
}

/// A gateway.
pub(super) struct Node {
    pub(super) machine: Arc<Machine>,
    folder: Folder,
    program: Option<Program>,
}

const NAMES: [&str; 3] = ["a", "b", "c"];

impl Site {
    /// With one gateway, which has all addresses, or two that move them between each other.
    pub(super) fn new(name: &str, nodes: usize) -> Self {
        let switch = Machine::start(&[]);
        switch.shell("for side in outside inside; do ip link add $side type bridge mcast_snooping 0 && ip link set $side up; done");
        let client = Machine::start(&[]);
        plug(&switch, "outside", "client", &client, "eth0", &|family| family.outside(9));
        let servers = (1..=NAMES.len()).map(|number| {
            let machine = Machine::start(&[]);
            plug(&switch, "inside", &format!("server{number}"), &machine, "eth0", &|family| {
                family.inside(10 + number)
            });
            for family in Family::BOTH {
                let way_out = family.way_out();
                machine.shell(&format!(
                    "ip route add default via {way_out} || ip -6 route add default via {way_out}"
                ));
            }
            let server = Server::start(&machine, port(number), NAMES[number - 1]);
            (machine, Some(server))
        });
        let servers = servers.collect();
        let nodes = (1..=nodes).map(|number| {
            let machine = Machine::start(&[]);
            plug(&switch, "outside", &format!("out{number}"), &machine, "eth0", &|family| {
                family.outside(number)
            });
            plug(&switch, "inside", &format!("in{number}"), &machine, "eth1", &|family| {
                family.inside(number)
            });
            machine.shell(
                "echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding",
            );
            if nodes == 1 {
                for family in Family::BOTH {
                    add(&machine, "eth0", family, &family.outside(100));
                    add(&machine, "eth1", family, &family.inside(100));
                }
            }
            Node {
                machine: Arc::new(machine),
                folder: Folder::new(&format!("{name}-{number}")),
                program: None,
            }
        });
        Self { nodes: nodes.collect(), servers, client, switch }
    }

    /// Another gateway on the first one's machine.
    pub(super) fn beside(&self, name: &str) -> Node {
        Node { machine: self.nodes[0].machine.clone(), folder: Folder::new(name), program: None }
    }

    /// Ends a server, or begins it again.
    pub(super) fn stop_server(&mut self, number: usize) {
        self.servers[number - 1].1 = None;
    }

    pub(super) fn start_server(&mut self, number: usize) {
        let (machine, server) = &mut self.servers[number - 1];
        *server = Some(Server::start(machine, port(number), NAMES[number - 1]));
    }

    /// Who answers there, and whom it sees.
    pub(super) fn who(&self, at: SocketAddr) -> Result<(String, IpAddr), String> {
        self.client.inside(|| ask(at, 0))
    }

    /// The same over UDP, for a flow of its own.
    pub(super) fn send(&self, at: SocketAddr) -> Result<(String, IpAddr), String> {
        self.client.inside(|| datagram(at))
    }

    /// How many of so many flows each server gets; errors are counted as one.
    pub(super) fn spread(
        &self,
        flows: usize,
        one: impl Fn() -> Result<(String, IpAddr), String>,
    ) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        for _ in 0..flows {
            let name = one().map_or_else(|error| error, |(name, _)| name);
            *found.entry(name).or_default() += 1;
        }
        found
    }

    /// Who answers a client with each of these ports.
    pub(super) fn answers(&self, at: SocketAddr, ports: std::ops::Range<u16>) -> Vec<String> {
        self.client.inside(|| ports.map(|port| ask(at, port).unwrap().0).collect())
    }

    /// A flow of UDP, from one port.
    pub(super) fn flow(&self, at: SocketAddr) -> Flow {
        let any = SocketAddr::new(if at.is_ipv4() { [0; 4].into() } else { [0; 16].into() }, 0);
        let socket = self.client.inside(|| UdpSocket::bind(any).unwrap());
        socket.connect(at).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        Flow(socket)
    }

    /// Begins to fetch so many bytes.
    pub(super) fn download(&self, at: SocketAddr, length: u64) -> Transfer {
        let done = Arc::new(AtomicU64::new(0));
        let counted = done.clone();
        let fetch = move || {
            let mut stream = connect(at, 0)?;
            stream.write_all(format!("get {length}\n").as_bytes())?;
            server::sum(&mut Counted(stream, counted), length)
        };
        Transfer { length, done, thread: self.client.stay(fetch) }
    }

    /// Begins to bring so many bytes.
    pub(super) fn upload(&self, at: SocketAddr, length: u64) -> Transfer {
        let done = Arc::new(AtomicU64::new(0));
        let counted = done.clone();
        let bring = move || {
            let mut stream = connect(at, 0)?;
            stream.write_all(format!("put {length}\n").as_bytes())?;
            for block in server::blocks(length) {
                stream.write_all(&block)?;
                counted.fetch_add(block.len() as u64, Relaxed);
                std::thread::sleep(Duration::from_micros(500));
            }
            let mut said = String::new();
            stream.read_to_string(&mut said)?;
            Ok(said.parse().unwrap_or_default())
        };
        Transfer { length, done, thread: self.client.stay(bring) }
    }
}

/// Datagrams from one port.
pub(super) struct Flow(UdpSocket);

impl Flow {
    /// Who answers, if somebody does.
    pub(super) fn ask(&self) -> Option<String> {
        // A refusal of before is told here.
        self.0.send(b"who").ok()?;
        let mut answer = [0; 64];
        let length = self.0.recv(&mut answer).ok()?;
        parsed(std::str::from_utf8(&answer[..length]).ok()?).ok().map(|(name, _)| name)
    }
}

/// Bytes on their way.
pub(super) struct Transfer {
    length: u64,
    done: Arc<AtomicU64>,
    thread: JoinHandle<std::io::Result<u64>>,
}

impl Transfer {
    /// Waits until this share of them, in hundredths, is through.
    pub(super) fn reaches(&self, share: u64) {
        until("bytes are on their way", || {
            assert!(!self.thread.is_finished() || share == 100, "it is over before anything has happened");
            (self.done.load(Relaxed) * 100 >= self.length * share).then_some(())
        });
    }

    /// Waits until all of them are, and compares them.
    pub(super) fn completes(self) {
        let found =
            self.thread.join().unwrap().unwrap_or_else(|error| panic!("{error} after {:?}", self.done));
        let whole = server::blocks(self.length).collect::<Vec<_>>().concat();
        assert_eq!(found, server::sum(&mut whole.as_slice(), self.length).unwrap(), "other bytes came");
    }
}

/// Counts what is read.
struct Counted(TcpStream, Arc<AtomicU64>);

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let size = self.0.read(buffer)?;
        self.1.fetch_add(size as u64, Relaxed);
        Ok(size)
    }
}

impl Node {
    /// Writes its configuration.
    pub(super) fn configure(&self, text: &str) {
        let admin = self.admin();
        let admin = admin.display();
        let gateway = format!("[gateway]\nlog = 'info'\nadmin = '{admin}'\ndrain-timeout = '2s'\n");
        self.folder.write("gateway.toml", &(gateway + text));
    }

    /// Starts it, and waits until it serves.
    pub(super) fn start(&mut self) {
        self.start_behind(&[]);
    }

    /// The same behind these words, which may make it somebody else's.
    pub(super) fn start_behind(&mut self, before: &[&str]) {
        let anybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(self.folder.path(), anybody).unwrap();
        let (binary, file) = (sekisho(), self.folder.path().join("gateway.toml"));
        let words = [before, &[binary.to_str().unwrap(), "run", file.to_str().unwrap()]].concat();
        self.program = Some(self.machine.run_beside(&self.folder.path().join("log"), &words));
        until("the gateway serves", || {
            let log = self.log();
            assert!(self.program.as_mut().unwrap().ended().is_none(), "{log}");
            log.contains("Serving").then_some(())
        });
    }

    /// Reads the file again, and waits until it has.
    pub(super) fn reload(&self) {
        let before = self.log().matches("Reloaded").count();
        self.signal(Signal::HUP);
        until("it has reloaded", || {
            let log = self.log();
            assert!(!log.contains("Not reloaded"), "{log}");
            (log.matches("Reloaded").count() > before).then_some(())
        });
    }

    pub(super) fn signal(&self, signal: Signal) {
        self.program.as_ref().expect("the gateway runs").signal(signal);
    }

    /// Ends it by a signal, and waits until it has ended.
    pub(super) fn end(&mut self, signal: Signal) {
        let mut program = self.program.take().expect("the gateway runs");
        program.signal(signal);
        until("the gateway ends", || program.ended());
    }

    pub(super) fn log(&self) -> String {
        self.folder.read("log")
    }

    fn admin(&self) -> PathBuf {
        self.folder.path().join("admin.sock")
    }

    /// Has the operator say something to it; what it answers.
    pub(super) fn operate(&self, words: &[&str]) -> String {
        let (binary, admin) = (sekisho(), self.admin());
        let words = [words, &["--admin", admin.to_str().unwrap()]].concat();
        let output = run(binary.to_str().unwrap(), &words);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What its API says.
    pub(super) fn look(&self, path: &str) -> serde_json::Value {
        let (socket, url) = (self.admin(), format!("http://localhost{path}"));
        let output = run("curl", &["--silent", "--unix-socket", socket.to_str().unwrap(), &url]);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What it prints about its file, and whether it is content.
    pub(super) fn says(&self, words: &[&str]) -> (bool, String) {
        let (binary, file) = (sekisho(), self.folder.path().join("gateway.toml"));
        let words = [words, &[file.to_str().unwrap()]].concat();
        let output = self.machine.inside(|| run(binary.to_str().unwrap(), &words));
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (output.status.success(), said)
    }

    /// What a second gateway of its machine says that cannot start.
    pub(super) fn second(&self, text: &str) -> String {
        let file = self.folder.write("second.toml", text);
        let binary = sekisho();
        let words = ["run", file.to_str().unwrap()];
        let output = self.machine.inside(|| run(binary.to_str().unwrap(), &words));
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    }

    /// What the gateway says that cannot start behind these words.
    pub(super) fn refuses_behind(&self, before: &[&str]) -> String {
        let (binary, file) = (sekisho(), self.folder.path().join("gateway.toml"));
        let (program, words) = before.split_first().unwrap();
        let words = [words, &[binary.to_str().unwrap(), "run", file.to_str().unwrap()]].concat();
        let output = self.machine.inside(|| run(program, &words));
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    }

    /// The rules in its kernel; empty if there are none.
    pub(super) fn rules(&self) -> String {
        let output = self.machine.inside(|| run("nft", &["list", "table", "inet", "sekisho_l4"]));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a server of a VIP has got, as the kernel counts it.
    pub(super) fn counted(&self, counter: &str) -> u64 {
        let output = self.machine.inside(|| run("nft", &["list", "counter", "inet", "sekisho_l4", counter]));
        let text = String::from_utf8(output.stdout).unwrap();
        text.split("packets ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok()).unwrap_or(0)
    }
}

fn connect(at: SocketAddr, port: u16) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    let any = SocketAddr::new(if at.is_ipv4() { [0; 4].into() } else { [0; 16].into() }, port);
    socket.bind(&any.into())?;
    socket.connect_timeout(&at.into(), Duration::from_secs(5))?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.set_write_timeout(Some(Duration::from_secs(30)))?;
    Ok(stream)
}

pub(super) fn ask(at: SocketAddr, port: u16) -> Result<(String, IpAddr), String> {
    let said = || {
        let mut stream = connect(at, port)?;
        // With a reset at its end, the port is free for another connection at once.
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        stream.write_all(b"who\n")?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        Ok(said)
    };
    said().map_err(|error: std::io::Error| format!("{at}: {error}")).and_then(|said| parsed(&said))
}

pub(super) fn datagram(at: SocketAddr) -> Result<(String, IpAddr), String> {
    let any = SocketAddr::new(if at.is_ipv4() { [0; 4].into() } else { [0; 16].into() }, 0);
    let said = || {
        let socket = UdpSocket::bind(any)?;
        socket.connect(at)?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        socket.send(b"who")?;
        let mut answer = [0; 64];
        let length = socket.recv(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
    };
    said().map_err(|error: std::io::Error| format!("{at}: {error}")).and_then(|said| parsed(&said))
}

fn parsed(said: &str) -> Result<(String, IpAddr), String> {
    let (name, seen) = said.split_once(' ').ok_or_else(|| format!("`{said}` was said"))?;
    Ok((name.to_owned(), seen.parse().map_err(|_| format!("`{said}` was said"))?))
}

/// Joins a machine to a bridge of the switch, with an address of each version of IP.
fn plug(
    switch: &Machine,
    bridge: &str,
    port: &str,
    machine: &Machine,
    end: &str,
    address: &dyn Fn(Family) -> String,
) {
    switch.join(port, machine, end);
    switch.shell(&format!("ip link set {port} master {bridge}"));
    machine.shell(&format!("echo 0 >/proc/sys/net/ipv6/conf/{end}/accept_dad; ip link set {end} up"));
    Family::BOTH.into_iter().for_each(|family| add(machine, end, family, &address(family)));
}

/// Gives a machine an address. Nobody else has it, so that it need not be asked for.
pub(super) fn add(machine: &Machine, end: &str, family: Family, address: &str) {
    let (length, nodad) = (family.length(), if family == Family::V6 { "nodad" } else { "" });
    machine.shell(&format!("ip address add {address}/{length} dev {end} {nodad}"));
}
