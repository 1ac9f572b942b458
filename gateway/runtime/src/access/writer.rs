//! A worker's end of the access logs.

use std::sync::mpsc::Sender;
use std::time::SystemTime;

use sekisho_api::Record;

use super::clock::Clock;
use super::gate::Gate;
use super::{Form, Log, Place};
use crate::receiver::LogSender;

/// A worker's end of the access logs: formats lines into buffers and hands them on, never waiting.
#[derive(Debug)]
pub(crate) struct AccessWriter {
    feeds: Vec<Feed>,
    copy: Option<Sender<String>>,
    clock: Clock,
}

/// A worker's end of one log.
#[derive(Debug)]
pub(super) struct Feed {
    form: Form,
    gate: Gate,
    sender: LogSender,
    buffer: Vec<u8>,
    lines: u64,
}

impl Feed {
    pub(super) fn new(log: &Log) -> Self {
        Self {
            form: Form::new(&log.settings.format),
            gate: Gate::new(log.settings.sample, log.counts.clone()),
            sender: log.receiver.sender(),
            buffer: Vec::new(),
            lines: 0,
        }
    }

    fn write(&mut self, clock: &mut Clock, now: SystemTime, place: &Place<'_>, record: &Record<'_>) {
        if !self.form.has(record) || !self.gate.admits(record, now) {
            return;
        }
        self.form.line(clock, now, place, record, &mut self.buffer);
        self.lines += 1;
        if self.buffer.len() >= BATCH {
            self.hand_on();
        }
    }

    fn tick(&mut self, clock: &mut Clock, now: SystemTime) {
        if let Some(count) = self.gate.to_tell(now) {
            let before = self.buffer.len();
            self.form.left_out(clock, now, count, &mut self.buffer);
            self.lines += u64::from(self.buffer.len() > before);
        }
        if !self.buffer.is_empty() {
            self.hand_on();
        }
    }

    fn hand_on(&mut self) {
        let full = std::mem::take(&mut self.buffer);
        self.buffer = self.sender.lines(full, self.lines);
        self.lines = 0;
    }
}

impl AccessWriter {
    pub(super) fn new(feeds: Vec<Feed>, copy: Option<Sender<String>>) -> Self {
        Self { feeds, copy, clock: Clock::default() }
    }

    /// Whether anybody reads: false saves building records.
    pub(crate) fn enabled(&self) -> bool {
        !self.feeds.is_empty() || self.copy.is_some()
    }

    /// Takes one line.
    pub(crate) fn write(&mut self, place: &Place<'_>, record: &Record<'_>) {
        let now = SystemTime::now();
        if let Some(copy) = &self.copy {
            let mut json = Vec::new();
            Form::Json.line(&mut self.clock, now, place, record, &mut json);
            json.pop();
            // The formatter writes UTF-8 only; whoever listened may have left.
            if copy.send(String::from_utf8_lossy(&json).into_owned()).is_err() {
                self.copy = None;
            }
        }
        for feed in &mut self.feeds {
            feed.write(&mut self.clock, now, place, record);
        }
    }

    /// Hands on what has been taken. To be called a few times a second.
    pub(crate) fn tick(&mut self) {
        if self.feeds.is_empty() {
            return;
        }
        let now = SystemTime::now();
        for feed in &mut self.feeds {
            feed.tick(&mut self.clock, now);
        }
    }
}

/// Lines are handed on at this many bytes, between two ticks: the writing thread is woken once for hundreds of lines.
const BATCH: usize = 64 << 10;
