//! The machines and the wires between them.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;
use sekisho_tests::{sekisho, until};

use super::super::machine::{Machine, Program};
use super::servers::Server;
use super::{Folder, run};

/// A version of IP, and the addresses that everything has in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) const BOTH: [Self; 2] = [Self::V4, Self::V6];

    const fn choose(self, four: &'static str, six: &'static str) -> &'static str {
        match self {
            Self::V4 => four,
            Self::V6 => six,
        }
    }

    pub(super) const fn client(self) -> &'static str {
        self.choose("198.51.100.10", "2001:db8:1::10")
    }

    /// Where the gateway is on the servers' side; with two arms the way out of their network.
    pub(super) const fn inside(self) -> &'static str {
        self.choose("10.0.0.1", "2001:db8:2::1")
    }

    /// Number 1 or 2.
    pub(super) fn server(self, number: usize) -> String {
        format!("{}1{number}", self.choose("10.0.0.", "2001:db8:2::"))
    }

    /// What a server has for the gateway alone.
    pub(super) fn second(self, number: usize) -> String {
        format!("{}2{number}", self.choose("10.0.0.", "2001:db8:2::"))
    }

    /// What `ip` is told.
    pub(super) const fn option(self) -> &'static str {
        self.choose("-4", "-6")
    }
}

/// Where the gateway is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arms {
    /// Between clients and servers, whose way out it is.
    Two,
    /// Beside the servers; a router leads to the clients.
    One,
}

/// Client, gateway and servers `1` and `2`.
pub(super) struct Site {
    pub(super) arms: Arms,
    pub(super) servers: [Server; 2],
    client: Machine,
    pub(super) gateway: Machine,
    /// The way between them, where it is not the gateway.
    _router: Option<Machine>,
    pub(super) folder: Folder,
    program: Option<Program>,
}

impl Site {
    pub(super) fn new(name: &str, arms: Arms) -> Self {
        let [client, gateway] = std::array::from_fn(|_| Machine::start(&[]));
        let router = (arms == Arms::One).then(|| Machine::start(&[]));
        let centre = router.as_ref().unwrap_or(&gateway);
        centre.shell("ip link add inside type bridge mcast_snooping 0 && ip link set inside up");
        let way_out = match arms {
            Arms::Two => Family::inside,
            Arms::One => |family: Family| family.choose("10.0.0.254", "2001:db8:2::254"),
        };
        for family in Family::BOTH {
            let (address, length) = (way_out(family), family.choose("24", "64"));
            centre.shell(&format!("ip address add {address}/{length} dev inside {}", nodad(family)));
        }
        let servers = [1, 2].map(|number| {
            let machine = Machine::start(&[]);
            plug(centre, &machine, &format!("server{number}"));
            for family in Family::BOTH {
                settle(&machine, family, &family.server(number), way_out(family));
            }
            Server::start(&format!("{name}-{number}"), machine, number)
        });
        if arms == Arms::One {
            plug(centre, &gateway, "gateway");
            for family in Family::BOTH {
                settle(&gateway, family, family.inside(), way_out(family));
            }
            centre.shell(
                "echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding",
            );
        }
        centre.join("outside", &client, "eth0");
        client.shell("ip link set eth0 up");
        for family in Family::BOTH {
            let router = family.choose("198.51.100.1", "2001:db8:1::1");
            let (length, nodad) = (family.choose("24", "64"), nodad(family));
            centre.shell(&format!("ip address add {router}/{length} dev outside {nodad}"));
            settle(&client, family, family.client(), router);
        }
        let folder = Folder::new(name);
        Self { arms, servers, client, gateway, _router: router, folder, program: None }
    }

    /// Where clients reach the gateway.
    pub(super) fn vip(&self, family: Family, port: u16) -> SocketAddr {
        let address = match self.arms {
            Arms::Two => family.choose("198.51.100.1", "2001:db8:1::1"),
            Arms::One => family.inside(),
        };
        SocketAddr::new(address.parse().unwrap(), port)
    }

