//! A connection between two nodes once both have said who they are, without the connection: bytes in, bytes out, time
//! as an argument.
//!
//! ```text
//! outbound   what is told: facts, entries, acknowledgements, that one is there
//! inbound    what the other side tells
//! agree      whether both nodes mean the same
//! ```
//!
//! A node begins with a table of its own, [`FACTS`](super::terms::FACTS), so that the other one knows what it has
//! before it. Between two of them entries travel with the stamps of their changes; to a HAProxy as entries of the
//! stick tables that the configuration names.

mod agree;
mod inbound;
mod outbound;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sekisho_scheduler::Follower;

use super::terms::Terms;
use super::wire::{Version, WireError};
use inbound::Inbound;
use outbound::Outbound;

/// What the other side is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Partner {
    /// It has not said anything yet.
    Unknown,
    /// A HAProxy, or another program that speaks the protocol.
    Foreign,
    /// A node like this one.
    Node,
}

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SessionError {
    /// The other side sent what is no message.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The other side did not understand this one.
    #[error("it did not understand what it was told")]
    Refused,
    /// The other side has not said for long that it is there.
    #[error("it has been silent for {} seconds", SILENCE.as_secs())]
    Silent,
}

/// What was done in a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Changes told.
    pub sent: u64,
    /// Changes of the other side that changed something here.
    pub learned: u64,
    /// Those that were known already.
    pub known: u64,
    /// Those that were older than what is here.
    pub older: u64,
    /// Those that could not be used: an unknown server or kind of key, no room, a key that may have been cut.
    pub refused: u64,
}

/// A session.
#[derive(Debug)]
pub(super) struct Session {
    terms: Arc<Terms>,
    /// Of each domain of the terms.
    followers: Vec<Follower>,
    version: Version,
    partner: Partner,
    began: Instant,
    heard: Instant,
    inbound: Inbound,
    outbound: Outbound,
    /// What the other node says must agree.
    theirs: BTreeMap<String, String>,
    /// What it says besides, and nobody has asked for yet.
    news: Vec<(String, String)>,
    /// The other node has said all of that.
    introduced: bool,
    /// Everything that the other side knows has been told.
    taught: bool,
    counts: Counts,
}

impl Session {
    /// Begins; `followers` are of the domains of `terms`. `version` is the lower of both sides'.
    pub(super) fn new(terms: Arc<Terms>, followers: Vec<Follower>, version: Version, now: Instant) -> Self {
        let outbound = Outbound::new(&terms, now);
        Self {
            terms,
            followers,
            version,
            partner: Partner::Unknown,
            began: now,
            heard: now,
            inbound: Inbound::default(),
            outbound,
            theirs: BTreeMap::new(),
            news: Vec::new(),
            introduced: false,
            taught: false,
            counts: Counts::default(),
        }
    }

    /// What the other side is.
    pub(super) fn partner(&self) -> Partner {
        self.partner
    }

    /// Whether the other side has told everything it knows.
    pub(super) fn taught(&self) -> bool {
        self.taught
    }

    /// What the other node has said since that need not agree: names and values.
    pub(super) fn news(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.news)
    }

    /// What was done.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// When [`Session::produce`] has something to do although nothing came and nothing changed.
    pub(super) fn wake(&self) -> Instant {
        let decide = (self.partner == Partner::Unknown).then_some(self.began + DECIDE);
        let timers = [self.outbound.said() + HEARTBEAT, self.heard + SILENCE];
        timers.into_iter().chain(decide).min().unwrap_or(self.began)
    }
}

/// How long a node waits for the other's first word before it takes it for a HAProxy.
const DECIDE: Duration = Duration::from_millis(300);
/// How often a side says at least that it is there: HAProxy's own time.
const HEARTBEAT: Duration = Duration::from_secs(3);
/// The silence after which the other side is given up: HAProxy's own time.
const SILENCE: Duration = Duration::from_secs(5);
