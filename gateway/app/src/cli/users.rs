//! What can be asked of a running gateway about users and connections.

use clap::Args;

use super::At;

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
