//! A subject's process, which never outlives the benchmark.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child as Process, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::machine::tree;
use super::{Outcome, failed};

/// A running process. Dropping it ends it and its children.
#[derive(Debug)]
pub(super) struct Child {
    process: Process,
    log: PathBuf,
}

impl Child {
    /// Starts `command`, on the cores that `place` chooses, with its output in a file `log`.
    pub(super) fn start(
        mut command: Command,
        place: impl FnOnce(&mut dyn FnMut() -> io::Result<Process>) -> io::Result<Process>,
        log: &Path,
    ) -> Outcome<Self> {
        let output = File::create(log).map_err(failed("cannot make a log"))?;
        let errors = output.try_clone().map_err(failed("cannot share a log"))?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        // SAFETY: between fork and exec only this one system call is made; it neither allocates nor locks.
        unsafe {
            command.pre_exec(|| {
                // SIGTERM rather than SIGKILL: nginx's master ends its workers, too.
                rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
                Ok(())
            });
        }
        let name = command.get_program().display().to_string();
        // The child inherits the cores, with every thread that it will ever start.
        let process = place(&mut || command.spawn()).map_err(failed(format!("cannot start {name}")))?;
        Ok(Self { process, log: log.to_owned() })
    }

    /// Its processes: itself and all below.
    pub(super) fn tree(&self) -> Vec<u32> {
        tree(self.process.id())
    }

    /// An error if it is gone.
    pub(super) fn alive(&mut self) -> Outcome {
        match self.process.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("it ended ({status})")),
            Err(error) => Err(format!("it cannot be watched: {error}")),
        }
    }

    /// Asks it to end by `signal` and waits for that.
    pub(super) fn end(&mut self, signal: Signal) {
        let members = self.tree();
        send(self.process.id(), signal);
        let patience = Instant::now() + Duration::from_secs(3);
        while Instant::now() < patience {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // It would not listen: its children first, as seen when it still had them.
        members.iter().rev().for_each(|&id| send(id, Signal::KILL));
        let _ = self.process.wait();
    }

    /// The end of its log, for error messages.
    pub(super) fn last_words(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().rev().take(8).collect();
        lines.iter().rev().map(|line| format!("\n    {line}")).collect()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            self.end(Signal::TERM);
        }
    }
}

fn send(id: u32, signal: Signal) {
    if let Some(id) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        // Already gone is what we want.
        let _ = kill_process(id, signal);
    }
}
