//! The binary between real programs. Each test has an address of its own, so that they can run side by side.

mod admin;
mod browser;
mod calls;
mod compression;
mod cookie;
mod crowd;
mod dashboard;
mod dns;
mod http2;
mod http2_servers;
mod http_faults;
mod http_limits;
mod l4;
mod load;
mod logs;
mod machine;
mod mail;
mod metrics;
mod nginx;
mod peers;
mod prometheus;
mod proxy_protocol;
mod rdp;
mod redundancy;
mod resilience;
mod shared_store;
mod smuggling;
mod soak;
mod terminal;
mod tls;
mod topology;
mod tutorial;
mod upgrade;
mod web_socket;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use sekisho_tests::{folder, named, program, sekisho, until};

use nginx::{Nginx, nginx};

/// A folder of a test's own, gone when the test is.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        Self(folder(&format!("real-{name}")))
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        path
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap_or_default()
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A program that runs until it is dropped.
struct Running(Child);

impl Running {
    fn start(command: &mut Command, listens: SocketAddr) -> Self {
        let running = Self(command.stdin(Stdio::null()).spawn().unwrap());
        until(&format!("{listens} answers"), || TcpStream::connect(listens).ok().map(drop));
        running
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The binary, serving a file.
struct Sekisho {
    folder: Folder,
    running: Running,
}

impl Sekisho {
    fn start(name: &str, configuration: &str, listens: &str) -> Self {
        Self::start_in(Folder::new(name), configuration, listens)
    }

    fn start_in(folder: Folder, configuration: &str, listens: &str) -> Self {
        let file = folder.write("gateway.toml", configuration);
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(sekisho());
        command.arg("run").arg(file).stdout(log.try_clone().unwrap()).stderr(log);
        let running = Running::start(&mut command, listens.parse().unwrap());
        Self { folder, running }
    }

    fn log(&self) -> String {
        self.folder.read("log")
    }

    /// Changes the file and sends SIGHUP; `expected` must then come once more in the log.
    fn reload(&self, configuration: &str, expected: &str) {
        let before = self.log().matches(expected).count();
        self.folder.write("gateway.toml", configuration);
        self.running.signal(Signal::HUP);
        until(&format!("`{expected}` in the log"), || {
            (self.log().matches(expected).count() > before).then_some(())
        });
    }
}

/// A web VIP before these servers.
fn web(listen: &str, servers: &[Nginx], vip: &str, pool: &str) -> String {
    format!(
        "[gateway]\nlog = 'info'\nmax-connections = 15000\n[vip.web]\nlisten = '{listen}'\nprotocol = 'http'\npool = 'web'\n{vip}\n\
         [pool.web]\nservers = {{ {} }}\n\
         probe = {{ kind = 'http', path = '/', interval = '500ms', fast-interval = '200ms' }}\n{pool}\n",
        named(servers.iter().map(|server| (server.name, server.address)))
    )
}

fn run(name: &str, arguments: &[&str]) -> Output {
    Command::new(program(name)).args(arguments).stdin(Stdio::null()).output().unwrap()
}
