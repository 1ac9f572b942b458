//! The thread that writes a log.

use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use sekisho_config::LogTo;

use super::file::LogFile;
use super::journald::Journal;
use super::otlp::Collector;
use super::syslog::Syslog;
use super::{Message, Severity, Shared};

/// Where messages go.
#[derive(Debug)]
pub(super) enum Output {
    Stdout,
    Stderr,
    File(LogFile),
    Syslog(Syslog),
    Journal(Journal),
    Collector(Collector),
}

/// Messages that did not arrive, and why the last of them did not.
pub(super) type Lost = (u64, io::Error);

impl Output {
    pub(super) fn open(to: &LogTo) -> io::Result<Self> {
        Ok(match to {
            LogTo::Stdout => Self::Stdout,
            LogTo::Stderr => Self::Stderr,
            LogTo::File(path) => Self::File(LogFile::open(path.clone())?),
            LogTo::Syslog { address, facility, tag } => {
                Self::Syslog(Syslog::new(address.clone(), *facility, tag))
            }
            LogTo::Otlp { address, path } => Self::Collector(Collector::new(*address, path.clone())),
            LogTo::Journald { socket, tag } => Self::Journal(Journal::new(socket.clone(), tag)),
        })
    }

    fn lines(&mut self, lines: &[u8], count: u64) -> Result<(), Lost> {
        let each = || lines.split(|&b| b == b'\n').filter(|line| !line.is_empty());
        match self {
            Self::Syslog(syslog) => syslog.send(Severity::Informational, each()),
            Self::Journal(journal) => journal.send(Severity::Informational, each()),
            Self::Collector(collector) => collector.send(each()),
            _ => self.bytes(lines).map_err(|error| (count, error)),
        }
    }

    fn event(&mut self, severity: Severity, text: &[u8]) -> Result<(), Lost> {
        let trimmed = text.strip_suffix(b"\n").unwrap_or(text);
        match self {
            Self::Syslog(syslog) => syslog.send(severity, std::iter::once(trimmed)),
            Self::Journal(journal) => journal.send(severity, std::iter::once(trimmed)),
            _ => self.bytes(text).map_err(|error| (1, error)),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(bytes)?;
                stdout.flush()
            }
            Self::Stderr => io::stderr().lock().write_all(bytes),
            Self::File(file) => file.write(bytes),
            Self::Syslog(_) | Self::Journal(_) | Self::Collector(_) => Ok(()),
        }
    }
}

/// Writes until told to close or nobody is left who sends.
pub(super) fn run(mut output: Output, name: &str, messages: &Receiver<Message>, shared: &Shared) {
    let mut trouble = Trouble::default();
    while let Ok(mut message) = messages.recv() {
        loop {
            if shared.reopen.swap(false, Ordering::AcqRel)
                && let Output::File(file) = &mut output
            {
                file.reopen();
            }
            let (count, outcome) = match &message {
                Message::Lines(lines, count) => (*count, output.lines(lines, *count)),
                Message::Event(severity, text) => (1, output.event(*severity, text)),
                Message::Look => (0, Ok(())),
            };
            let lost = outcome.as_ref().err().map_or(0, |(lost, _)| *lost);
            shared.written.fetch_add(count.saturating_sub(lost), Ordering::Relaxed);
            if let Err((lost, error)) = outcome {
                shared.lost.fetch_add(lost, Ordering::Relaxed);
                trouble.failed(name, &error);
            }
            if let Message::Lines(buffer, _) = message {
                shared.keep(buffer);
            }
            // Here, because a queue that is too slow is never empty.
            trouble.dropped(name, shared.dropped.load(Ordering::Relaxed));
            message = match messages.try_recv() {
                Ok(next) => next,
                Err(_) => break,
            };
        }
        if shared.close.load(Ordering::Acquire) {
            return;
        }
    }
}

/// What went wrong with a log, told in the program's own, but not once per line.
#[derive(Debug, Default)]
struct Trouble {
    told: Option<Instant>,
    dropped: u64,
}

impl Trouble {
    fn failed(&mut self, log: &str, error: &io::Error) {
        if self.due() {
            tracing::error!(log, %error, "A log cannot be written: lines are lost");
        }
    }

    fn dropped(&mut self, log: &str, total: u64) {
        if total > self.dropped && self.due() {
            tracing::warn!(log, lines = total - self.dropped, "A log is too slow: lines were dropped");
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
