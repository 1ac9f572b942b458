//! The peers protocol 2.0 and 2.1 of HAProxy as bytes: pure functions, nothing is believed before it is measured.
//!
//! ```text
//! varint      numbers
//! hello       the first lines of a connection, and the answer
//! message     what follows: class, type, length, data
//! definition  which table updates are of, and what stands in them
//! update      an entry
//! dictionary  server names, told once in a connection and then by number
//! ```
//!
//! Sources: `doc/peers-v2.0.txt` of HAProxy, and for what it leaves out (timed updates, heartbeats, the dictionary of
//! server names, the tables' expiry) the behaviour of `src/peers.c`.

mod definition;
mod dictionary;
mod hello;
mod message;
#[cfg(test)]
mod tests;
mod update;
mod varint;

pub(super) use definition::{Definition, KeyForm, Shape, types};
pub(super) use dictionary::{Sent, Told};
pub(super) use hello::{Hello, Status, Version};
pub(super) use message::{Control, Message, next, write_ack, write_control, write_switch};
pub(super) use update::{NewUpdate, Row, Update, write_update};

/// What makes bytes no message of the protocol. The other side misbehaves, or is no peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum WireError {
    /// The first line is not that of the protocol.
    #[error("it does not speak the peers protocol")]
    NotPeers,
    /// A version that is not spoken here.
    #[error("it speaks another version of the peers protocol")]
    Version,
    /// A line or a message is longer than any that there may be.
    #[error("a message is too long")]
    TooLong,
    /// A number does not end, or a length leads out of its message.
    #[error("a message is malformed")]
    Malformed,
    /// A reserved class.
    #[error("a message of a reserved class")]
    Reserved,
}

/// The longest message that is taken: HAProxy's buffer, which bounds what it sends.
pub(super) const LONGEST: usize = 16_384;