    /// Pools for web (port 80), TCP (90) and UDP (90) before the servers at these addresses, for each family.
    /// `options` are keys of the pools, `more` are further tables.
    pub(super) fn configure(
        &self,
        options: &str,
        web_port: u16,
        address: fn(Family, usize) -> String,
        more: &str,
    ) {
        let mut text = "[gateway]\nlog = 'info'\n".to_owned();
        for family in Family::BOTH {
            let at = |number, port| SocketAddr::new(address(family, number).parse().unwrap(), port);
            for (protocol, port, behind) in [("http", 80, web_port), ("tcp", 90, 90), ("udp", 90, 90)] {
                let (vip, name) = (self.vip(family, port), format!("{protocol}{}", family.option()));
                let (one, two) = (at(1, behind), at(2, behind));
                let options = if protocol == "http" || options.contains("source") { options } else { "" };
                let probe =
                    if protocol == "udp" { "" } else { "probe = { kind = 'tcp', interval = '500ms' }\n" };
                text += &format!(
                    "[vip.{name}]\nlisten = '{vip}'\nprotocol = '{protocol}'\npool = '{name}'\n\
                     [pool.{name}]\nservers = {{ one = '{one}', two = '{two}' }}\n{probe}{options}\n"
                );
            }
        }
        self.folder.write("gateway.toml", &(text + more));
    }

    /// Starts the gateway with these words before it, and waits until it serves.
    pub(super) fn start(&mut self, before: &[&str]) {
        let (binary, file) = (sekisho(), self.folder.path().join("gateway.toml"));
        let words = [before, &[binary.to_str().unwrap(), "run", file.to_str().unwrap()]].concat();
        self.program = Some(self.gateway.run_beside(&self.folder.path().join("log"), &words));
        let program = self.program.as_mut().unwrap();
        until("the gateway serves", || {
            let log = self.folder.read("log");
            assert!(program.ended().is_none(), "{log}");
            log.contains("Serving").then_some(())
        });
    }

    /// Ends it by a signal, and waits until it has ended.
    pub(super) fn end(&mut self, signal: Signal) {
        let mut program = self.program.take().expect("the gateway runs");
        program.signal(signal);
        until("the gateway ends", || program.ended());
    }

    /// What `sekisho net VERB` says on the gateway about the configuration, and whether it is content.
    pub(super) fn net(&self, verb: &str) -> (bool, String) {
        let (binary, file) = (sekisho(), self.folder.path().join("gateway.toml"));
        let words = ["net", verb, file.to_str().unwrap()];
        let output = self.gateway.inside(|| run(binary.to_str().unwrap(), &words));
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (output.status.success(), said)
    }

    /// Does on the servers what `sekisho net plan` says.
    pub(super) fn follow_the_plan(&self) {
        let (content, plan) = self.net("plan");
        assert!(content, "{plan}");
        let sections: Vec<&str> = plan.split("\n# Server ").skip(1).collect();
        assert!(sections.len() > 3, "{plan}");
        for section in sections {
            let (title, commands) = section.split_once('\n').unwrap();
            let number = usize::from(title.split(' ').next().unwrap().ends_with('2'));
            self.servers[number].machine.shell(&format!("set -e\n{commands}"));
        }
    }

    /// The gateway's MAC among the servers.
    pub(super) fn mac(&self) -> String {
        let output = self.gateway.inside(|| run("ip", &["-oneline", "link", "show", "eth0"]));
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_once("link/ether ").unwrap().1.split(' ').next().unwrap().to_owned()
    }

    pub(super) fn file(&self) -> PathBuf {
        self.folder.path().join("gateway.toml")
    }

