//! What can be asked of a running gateway about its servers.

use clap::Args;

use super::At;

/// `sekisho servers`.
#[derive(Debug, Args)]
pub(crate) struct ServersOptions {
    /// Only those of this pool
    #[arg(value_name = "POOL")]
    pub(crate) pool: Option<String>,
    /// Add what probes found out: greetings, versions, when certificates expire
    #[arg(long)]
    pub(crate) notes: bool,
    #[command(flatten)]
    pub(crate) at: At,
}

/// `sekisho drain` and `sekisho maintenance`.
#[derive(Debug, Args)]
pub(crate) struct ServerOptions {
    /// The server, with its pool
    #[arg(value_name = "POOL/SERVER", value_parser = pool_server)]
    pub(crate) server: String,
    /// End the connections that it has
    #[arg(long)]
    pub(crate) kick: bool,
    #[command(flatten)]
    pub(crate) at: At,
}

/// `sekisho ready`.
#[derive(Debug, Args)]
pub(crate) struct ReadyOptions {
    /// The server, with its pool
    #[arg(value_name = "POOL/SERVER", value_parser = pool_server)]
    pub(crate) server: String,
    #[command(flatten)]
    pub(crate) at: At,
}

/// `sekisho weight`.
#[derive(Debug, Args)]
pub(crate) struct WeightOptions {
    /// The server, with its pool
    #[arg(value_name = "POOL/SERVER", value_parser = pool_server)]
    pub(crate) server: String,
    /// Its weight, 0 to 256; 0 is for those alone who are kept on it
    #[arg(value_name = "WEIGHT", value_parser = clap::value_parser!(u32).range(0..=256))]
    pub(crate) weight: u32,
    #[command(flatten)]
    pub(crate) at: At,
}

/// A pool and a server, as they may be named.
fn pool_server(text: &str) -> Result<String, String> {
    let name = |name: &str| {
        let usable = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        !name.is_empty() && name.chars().all(usable)
    };
    match text.split_once('/') {
        Some((pool, server)) if name(pool) && name(server) => Ok(text.to_owned()),
        _ => Err("expected a pool and a server, such as mail/m1".to_owned()),
    }
}
