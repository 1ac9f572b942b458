//! Machines of a test's own: namespaces for mounts, network and processes.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, getuid, kill_process, kill_process_group};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use sekisho_tests::{program, until};

/// A machine: what runs in it sees files, a network and processes of its own, and ends with it.
///
/// Its first process reads a pipe from this process, so that it is gone whatever becomes of this one, and takes with it
/// all that runs there, its network and its mounts.
pub(super) struct Machine {
    first: Child,
    id: u32,
}

impl Machine {
    /// Starts it with these files or folders in place of those. What `/tmp` hides must come before it.
    pub(super) fn start(mounts: &[(&Path, &str)]) -> Self {
        assert!(getuid().is_root(), "only root can give a test machines of its own");
        let mut command = Command::new(program("unshare"));
        command.args(["--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", FIRST, "machine"]);
        for (own, place) in mounts {
            command.arg(own).arg(place);
        }
        let mut first = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut id = String::new();
        BufReader::new(first.stdout.as_mut().unwrap()).read_line(&mut id).unwrap();
        let id = id.trim().parse().expect("the first process says its number");
        Self { first, id }
    }

    /// Joins it to another by a wire: `address` here, with this prefix length, and `other` there.
    pub(super) fn wire(&self, name: &str, address: &str, there: &Self, other: &str) {
        let id = there.id;
        self.shell(&format!(
            "ip link add {name} type veth peer name wire netns {id} && ip address add {address} dev {name} && \
             ip link set {name} up"
        ));
        let gateway = address.split('/').next().unwrap();
        there.shell(&format!(
            "ip address add {other} dev wire && ip link set wire up && ip route add default via {gateway}"
        ));
    }

    /// Joins it to another by a wire whose ends have these names, and no addresses.
    pub(super) fn join(&self, name: &str, there: &Self, other: &str) {
        let id = there.id;
        self.shell(&format!(
            "ip link add {name} type veth peer name {other} netns {id} && ip link set {name} up"
        ));
    }

    /// Runs a script in its network, with the files of this process.
    pub(super) fn shell(&self, script: &str) {
        let mut command = self.enter(&["--net"]);
        let output = command.args(["sh", "-c", script]).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{script}: {output:?}");
    }

    /// Starts a program on it, with its output in `log`.
    pub(super) fn run(&self, log: &Path, words: &[&str]) -> Program {
        Program::start(self.enter(&["--mount", "--net", "--pid"]).arg("setsid").args(words), log)
    }

    /// Starts a program in its network alone, with the files of this process.
    pub(super) fn run_beside(&self, log: &Path, words: &[&str]) -> Program {
        Program::start(self.enter(&["--net", "--pid"]).arg("setsid").args(words), log)
    }

    /// A program among its processes and in its network, with the files of this process.
    pub(super) fn command(&self, words: &[&str]) -> Command {
        let mut command = self.enter(&["--net", "--pid"]);
        command.args(words).stdin(Stdio::null());
        command
    }

    /// Does something in its network: a socket stays there.
    pub(super) fn inside<T: Send>(&self, what: impl FnOnce() -> T + Send) -> T {
        let network = File::open(format!("/proc/{}/ns/net", self.id)).unwrap();
        let moved = || {
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            what()
        };
        std::thread::scope(|scope| scope.spawn(moved).join().unwrap())
    }

    /// As [`inside`](Self::inside), for as long as it takes: on a thread that stays there.
    pub(super) fn stay<T: Send + 'static>(
        &self,
        what: impl FnOnce() -> T + Send + 'static,
    ) -> std::thread::JoinHandle<T> {
        let network = File::open(format!("/proc/{}/ns/net", self.id)).unwrap();
        std::thread::spawn(move || {
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            what()
        })
    }

    fn enter(&self, spaces: &[&str]) -> Command {
        let mut command = Command::new(program("nsenter"));
        command.arg("--target").arg(self.id.to_string()).args(spaces).arg("--");
        command
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.first.stdin.take());
        let _ = self.first.wait();
    }
}

/// What a machine begins with. It says which process it is outside, before it is told what `/proc` is here.
const FIRST: &str = r#"
read -r id rest </proc/self/stat
mount -t proc proc /proc && ip link set lo up || exit
while [ $# -gt 0 ]; do mount --bind "$1" "$2" || exit; shift 2; done
echo "$id"
read -r end
"#;

/// A program on a machine, with what it started and did not send away. Dropping it ends it.
pub(super) struct Program {
    /// `nsenter`, which stops and ends with the program, and is the one that has to notice its end.
    door: Child,
    /// The program's group; none if it ended at once.
    group: Option<Pid>,
}

impl Program {
    fn start(command: &mut Command, log: &Path) -> Self {
        let log = File::create(log).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut door = command.spawn().unwrap();
        let children = format!("/proc/{0}/task/{0}/children", door.id());
        let group = until("a program runs", || {
            let child = std::fs::read_to_string(&children).unwrap().trim().parse().ok();
            child.map(Pid::from_raw).or_else(|| door.try_wait().unwrap().map(|_| None))
        });
        Self { door, group }
    }

    pub(super) fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // It may not have a group of its own yet. Never both: a second signal may mean something else.
            let _ = kill_process_group(group, signal).or_else(|_| kill_process(group, signal));
        }
        if matches!(signal, Signal::CONT | Signal::KILL) {
            let _ = kill_process(Pid::from_child(&self.door), Signal::CONT);
        }
    }

    /// Programs that it has started and that run.
    pub(super) fn children(&self) -> Vec<Pid> {
        let Some(group) = self.group else { return Vec::new() };
        let tasks = std::fs::read_dir(format!("/proc/{}/task", group.as_raw_pid())).into_iter().flatten();
        let lists =
            tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
        let all: Vec<String> = lists.collect();
        let numbers = all.iter().flat_map(|list| list.split_whitespace());
        numbers.filter_map(|number| Pid::from_raw(number.parse().ok()?)).collect()
    }

    /// How it ended; none while it runs.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.door.try_wait().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.ended().is_none() {
            self.signal(Signal::KILL);
            let _ = self.door.wait();
        }
    }
}
