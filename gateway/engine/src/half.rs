//! One side of a conversation: its unconsumed bytes and what the conversation last said about them.

use std::fmt;

use bytes::BytesMut;
use zeroize::Zeroize;

/// One side.
pub(crate) struct Half {
    // INVARIANT: buffer.len() <= EngineLimits::buffer.
    pub(crate) buffer: BytesMut,
    pub(crate) mood: Mood,
    pub(crate) eof: Eof,
    pub(crate) tls: Tls,
    /// The driver cannot write more to the other side: these bytes are not offered.
    pub(crate) held: bool,
}

/// What the conversation last said about the side's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Nothing: they are to be offered.
    Fresh,
    /// More than `seen` are needed.
    NeedMore { seen: usize },
    /// Only the other side or the core can change anything.
    Wait,
}

/// Whether a side has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Eof {
    Open,
    Seen,
    Told,
}

/// Whether a side is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    Plain,
    Starting,
    Up,
}

/// What a conversation has not consumed may be half a password.
impl Drop for Half {
    fn drop(&mut self) {
        self.buffer.zeroize();
    }
}

impl Half {
    pub(crate) fn new(tls: bool) -> Self {
        Self {
            buffer: BytesMut::new(),
            mood: Mood::Fresh,
            eof: Eof::Open,
            tls: if tls { Tls::Up } else { Tls::Plain },
            held: false,
        }
    }

    /// Whether the conversation is to see the bytes.
    pub(crate) fn offerable(&self) -> bool {
        !self.held
            && match self.mood {
                Mood::Fresh => !self.buffer.is_empty(),
                Mood::NeedMore { seen } => self.buffer.len() > seen,
                Mood::Wait => false,
            }
    }

    /// Whether the conversation is to hear of the end: all bytes are consumed, or more would be needed.
    pub(crate) fn end_is_due(&self) -> bool {
        self.eof == Eof::Seen
            && (self.buffer.is_empty()
                || matches!(self.mood, Mood::NeedMore { seen } if seen == self.buffer.len()))
    }

    /// The other side or the core did something.
    pub(crate) fn wake(&mut self) {
        if self.mood == Mood::Wait {
            self.mood = Mood::Fresh;
        }
    }

    /// Gives the memory back if nothing is in it.
    pub(crate) fn trim(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }
}

/// Lengths only: what is buffered may be a password.
impl fmt::Debug for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { buffer, mood, eof, tls, held } = self;
        write!(f, "Half({} bytes, {mood:?}, {eof:?}, {tls:?}, held: {held})", buffer.len())
    }
}
