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
    /// The server that the client belongs to is down, and the pool is configured to give it no other.
    OwnDown,
    /// The client's user has as many connections as a user may have.
    UserLimit,
}

impl Unavailable {
    /// The name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AllDown => "all-down",
            Self::Full => "full",
            Self::QueueTimeout => "queue-timeout",
            Self::ConnectFailed => "connect-failed",
            Self::OwnDown => "own-down",
            Self::UserLimit => "user-limit",
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
            Self::OwnDown => "the client's own server is down",
            Self::UserLimit => "the user has the most connections that a user may have",
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
    /// All that one request may take is over.
    Total,
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
            Self::Total => "total-timeout",
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
    /// The operator ended it.
    Kicked,
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
            Self::Kicked => "kicked",
        }
    }

    /// The names that ends are counted under: their own, but one for all faults of a side and one for all limits, whose
    /// labels are as many as protocols make up.
    pub const KINDS: [&'static str; 22] = [
        "done",
        "client-left",
        "server-left",
        "all-down",
        "full",
        "queue-timeout",
        "connect-failed",
        "handshake-timeout",
        "head-timeout",
        "response-timeout",
        "idle-timeout",
        "half-closed-timeout",
        "drain-timeout",
        "client-fault",
        "server-fault",
        "gateway-fault",
        "limited",
        "drained",
        "own-down",
        "user-limit",
        "kicked",
        "total-timeout",
    ];

    /// Under which of [`End::KINDS`] it is counted.
    pub const fn place(self) -> usize {
        match self {
            Self::Done => 0,
            Self::ClientLeft => 1,
            Self::ServerLeft => 2,
            Self::Unavailable(Unavailable::AllDown) => 3,
            Self::Unavailable(Unavailable::Full) => 4,
            Self::Unavailable(Unavailable::QueueTimeout) => 5,
            Self::Unavailable(Unavailable::ConnectFailed) => 6,
            Self::Expired(Deadline::Handshake) => 7,
            Self::Expired(Deadline::Head) => 8,
            Self::Expired(Deadline::Response) => 9,
            Self::Expired(Deadline::Idle) => 10,
            Self::Expired(Deadline::HalfClosed) => 11,
            Self::Expired(Deadline::Drain) => 12,
            Self::Fault(Blame::Client, _) => 13,
            Self::Fault(Blame::Server, _) => 14,
            Self::Fault(Blame::Gateway, _) => 15,
            Self::Limited(_) => 16,
            Self::Drained => 17,
            Self::Unavailable(Unavailable::OwnDown) => 18,
            Self::Unavailable(Unavailable::UserLimit) => 19,
            Self::Kicked => 20,
            Self::Expired(Deadline::Total) => 21,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_is_counted_under_a_name_of_its_own_or_that_of_its_kind() {
        let ends = [
            End::Done,
            End::ClientLeft,
            End::ServerLeft,
            End::Unavailable(Unavailable::AllDown),
            End::Unavailable(Unavailable::Full),
            End::Unavailable(Unavailable::QueueTimeout),
            End::Unavailable(Unavailable::ConnectFailed),
            End::Expired(Deadline::Handshake),
            End::Expired(Deadline::Head),
            End::Expired(Deadline::Response),
            End::Expired(Deadline::Idle),
            End::Expired(Deadline::HalfClosed),
            End::Expired(Deadline::Drain),
            End::Fault(Blame::Client, "client-fault"),
            End::Fault(Blame::Server, "server-fault"),
            End::Fault(Blame::Gateway, "gateway-fault"),
            End::Limited("limited"),
            End::Drained,
            End::Unavailable(Unavailable::OwnDown),
            End::Unavailable(Unavailable::UserLimit),
            End::Kicked,
            End::Expired(Deadline::Total),
        ];
        for (place, end) in ends.into_iter().enumerate() {
            assert_eq!((end.place(), End::KINDS[place]), (place, end.name()));
        }
        assert_eq!(ends.len(), End::KINDS.len());
    }
}
