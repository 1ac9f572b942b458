//! A site in namespaces: nodes and a client on one switch.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};
use sekisho_tests::{program, sekisho, until};
use serde_json::Value;

use super::super::Folder;
use super::super::machine::{Machine, Program};
use super::keepalived::keepalived;
use super::probe::{Seen, probe};

/// The addresses that move.
pub(super) const VIP: &str = "192.0.2.100";
pub(super) const VIP_V6: &str = "2001:db8::100";
const PORT: u16 = 8080;
/// Where the server of a node listens, which nobody else sees.
const SERVER: &str = "127.0.0.1:9000";

/// A switch with nodes `1`, `2` and so on at its ports, and a client.
pub(super) struct Site {
    pub(super) switch: Machine,
    pub(super) nodes: Vec<Node>,
    pub(super) client: Machine,
}

/// A machine with addresses of its own: `192.0.2.N` and `2001:db8::N`, both at `eth0`.
pub(super) struct Node {
    pub(super) machine: Machine,
    pub(super) folder: Folder,
    number: usize,
    program: Option<Program>,
    /// What moves the addresses where the first program does not.
    beside: Option<Program>,
    server: Option<Server>,
}

impl Site {
    pub(super) fn new(name: &str, nodes: usize) -> Self {
        let switch = Machine::start(&[]);
        switch.shell("ip link add br0 type bridge mcast_snooping 0 && ip link set br0 up");
        let plug = |number: usize| {
            let machine = Machine::start(&[]);
            switch.join(&format!("port{number}"), &machine, "eth0");
            switch.shell(&format!("ip link set port{number} master br0"));
            // Addresses that nobody else has need not be asked for: the tests would wait for it.
            machine.shell(&format!(
                "echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad && ip link set eth0 up && \
                 ip address add 192.0.2.{number}/24 dev eth0 && ip address add 2001:db8::{number}/64 dev eth0 nodad"
            ));
            machine
        };
        let node = |number| {
            let folder = Folder::new(&format!("{name}-{number}"));
            Node { machine: plug(number), folder, number, program: None, beside: None, server: None }
        };
        let nodes: Vec<_> = (1..=nodes).map(node).collect();
        let client = plug(nodes.len() + 1);
        Self { switch, nodes, client }
    }

    /// Connects to the address for as long as it lives, every 20 ms.
    pub(super) fn watch(&self, address: &str) -> Watched {
        let address = SocketAddr::new(address.parse().unwrap(), PORT);
        let end = Arc::new(AtomicBool::new(false));
        let ended = end.clone();
        // A thread stays in the network that it has moved to.
        let thread = self.client.stay(move || probe(address, &ended));
        Watched { address, end, thread }
    }

    /// Who answers at the address.
    pub(super) fn who(&self, address: &str) -> Option<String> {
        let address = SocketAddr::new(address.parse().unwrap(), PORT);
        self.client.inside(|| ask(address)).ok()
    }

    /// Waits until this node answers at both addresses.
    pub(super) fn is_served_by(&self, number: usize) {
        for address in [VIP, VIP_V6] {
            until(&format!("node {number} answers at {address}"), || {
                (self.who(address).as_deref() == Some(&*number.to_string())).then_some(())
            });
        }
    }

    /// Waits until this node, and no other, has both addresses.
    pub(super) fn is_held_by(&self, number: usize) {
        for address in [VIP, VIP_V6] {
            until(&format!("{address} is at node {number}"), || {
                (self.owners(address) == [number]).then_some(())
            });
        }
    }

    /// The nodes that have an address.
    pub(super) fn owners(&self, address: &str) -> Vec<usize> {
        self.nodes.iter().filter(|node| node.has(address)).map(|node| node.number).collect()
    }
}

impl Node {
    /// A server of its own that says the node's number, as long as it is not stopped.
    pub(super) fn serve(&mut self) {
        let listener = self.machine.inside(|| TcpListener::bind(SERVER).unwrap());
        self.server = Some(Server::start(listener, self.number.to_string()));
    }

    pub(super) fn stop_serving(&mut self) {
        self.server = None;
    }

    /// The configuration of a gateway before the node's own server; `vrrp` are the lines of its table.
    pub(super) fn configure(&self, vrrp: &str) {
        let socket = self.admin();
        let text = format!(
            "[gateway]\nlog = 'info'\ndrain-timeout = '2s'\nadmin = '{}'\n\
             [vip.web]\nlisten = ['{VIP}:{PORT}', '[{VIP_V6}]:{PORT}']\nprotocol = 'tcp'\npool = 'web'\n\
             [pool.web]\nservers = {{ here = '{SERVER}' }}\n\
             probe = {{ kind = 'tcp', interval = '200ms', fast-interval = '100ms', timeout = '1s', fall = 2 }}\n\
             [vrrp.web]\ninterface = 'eth0'\nrouter-id = 51\naddresses = ['{VIP}/24', '{VIP_V6}/64']\n{vrrp}\n",
            socket.display()
        );
        self.folder.write("gateway.toml", &text);
    }

