//! The thread that writes the access log.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::{Message, Shared};

/// Where lines go.
#[derive(Debug)]
pub(super) enum Output {
    File(PathBuf, File),
    Stdout,
}

impl Output {
    /// Opens the file to append to; none: standard output.
    pub(super) fn open(path: Option<PathBuf>) -> io::Result<Self> {
        Ok(match path {
            Some(path) => {
                let file = open(&path)?;
                Self::File(path, file)
            }
            None => Self::Stdout,
        })
    }

    fn reopen(&mut self) {
        let Self::File(path, file) = self else { return };
        match open(path) {
            Ok(fresh) => *file = fresh,
            Err(error) => tracing::error!(path = %path.display(), %error, "Access log not reopened"),
        }
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::File(_, file) => file.write_all(lines),
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(lines)?;
                stdout.flush()
            }
        }
    }
}

/// Clients' addresses are in it: nobody's to read but the gateway's and its group's.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

/// Writes until told to close or no worker is left.
pub(super) fn run(mut output: Output, messages: &Receiver<Message>, shared: &Shared) {
    let mut trouble = Trouble::default();
    while let Ok(mut message) = messages.recv() {
        loop {
            if shared.reopen.swap(false, Ordering::AcqRel) {
                output.reopen();
            }
            if let Message::Lines(lines) = message
                && let Err(error) = output.write(&lines)
            {
                trouble.failed(&error);
            }
            message = match messages.try_recv() {
                Ok(next) => next,
                Err(_) => break,
            };
        }
        trouble.dropped(shared.dropped.load(Ordering::Relaxed));
        if shared.close.load(Ordering::Acquire) {
            return;
        }
    }
}

/// What went wrong with the log, told in the other log, but not once per line.
#[derive(Debug, Default)]
struct Trouble {
    told: Option<Instant>,
    dropped: u64,
}

impl Trouble {
    fn failed(&mut self, error: &io::Error) {
        if self.due() {
            tracing::error!(%error, "Access log cannot be written: lines are lost");
        }
    }

    fn dropped(&mut self, total: u64) {
        if total > self.dropped && self.due() {
            tracing::warn!(lines = total - self.dropped, "Access log is too slow: lines were dropped");
            self.dropped = total;
        }
    }

    fn due(&mut self) -> bool {
        let due = self.told.is_none_or(|told| told.elapsed() >= PAUSE);
        if due {
            self.told = Some(Instant::now());
        }
        due
    }
}

/// Between two complaints.
const PAUSE: Duration = Duration::from_secs(10);
