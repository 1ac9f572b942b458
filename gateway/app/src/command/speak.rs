//! The process beside `sekisho run` that speaks VRRP.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use sekisho_config::{LogFormat, LogTo};

use crate::cli::{self, SpeakOptions};
use crate::failure::Failure;
use crate::logging;

/// Speaks until the gateway at the other end of standard input is gone.
pub(crate) fn run(options: &SpeakOptions) -> Result<ExitCode, Failure> {
    let format = match options.log_format {
        cli::LogFormat::Text => LogFormat::Text,
        cli::LogFormat::Json => LogFormat::Json,
    };
    let _log = logging::start(Some(&options.log), "", format, &LogTo::Stderr)?;
    let input = io::stdin().as_fd().try_clone_to_owned().map_err(Failure::Speaker)?;
    let socket = UnixStream::from(input);
    // Anything else than a socket has no address.
    socket.peer_addr().map_err(Failure::Speaker)?;
    sekisho_ha::speak(socket).map_err(Failure::Speaker)?;
    Ok(ExitCode::SUCCESS)
}
