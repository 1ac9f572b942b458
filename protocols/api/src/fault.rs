//! What breaks a conversation.

use bytes::Bytes;

use crate::refusal::Blame;

/// One side broke the protocol so that the conversation cannot go on.
///
/// Only framing is a fault. A missing or unreadable key is none: the client is balanced without it. Each protocol
/// has an error enum of its own and turns it into a `Fault` at its edge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{label}")]
pub struct Fault {
    /// Whose fault it is.
    pub blame: Blame,
    /// A constant phrase for logs and metrics: lower-case words joined by hyphens.
    pub label: &'static str,
    /// What the client is told, in its own protocol, before the connection closes. Empty: nothing.
    pub tell: Bytes,
}

impl Fault {
    /// The client broke the protocol and is told nothing.
    pub const fn client(label: &'static str) -> Self {
        Self { blame: Blame::Client, label, tell: Bytes::new() }
    }

    /// The server broke the protocol and the client is told nothing.
    pub const fn server(label: &'static str) -> Self {
        Self { blame: Blame::Server, label, tell: Bytes::new() }
    }

    /// The gateway cannot go on, by its own limit or configuration.
    pub const fn gateway(label: &'static str) -> Self {
        Self { blame: Blame::Gateway, label, tell: Bytes::new() }
    }

    /// Adds what the client is told.
    #[must_use]
    pub fn telling(mut self, tell: impl Into<Bytes>) -> Self {
        self.tell = tell.into();
        self
    }
}
