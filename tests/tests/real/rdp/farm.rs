//! The gateway before servers, and the machines that clients run on.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::Signal;
use sekisho_tests::{Authority, program, sekisho, until};

use super::super::Folder;
use super::machine::{Machine, Program};
use super::screen::{pixels, screen};

/// Where clients go.
pub(super) const VIP: &str = "10.99.0.1:3389";
/// Where the gateway's metrics are.
const METRICS: &str = "10.99.0.1:9100";
/// How many connections each server gets at once. xrdp starts a process for each, and lets no more than two wait for it.
pub(super) const EACH: usize = 8;

/// The gateway's machine, with wires to servers and to two machines for clients, which share a screen.
pub(super) struct Farm {
    gateway: Option<Program>,
    _screen: Program,
    machine: Machine,
    pub(super) near: Machine,
    pub(super) far: Machine,
    folder: Folder,
}

impl Farm {
    /// Before these machines, whose port 3389 is that of servers `s1`, `s2` ... in `pool`.
    pub(super) fn start(name: &str, servers: &[&Machine], configuration: &str) -> Self {
        let folder = Folder::new(&format!("rdp-{name}"));
        let tmp = folder.path().join("tmp");
        std::fs::create_dir_all(&tmp).unwrap();
        let start = || Machine::start(&[(&tmp, "/tmp")]);
        let (machine, near, far) = (start(), start(), start());
        machine.shell("ip address add 10.99.0.1/32 dev lo");
        let all = servers.iter().copied().chain([&near, &far]);
        for (number, other) in (1..).zip(all) {
            let (here, there) = (format!("10.99.{number}.1/24"), format!("10.99.{number}.2/24"));
            machine.wire(&format!("to{number}"), &here, other, &there);
        }
        let list: Vec<String> = (1..=servers.len()).map(server).collect();
        Authority::new().issue(&["desktops.example.org"], folder.path());
        folder.write(
            "gateway.toml",
            &format!(
                "[gateway]\nlog = 'info'\nmetrics = '{METRICS}'\nstate-directory = 'state'\n[vip.desktops]\nlisten = '{VIP}'\n\
                 protocol = 'rdp'\npool = 'desktops'\npersist = ['rdp-token', 'user', 'source-ip']\n\
                 {configuration}\nservers = {{ {} }}\n",
                list.join(", ")
            ),
        );
        let screen = screen(&near, folder.path(), 1, "1024x768x24");
        let mut farm = Self { gateway: None, _screen: screen, machine, near, far, folder };
        farm.restart();
        farm
    }

    /// Ends the gateway, as an operator does, and starts it again.
    pub(super) fn restart(&mut self) {
        if let Some(mut gateway) = self.gateway.take() {
            gateway.signal(Signal::TERM);
            until("the gateway ends", || gateway.ended());
        }
        let here = self.folder.path();
        let [binary, file] = [sekisho(), here.join("gateway.toml")].map(|path| path.display().to_string());
        let mut gateway = self.machine.run_beside(&here.join("log"), &[&binary, "run", &file]);
        until("the gateway serves", || {
            assert!(gateway.ended().is_none(), "{}", self.log());
            self.log().contains("Serving").then_some(())
        });
        self.gateway = Some(gateway);
    }

    /// Starts a client.
    pub(super) fn client(&self, machine: &Machine, words: &[&str]) -> Client {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let log = self.folder.path().join(format!("client{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        program(words[0]);
        // rdesktop asks whether it may trust the certificate.
        let shell = ["env", "HOME=/tmp", "DISPLAY=:1", "sh", "-c", "echo yes | stdbuf -oL \"$@\"", "client"];
        Client { program: machine.run(&log, &[&shell, words].concat()), log }
    }

    /// Connects from a machine.
    pub(super) fn connect(&self, machine: &Machine) -> TcpStream {
        machine.inside(|| TcpStream::connect(VIP).unwrap())
    }

    pub(super) fn log(&self) -> String {
        self.folder.read("log")
    }

    /// A number from the gateway's metrics, by its name and labels as they stand there.
    pub(super) fn number(&self, name: &str) -> u64 {
        let address: SocketAddr = METRICS.parse().unwrap();
        let mut stream = self.machine.inside(|| TcpStream::connect(address).unwrap());
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {page}")).trim().parse().unwrap()
    }

    /// Connections of clients so far, once none is open.
    pub(super) fn served(&self) -> u64 {
        let open = "sekisho_vip_connections{vip=\"desktops\"}";
        until("all clients are gone", || (self.number(open) == 0).then_some(()));
        self.number("sekisho_vip_served_total{vip=\"desktops\"}")
    }

    /// Keeps what is on the screen in the folder that `SEKISHO_PICTURES` names, if it does, in the form of `xwd`.
    pub(super) fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("SEKISHO_PICTURES") else { return };
        // What was just entered is painted in its time.
        std::thread::sleep(std::time::Duration::from_secs(1));
        std::fs::copy(pixels(self.folder.path()), PathBuf::from(folder).join(name).with_extension("xwd"))
            .unwrap();
    }
}

fn server(number: usize) -> String {
    format!("s{number} = {{ address = '10.99.{number}.2:3389', max-connections = {EACH} }}")
}

/// A client that was started.
pub(super) struct Client {
    pub(super) program: Program,
    log: PathBuf,
}

impl Client {
    /// What it said.
    pub(super) fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.said());
        }
    }
}
