//! Which running gateway is meant, and the commands that need to know no more.

use std::path::PathBuf;

use clap::Args;

/// Which running gateway is meant, and how it is shown.
#[derive(Clone, Debug, Args)]
pub(crate) struct At {
    /// The gateway's admin socket [default: $SEKISHO_ADMIN, or /run/sekisho/admin.sock]
    #[arg(long, value_name = "PATH", conflicts_with = "config")]
    pub(crate) admin: Option<PathBuf>,
    /// The gateway's configuration file, which names the socket
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print what the gateway answers, as JSON
    #[arg(long)]
    pub(crate) json: bool,
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

/// `sekisho diff`, `save`, `discard` and `reload`.
#[derive(Debug, Args)]
pub(crate) struct LayerOptions {
    #[command(flatten)]
    pub(crate) at: At,
}
