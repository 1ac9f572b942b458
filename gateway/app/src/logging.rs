//! The log: as text for people or JSON for machines, to standard error or a receiver.

use std::io::{self, IsTerminal, Write};

use sekisho_config::{LogFormat, LogTo};
use sekisho_runtime::{LogReceiver, LogSender, Severity};
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::failure::Failure;

/// The environment variable that overrides the configuration's filter.
const FILTER_VARIABLE: &str = "RUST_LOG";

/// The log of the process. Dropped, it writes what has been said.
#[derive(Debug)]
#[must_use]
pub(crate) struct Log(Option<LogReceiver>);

/// Starts the log. The filter is `option` (`--log`), else `RUST_LOG`, else `configured`.
///
/// # Errors
/// A filter that cannot be read, a file that cannot be opened, or a log that was started before.
pub(crate) fn start(
    option: Option<&str>,
    configured: &str,
    format: LogFormat,
    to: &LogTo,
) -> Result<Log, Failure> {
    let filter = filter(option, configured);
    let parsed = EnvFilter::try_new(&filter)
        .map_err(|error| Failure::LogFilter { filter, reason: error.to_string() })?;
    let receiver = match to {
        LogTo::Stderr => None,
        to => {
            let opened = LogReceiver::open(to);
            Some(opened.map_err(|error| Failure::LogReceiver { log: to.to_string(), error })?)
        }
    };
    let builder = tracing_subscriber::fmt().with_env_filter(parsed);
    let started = match (format, receiver.as_ref().map(|receiver| Sent(receiver.sender()))) {
        (LogFormat::Text, None) => {
            builder.with_writer(io::stderr).with_ansi(io::stderr().is_terminal()).try_init()
        }
        (LogFormat::Json, None) => builder.with_writer(io::stderr).json().flatten_event(true).try_init(),
        // These have a time of their own for each message.
        (LogFormat::Text, Some(sent)) if matches!(to, LogTo::Syslog { .. } | LogTo::Journald { .. }) => {
            builder.with_writer(sent).with_ansi(false).without_time().try_init()
        }
        (LogFormat::Text, Some(sent)) => builder.with_writer(sent).with_ansi(false).try_init(),
        (LogFormat::Json, Some(sent)) => builder.with_writer(sent).json().flatten_event(true).try_init(),
    };
    started.map_err(|_| Failure::LogStarted)?;
    Ok(Log(receiver))
}

/// The filter that counts.
pub(crate) fn filter(option: Option<&str>, configured: &str) -> String {
    let environment = std::env::var(FILTER_VARIABLE).ok().filter(|filter| !filter.is_empty());
    option.or(environment.as_deref()).unwrap_or(configured).to_owned()
}

impl Log {
    /// The way to its receiver, which counts; none for standard error.
    pub(crate) fn sender(&self) -> Option<LogSender> {
        self.0.as_ref().map(LogReceiver::sender)
    }

    /// Opens its file anew, after something moved it away.
    pub(crate) fn reopen(&self) {
        if let Some(receiver) = &self.0 {
            receiver.reopen();
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(receiver) = self.0.take() {
            receiver.close();
        }
    }
}

/// Hands each event to a receiver.
struct Sent(LogSender);

impl<'a> MakeWriter<'a> for Sent {
    type Writer = Event<'a>;

    fn make_writer(&'a self) -> Event<'a> {
        Event { sender: &self.0, severity: Severity::Informational, text: Vec::new() }
    }

    fn make_writer_for(&'a self, about: &Metadata<'_>) -> Event<'a> {
        let severity = match *about.level() {
            Level::ERROR => Severity::Error,
            Level::WARN => Severity::Warning,
            Level::INFO => Severity::Informational,
            Level::DEBUG | Level::TRACE => Severity::Debug,
        };
        Event { sender: &self.0, severity, text: Vec::new() }
    }
}

/// One event on its way; sent when it is whole.
struct Event<'a> {
    sender: &'a LogSender,
    severity: Severity,
    text: Vec<u8>,
}

impl Write for Event<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Event<'_> {
    fn drop(&mut self) {
        if !self.text.is_empty() {
            self.sender.event(self.severity, self.text.trim_ascii_start().to_vec());
        }
    }
}
