//! What a protocol asks of the scheduler.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::key::{Key, KeyKind};
use crate::persist::Persist;

/// The question a protocol puts to the scheduler: who is it, and which pool is meant.
///
/// An empty route is a valid one: the client is balanced by its address or by the method alone.
#[derive(Clone, Debug, Default)]
pub struct Route {
    /// The pool to choose from: an index into the pools that the VIP's configuration names; 0 is the VIP's `pool`.
    pub pool: usize,
    /// A server that the client's words prefer.
    pub prefer: Option<Prefer>,
    /// The keys found, at most one of a kind. The VIP's `persist` list decides which of them counts.
    pub keys: SmallVec<[Key; 2]>,
    /// What the hashing methods hash instead of the first key or the client's address.
    pub hash: Option<u64>,
    /// Servers that must not be chosen, by [`crate::server::Server::id`]: those already tried for this client.
    pub exclude: SmallVec<[u64; 4]>,
    /// Of these, the ones that failed once they had been told something. It may be this client's own words that they do
    /// not take, and its word for who it is nobody has verified yet: what is remembered of that person stays.
    pub doubted: SmallVec<[u64; 2]>,
    /// How the client became known, a constant word of the protocol's: `cookie`, `weak-cookie`, `login`. For the log, the
    /// metrics and whoever asks for a decision's reasons.
    pub by: Option<&'static str>,
    /// What this client is remembered by; none: the VIP's `persist` list. From a list of the configuration's, read with
    /// [`Persist::read`].
    pub persist: Option<Arc<[Persist]>>,
}

impl Route {
    /// A route without anything known: balanced by address or method.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key; `None`, the outcome of reading an unusable one, is no error and adds nothing.
    #[must_use]
    pub fn with_key(mut self, key: Option<Key>) -> Self {
        if let Some(key) = key
            && !self.keys.iter().any(|k| k.kind() == key.kind())
        {
            self.keys.push(key);
        }
        self
    }

    /// Says how the client became known: lower-case words joined by hyphens.
    #[must_use]
    pub const fn known_by(mut self, word: &'static str) -> Self {
        self.by = Some(word);
        self
    }

    /// The key of `kind`, if the protocol found one.
    pub fn key(&self, kind: KeyKind) -> Option<&Key> {
        self.keys.iter().find(|k| k.kind() == kind)
    }
}

/// A server that a client's words prefer. It *selects* among configured servers and never addresses one: what
/// matches no server of the pool is as if it had not been sent.
#[derive(Clone, PartialEq, Eq)]
pub enum Prefer {
    /// The opaque token of [`crate::server::Server::token`], as the gateway gave it out in a cookie.
    Token(SmallVec<[u8; 24]>),
    /// The server of this name, read from something the gateway itself signed or the operator configured.
    Name(Box<str>),
    /// The server with this address, read from a token of the protocol's own (a Remote Desktop routing token).
    Address(std::net::SocketAddr),
    /// A token that the gateway issued, as it came: the scheduler alone can open it. It stands for a server or for a
    /// user until a day that it names.
    Sealed(Box<[u8]>),
}

impl Prefer {
    /// The longest token that the gateway issues, in bytes: with it, the first packet of a Remote Desktop client has room
    /// for everything that may stand beside it.
    pub const SEALED_MAX: usize = 168;

    /// An issued token from the wire; `None` if it is empty or too long to be one of ours.
    pub fn sealed(raw: &[u8]) -> Option<Self> {
        (1..=Self::SEALED_MAX).contains(&raw.len()).then(|| Self::Sealed(raw.into()))
    }

    /// A token from the wire; `None` if it is too short or too long to be one of ours.
    pub fn token(raw: &[u8]) -> Option<Self> {
        (raw.len() == crate::server::TOKEN_LEN).then(|| Self::Token(SmallVec::from_slice(raw)))
    }
}

impl std::fmt::Debug for Prefer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Token(_) => f.write_str("Prefer::Token(..)"),
            Self::Name(name) => write!(f, "Prefer::Name({name})"),
            Self::Address(address) => write!(f, "Prefer::Address({address})"),
            Self::Sealed(_) => f.write_str("Prefer::Sealed(..)"),
        }
    }
}
