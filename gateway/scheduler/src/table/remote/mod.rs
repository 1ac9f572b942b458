//! The seam between a table and whoever shares it: followers are told what changes, and tell what changed elsewhere.
//!
//! The later change of an entry wins, by its [`Stamp`]; of two with one stamp the greater server name, so that all
//! nodes decide alike. An operator's change is a change as any other. What wins never touches connections: those of
//! the key go on where they are, and its next one follows the winner.

mod digest;
mod follower;
mod learn;

use std::sync::Arc;
use std::time::Duration;

use sekisho_api::Key;

pub use digest::Digest;
pub use follower::Follower;

use super::stamp::Stamp;

/// A change that a follower is told of.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// A key belongs to a server, or still does.
    Bound {
        /// The key.
        key: &'a Key,
        /// The pool whose own entry this is; none: every pool's.
        scope: Option<&'a Arc<str>>,
        /// The server's name.
        server: &'a Arc<str>,
        /// How long ago its last client left; zero while one is connected.
        idle: Duration,
        /// When the server changed.
        stamp: Stamp,
    },
    /// Somebody wanted the entry gone.
    Removed {
        /// The key.
        key: &'a Key,
        /// The pool whose own entry it was.
        scope: Option<&'a Arc<str>>,
        /// When that was.
        stamp: Stamp,
    },
    /// Somebody wanted all entries gone.
    Cleared {
        /// When that was.
        stamp: Stamp,
    },
}

/// An entry as somebody else has it.
#[derive(Clone, Copy, Debug)]
pub struct Lesson<'a> {
    /// The key.
    pub key: &'a Key,
    /// The pool whose own entry this is; none: every pool's.
    pub scope: Option<&'a Arc<str>>,
    /// The server's name.
    pub server: &'a str,
    /// How long ago its last client left there; zero while one is connected. The table's own expiry decides how long
    /// it lives here.
    pub idle: Duration,
    /// When the server changed; none where the other side does not tell. Then the entry that was used last wins.
    pub stamp: Option<Stamp>,
}

/// What came of a lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// There was no such entry.
    New,
    /// The entry was another server's.
    Moved,
    /// The entry lives longer than it would have.
    Renewed,
    /// Nothing that was not known.
    Known,
    /// What is here is later. Whoever told will be told.
    Older,
    /// It has expired, or the table's bounds leave no room for it.
    Refused,
}

/// How often per expiry followers are told that an entry is still in use.
const RENEWALS: u32 = 16;
