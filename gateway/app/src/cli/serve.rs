//! What can be said to the commands that serve, or look at a file before it is served.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `sekisho run`.
#[derive(Debug, Args)]
pub(crate) struct RunOptions {
    /// The configuration file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// What is logged, e.g. `debug` or `warn,sekisho_runtime=debug`; beats RUST_LOG and the file
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// How the log looks; beats the file
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
    /// Where to write the process' number while it serves
    #[arg(long, value_name = "FILE")]
    pub(crate) pid_file: Option<PathBuf>,
}

/// The process beside `sekisho run` that speaks VRRP.
#[derive(Debug, Args)]
pub(crate) struct SpeakOptions {
    /// What is logged
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: String,
    /// How the log looks
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
}

/// `sekisho check`.
#[derive(Debug, Args)]
pub(crate) struct CheckOptions {
    /// The configuration file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Exit with 1 for warnings as well
    #[arg(long)]
    pub(crate) warnings_are_errors: bool,
}

/// `sekisho demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoOptions {
    /// Exit after the tables: 0 if every claim held, 1 otherwise
    #[arg(long)]
    pub(crate) once: bool,
}

/// How the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One readable line an event
    Text,
    /// One JSON object a line
    Json,
}