    /// Starts the gateway, and waits until it serves.
    pub(super) fn start(&mut self, vrrp: &str) {
        self.configure(vrrp);
        self.begin();
    }

    /// The same with a configuration of the test's own.
    pub(super) fn run_gateway(&mut self, text: &str) {
        self.folder.write("gateway.toml", text);
        self.begin();
    }

    fn begin(&mut self) {
        self.run(&[
            sekisho().to_str().unwrap(),
            "run",
            self.folder.path().join("gateway.toml").to_str().unwrap(),
        ]);
        until("the gateway serves", || {
            assert!(self.program().ended().is_none(), "{}", self.log());
            self.log().contains("Serving").then_some(())
        });
    }

    /// Starts keepalived with this configuration.
    pub(super) fn start_keepalived(&mut self, configuration: &str) {
        let file = self.folder.write("keepalived.conf", configuration);
        let (file, here) = (file.to_str().unwrap(), self.folder.path().display());
        let [main, vrrp, checkers] = ["p", "r", "c"].map(|flag| format!("-{flag}{here}/{flag}.pid"));
        let keepalived = program("keepalived");
        // In the foreground, with its log on the terminal, and VRRP alone.
        self.run(&[keepalived.to_str().unwrap(), "-n", "-l", "-P", "-f", file, &main, &vrrp, &checkers]);
    }

    /// Starts HAProxy before the node's own server, and keepalived, which looks once a second whether HAProxy has it.
    pub(super) fn start_haproxy_and_keepalived(&mut self, priority: u8) {
        let text = format!(
            "defaults\nmode tcp\ntimeout connect 1s\ntimeout client 9s\ntimeout server 9s\n\
             listen web\nbind 0.0.0.0:{PORT}\nbind [::]:{PORT} v6only\n\
             server here {SERVER} check inter 200ms fastinter 100ms fall 2\n\
             frontend health\nbind 127.0.0.1:9001\nmode http\nmonitor-uri /up\nmonitor fail if {{ nbsrv(web) eq 0 }}\n"
        );
        let file = self.folder.write("haproxy.cfg", &text);
        self.run(&[program("haproxy").to_str().unwrap(), "-db", "-f", file.to_str().unwrap()]);
        let curl = program("curl");
        let script = format!("{} -sf -m 1 http://127.0.0.1:9001/up", curl.display());
        let track = "track_script {\n alive\n }";
        let text = format!(
            "vrrp_script alive {{\n script \"{script}\"\n user root\n interval 1\n fall 1\n rise 1\n}}\n{}",
            keepalived(priority, track, track)
        );
        let file = self.folder.write("keepalived.conf", &text);
        let (file, here) = (file.to_str().unwrap().to_owned(), self.folder.path().display().to_string());
        let [main, vrrp, checkers] = ["p", "r", "c"].map(|flag| format!("-{flag}{here}/{flag}.pid"));
        let keepalived = program("keepalived");
        let words = [keepalived.to_str().unwrap(), "-n", "-l", "-P", "-f", &file, &main, &vrrp, &checkers];
        // One that was killed leaves them, and the next may take another process for it.
        for flag in ["p", "r", "c"] {
            let _ = std::fs::remove_file(self.folder.path().join(format!("{flag}.pid")));
        }
        let log = self.folder.path().join("keepalived.log");
        self.beside = Some(self.machine.run_beside(&log, &words));
    }

    /// Kills what moves the addresses, with its children.
    pub(super) fn kill_beside(&mut self) {
        if let Some(beside) = self.beside.take() {
            for child in beside.children() {
                let _ = kill_process(child, Signal::KILL);
            }
            beside.signal(Signal::KILL);
        }
    }

    /// Asks what moves the addresses to stop, and waits until it has.
    pub(super) fn stop_beside(&mut self) {
        if let Some(mut beside) = self.beside.take() {
            beside.signal(Signal::TERM);
            until("it stops", || beside.ended());
        }
    }

    /// Removes an address that a dead program has left.
    pub(super) fn forget(&self, address: &str) {
        let prefix = if address.contains(':') { 64 } else { 24 };
        self.machine.shell(&format!("ip address del {address}/{prefix} dev eth0 2>/dev/null || true"));
    }

    fn run(&mut self, words: &[&str]) {
        let log = self.folder.path().join("log");
        self.program = Some(self.machine.run_beside(&log, words));
    }

