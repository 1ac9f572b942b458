//! A gateway with a machine of its own, and web servers behind it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rustix::process::Pid;
use sekisho_tests::{sekisho, until};

use super::super::Folder;
use super::super::machine::{Machine, Program};

/// Where clients of HTTP come, and of plain TCP.
pub(super) const WEB: &str = "127.0.9.1:8080";
pub(super) const RAW: &str = "127.0.9.1:8081";
const SERVERS: [(&str, &str); 2] = [("one", "127.0.9.11:80"), ("two", "127.0.9.12:80")];
/// What is downloaded, in pieces that take a while.
pub(super) const LONG: usize = 200 * 64 * 1024;
/// What an heir has in its environment.
const VARIABLE: &[u8] = b"SEKISHO_HEIR_OF=";
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Site {
    pub(super) machine: Machine,
    pub(super) folder: Folder,
    _first: Option<Program>,
}

impl Site {
    /// Starts the gateway; `gateway` and `vip` are lines of its tables.
    pub(super) fn start(name: &str, gateway: &str, vip: &str) -> Self {
        let mut site = Self::new(name);
        site.configure(gateway, vip);
        site.run();
        site
    }

    /// A machine with servers, and the program beside its configuration.
    pub(super) fn new(name: &str) -> Self {
        let machine = Machine::start(&[]);
        machine.shell("echo 2000 65000 >/proc/sys/net/ipv4/ip_local_port_range");
        let folder = Folder::new(&format!("upgrade-{name}"));
        for (name, address) in SERVERS {
            let listener = machine.inside(|| TcpListener::bind(address).unwrap());
            std::thread::spawn(move || serve(name, &listener));
        }
        let site = Self { machine, folder, _first: None };
        site.install();
        site
    }

