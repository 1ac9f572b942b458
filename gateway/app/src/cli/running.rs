//! What can be asked of a running gateway.

use std::path::PathBuf;

use clap::Args;
use sekisho_config::Scope;

/// Which running gateway is meant, and how it is shown.
#[derive(Clone, Debug, Args)]
pub(crate) struct At {
    /// The gateway's admin socket [default: /run/sekisho/admin.sock]
    #[arg(long, value_name = "PATH", conflicts_with = "config")]
    pub(crate) admin: Option<PathBuf>,
    /// The gateway's configuration file, which names the socket
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print what the gateway answers, as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

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

/// `sekisho vrrp`.
#[derive(Debug, Args)]
pub(crate) struct VrrpOptions {
    #[command(flatten)]
    pub(crate) at: At,
}

/// `sekisho peers`.
#[derive(Debug, Args)]
pub(crate) struct PeersOptions {
    #[command(flatten)]
    pub(crate) at: At,
}

/// `sekisho upgrade`.
#[derive(Debug, Args)]
pub(crate) struct UpgradeOptions {
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

/// `sekisho diff`, `save`, `discard` and `reload`.
#[derive(Debug, Args)]
pub(crate) struct LayerOptions {
    #[command(flatten)]
    pub(crate) at: At,
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
    /// Add its hash to this file; it is made if it is missing
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// `sekisho users`.
#[derive(Debug, Args)]
pub(crate) struct UsersOptions {
    /// Only this one, in any spelling
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// Only those on the server of this name
    #[arg(long, value_name = "SERVER")]
    pub(crate) server: Option<String>,
    /// Only those of this persistence domain
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<String>,
    /// How many at the most
    #[arg(long, value_name = "ROWS", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) at: At,
}

/// `sekisho move-user`.
#[derive(Debug, Args)]
pub(crate) struct MoveUserOptions {
    /// The user, in any spelling
    #[arg(value_name = "USER")]
    pub(crate) user: String,
    /// The server, or POOL/SERVER where pools have unlike servers of one name
    #[arg(value_name = "SERVER")]
    pub(crate) server: String,
    /// End the user's connections to other servers now
    #[arg(long)]
    pub(crate) kick: bool,
    /// The persistence domain, where there are several
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<String>,
    #[command(flatten)]
    pub(crate) at: At,
}

/// `sekisho move-users`.
#[derive(Debug, Args)]
pub(crate) struct MoveUsersOptions {
    /// The server that they are on
    #[arg(value_name = "FROM")]
    pub(crate) from: String,
    /// The server that they go to, in the same pool
    #[arg(value_name = "TO")]
    pub(crate) to: String,
    /// End the connections to the server that they are on now
    #[arg(long)]
    pub(crate) kick: bool,
    /// The persistence domain, where there are several
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<String>,
    #[command(flatten)]
    pub(crate) at: At,
}

/// `sekisho kick-user` and `sekisho forget-user`.
#[derive(Debug, Args)]
pub(crate) struct UserOptions {
    /// The user, in any spelling
    #[arg(value_name = "USER")]
    pub(crate) user: String,
    /// The persistence domain, where there are several
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<String>,
    #[command(flatten)]
    pub(crate) at: At,
}

/// `sekisho connections`.
#[derive(Debug, Args)]
pub(crate) struct ConnectionsOptions {
    /// Only those of this VIP
    #[arg(long, value_name = "NAME")]
    pub(crate) vip: Option<String>,
    /// Only those of this user, in any spelling
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// Only those to this server; POOL/SERVER for one pool's
    #[arg(long, value_name = "SERVER")]
    pub(crate) server: Option<String>,
    /// Only those of this persistence domain
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<String>,
    /// How many at the most
    #[arg(long, value_name = "ROWS", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) at: At,
}

fn scope(text: &str) -> Result<Scope, String> {
    let found = Scope::ALL.iter().find(|(name, _)| *name == text).map(|(_, scope)| *scope);
    found.ok_or_else(|| "expected read, operate or configure".to_owned())
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
