//! The loads: what the clients do, in which unit it is counted, and what Sekisho must reach.

mod table;

use super::dns::Over;
use super::places::Front;
pub(super) use table::{LOADS, MEGABYTE};

/// One load.
#[derive(Debug)]
pub(super) struct Load {
    /// Its name on the command line and in the table.
    pub(super) name: &'static str,
    /// What it is, for the page.
    pub(super) what: &'static str,
    /// What is counted.
    pub(super) unit: &'static str,
    /// What each client does.
    pub(super) work: Work,
    /// Clients at once; for idle loads, the plan says how many.
    pub(super) clients: usize,
    /// What Sekisho must reach.
    pub(super) goals: &'static [Goal],
}

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Requests one after the other over one connection.
    Requests {
        /// Plain or TLS.
        front: Front,
        /// What is asked for.
        path: &'static str,
    },
    /// Requests with a body, one after the other over one connection.
    Posts {
        /// The size of the body.
        size: u32,
    },
    /// Connections one after the other, each with one request.
    Connections,
    /// Requests of HTTP/2 over TLS, several at a time over one connection.
    Streams {
        /// Requests at a time.
        streams: u32,
    },
    /// Requests at fixed moments, whether the answers before have come or not.
    Rate {
        /// Requests per second over all clients.
        per_second: u32,
    },
    /// TLS connections one after the other, without resumption, each with one request.
    TlsConnections,
    /// Messages one after the other over one relayed connection.
    Messages {
        /// The size of the answer; the message itself has 64 bytes.
        answer: u32,
    },
    /// Relayed connections one after the other, each with one message.
    RelayConnections,
    /// Mail users one after the other, who log in and out.
    Logins,
    /// Remote Desktop connections one after the other, until they are confirmed.
    RdpConnections,
    /// Messages one after the other over one confirmed connection of Remote Desktop.
    RdpMessages {
        /// The size of the answer.
        answer: u32,
    },
    /// DNS questions, as many as are answered.
    Questions(Over),
    /// DNS questions over UDP at fixed moments.
    QuestionRate {
        /// Questions per second over all clients.
        per_second: u32,
    },
    /// Connections that rest after one exchange.
    Idle(Front),
}

impl Work {
    /// The front of the subject that it needs.
    pub(super) fn front(self) -> Front {
        match self {
            Self::Requests { front, .. } | Self::Idle(front) => front,
            Self::Rate { .. } | Self::Posts { .. } | Self::Connections => Front::Http,
            Self::TlsConnections | Self::Streams { .. } => Front::Https,
            Self::Messages { .. } | Self::RelayConnections => Front::Relay,
            Self::Logins => Front::Imap,
            Self::RdpConnections | Self::RdpMessages { .. } => Front::Rdp,
            Self::Questions(Over::Udp | Over::Tcp) | Self::QuestionRate { .. } => Front::Dns,
            Self::Questions(Over::UdpCached) => Front::DnsCached,
            Self::Questions(Over::Tls) => Front::Dot,
            Self::Questions(Over::Https) => Front::Doh,
        }
    }

    /// Whether units per second are of interest, though both sides share a small machine.
    pub(super) fn shows_speed(self) -> bool {
        matches!(self, Self::Logins | Self::RdpConnections)
    }
}

/// What Sekisho must reach.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    /// At most so many times the figure of this subject.
    Ratio(&'static str, f64),
    /// At most so much, in the load's own unit.
    Absolute(f64),
    /// At least so many times the units per second of this subject.
    Throughput(&'static str, f64),
    /// At most so many times the 99th percentile of latency of this subject.
    Tail(&'static str, f64),
    /// Nothing is lost.
    Lossless,
}
