//! The loads: what the clients do, in which unit it is counted, and what Sekisho must reach.

use super::dns::Over;
use super::places::Front;

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

/// One megabyte, as counted here.
pub(super) const MEGABYTE: u32 = 1_000_000;

/// All loads, in the order of the table.
pub(super) const LOADS: &[Load] = &[
    Load {
        name: "h1-small",
        what: "HTTP/1.1 keep-alive, 128-byte bodies, 64 connections, cookie inserted and honoured",
        unit: "µs/request",
        work: Work::Requests { front: Front::Http, path: "/small" },
        clients: 64,
        goals: &[Goal::Ratio("haproxy", 0.85)],
    },
    Load {
        name: "h1-1000",
        what: "the same with 1,000 connections",
        unit: "µs/request",
        work: Work::Requests { front: Front::Http, path: "/small" },
        clients: 1_000,
        goals: &[Goal::Ratio("haproxy", 0.80)],
    },
    Load {
        name: "h1-rate",
        what: "the same at a fixed 8,000 requests per second over 64 connections; latency from the planned moment",
        unit: "µs/request",
        work: Work::Rate { per_second: 8_000 },
        clients: 64,
        goals: &[],
    },
    Load {
        name: "h1-1m",
        what: "HTTP/1.1 keep-alive, 1 MB bodies, 16 connections",
        unit: "µs/MB",
        work: Work::Requests { front: Front::Http, path: "/1m" },
        clients: 16,
        goals: &[Goal::Ratio("haproxy", 0.55)],
    },
    Load {
        name: "h1-post",
        what: "HTTP/1.1 keep-alive, requests with bodies of 10 KB, 64 connections",
        unit: "µs/request",
        work: Work::Posts { size: 10_000 },
        clients: 64,
        goals: &[Goal::Ratio("haproxy", 0.85)],
    },
    Load {
        name: "h1-new",
        what: "HTTP/1.1, new connection with one request",
        unit: "µs/connection",
        work: Work::Connections,
        clients: 32,
        goals: &[Goal::Ratio("haproxy", 0.95)],
    },
    Load {
        name: "h2-8x16",
        what: "HTTP/2 over TLS 1.3, 128-byte bodies, 8 connections with 16 requests at a time",
        unit: "µs/request",
        work: Work::Streams { streams: 16 },
        clients: 8,
        goals: &[Goal::Ratio("haproxy", 1.10)],
    },
    Load {
        name: "h2-64x1",
        what: "the same, 64 connections with one request at a time",
        unit: "µs/request",
        work: Work::Streams { streams: 1 },
        clients: 64,
        goals: &[Goal::Ratio("haproxy", 0.90)],
    },
    Load {
        name: "https-small",
        what: "HTTP/1.1 over TLS 1.3, keep-alive, 128-byte bodies, 64 connections",
        unit: "µs/request",
        work: Work::Requests { front: Front::Https, path: "/small" },
        clients: 64,
        goals: &[Goal::Ratio("haproxy", 0.80)],
    },
    Load {
        name: "tls-new",
        what: "new TLS 1.3 connection with a full handshake (ECDSA P-256, X25519) and one request",
        unit: "µs/connection",
        work: Work::TlsConnections,
        clients: 16,
        goals: &[Goal::Ratio("haproxy", 0.50)],
    },
    Load {
        name: "tcp-bulk",
        what: "layer-4 relay, answers of 1 MB, 16 connections",
        unit: "µs/MB",
        work: Work::Messages { answer: MEGABYTE },
        clients: 16,
        goals: &[Goal::Ratio("haproxy", 0.60), Goal::Ratio("haproxy-splice", 1.00)],
    },
    Load {
        name: "tcp-small",
        what: "layer-4 relay, ping-pong of 64 bytes, 64 connections",
        unit: "µs/exchange",
        work: Work::Messages { answer: 64 },
        clients: 64,
        goals: &[Goal::Ratio("haproxy", 1.05)],
    },
    Load {
        name: "tcp-new",
        what: "layer-4 relay, new connection with one exchange of 64 bytes",
        unit: "µs/connection",
        work: Work::RelayConnections,
        clients: 32,
        goals: &[Goal::Ratio("haproxy", 1.05)],
    },
    Load {
        name: "idle-http",
        what: "memory of an HTTP connection at rest after one request",
        unit: "KiB/connection",
        work: Work::Idle(Front::Http),
        clients: 32,
        goals: &[Goal::Absolute(3.0)],
    },
    Load {
        name: "idle-tls",
        what: "memory of an HTTPS connection at rest after one request",
        unit: "KiB/connection",
        work: Work::Idle(Front::Https),
        clients: 32,
        goals: &[Goal::Absolute(13.0)],
    },
    Load {
        name: "idle-tcp",
        what: "memory of a relayed connection at rest after one exchange",
        unit: "KiB/connection",
        work: Work::Idle(Front::Relay),
        clients: 32,
        goals: &[Goal::Absolute(6.0)],
    },
    Load {
        name: "rdp-new",
        what: "Remote Desktop, new connection up to the server's confirmation, users kept by cookie, 1,000 users",
        unit: "µs/connection",
        work: Work::RdpConnections,
        clients: 32,
        goals: &[Goal::Ratio("haproxy", 1.00)],
    },
    Load {
        name: "rdp-bulk",
        what: "Remote Desktop after the confirmation, answers of 1 MB, 16 connections",
        unit: "µs/MB",
        work: Work::RdpMessages { answer: MEGABYTE },
        clients: 16,
        goals: &[Goal::Ratio("haproxy", 0.60)],
    },
    Load {
        name: "imap-login",
        what: "IMAP, new connection, AUTHENTICATE PLAIN, LOGOUT, users kept on their servers, 1,000 users",
        unit: "µs/login",
        work: Work::Logins,
        clients: 32,
        goals: &[Goal::Ratio("nginx", 0.50), Goal::Ratio("dovecot", 0.50)],
    },
    Load {
        name: "imap-idle",
        what: "memory of an IMAP connection that is logged in and in IDLE",
        unit: "KiB/connection",
        work: Work::Idle(Front::Imap),
        clients: 32,
        goals: &[Goal::Absolute(4.0)],
    },
    Load {
        name: "imap-idle-tls",
        what: "the same with TLS 1.3 on the client's side",
        unit: "KiB/connection",
        work: Work::Idle(Front::Imaps),
        clients: 32,
        goals: &[Goal::Absolute(12.0)],
    },
    Load {
        name: "dns-udp",
        what: "DNS over UDP without a cache, 1,000 names, 16 sockets, 100 questions under way",
        unit: "µs/query",
        work: Work::Questions(Over::Udp),
        clients: 16,
        goals: &[Goal::Ratio("dnsdist", 0.90), Goal::Throughput("dnsdist", 1.10)],
    },
    Load {
        name: "dns-udp-rate",
        what: "the same at a fixed 15,000 questions per second over 64 sockets; latency from the planned moment",
        unit: "µs/query",
        work: Work::QuestionRate { per_second: 15_000 },
        clients: 64,
        goals: &[Goal::Tail("dnsdist", 1.00), Goal::Lossless],
    },
    Load {
        name: "dns-tcp",
        what: "DNS over TCP, pipelined, 16 connections, 100 questions under way",
        unit: "µs/query",
        work: Work::Questions(Over::Tcp),
        clients: 16,
        goals: &[Goal::Ratio("dnsdist", 0.65)],
    },
    Load {
        name: "dns-dot",
        what: "DNS over TLS 1.3, pipelined, 16 connections, 100 questions under way",
        unit: "µs/query",
        work: Work::Questions(Over::Tls),
        clients: 16,
        goals: &[Goal::Ratio("dnsdist", 0.60)],
    },
    Load {
        name: "dns-cache",
        what: "DNS over UDP from the packet cache, 1,000 names, 16 sockets, 100 questions under way",
        unit: "µs/query",
        work: Work::Questions(Over::UdpCached),
        clients: 16,
        goals: &[Goal::Ratio("dnsdist", 0.85)],
    },
    Load {
        name: "dns-doh",
        what: "DNS over HTTP/2 by POST, 16 connections, 10 questions under way on each",
        unit: "µs/query",
        work: Work::Questions(Over::Https),
        clients: 16,
        goals: &[Goal::Ratio("dnsdist", 1.00)],
    },
];
