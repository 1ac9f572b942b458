//! What can be asked of the network around a gateway.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Subcommand;

/// `sekisho net`.
#[derive(Debug, Subcommand)]
pub(crate) enum NetVerb {
    /// Print the commands for each server, and what the gateway's machine needs
    ///
    /// For the topology that `[network]` describes. Runs none of them.
    Plan {
        /// The configuration file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Say what is wrong on this machine, and what helps
    ///
    /// Changes nothing. Opens a connection to each server that sees clients, in the name of a client.
    Doctor {
        /// The configuration file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Connect as this client: an address that servers reach by their way out
        #[arg(long, value_name = "ADDRESS", default_values = ["192.0.2.1", "2001:db8:ffff::1"])]
        client: Vec<IpAddr>,
    },
    /// Take out what a gateway that was killed has left in the kernel
    ///
    /// The next start does so by itself. Not while a gateway runs: its servers would no longer be heard.
    Clean {
        /// The configuration file [default: what holds without one]
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
}
