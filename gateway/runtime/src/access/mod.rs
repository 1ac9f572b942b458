//! The access logs: one line per connection or request.
//!
//! Each worker formats its lines into buffers of its own and hands them, full or at the next tick, to the thread of the
//! log's [receiver](crate::receiver).
//!
//! | module | idea |
//! |---|---|
//! | `visit` | what each field is |
//! | `line`, `own`, `span` | the forms of a line |
//! | `clock`, `digits`, `escape` | times, numbers and text from the network as bytes, cheaply |
//! | `gate` | which lines are written |
//! | `writer` | a worker's end |

mod clock;
mod digits;
mod escape;
mod gate;
mod line;
mod own;
mod span;
mod visit;
mod writer;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Sender;

pub(crate) use self::clock::Clock;
use self::gate::Counts;
use self::line::Form;
pub(crate) use self::writer::AccessWriter;
use crate::receiver::{LogReceiver, LogSender};

/// The access logs of the process.
#[derive(Debug)]
pub(crate) struct AccessLogs {
    logs: Vec<Log>,
    copy: Option<Sender<String>>,
}

/// One of them.
#[derive(Debug)]
struct Log {
    settings: sekisho_config::AccessLog,
    counts: Arc<Counts>,
    receiver: LogReceiver,
}

/// Where a line belongs: what a [`sekisho_api::Record`] does not know of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The VIP.
    pub(crate) vip: &'a str,
    /// The server's pool.
    pub(crate) pool: Option<&'a str>,
}

/// What became of the lines of an access log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogStatus {
    /// The log, by where it goes.
    pub log: String,
    /// Lines written.
    pub written: u64,
    /// Lines not in the sample.
    pub sampled: u64,
    /// Lines beyond the most of a second.
    pub limited: u64,
    /// Lines dropped, because the receiver was too slow.
    pub slow: u64,
    /// Lines that the receiver did not take.
    pub failed: u64,
}

impl AccessLogs {
    /// Opens the logs, and the way of spans, which are lines of another form.
    ///
    /// # Errors
    /// As [`AccessLogs::open`].
    pub(crate) fn of(gateway: &sekisho_config::Gateway, copy: Option<Sender<String>>) -> io::Result<Self> {
        let all: Vec<_> = gateway.access_logs.iter().chain(&gateway.traces).cloned().collect();
        Self::open(&all, copy)
    }

    /// Opens the logs. `copy` gets every line as JSON, whatever `settings` say.
    ///
    /// # Errors
    /// If a file cannot be opened, or there is no thread.
    pub(crate) fn open(
        settings: &[sekisho_config::AccessLog],
        copy: Option<Sender<String>>,
    ) -> io::Result<Self> {
        let open = |settings: &sekisho_config::AccessLog| {
            Ok(Log {
                settings: settings.clone(),
                counts: Arc::new(Counts::new(settings.max_rate)),
                receiver: LogReceiver::for_batches(&settings.to)?,
            })
        };
        Ok(Self { logs: settings.iter().map(open).collect::<io::Result<_>>()?, copy })
    }

    /// A worker's end of the logs.
    pub(crate) fn writer(&self) -> AccessWriter {
        AccessWriter::new(self.logs.iter().map(writer::Feed::new).collect(), self.copy.clone())
    }

    /// A look at how the logs fare.
    pub(crate) fn watch(&self) -> LogWatch {
        LogWatch(self.logs.iter().map(Watched::new).collect())
    }

    /// Opens files anew, after something moved them away. If that fails, the old one stays.
    pub(crate) fn reopen(&self) {
        self.logs.iter().for_each(|log| log.receiver.reopen());
    }

    /// Writes what the workers have handed over and ends; gives up on a receiver that does not answer.
    pub(crate) fn close(self) {
        self.logs.into_iter().for_each(|log| log.receiver.close());
    }
}

/// A look at how the logs fare, from any thread.
#[derive(Debug)]
pub(crate) struct LogWatch(Vec<Watched>);

#[derive(Debug)]
struct Watched {
    log: String,
    counts: Arc<Counts>,
    sender: LogSender,
}

impl LogWatch {
    /// What became of the lines so far.
    pub(crate) fn statuses(&self) -> Vec<LogStatus> {
        self.0.iter().map(Watched::status).collect()
    }
}

impl Watched {
    fn new(log: &Log) -> Self {
        let sender = log.receiver.sender();
        Self { log: log.settings.to.to_string(), counts: log.counts.clone(), sender }
    }

    fn status(&self) -> LogStatus {
        LogStatus {
            log: self.log.clone(),
            written: self.sender.written(),
            sampled: self.counts.sampled.load(Relaxed),
            limited: self.counts.limited.load(Relaxed),
            slow: self.sender.dropped(),
            failed: self.sender.lost(),
        }
    }
}

/// The settings of logs that differ between two configurations: a reload changes none of them.
pub(crate) fn fixed(
    before: &sekisho_config::Gateway,
    after: &sekisho_config::Gateway,
) -> impl Iterator<Item = &'static str> {
    let keys = [
        ("log", before.log != after.log),
        ("log-format", before.log_format != after.log_format),
        ("log-to", before.log_to != after.log_to),
        ("access-log", before.access_logs != after.access_logs),
        ("traces", before.traces != after.traces),
    ];
    keys.into_iter().filter_map(|(key, differs)| differs.then_some(key))
}

/// Text from the network, cut: a request line may be longer than a log should be.
fn cut(text: &str) -> &[u8] {
    let text = text.as_bytes();
    text.get(..LONGEST).unwrap_or(text)
}

/// The longest text from the network that is logged whole, in bytes.
const LONGEST: usize = 4096;
