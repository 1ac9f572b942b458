//! Real DNS servers that name themselves.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use sekisho_tests::{Authority, program, until};

use super::super::Folder;
use super::run;

/// The zone that all serve: `*.whoami` names the server, `r0` to `r1999` make a transfer long.
pub(super) const ZONE: &str = "dns.test";

/// A key that Knot and BIND know, as dig, kdig and nsupdate are told.
pub(super) const KEY: &str = "hmac-sha256:shared:c2hhcmVkIGJ5IHRoZSBzZXJ2ZXJzIG9mIGEgdGVzdC4=";

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    Knot,
    Nsd,
    Named,
}

/// A running server. Dropping it ends it, with all its processes.
pub(super) struct Server {
    pub(super) name: &'static str,
    pub(super) address: SocketAddr,
    program: Program,
    folder: Folder,
    running: Option<Child>,
}

impl Server {
    /// Starts it. NSD speaks TLS, too, on the next port.
    pub(super) fn start(program: Program, name: &'static str, address: &str) -> Self {
        let address: SocketAddr = address.parse().unwrap();
        let folder = Folder::new(&format!("dns-{address}"));
        let mut server = Self { name, address, program, folder, running: None };
        server.write_zone();
        server.restart();
        server
    }

    /// One of each on 127.0.6.`host`; BIND on 127.0.0.1, because it binds to addresses of interfaces only.
    pub(super) fn three(host: u8) -> [Self; 3] {
        [
            Self::start(Program::Knot, "knot", &format!("127.0.6.{host}:7501")),
            Self::start(Program::Nsd, "nsd", &format!("127.0.6.{host}:7502")),
            Self::start(Program::Named, "named", &format!("127.0.0.1:{}", 7500 + u16::from(host))),
        ]
    }

    /// Starts it again, and waits until it answers.
    pub(super) fn restart(&mut self) {
        let here = self.folder.path().to_owned();
        let mut command = match self.program {
            Program::Knot => {
                let file = self.folder.write("knot.conf", &self.knot(&here));
                let mut command = Command::new(program("knotd"));
                command.arg("-c").arg(file);
                command
            }
            Program::Nsd => {
                let authority = Authority::new();
                authority.write(&here);
                authority.issue(&["nsd.test"], &here);
                let file = self.folder.write("nsd.conf", &self.nsd(&here));
                let mut command = Command::new(program("nsd"));
                command.arg("-d").arg("-c").arg(file);
                command
            }
            Program::Named => {
                let file = self.folder.write("named.conf", &self.named(&here));
                let mut command = Command::new(program("named"));
                command.args(["-f", "-n", "1", "-c"]).arg(file);
                command
            }
        };
        let log = std::fs::File::create(here.join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        // A group of its own: NSD has several processes.
        let running = self.running.insert(command.process_group(0).spawn().unwrap());
        let (host, port) = (format!("@{}", self.address.ip()), self.address.port().to_string());
        let question = format!("up.whoami.{ZONE}");
        until(&format!("{} answers: {}", self.name, self.folder.read("log")), || {
            // One of a test that was killed may still be there, and answer in its place.
            let ended = running.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", self.folder.read("log"));
            let answer = run("dig", &[&host, "-p", &port, "+short", "+time=1", "+tries=1", &question, "TXT"]);
            String::from_utf8_lossy(&answer.stdout).contains(self.name).then_some(())
        });
    }

    /// Ends it as a crash would: its port refuses.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.running.take() {
            // Gone already is what we want.
            let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
            let _ = child.wait();
        }
    }

    /// Sends a signal to all its processes.
    pub(super) fn signal(&self, signal: Signal) {
        kill_process_group(Pid::from_child(self.running.as_ref().unwrap()), signal).unwrap();
    }

    /// Its files, `authority.pem` among NSD's, which signed its certificate.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn write_zone(&self) {
        let name = self.name;
        let mut zone = format!(
            "$TTL 3600\n$ORIGIN {ZONE}.\n@ SOA ns hostmaster 1 3600 900 86400 300\n@ NS ns\nns A 192.0.2.1\n\
             *.whoami TXT \"{name}\"\nlarge TXT"
        );
        for _ in 0..12 {
            let _ = write!(zone, " \"{}\"", "x".repeat(250));
        }
        zone.push('\n');
        for number in 0..RECORDS {
            let _ = writeln!(zone, "r{number} A 192.0.2.{}", number % 250);
        }
        self.folder.write("zone", &zone);
    }

    fn knot(&self, here: &Path) -> String {
        let (here, (name, secret)) = (here.display(), key());
        let (host, port, identity) = (self.address.ip(), self.address.port(), self.name);
        format!(
            "server:\n  rundir: {here}\n  listen: {host}@{port}\n  udp-workers: 1\n  tcp-workers: 1\n  \
             background-workers: 1\n  identity: {identity}\ndatabase:\n  storage: {here}\n\
             log:\n  - target: stderr\n    any: warning\n\
             key:\n  - id: {name}\n    algorithm: hmac-sha256\n    secret: {secret}\n\
             acl:\n  - id: signed\n    key: {name}\n    action: [transfer, update]\n  \
             - id: anybody\n    address: 127.0.0.0/8\n    action: [transfer, notify]\n\
             zone:\n  - domain: {ZONE}\n    file: {here}/zone\n    acl: [signed, anybody]\n"
        )
    }

    fn nsd(&self, here: &Path) -> String {
        let (here, host, port, identity) =
            (here.display(), self.address.ip(), self.address.port(), self.name);
        let tls = port + 1;
        format!(
            "server:\n  ip-address: {host}@{port}\n  ip-address: {host}@{tls}\n  tls-port: {tls}\n  \
             tls-service-key: {here}/nsd.test.pem\n  tls-service-pem: {here}/nsd.test.pem\n  server-count: 1\n  \
             zonesdir: {here}\n  database: \"\"\n  username: \"\"\n  pidfile: \"\"\n  xfrdfile: {here}/xfrd\n  \
             zonelistfile: {here}/zones\n  xfrdir: {here}\n  rrl-ratelimit: 0\n  identity: {identity}\n\
             remote-control:\n  control-enable: no\n\
             zone:\n  name: {ZONE}\n  zonefile: zone\n  provide-xfr: 127.0.0.0/8 NOKEY\n  \
             allow-notify: 127.0.0.0/8 NOKEY\n"
        )
    }

    fn named(&self, here: &Path) -> String {
        let (here, (name, secret)) = (here.display(), key());
        let (host, port, identity) = (self.address.ip(), self.address.port(), self.name);
        format!(
            "key {name} {{ algorithm hmac-sha256; secret \"{secret}\"; }};\ncontrols {{ }};\n\
             options {{ directory \"{here}\"; listen-on port {port} {{ {host}; }}; listen-on-v6 {{ none; }};\n\
             pid-file none; session-keyfile none; recursion no; notify no; server-id \"{identity}\";\n\
             allow-transfer {{ any; }}; }};\n\
             zone \"{ZONE}\" {{ type primary; file \"zone\"; allow-update {{ key {name}; }}; }};\n"
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Name and secret of [`KEY`].
fn key() -> (&'static str, &'static str) {
    KEY.trim_start_matches("hmac-sha256:").split_once(':').unwrap()
}

const RECORDS: usize = 2_000;
