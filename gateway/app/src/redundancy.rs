//! The process that speaks VRRP, as `sekisho run` starts it.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use sekisho_config::{Config, LogFormat};
use sekisho_ha::Spawn;

use crate::cli::{self, RunOptions};
use crate::logging;

/// What this program is asked to do in it. No command for people, and not shown to them.
pub(crate) const COMMAND: &str = "speak-vrrp";

/// Starts it from the program that runs, also if its file has been replaced. It logs where and how this process does.
pub(crate) fn spawn(options: &RunOptions, config: &Config) -> Spawn {
    let filter = logging::filter(options.log.as_deref(), &config.gateway.log);
    let format = match (options.log_format, config.gateway.log_format) {
        (Some(cli::LogFormat::Json), _) | (None, LogFormat::Json) => "json",
        (Some(cli::LogFormat::Text), _) | (None, LogFormat::Text) => "text",
    };
    Box::new(move |socket| {
        let mut command = Command::new("/proc/self/exe");
        command.args([COMMAND, "--log", &filter, "--log-format", format]);
        // A group of its own: a terminal's interrupt is for the gateway, which hands over first.
        command.process_group(0).stdin(Stdio::from(socket)).stdout(Stdio::null()).spawn()
    })
}
