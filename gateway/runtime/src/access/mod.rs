//! The access log: one line per connection or request.
//!
//! Each worker formats its lines into a buffer of its own and hands it, full or at the next tick, to one thread that
//! writes. Between them stands a bounded queue: where the disk is slower than the traffic, lines are dropped and
//! counted, and no client waits.

mod clock;
mod escape;
mod file;
mod line;
mod writer;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sekisho_config::LogFormat;

use self::file::Output;
pub(crate) use self::writer::AccessWriter;

/// The access log of the process.
#[derive(Debug)]
pub(crate) struct AccessLog {
    writing: Option<Writing>,
    format: LogFormat,
    copy: Option<Sender<String>>,
}

/// Where a line belongs: what a [`sekisho_api::Record`] does not know of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The VIP.
    pub(crate) vip: &'a str,
    /// The server's pool.
    pub(crate) pool: Option<&'a str>,
}

/// The writing thread and the way to it.
#[derive(Debug)]
struct Writing {
    queue: SyncSender<Message>,
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

/// What the writing thread is told in order.
#[derive(Debug)]
enum Message {
    /// Write these whole lines.
    Lines(Vec<u8>),
    /// Look at [`Shared`].
    Look,
}

/// What the writing thread is told out of order, past a full queue.
#[derive(Debug, Default)]
struct Shared {
    reopen: AtomicBool,
    close: AtomicBool,
    /// Lines that were dropped because the queue was full.
    dropped: AtomicU64,
}

impl AccessLog {
    /// Opens the log. `copy` gets every line as JSON, whatever `settings` say.
    ///
    /// # Errors
    /// If the file cannot be opened, or there is no thread.
    pub(crate) fn open(
        settings: Option<&sekisho_config::AccessLog>,
        copy: Option<Sender<String>>,
    ) -> io::Result<Self> {
        let format = settings.map(|settings| settings.format).unwrap_or_default();
        let writing = match settings {
            Some(settings) => Some(Writing::start(Output::open(settings.path.clone())?)?),
            None => None,
        };
        Ok(Self { writing, format, copy })
    }

    /// A worker's end of the log.
    pub(crate) fn writer(&self) -> AccessWriter {
        let queue = self.writing.as_ref().map(|w| (w.queue.clone(), Arc::clone(&w.shared)));
        AccessWriter::new(queue, self.format, self.copy.clone())
    }

    /// Opens the file anew, after something moved it away. If that fails, the old one stays.
    pub(crate) fn reopen(&self) {
        if let Some(writing) = &self.writing {
            writing.shared.reopen.store(true, Ordering::Release);
            writing.look();
        }
    }

    /// Writes what the workers have handed over and ends; gives up on a disk that does not answer.
    pub(crate) fn close(self) {
        let Some(writing) = self.writing else { return };
        writing.shared.close.store(true, Ordering::Release);
        writing.look();
        let patience = Instant::now() + PATIENCE;
        while !writing.thread.is_finished() && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(2));
        }
        if !writing.thread.is_finished() {
            tracing::warn!("The access log is not written in time: its last lines are lost");
        }
    }
}

impl Writing {
    fn start(output: Output) -> io::Result<Self> {
        let (queue, messages) = sync_channel(QUEUE);
        let shared = Arc::new(Shared::default());
        let name = "sekisho-access".to_owned();
        let thread = std::thread::Builder::new().name(name).spawn({
            let shared = Arc::clone(&shared);
            move || file::run(output, &messages, &shared)
        })?;
        Ok(Self { queue, shared, thread })
    }

    fn look(&self) {
        // A full queue has a message in it already, after which the thread looks.
        let _ = self.queue.try_send(Message::Look);
    }
}

/// Batches on their way to the disk, 32 KiB each: what a second of a busy gateway's log is.
const QUEUE: usize = 128;

/// How long closing waits for the disk.
const PATIENCE: Duration = Duration::from_secs(2);
