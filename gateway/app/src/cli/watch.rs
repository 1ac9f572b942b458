//! What can be said to the commands that show a running gateway.

use std::time::Duration;

use clap::{Args, ValueEnum};
use sekisho_api::Network;

use super::At;

/// `sekisho status`.
#[derive(Debug, Args)]
pub(crate) struct StatusOptions {
    /// Warn of certificates that expire within so many days
    #[arg(long, value_name = "DAYS", default_value = "14")]
    pub(crate) days: u32,
    #[command(flatten)]
    pub(crate) at: At,
}

/// `sekisho top`.
#[derive(Debug, Args)]
pub(crate) struct TopOptions {
    /// Print one frame; so does a standard input or output that is no terminal
    #[arg(long)]
    pub(crate) once: bool,
    /// What the servers are sorted by
    #[arg(long, value_name = "COLUMN", default_value = "name")]
    pub(crate) sort: Sort,
    /// Only servers with this in their name, address or state
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
    /// How often it is drawn
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    pub(crate) interval: Duration,
    #[command(flatten)]
    pub(crate) at: At,
}

/// What servers are sorted by: the worst or the most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// As the configuration has them
    Name,
    /// Those that do not serve first
    State,
    /// The most connections first
    Connections,
    /// The most new ones first
    Rate,
    /// The most failures first
    Failures,
    /// The slowest first
    Response,
    /// The most bytes first
    Bytes,
}

impl Sort {
    /// The one that a key goes on to.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Name => Self::State,
            Self::State => Self::Connections,
            Self::Connections => Self::Rate,
            Self::Rate => Self::Failures,
            Self::Failures => Self::Bytes,
            Self::Bytes => Self::Response,
            Self::Response => Self::Name,
        }
    }

    /// The column that it is about.
    pub(crate) fn column(self) -> usize {
        match self {
            Self::Name => 0,
            Self::State => 2,
            Self::Connections => 4,
            Self::Rate => 5,
            Self::Failures => 6,
            Self::Bytes => 7,
            Self::Response => 8,
        }
    }
}

/// `sekisho tail`.
#[derive(Debug, Args)]
pub(crate) struct TailOptions {
    /// Only this VIP and its servers; may be given several times
    #[arg(long = "vip", value_name = "NAME")]
    pub(crate) vips: Vec<String>,
    /// Only this server; POOL/SERVER for one pool's
    #[arg(long, value_name = "SERVER")]
    pub(crate) server: Option<String>,
    /// Only decisions about this user, in any spelling, or about this name that clients ask for (DNS, SNI)
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// Only decisions about clients of this address or network, e.g. 192.0.2.0/24
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) client: Option<Network>,
    /// End after so many lines
    #[arg(long, value_name = "LINES", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    #[command(flatten)]
    pub(crate) at: At,
}

fn interval(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("expected seconds, 0.1 to 3600".to_owned()),
    }
}