    /// Every way to the servers shows them the client.
    pub(super) fn shows_the_client(&self) {
        for family in Family::BOTH {
            let client = family.client();
            for _ in 0..4 {
                assert_eq!(
                    self.get(self.vip(family, 80), &[]),
                    format!("{client};{client}"),
                    "{}",
                    self.log()
                );
            }
            assert_eq!(self.connect(self.vip(family, 90)).to_string(), client);
            assert_eq!(self.send(self.vip(family, 90)).to_string(), client);
        }
    }

    pub(super) fn log(&self) -> String {
        self.folder.read("log")
    }

    /// What curl is told there, after the fields.
    pub(super) fn get(&self, at: SocketAddr, fields: &[&str]) -> String {
        let url = format!("http://{at}/");
        let mut words = vec!["--silent", "--show-error", "--max-time", "5", url.as_str()];
        fields.iter().for_each(|field| words.extend(["--header", field]));
        let output = self.client.inside(|| run("curl", &words));
        assert!(output.status.success(), "{at}: {output:?}\n{}", self.log());
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a server of TCP says there: the address that it sees.
    pub(super) fn connect(&self, at: SocketAddr) -> IpAddr {
        let mut stream =
            self.client.inside(|| TcpStream::connect_timeout(&at, Duration::from_secs(5)).unwrap());
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(b"x").unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap_or_else(|error| panic!("{at}: {error}\n{}", self.log()));
        said.parse().unwrap()
    }

    /// What a server of UDP answers to three datagrams of one flow: the address that it sees.
    pub(super) fn send(&self, at: SocketAddr) -> IpAddr {
        let any = SocketAddr::new(if at.is_ipv4() { [0; 4].into() } else { [0; 16].into() }, 0);
        let socket = self.client.inside(|| UdpSocket::bind(any).unwrap());
        socket.connect(at).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let seen: Vec<IpAddr> = (0..3)
            .map(|_| {
                socket.send(b"x").unwrap();
                let mut answer = [0; 64];
                let length =
                    socket.recv(&mut answer).unwrap_or_else(|error| panic!("{at}: {error}\n{}", self.log()));
                std::str::from_utf8(&answer[..length]).unwrap().parse().unwrap()
            })
            .collect();
        assert!(seen.iter().all(|address| *address == seen[0]));
        seen[0]
    }

    /// What is left of the way back in the gateway's kernel, a line each.
    pub(super) fn left(&self) -> Vec<String> {
        self.of_gateway("5300")
    }

    /// What gateways have put in, those of the first numbers and those of the second.
    pub(super) fn everything(&self) -> Vec<String> {
        [self.of_gateway("5300"), self.of_gateway("5400")].concat()
    }

    fn of_gateway(&self, number: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let mut ask = |name: &str, words: &[&str]| {
            let output = self.gateway.inside(|| run(name, words));
            let text = String::from_utf8(output.stdout).unwrap();
            // Tables of nftables have no number but in their names.
            let own = |line: &&str| !line.starts_with("table") || line.ends_with(number);
            lines.extend(text.lines().filter(own).map(|line| line.trim().to_owned()));
        };
        ask("nft", &["list", "tables"]);
        for family in Family::BOTH {
            ask("ip", &[family.option(), "rule", "show", "pref", number]);
            ask("ip", &[family.option(), "route", "show", "table", number]);
        }
        lines
    }
}

/// Joins a machine to the bridge of another; its end is `eth0`.
fn plug(centre: &Machine, machine: &Machine, port: &str) {
    centre.join(port, machine, "eth0");
    centre.shell(&format!("ip link set {port} master inside"));
    machine.shell("echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad; ip link set eth0 up");
}

/// Gives a machine an address, and a way to everywhere else.
fn settle(machine: &Machine, family: Family, address: &str, router: &str) {
    let (option, length, nodad) = (family.option(), family.choose("24", "64"), nodad(family));
    machine.shell(&format!(
        "ip address add {address}/{length} dev eth0 {nodad} && ip {option} route add default via {router}"
    ));
}

/// Addresses that nobody else has need not be asked for: the tests would wait for it.
const fn nodad(family: Family) -> &'static str {
    family.choose("", "nodad")
}
