//! Where logs go: files, standard output and error, syslog, the journal.
//!
//! Each log has a thread that writes, and a bounded queue before it: where the receiver is slow or away, messages are
//! dropped and counted, and whoever logs waits for nothing.

mod file;
mod journald;
mod otlp;
mod syslog;
#[cfg(test)]
mod tests;
mod thread;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sekisho_config::LogTo;

/// How bad it is (RFC 5424, section 6.2.1, and the journal's `PRIORITY`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Something failed.
    Error = 3,
    /// Something may fail.
    Warning = 4,
    /// What an operator wants to know.
    Informational = 6,
    /// The rest.
    Debug = 7,
}

/// A log on its way to its receiver. Dropped without [`LogReceiver::close`], it may lose its last messages.
#[derive(Debug)]
pub struct LogReceiver {
    sender: LogSender,
    thread: JoinHandle<()>,
}

/// Whoever writes to a log has one of these.
#[derive(Clone, Debug)]
pub struct LogSender {
    queue: SyncSender<Message>,
    shared: Arc<Shared>,
}

/// What the writing thread is told in order.
#[derive(Debug)]
enum Message {
    /// So many whole lines, each a message.
    Lines(Vec<u8>, u64),
    /// One message, perhaps of several lines.
    Event(Severity, Vec<u8>),
    /// Look at [`Shared`].
    Look,
}

/// What the writing thread is told at once, and what it counts.
#[derive(Debug, Default)]
struct Shared {
    reopen: AtomicBool,
    close: AtomicBool,
    written: AtomicU64,
    dropped: AtomicU64,
    lost: AtomicU64,
    /// Buffers that were written. Taken once a batch.
    spare: Mutex<Vec<Vec<u8>>>,
}

impl LogReceiver {
    /// Opens what can be opened and starts the thread, for messages that come one by one. A syslog receiver or a journal
    /// that is away is looked for again and again; that is no error.
    ///
    /// # Errors
    /// If the file cannot be opened, or there is no thread.
    pub fn open(to: &LogTo) -> io::Result<Self> {
        Self::with_room(to, EVENTS)
    }

    /// The same, for lines in batches.
    ///
    /// # Errors
    /// As [`LogReceiver::open`].
    pub(crate) fn for_batches(to: &LogTo) -> io::Result<Self> {
        Self::with_room(to, BATCHES)
    }

    fn with_room(to: &LogTo, room: usize) -> io::Result<Self> {
        let output = thread::Output::open(to)?;
        let (queue, messages) = sync_channel(room);
        let shared = Arc::new(Shared::default());
        let thread = std::thread::Builder::new().name("sekisho-log".to_owned()).spawn({
            let shared = shared.clone();
            let name = to.to_string();
            move || thread::run(output, &name, &messages, &shared)
        })?;
        Ok(Self { sender: LogSender { queue, shared }, thread })
    }

    /// The way to it.
    pub fn sender(&self) -> LogSender {
        self.sender.clone()
    }

    /// Opens a file anew, after something moved it away. If that fails, the old one stays.
    pub fn reopen(&self) {
        self.sender.shared.reopen.store(true, Ordering::Release);
        self.sender.look();
    }

    /// Writes what has been sent and ends; gives up on a receiver that does not answer.
    pub fn close(self) {
        self.sender.shared.close.store(true, Ordering::Release);
        self.sender.look();
        let patience = Instant::now() + PATIENCE;
        while !self.thread.is_finished() && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(2));
        }
        if !self.thread.is_finished() {
            tracing::warn!("A log is not written in time: its last lines are lost");
        }
    }
}

/// What has become of the messages of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogCounts {
    /// Messages written.
    pub written: u64,
    /// Messages dropped, because so many waited for the receiver.
    pub slow: u64,
    /// Messages that the receiver did not take.
    pub failed: u64,
}

impl LogSender {
    /// What has become of what was sent so far, by whomever.
    pub fn counts(&self) -> LogCounts {
        LogCounts { written: self.written(), slow: self.dropped(), failed: self.lost() }
    }

    /// Sends one message, which may have several lines. Never waits.
    pub fn event(&self, severity: Severity, text: Vec<u8>) {
        self.send(Message::Event(severity, text), 1);
    }

    /// Sends `count` whole lines, and gives an empty buffer for the next ones. Never waits.
    pub(crate) fn lines(&self, lines: Vec<u8>, count: u64) -> Vec<u8> {
        let capacity = lines.capacity();
        if let Some(Message::Lines(mut lines, _)) = self.send(Message::Lines(lines, count), count) {
            lines.clear();
            return lines;
        }
        let spare = self.shared.spare.lock().pop();
        // As large as it will get: growing to that would copy each line several times.
        spare.unwrap_or_else(|| Vec::with_capacity(capacity.min(SPARE)))
    }

    /// Messages that have been written.
    pub(crate) fn written(&self) -> u64 {
        self.shared.written.load(Ordering::Relaxed)
    }

    /// Messages that were dropped because the receiver is slow.
    pub(crate) fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Messages that the receiver did not take.
    pub(crate) fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// Gives back what there is no room for.
    fn send(&self, message: Message, count: u64) -> Option<Message> {
        match self.queue.try_send(message) {
            Ok(()) => None,
            Err(TrySendError::Full(message) | TrySendError::Disconnected(message)) => {
                self.shared.dropped.fetch_add(count, Ordering::Relaxed);
                Some(message)
            }
        }
    }

    fn look(&self) {
        // A full queue has a message in it already, after which the thread looks.
        let _ = self.queue.try_send(Message::Look);
    }
}

impl Shared {
    /// Keeps a buffer for the next batch: memory that was just used is the cheapest.
    fn keep(&self, mut buffer: Vec<u8>) {
        let mut spare = self.spare.lock();
        if spare.len() < SPARES && buffer.capacity() <= SPARE {
            buffer.clear();
            spare.push(buffer);
        }
    }
}

/// Batches on their way to the receiver: what a second of a busy gateway's log is.
const BATCHES: usize = 128;
/// Single messages on their way: what hundreds of servers that go down at once have said of them.
const EVENTS: usize = 1024;
/// Buffers that are kept, and how large such a one is at the most.
const SPARES: usize = 8;
const SPARE: usize = 128 << 10;
/// How long closing waits for the receiver.
const PATIENCE: Duration = Duration::from_secs(2);
