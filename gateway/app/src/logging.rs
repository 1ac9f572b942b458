//! The log: to standard error, as text for people or JSON for machines.

use std::io::{self, IsTerminal};

use sekisho_config::LogFormat;
use tracing_subscriber::EnvFilter;

use crate::failure::Failure;

/// The environment variable that overrides the configuration's filter.
const FILTER_VARIABLE: &str = "RUST_LOG";

/// Starts the log. The filter is `option` (`--log`), else `RUST_LOG`, else `configured`.
///
/// # Errors
/// A filter that cannot be read, or a log that was started before.
pub(crate) fn start(option: Option<&str>, configured: &str, format: LogFormat) -> Result<(), Failure> {
    let filter = filter(option, configured);
    let parsed = EnvFilter::try_new(&filter)
        .map_err(|error| Failure::LogFilter { filter, reason: error.to_string() })?;
    let builder = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(io::stderr);
    let started = match format {
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|_| Failure::LogStarted)
}

/// The filter that counts.
pub(crate) fn filter(option: Option<&str>, configured: &str) -> String {
    let environment = std::env::var(FILTER_VARIABLE).ok().filter(|filter| !filter.is_empty());
    option.or(environment.as_deref()).unwrap_or(configured).to_owned()
}