    pub(super) fn configure(&self, gateway: &str, vip: &str) {
        let servers = SERVERS.map(|(name, address)| format!("{name} = '{address}'")).join(", ");
        let text = format!(
            "[gateway]\nlog = 'info'\ndrain-timeout = '60s'\nadmin = '{}'\n{gateway}\n\
             [vip.web]\nlisten = '{WEB}'\nprotocol = 'http'\npool = 'web'\n{vip}\n\
             [vip.raw]\nlisten = '{RAW}'\nprotocol = 'tcp'\npool = 'web'\n\
             [pool.web]\nmethod = 'round-robin'\nservers = {{ {servers} }}\n\
             probe = {{ kind = 'tcp', interval = '500ms' }}\n",
            self.path("admin.sock").display()
        );
        self.folder.write("gateway.toml", &text);
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts the program where the gateway is started from, as a package does: another file of the name.
    pub(super) fn install(&self) {
        let fresh = self.path("sekisho.new");
        fs::copy(sekisho(), &fresh).unwrap();
        fs::rename(fresh, self.path("sekisho")).unwrap();
    }

    /// Puts a script there instead.
    pub(super) fn install_script(&self, script: &str) {
        let fresh = self.folder.write("sekisho.new", script);
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(fresh, self.path("sekisho")).unwrap();
    }

    /// Starts the gateway, and waits until it serves.
    pub(super) fn run(&mut self) {
        let [program, file, pid] = ["sekisho", "gateway.toml", "pid"].map(|name| self.path(name));
        let words =
            [program.to_str().unwrap(), "run", file.to_str().unwrap(), "--pid-file", pid.to_str().unwrap()];
        self._first = Some(self.machine.run_beside(&self.path("log"), &words));
        until("the gateway serves", || self.log().contains("Serving").then_some(()));
        self.process_after(0);
    }

    /// The number of the process that serves, in its machine.
    pub(super) fn process(&self) -> u32 {
        self.process_after(0)
    }

    /// As [`process`](Self::process), once it is another than this one.
    pub(super) fn process_after(&self, before: u32) -> u32 {
        until("the file has the number of a process", || {
            self.folder.read("pid").trim().parse().ok().filter(|process| *process != before)
        })
    }

    /// `sekisho` with these words and the gateway's socket.
    pub(super) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(sekisho());
        command.args(words).arg("--admin").arg(self.path("admin.sock")).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Does what an operator does, and gives what is printed.
    pub(super) fn operate(&self, words: &[&str]) -> String {
        let output = self.command(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}\n{}", self.log());
        String::from_utf8(output.stdout).unwrap()
    }

    /// Asks for an upgrade, which is to fail, and gives what is said.
    pub(super) fn upgrade_fails(&self) -> String {
        let Output { status, stderr, .. } = self.command(&["upgrade"]).output().unwrap();
        let said = String::from_utf8_lossy(&stderr).into_owned();
        assert_eq!(status.code(), Some(1), "{said}\n{}", self.log());
        said
    }

    /// Processes that the ones before them have started to take their places, by their numbers outside of the machine.
    pub(super) fn heirs(&self) -> Vec<Pid> {
        let folder = self.folder.path().as_os_str().as_bytes();
        let numbers = fs::read_dir("/proc").unwrap().flatten();
        let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let is_heir = |number: &i32| {
            let of = |what: &str| fs::read(format!("/proc/{number}/{what}")).unwrap_or_default();
            of("cmdline").windows(folder.len()).any(|word| word == folder)
                && of("environ").windows(VARIABLE.len()).any(|word| word == VARIABLE)
        };
        numbers.filter(is_heir).filter_map(Pid::from_raw).collect()
    }

    /// Sends a signal to a process, by the number that it has in its machine.
    pub(super) fn signal(&self, process: u32, signal: &str) {
        let output = self.machine.command(&["kill", signal, &process.to_string()]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    pub(super) fn log(&self) -> String {
        self.folder.read("log")
    }

    /// The answer to a request with these lines in its head.
    pub(super) fn ask(&self, to: &str, path: &str, lines: &str) -> Result<String, String> {
        let address = to.parse().unwrap();
        self.machine.inside(|| ask(address, path, lines))
    }

    /// Which server answers.
    pub(super) fn who(&self, to: &str) -> String {
        let answer = self.ask(to, "/", "").unwrap_or_else(|error| panic!("{error}\n{}", self.log()));
        answer.rsplit("\r\n").next().unwrap().to_owned()
    }
}

/// One request on a connection of its own; anything but a whole, good answer is an error.
pub(super) fn ask(to: SocketAddr, path: &str, lines: &str) -> Result<String, String> {
    let said = |what: &str| {
        let what = what.to_owned();
        move |error: std::io::Error| format!("{what}: {error}")
    };
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE).map_err(said("connecting"))?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: www.example.org\r\nConnection: close\r\n{lines}\r\n");
    stream.write_all(request.as_bytes()).map_err(said("sending"))?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(said("reading"))?;
    let answer = String::from_utf8(answer).map_err(|error| error.to_string())?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("cut: {answer:?}"))?;
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    match head.starts_with("HTTP/1.1 200 ") && length == Some(body.len()) {
        true => Ok(answer),
        false => Err(format!("{head:?} with {} bytes", body.len())),
    }
}

/// Answers with its name, and slowly with much where that is asked for. A connection that says so is closed.
fn serve(name: &'static str, listener: &TcpListener) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { return };
        std::thread::spawn(move || answer(name, stream));
    }
}

fn answer(name: &str, mut stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    loop {
        let mut head = Vec::new();
        loop {
            match lines.next()?.ok()? {
                line if line.is_empty() => break,
                line => head.push(line.to_lowercase()),
            }
        }
        if head.first()?.contains("/long") {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {LONG}\r\n\r\n").ok()?;
            let piece = [b'x'; 64 * 1024];
            for _ in 0..LONG / piece.len() {
                stream.write_all(&piece).ok()?;
                std::thread::sleep(Duration::from_millis(20));
            }
        } else {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len()).ok()?;
        }
        if head.iter().any(|line| line == "connection: close") {
            return Some(());
        }
    }
}
