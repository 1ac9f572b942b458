//! The words in which health is told.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sekisho_api::Failure;
use sekisho_api::settings::show_duration;
use serde::{Deserialize, Serialize};

use super::outlier::Offence;
use crate::spec::Admin;

/// Whether a server is well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// It is.
    #[default]
    Up,
    /// It failed somebody; it gets traffic and is looked at more often.
    Suspect,
    /// It is not, and gets no traffic.
    Down,
}

impl Health {
    /// The name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Suspect => "suspect",
            Self::Down => "down",
        }
    }
}

/// Health, ejection and the operator's will in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It serves.
    Up,
    /// It serves, under suspicion.
    Suspect,
    /// It does not serve.
    Down,
    /// It does not serve for a while, because its traffic failed.
    Ejected,
    /// It serves the clients it has.
    Draining,
    /// The operator took it out.
    Maintenance,
}

impl State {
    /// The state of a server of this health that the operator wants so. What keeps clients away comes first.
    pub const fn of(health: Health, ejected: bool, admin: Admin) -> Self {
        match (admin, health) {
            (Admin::Maintenance, _) => Self::Maintenance,
            (_, Health::Down) => Self::Down,
            _ if ejected => Self::Ejected,
            (Admin::Drain, _) => Self::Draining,
            (Admin::Ready, Health::Suspect) => Self::Suspect,
            (Admin::Ready, Health::Up) => Self::Up,
        }
    }

    /// The name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Suspect => "suspect",
            Self::Down => "down",
            Self::Ejected => "ejected",
            Self::Draining => "draining",
            Self::Maintenance => "maintenance",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How a probe ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeResult {
    /// Whether the server is well; if not, why, for the operator.
    pub ok: Result<(), String>,
    /// How long the probe took.
    pub took: Duration,
}

/// The latest probe of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastProbe {
    /// When it ended.
    pub at: Instant,
    /// How it ended.
    pub result: ProbeResult,
}

/// A server's health changed, or it was ejected or taken back: for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The server.
    pub server: Arc<str>,
    /// What it was.
    pub from: Health,
    /// What it is.
    pub to: Health,
    /// Why.
    pub cause: Cause,
}

/// Why a server's health changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A probe succeeded.
    Probe,
    /// A probe failed, and said this.
    ProbeFailed(String),
    /// Traffic succeeded.
    Traffic,
    /// Traffic failed, last in this way.
    TrafficFailed(Failure),
    /// It is ejected for this long: its health is what it was.
    Ejected(Duration, Offence),
    /// Its ejection is over.
    Returned,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.cause {
            Cause::Ejected(..) => State::Ejected.name(),
            _ => self.to.name(),
        };
        write!(f, "server {} is {state} ({})", self.server, self.cause)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Probe => f.write_str("probe succeeded"),
            Self::ProbeFailed(why) => write!(f, "probe failed: {why}"),
            Self::Traffic => f.write_str("traffic succeeded"),
            Self::TrafficFailed(failure) => write!(f, "traffic failed: {}", failure.name()),
            Self::Ejected(time, offence) => write!(f, "{offence}; for {}", show_duration(*time)),
            Self::Returned => f.write_str("ejection over"),
        }
    }
}
