//! Why a client got no server, and how a conversation ended.

use std::fmt;

/// Why there is no server for a client. A protocol says it in its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unavailable {
    /// No server of the pool is usable.
    AllDown,
    /// Every usable server has its maximum of connections and the queue is full or switched off.
    Full,
    /// The client waited in the queue for as long as is allowed.
    QueueTimeout,
    /// Every server that was tried failed before it answered.
    ConnectFailed,
}

impl Unavailable {
    /// The name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AllDown => "all-down",
            Self::Full => "full",
            Self::QueueTimeout => "queue-timeout",
            Self::ConnectFailed => "connect-failed",
        }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AllDown => "no server of the pool is up",
            Self::Full => "every server has its maximum of connections",
            Self::QueueTimeout => "no server became free in time",
            Self::ConnectFailed => "every server that was tried failed",
        })
    }
}

/// A deadline that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deadline {
    /// The client did not complete its TLS handshake.
    Handshake,
    /// The client did not say, in time, what the protocol needs to choose a server.
    Head,
    /// The server did not answer.
    Response,
    /// Nothing moved in either direction.
    Idle,
    /// One side had closed and the other did not finish.
    HalfClosed,
    /// The gateway is stopping and the time for draining is over.
    Drain,
}

impl Deadline {
    /// The name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Handshake => "handshake-timeout",
            Self::Head => "head-timeout",
            Self::Response => "response-timeout",
            Self::Idle => "idle-timeout",
            Self::HalfClosed => "half-closed-timeout",
            Self::Drain => "drain-timeout",
        }
    }
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// What the client sent does not follow the protocol.
    Client,
    /// What the server sent does not follow the protocol.
    Server,
    /// The gateway or its configuration.
    Gateway,
}

/// The one named reason for which a connection or request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Both sides finished as the protocol has it.
    Done,
    /// The client closed or reset before it was served.
    ClientLeft,
    /// The server closed or reset before it was done.
    ServerLeft,
    /// There was no server.
    Unavailable(Unavailable),
    /// A deadline passed.
    Expired(Deadline),
    /// One side broke the protocol; the label is the fault's.
    Fault(Blame, &'static str),
    /// A limit of the configuration refused it; the label names the limit.
    Limited(&'static str),
    /// The gateway is draining and asked both sides to finish.
    Drained,
}

impl End {
    /// The name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::ClientLeft => "client-left",
            Self::ServerLeft => "server-left",
            Self::Unavailable(why) => why.name(),
            Self::Expired(deadline) => deadline.name(),
            Self::Fault(_, label) | Self::Limited(label) => label,
            Self::Drained => "drained",
        }
    }
}
