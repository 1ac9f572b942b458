//! The words of Redis: RESP3 and what of RESP2 it contains, as pure functions of bytes.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub(super) use read::Reader;
pub use read::oracle as resp_oracle;
pub(super) use write::command;

/// What a store says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reply {
    /// A word such as `OK`.
    Word(Vec<u8>),
    /// A refusal: its first word is a code such as `NOSCRIPT`.
    Refusal(Vec<u8>),
    /// A number.
    Number(i64),
    /// Any bytes.
    Bytes(Vec<u8>),
    /// Nothing.
    Nil,
    /// Several, in order; of a map, keys and values in turn.
    List(Vec<Self>),
    /// What nobody asked for: a message of a channel, say.
    Push(Vec<Self>),
}

impl Reply {
    /// The bytes of a word or string.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Word(bytes) | Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// What is no reply, or one that nobody asked for. The connection cannot be used any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RespError {
    /// The first byte of a value is none of the protocol's.
    #[error("it does not speak RESP")]
    Kind,
    /// A length or number is none.
    #[error("a number is none")]
    Number,
    /// A line or string is longer than anything that was asked for.
    #[error("a reply is too long")]
    Length,
    /// Lists in lists beyond what was asked for.
    #[error("a reply is too deep")]
    Depth,
    /// More values than were asked for.
    #[error("a reply has too many values")]
    Count,
}
