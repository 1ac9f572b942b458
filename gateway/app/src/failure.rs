//! What ends a command early, and what the operator is told.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use sekisho_admin::AdminError;
use sekisho_config::Report;
use sekisho_runtime::StartError;

/// Why a command could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Failure {
    /// The configuration has errors; the report explains each.
    #[error("{0}")]
    Configuration(Report),
    /// The gateway could not start. The system's or the operator's fault: an address in use, a permission.
    #[error("the gateway could not start: {0}")]
    Start(#[from] StartError),
    /// The gateway could not be shown to whoever reads its metrics. As before: an address in use, a permission.
    #[error("the gateway could not start: {0}")]
    Admin(#[from] AdminError),
    /// Addresses cannot be moved: a right is missing.
    #[error("the gateway could not start: {0}")]
    Redundancy(#[from] sekisho_ha::RedundancyError),
    /// What clients are known cannot be exchanged with other nodes: an address is taken.
    #[error("the gateway could not start: {0}")]
    Peers(#[from] sekisho_ha::PeersError),
    /// The kernel cannot be told the way of packets.
    #[error("the gateway could not start: {0}")]
    Network(#[from] sekisho_net::NetworkError),
    /// The configuration does not say enough of the topology.
    #[error("there are no commands: {0}")]
    Plan(#[from] sekisho_net::PlanError),
    /// Standard input is no gateway, or the kernel gives no sockets.
    #[error("VRRP cannot be spoken: {0}; `sekisho run` does it by itself")]
    Speaker(io::Error),
    /// Another process has started this one to take its place, and that failed.
    #[error("this process takes nobody's place: {0}")]
    Upgrade(#[from] crate::upgrade::Broken),
    /// The system does not say which program this is.
    #[error("the program of this process is not known: {0}")]
    Program(io::Error),
    /// The file for the process' number cannot be written.
    #[error("the gateway could not start: the file of --pid-file: {0}")]
    PidFile(io::Error),
    /// A log cannot be opened: a folder that is missing, a permission.
    #[error("the log {log} cannot be opened: {error}")]
    LogReceiver {
        /// Where it goes.
        log: String,
        /// What the system says.
        error: io::Error,
    },
    /// A log filter, from the command line, the environment or the configuration, that cannot be read.
    #[error("the log filter `{filter}` cannot be read: {reason}")]
    LogFilter {
        /// The filter.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A program that embeds Sekisho started a log of its own before.
    #[error("a log was started before")]
    LogStarted,
    /// The signal handlers could not be installed.
    #[error("signals cannot be handled: {0}")]
    Signals(io::Error),
    /// Standard output is gone, or the disk is full.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
    /// The gateway does not choose for this VIP.
    #[error(
        "the kernel serves VIP `{0}` and chooses by itself: `nft list table inet sekisho_l4` shows among which servers"
    )]
    KernelChooses(String),
    /// The VIP of `--vip` is not in the configuration.
    #[error("there is no VIP `{name}`; the file has {known}")]
    NoSuchVip {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The pool of `--pool` is none of the VIP's.
    #[error("the VIP does not use a pool `{name}`; it uses {known}")]
    NoSuchPool {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The server of `--down` is not in the pool.
    #[error("there is no server `{name}` in this pool; it has {known}")]
    NoSuchServer {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The kind of `--key` is none that the VIP could find.
    #[error("the VIP finds no key of kind `{kind}`; it can find {known}")]
    NoSuchKey {
        /// What was asked for.
        kind: String,
        /// What there is.
        known: String,
    },
    /// The protocol cannot make a client of what was said, or has an answer of its own for it.
    #[error("{0}")]
    Described(String),
    /// A new protocol could not be written.
    #[error(transparent)]
    NewProtocol(#[from] crate::command::new_protocol::Refused),
    /// A connection file could not be made.
    #[error(transparent)]
    RdpFile(#[from] crate::command::rdp_file::Refused),
    /// The demo could not be played to its end.
    #[error("the demo could not go on: {0}")]
    Demo(#[from] crate::demo::DemoError),
    /// Nobody answers at the admin socket.
    #[error("no gateway answers at {}: {reason}; {help}", socket.display())]
    NoGateway {
        /// The socket.
        socket: PathBuf,
        /// What the kernel says.
        reason: String,
        /// What that usually means.
        help: &'static str,
    },
    /// The configuration names no admin socket.
    #[error("{} has no admin socket: add `admin` to `[gateway]`, or name the socket with --admin", file.display())]
    NoAdmin {
        /// The configuration.
        file: PathBuf,
    },
    /// A running gateway does not do it. The operator's mistake, most likely.
    #[error("{error} ({help})")]
    Refused {
        /// Why not.
        error: String,
        /// What it would do.
        help: String,
    },
    /// The configuration that a running gateway was to load has errors; each is explained.
    #[error("{0}")]
    Findings(String),
    /// Something else than a gateway answers at the socket, or one of another version.
    #[error("what answers at {} is no gateway of this version", socket.display())]
    StrangeAnswer {
        /// The socket.
        socket: PathBuf,
    },
    /// The system has no random numbers.
    #[error("the system gives no random numbers")]
    NoRandomness,
    /// Whoever is to have a token cannot be called so.
    #[error("`{name}` is no name for a token: letters, digits, `-`, `_`, `.`, `@`, at most 64 of them")]
    TokenName {
        /// The name.
        name: String,
    },
    /// A file that the configuration names cannot be used.
    #[error("{}: {reason}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl Failure {
    /// Tells the operator, and the process how to exit.
    pub(crate) fn report(&self, errors: &mut dyn Write) -> ExitCode {
        // A report speaks for itself, with `error:` before each problem. Nobody is left to hear a failed write.
        _ = match self {
            Self::Configuration(report) => write!(errors, "{report}"),
            Self::Findings(findings) => write!(errors, "{findings}"),
            // `sekisho check FILE | head`: the reader has seen enough.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => writeln!(errors, "error: {other}"),
        };
        ExitCode::from(1)
    }
}
