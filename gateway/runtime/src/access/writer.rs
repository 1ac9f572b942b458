//! A worker's end of the access log.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, SyncSender, TrySendError};
use std::time::SystemTime;

use sekisho_api::Record;
use sekisho_config::LogFormat;

use super::clock::Clock;
use super::line::line;
use super::{Message, Place, Shared};

/// A worker's end of the access log: formats lines into one buffer and hands it on, never waiting.
#[derive(Debug)]
pub(crate) struct AccessWriter {
    queue: Option<(SyncSender<Message>, Arc<Shared>)>,
    format: LogFormat,
    copy: Option<Sender<String>>,
    clock: Clock,
    buffer: Vec<u8>,
    lines: u64,
}

impl AccessWriter {
    pub(super) fn new(
        queue: Option<(SyncSender<Message>, Arc<Shared>)>,
        format: LogFormat,
        copy: Option<Sender<String>>,
    ) -> Self {
        Self { queue, format, copy, clock: Clock::default(), buffer: Vec::new(), lines: 0 }
    }

    /// Whether anybody reads: false saves building records.
    pub(crate) fn enabled(&self) -> bool {
        self.queue.is_some() || self.copy.is_some()
    }

    /// Takes one line.
    pub(crate) fn write(&mut self, place: &Place<'_>, record: &Record<'_>) {
        self.write_at(SystemTime::now(), place, record);
    }

    pub(super) fn write_at(&mut self, now: SystemTime, place: &Place<'_>, record: &Record<'_>) {
        if let Some(copy) = &self.copy {
            let mut json = Vec::new();
            line(LogFormat::Json, &mut self.clock, now, place, record, &mut json);
            json.pop();
            // The formatter writes UTF-8 only; whoever listened may have left.
            if copy.send(String::from_utf8_lossy(&json).into_owned()).is_err() {
                self.copy = None;
            }
        }
        if self.queue.is_some() {
            line(self.format, &mut self.clock, now, place, record, &mut self.buffer);
            self.lines += 1;
            if self.buffer.len() >= BATCH {
                self.tick();
            }
        }
    }

    /// Hands on what has been taken. To be called a few times a second.
    pub(crate) fn tick(&mut self) {
        let Some((queue, shared)) = &self.queue else { return };
        if self.buffer.is_empty() {
            return;
        }
        // As large as it will get: growing to that would copy each line several times.
        let next = Vec::with_capacity(self.buffer.capacity().min(2 * BATCH));
        match queue.try_send(Message::Lines(std::mem::replace(&mut self.buffer, next))) {
            Ok(()) => {}
            Err(TrySendError::Full(message) | TrySendError::Disconnected(message)) => {
                shared.dropped.fetch_add(self.lines, Ordering::Relaxed);
                if let Message::Lines(mut buffer) = message {
                    buffer.clear();
                    self.buffer = buffer;
                }
            }
        }
        self.lines = 0;
    }
}

/// Lines are handed on at this many bytes, between two ticks.
const BATCH: usize = 32 << 10;
