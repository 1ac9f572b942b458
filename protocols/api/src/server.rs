//! The scheduler's answer: a server, held by a lease.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::key::{Key, KeyKind};

/// Length of a server's opaque token, in bytes: 128 bits in URL-safe base64 without padding.
pub const TOKEN_LEN: usize = 22;

/// One real server as a protocol sees it. The scheduler implements it; protocols hold it through a [`Lease`].
pub trait Server: fmt::Debug + Send + Sync {
    /// The stable name from the configuration.
    fn name(&self) -> &Arc<str>;
    /// Where it listens.
    fn address(&self) -> SocketAddr;
    /// A number that no other server of this process has or had; for keying connection pools.
    fn id(&self) -> u64;
    /// What names this server to clients without telling them its address: [`TOKEN_LEN`] bytes of URL-safe base64,
    /// a MAC of pool and name, equal on every node that has the same secret.
    fn token(&self) -> &str;
    /// Takes an observation into account: response times, passive health, bandwidth.
    fn observe(&self, observation: Observation, now: Instant);
    /// Whether connections to it should go on being reused: false once it is down, in maintenance or removed.
    fn reusable(&self) -> bool;
    /// Settles a lease. Called once for each, by [`Lease`].
    fn release(&self, now: Option<Instant>);
    /// The scheduler's own type, for the crates that know it.
    fn as_any(&self) -> &dyn Any;
}

/// Something seen while a lease was held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The connection was established after this long.
    Connected(Duration),
    /// The first byte of the answer came this long after the request. An answer that is itself a failure is
    /// reported as [`Observation::Failed`] or [`Observation::Regretted`] instead, so that it counts as one.
    Answered(Duration),
    /// The answer came this long after the request, and says that the server failed, perhaps at this request alone (an
    /// HTTP status of 500 and above). It counts as a [`Failure::SaidSo`] that proves that the server is there.
    Regretted(Duration),
    /// This many bytes were relayed, both ways together.
    Moved(u64),
    /// The server failed the client. A client's own faults are never reported.
    Failed(Failure),
    /// A datagram came from its address that answers nothing that was asked: late, doubled or forged.
    Strayed,
    /// It was silent for so long that another server was asked as well. Whether it failed is not known yet.
    Repeated,
    /// It has not answered one of several requests under way within this time. It failed if it has answered nobody
    /// meanwhile; else that is about the request, or whoever sent it.
    Unanswered(Duration),
}

/// How a server failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// Nobody listens, or the network says so at once.
    Refused,
    /// No connection within the time allowed.
    ConnectTimeout,
    /// TLS to the server failed.
    Tls,
    /// The connection was reset, or ended before an answer.
    Reset,
    /// No answer within the time allowed.
    ResponseTimeout,
    /// The answer does not follow the protocol.
    Malformed,
    /// The server said that it failed (an HTTP status of 500 and above, a protocol's own temporary failure).
    SaidSo,
}

impl Failure {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Refused,
        Self::ConnectTimeout,
        Self::Tls,
        Self::Reset,
        Self::ResponseTimeout,
        Self::Malformed,
        Self::SaidSo,
    ];

    /// The name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::ConnectTimeout => "connect-timeout",
            Self::Tls => "tls",
            Self::Reset => "reset",
            Self::ResponseTimeout => "response-timeout",
            Self::Malformed => "malformed",
            Self::SaidSo => "said-so",
        }
    }
}

/// Why this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// The client's words preferred it, and it is a usable member of the pool.
    Preferred,
    /// The persistence table had the client's key of this kind.
    Persisted(KeyKind),
    /// The balancing method of this name chose it.
    Method(&'static str),
    /// The client's own server is unusable; the method of this name chose another.
    Moved(&'static str),
    /// All servers are down and the pool is configured to use them all the same.
    LastResort,
}

impl Why {
    /// The word in the access log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Preferred => "preferred",
            Self::Persisted(_) => "persisted",
            Self::Method(_) => "method",
            Self::Moved(_) => "moved",
            Self::LastResort => "last-resort",
        }
    }
}

/// A table entry kept from expiring while the client is connected.
pub trait Hold: fmt::Debug + Send + Sync {
    /// The client left; expiry counts from here. `None`: the time of the scheduler's last choice.
    fn released(&self, now: Option<Instant>);

    /// The key of this kind that the client is kept by, if there is one.
    fn key(&self, kind: KeyKind) -> Option<&Key> {
        let _ = kind;
        None
    }
}

/// The scheduler's answer, held while the connection or request lives. Dropping it settles all counts; nothing
/// leaks when a task is cancelled.
pub struct Lease {
    server: Arc<dyn Server>,
    why: Why,
    hold: Option<Arc<dyn Hold>>,
    settled: Option<Instant>,
}

impl Lease {
    /// Made by the scheduler, which has counted the lease already.
    pub fn new(server: Arc<dyn Server>, why: Why, hold: Option<Arc<dyn Hold>>) -> Self {
        Self { server, why, hold, settled: None }
    }

    /// The server.
    pub fn server(&self) -> &Arc<dyn Server> {
        &self.server
    }

    /// Why this server.
    pub fn why(&self) -> Why {
        self.why
    }

    /// The key of this kind that the client is kept by: what it said, or what a token of the gateway's stood for.
    pub fn key(&self, kind: KeyKind) -> Option<&Key> {
        self.hold.as_ref()?.key(kind)
    }

    /// Settles the lease at a known time. Dropping settles it as well, at the time of the scheduler's last choice.
    pub fn settle(mut self, now: Instant) {
        self.settled = Some(now);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(hold) = self.hold.take() {
            hold.released(self.settled);
        }
        self.server.release(self.settled);
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("server", self.server.name()).field("why", &self.why).finish()
    }
}