    pub(super) fn log(&self) -> String {
        self.folder.read("log")
    }

    pub(super) fn program(&mut self) -> &mut Program {
        self.program.as_mut().expect("something runs on the node")
    }

    /// Asks the program to stop, and waits until it has.
    pub(super) fn stop(&mut self) {
        self.program().signal(Signal::TERM);
        let begun = Instant::now();
        until("it stops", || {
            assert!(begun.elapsed() < Duration::from_secs(20), "it does not stop: {}", self.log());
            self.program().ended()
        });
        self.program = None;
    }

    /// Has another process take the gateway's place.
    pub(super) fn upgrade(&self) {
        let mut command = std::process::Command::new(sekisho());
        let output = command.args(["upgrade", "--admin"]).arg(self.admin()).output().unwrap();
        assert!(output.status.success(), "{output:?}\n{}", self.log());
    }

    /// Kills the gateway; the process that speaks VRRP learns of it by itself.
    pub(super) fn kill_gateway(&mut self) {
        self.program().signal(Signal::KILL);
        self.program = None;
    }

    /// Kills the process that speaks VRRP.
    pub(super) fn kill_speaker(&mut self) {
        let speaker = until("VRRP is spoken", || self.program().children().first().copied());
        kill_process(speaker, Signal::KILL).unwrap();
    }

    /// Kills both at once, as a machine does that loses its power, but for the kernel.
    pub(super) fn kill_all(&mut self) {
        self.kill_speaker();
        self.kill_gateway();
    }

    /// Whether it has an address.
    pub(super) fn has(&self, address: &str) -> bool {
        let address: IpAddr = address.parse().unwrap();
        self.machine.inside(|| UdpSocket::bind((address, 0)).is_ok())
    }

    /// How many connections its gateway has.
    pub(super) fn connections(&self) -> u64 {
        let mut command = std::process::Command::new(sekisho());
        let output = command.args(["status", "--json", "--admin"]).arg(self.admin()).output().unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        answer["status"]["connections"].as_u64().unwrap_or(u64::MAX)
    }

    pub(super) fn admin(&self) -> PathBuf {
        self.folder.path().join("admin.sock")
    }

    /// The first table as the operator sees it; none while there is no answer.
    pub(super) fn table(&self) -> Option<Value> {
        let mut command = std::process::Command::new(sekisho());
        let output = command.args(["vrrp", "--json", "--admin"]).arg(self.admin()).output().unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).ok()?;
        Some(answer["tables"].get(0)?.clone())
    }

    /// Waits until the operator is told that this is so.
    pub(super) fn shows(&self, key: &str, expected: impl Into<Value>) {
        let expected = expected.into();
        let mut last = None;
        until(&format!("`{key}` of node {} is {expected}", self.number), || {
            last = self.table();
            (last.as_ref()?[key] == expected).then_some(())
        });
    }
}

/// What a client saw.
pub(super) struct Watched {
    address: SocketAddr,
    end: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

impl Watched {
    /// Ends all of them, and prints what they have seen.
    pub(super) fn end_all<const N: usize>(all: [Self; N], what: &str) -> [Seen; N] {
        // What comes after the event belongs to it.
        std::thread::sleep(Duration::from_millis(500));
        all.iter().for_each(|one| one.end.store(true, Relaxed));
        all.map(|one| one.seen(what))
    }

    fn seen(self, what: &str) -> Seen {
        let seen = self.thread.join().unwrap();
        let Seen { answered, failed, longest, ways } = &seen;
        eprintln!(
            "{what}: {}: {answered} answered, {failed} failed {ways:?}, {} ms without an answer",
            self.address,
            longest.as_millis()
        );
        seen
    }
}

/// Who answers there, if somebody does at once.
fn ask(address: SocketAddr) -> Result<String, String> {
    let connected = TcpStream::connect_timeout(&address, Duration::from_millis(100));
    let mut stream = connected.map_err(|error| format!("connecting: {error}"))?;
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).map_err(|error| format!("reading: {error}"))?;
    if said.is_empty() { Err("closed without a word".to_owned()) } else { Ok(said) }
}

/// Says one thing to everybody.
struct Server {
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(listener: TcpListener, says: String) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let ended = end.clone();
        listener.set_nonblocking(true).unwrap();
        let serve = move || {
            while !ended.load(Relaxed) {
                match listener.accept() {
                    Ok((mut stream, _)) => _ = stream.write_all(says.as_bytes()),
                    Err(_) => std::thread::sleep(Duration::from_millis(1)),
                }
            }
        };
        Self { end, thread: Some(std::thread::spawn(serve)) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end.store(true, Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
