//! States, reasons, what happens and what is to be done.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::vrrp::packet::Centiseconds;

/// A moment, as the time since some moment before all others. Never goes back.
pub(crate) type Moment = Duration;

/// The state of a group (RFC 9568, section 6.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It takes no part: it has not begun, it has stopped, or a link is down.
    Initialize,
    /// Another node has the addresses, or will have said so before we take them.
    Backup,
    /// It has the addresses.
    Active,
    /// It has the addresses, and has asked the others to take them.
    HandingOver,
}

impl State {
    /// Its name in logs, metrics and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Initialize => "initialize",
            Self::Backup => "backup",
            Self::Active => "active",
            Self::HandingOver => "handing-over",
        }
    }
}

/// Why a group is in its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// It has not begun.
    New,
    /// It has begun.
    Started,
    /// It was active before its process ended, a moment ago.
    Resumed,
    /// An interface is down, away, or without an address of its own.
    Link,
    /// Nothing was heard of an active router for three adverts and the skew.
    Silence,
    /// The active router has said that it stops.
    PeerStopped,
    /// The active router has said that it is not fit to serve.
    PeerUnfit,
    /// The active router has the lower priority.
    Better,
    /// A router with a better claim is active.
    PeerBetter,
    /// The operator stops this node.
    Stopping,
    /// The gateway beside it has ended without a word.
    GatewayGone,
    /// The process that speaks VRRP has ended, and no other has begun yet.
    Mute,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "not begun",
            Self::Started => "started",
            Self::Resumed => "it was active a moment ago",
            Self::Link => "an interface is down or has no address of its own",
            Self::Silence => "no active router was heard",
            Self::PeerStopped => "the active router stops",
            Self::PeerUnfit => "the active router is not fit to serve",
            Self::Better => "the active router has a lower priority",
            Self::PeerBetter => "a better router is active",
            Self::Stopping => "the gateway is being stopped",
            Self::Mute => "no process speaks VRRP",
            Self::GatewayGone => "the gateway has ended without a word",
        })
    }
}

/// What happens to a group. Voices are meant by their place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// Take part from now on. `resume`: it was active a moment ago, in a process before this one.
    Start { resume: bool },
    /// A voice's interface can be spoken on, with this address; or not.
    Link { voice: usize, own: Option<IpAddr> },
    /// A voice hears an advert that passes all checks.
    Advert { voice: usize, from: IpAddr, priority: u8, interval: Centiseconds },
    /// The node's fitness: how many points of every priority are lost.
    Lost(u8),
    /// Let others take over, then end.
    HandOver,
    /// End now: nobody serves the addresses any more.
    Stop(Why),
    /// Time has passed.
    Tick,
}

/// What is to be done, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Send an advert.
    Send { voice: usize, priority: u8 },
    /// Add the group's addresses to their interfaces.
    Take,
    /// Tell the links where the addresses are.
    Announce,
    /// Remove the addresses.
    Release,
    /// The state is another one.
    Changed { from: State, to: State, why: Why },
    /// The end that was asked for has come: the addresses are gone from here.
    Ended,
}
