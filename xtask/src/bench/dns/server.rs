//! The server behind: Knot DNS, the fastest that Debian has, with a zone of wildcards.

use std::fmt::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tokio::time::sleep;

use super::super::child::Child;
use super::super::machine::Cpus;
use super::super::places::RESOLVER;
use super::super::scratch::{self, Scratch};
use super::super::subject::peer;
use super::super::{Outcome, failed};
use super::{NAMES, ZONE, answered, name, question};

/// The server, and the files that the tools read.
#[derive(Debug)]
pub(crate) struct Ground {
    server: Child,
    /// Questions for dnsperf, one a line.
    pub(super) questions: PathBuf,
    /// One question for h2load, as a message.
    pub(super) body: PathBuf,
    /// Where tools run.
    pub(super) cpus: Cpus,
}

impl Ground {
    /// Starts the server and waits until it answers.
    pub(crate) async fn prepare(scratch: &Scratch, cpus: Cpus) -> Outcome<Self> {
        let folder = scratch.folder("knot")?;
        let (questions, body) = (folder.join("questions"), folder.join("body"));
        let list = (0..NAMES).fold(String::new(), |mut list, number| {
            let _ = writeln!(list, "{} A", name(number));
            list
        });
        scratch::write(&questions, &list)?;
        // RFC 8484, section 4.1: id 0.
        std::fs::write(&body, question(0, &name(0))).map_err(failed("cannot write a question"))?;
        scratch::write(&folder.join("zone"), ZONE_FILE)?;
        let file = folder.join("knot.conf");
        scratch::write(&file, &configuration(&folder))?;
        let mut command = Command::new(peer("knotd")?);
        command.arg("-c").arg(file);
        let mut server = Child::start(command, |start| cpus.everywhere(start), &folder.join("log"))?;
        let answers = answers(&mut server).await;
        answers.map_err(|error| format!("knot: {error}{}", server.last_words()))?;
        Ok(Self { server, questions, body, cpus })
    }

    /// The server's processes.
    pub(crate) fn tree(&self) -> Vec<u32> {
        self.server.tree()
    }
}

async fn answers(server: &mut Child) -> Outcome {
    let socket = UdpSocket::bind(SocketAddr::new(RESOLVER.ip(), 0)).map_err(failed("cannot bind"))?;
    socket.set_read_timeout(Some(Duration::from_millis(20))).map_err(failed("cannot set a deadline"))?;
    for id in 0..500 {
        server.alive()?;
        let (question, mut answer) = (question(id, &name(0)), [0; 512]);
        let heard = socket.send_to(&question, RESOLVER).and_then(|_| socket.recv(&mut answer));
        if heard.is_ok_and(|size| answered(&question, answer.get(..size).unwrap_or_default())) {
            return Ok(());
        }
        sleep(Duration::from_millis(10)).await;
    }
    Err(format!("it does not answer on {RESOLVER}"))
}

/// One thread for each transport; connections are kept however long a subject does not use them.
fn configuration(folder: &Path) -> String {
    let (here, listen) = (folder.display(), format!("{}@{}", RESOLVER.ip(), RESOLVER.port()));
    format!(
        "server:
  rundir: {here}
  listen: {listen}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
  tcp-idle-timeout: 600
database:
  storage: {here}
log:
  - target: stderr
    any: warning
zone:
  - domain: {ZONE}
    file: {here}/zone
"
    )
}

const ZONE_FILE: &str = "$TTL 3600
@ SOA ns hostmaster 1 3600 900 86400 300
@ NS ns
ns A 192.0.2.1
* A 192.0.2.80
";
