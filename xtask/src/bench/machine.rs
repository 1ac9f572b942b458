//! What the run needs of the machine: two cores, descriptors, process trees, and a description for the page.

use std::fs;
use std::io;

use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::{Outcome, failed};

/// Which cores are used for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cpus {
    subject: usize,
    rest: usize,
    usable: usize,
    all: CpuSet,
}

impl Cpus {
    /// Takes the first two cores that this process may use, and moves this thread to the second.
    pub(super) fn take() -> Outcome<Self> {
        let allowed = sched_getaffinity(None).map_err(failed("cannot see the cores"))?;
        let usable: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu)).collect();
        let &subject = usable.first().ok_or("no core to run on")?;
        let rest = usable.get(1).copied().unwrap_or(subject);
        let cpus = Self { subject, rest, usable: usable.len(), all: allowed };
        pin(cpus.rest).map_err(failed("cannot choose a core"))?;
        Ok(cpus)
    }

    /// Runs `start` on the subjects' core, so that what it starts stays there.
    pub(super) fn as_subject<T>(&self, start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        pin(self.subject)?;
        let started = start();
        pin(self.rest)?;
        started
    }

    /// Runs `start` on all cores that there are for this process, so that what it starts may use them.
    pub(super) fn everywhere<T>(&self, start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        sched_setaffinity(None, &self.all)?;
        let started = start();
        pin(self.rest)?;
        started
    }

    /// How many cores there are for this process.
    pub(super) fn usable(&self) -> usize {
        self.usable
    }

    /// Whether subject and clients have to share a core.
    pub(super) fn shared(&self) -> bool {
        self.subject == self.rest
    }
}

fn pin(cpu: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    Ok(sched_setaffinity(None, &set)?)
}

/// Lets this process and its children open as many sockets as the system allows.
pub(super) fn raise_descriptor_limit() -> Outcome {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|most| most < NEEDED_DESCRIPTORS) {
        return Err(format!(
            "{NEEDED_DESCRIPTORS} descriptors are needed: raise the hard limit (ulimit -Hn)"
        ));
    }
    // HAProxy refuses nothing and sizes nothing after a limit that is merely large enough.
    limit.current = Some(limit.maximum.unwrap_or(MOST_DESCRIPTORS).min(MOST_DESCRIPTORS));
    setrlimit(Resource::Nofile, limit).map_err(failed("cannot raise the descriptor limit"))
}

/// How many relayed connections the descriptors of one process suffice for, with some to spare.
pub(super) fn relayed_connections() -> u32 {
    let most = getrlimit(Resource::Nofile).maximum.unwrap_or(MOST_DESCRIPTORS).min(MOST_DESCRIPTORS);
    u32::try_from(most / 2).unwrap_or(u32::MAX).saturating_sub(500)
}

/// The process `id` and all below it, parents first.
pub(super) fn tree(id: u32) -> Vec<u32> {
    let mut members = vec![id];
    let mut at = 0;
    while let Some(&id) = members.get(at) {
        at += 1;
        let Ok(threads) = fs::read_dir(format!("/proc/{id}/task")) else { continue };
        for thread in threads.flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            members.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    members
}

/// Cores and kernel, in words that name no machine.
pub(super) fn describe(cpus: &Cpus) -> String {
    let cores = if cpus.usable() == 1 { "one core".to_owned() } else { format!("{} cores", cpus.usable()) };
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel: Vec<&str> = release.trim().split(['.', '-']).take(2).collect();
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let virtual_machine =
        cpuinfo.lines().any(|line| line.starts_with("flags") && line.contains("hypervisor"));
    let kind = if virtual_machine { "virtual machine" } else { "machine" };
    format!("{kind} with {cores}, {}, Linux {}, loopback only", std::env::consts::ARCH, kernel.join("."))
}

/// Two for each relayed connection in the subject, with room for pipes.
const NEEDED_DESCRIPTORS: u64 = 12_000;

/// More would only make the subjects' tables larger.
const MOST_DESCRIPTORS: u64 = 65_536;
