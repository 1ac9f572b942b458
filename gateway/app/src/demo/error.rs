//! What ends the demo before its last table.

use std::io;
use std::path::PathBuf;

use sekisho_config::Report;
use sekisho_runtime::StartError;

use super::client::ClientError;

/// Why the demo could not be played to its end. A claim that does not hold is none of these: it is shown and
/// counted, and the demo goes on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DemoError {
    /// A signal came before the last table.
    #[error("a signal ended it")]
    Interrupted,
    /// Standard output is gone.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
    /// The demo's own files could not be written.
    #[error("cannot write {}: {error}", file.display())]
    File {
        /// The file or directory.
        file: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// A sample server could not be started.
    #[error("the sample server {name} cannot be started: {error}")]
    Sample {
        /// The server.
        name: String,
        /// The system's reason.
        error: io::Error,
    },
    /// The demo's certificate could not be made. A mistake in the demo.
    #[error("no certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The clients' TLS could not be set up. A mistake in the demo.
    #[error("no TLS for the clients: {0}")]
    Tls(#[from] rustls::Error),
    /// The system gives no random bytes.
    #[error("no random bytes")]
    Random,
    /// The demo's configuration is refused. A mistake in the demo, or a registry without its protocols.
    #[error("its configuration is refused\n{0}")]
    Configuration(Report),
    /// The gateway could not start.
    #[error("the gateway could not start: {0}")]
    Start(#[from] StartError),
    /// A client got no answer, or a bad one.
    #[error("{client} at {vip}: {error}")]
    Client {
        /// Who it was.
        client: String,
        /// The VIP it asked.
        vip: &'static str,
        /// What it met.
        error: ClientError,
    },
    /// Something that a scene names is not on the stage. A mistake in the demo.
    #[error("there is no {0} on the stage")]
    Missing(String),
    /// A server's health did not become what it should within the time allowed.
    #[error("{server} was not seen to be {state} within {seconds} s")]
    Health {
        /// The server.
        server: String,
        /// `up` or `down`.
        state: &'static str,
        /// The time allowed.
        seconds: u64,
    },
    /// The gateway wrote no access-log line for a connection or request.
    #[error("the access log says nothing of {0}")]
    Unlogged(String),
}
