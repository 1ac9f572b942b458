//! What can be said to the commands that make something: connection files, protocols, tokens, pages of the manual.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use clap_complete::Shell;
use sekisho_config::Scope;

use crate::command::{rdp_file, token};
use crate::help;
use crate::place::Place;

/// `sekisho rdp-file`.
#[derive(Debug, Args)]
pub(crate) struct RdpFileOptions {
    /// The configuration file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The VIP that the client connects to; its protocol is `rdp`
    #[arg(value_name = "VIP")]
    pub(crate) vip: String,
    /// Lead to this server of the VIP's pool
    #[arg(long, value_name = "NAME", required_unless_present = "user", conflicts_with = "user")]
    pub(crate) server: Option<String>,
    /// Lead to where this user's desktop is, e.g. `alice` or `CORP\\alice`
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Where clients reach the VIP [default: where it listens]
    #[arg(long, value_name = "HOST[:PORT]", value_parser = Place::parse)]
    pub(crate) address: Option<Place>,
    /// How long the token counts
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = rdp_file::lifetime)]
    pub(crate) expires: Duration,
    /// Where to write the file [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// `sekisho new-protocol`.
#[derive(Debug, Args)]
pub(crate) struct NewProtocolOptions {
    /// The protocol's name in a configuration: lower-case letters, digits and hyphens
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Where to write the crate [default: plugins/NAME in Sekisho's sources]
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
    /// Where Sekisho's sources are [default: found upwards from the current directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) source: Option<PathBuf>,
}

/// `sekisho completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsOptions {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// `sekisho man`.
#[derive(Debug, Args)]
pub(crate) struct ManOptions {
    /// Where to write the pages; it is made if it is missing
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenVerb {
    /// Make a token, print it once, and keep its hash.
    #[command(after_long_help = help::TOKEN)]
    New(TokenOptions),
}

/// `sekisho token new`.
#[derive(Debug, Args)]
pub(crate) struct TokenOptions {
    /// Whose it is, for the audit log
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// What it is good for: read, operate or configure
    #[arg(long, value_name = "SCOPE", value_parser = scope)]
    pub(crate) scope: Scope,
    /// From when on it is good for nothing: a time from now, or a moment such as 2027-01-31T12:00:00Z [default: never]
    #[arg(long, value_name = "TIME", value_parser = token::lifetime)]
    pub(crate) expires: Option<token::Lifetime>,
    /// Add its hash to this file; it is made if it is missing
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

fn scope(text: &str) -> Result<Scope, String> {
    let found = Scope::ALL.iter().find(|(name, _)| *name == text).map(|(_, scope)| *scope);
    found.ok_or_else(|| "expected read, operate or configure".to_owned())
}
