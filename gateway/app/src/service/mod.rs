//! What a service manager and this process tell each other: systemd's protocols, and the file with the process' number.
//!
//! All of them are asked for by the environment or the command line, and cost nothing where they are not.

mod manager;
mod pid_file;
mod sockets;
mod watchdog;

pub(crate) use manager::Manager;
pub(crate) use pid_file::PidFile;
pub(crate) use sockets::passed;
pub(crate) use watchdog::Watchdog;

/// Variables that tell one process something, and its children nothing (sd_listen_fds(3), sd_watchdog_enabled(3)).
pub(crate) const MEANT_FOR_ONE_PROCESS: [&str; 4] =
    ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID"];
