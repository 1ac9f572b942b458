//! An answer's body, from bytes to pieces.

use bytes::{Bytes, BytesMut};

use super::framing::Framing;
use crate::codec::chunks::{Chunks, Limits, Malformed, Piece};

/// What of a body is still to come.
#[derive(Clone, Debug)]
pub(super) enum Body {
    /// This many bytes.
    Length(u64),
    /// Chunks.
    Chunked(Chunks),
    /// Whatever comes before the connection ends.
    Close,
}

impl Body {
    /// The next piece. The input is consumed as far as it belongs to it. `None`: more has to be read first.
    pub(super) fn next(&mut self, input: &mut BytesMut) -> Result<Option<Piece>, Malformed> {
        Ok(match self {
            Self::Length(0) => Some(Piece::End),
            Self::Chunked(chunks) => chunks.next(input)?,
            Self::Length(_) | Self::Close if input.is_empty() => None,
            Self::Length(left) => Some(Piece::Data(part(input, left))),
            Self::Close => Some(Piece::Data(input.split().freeze())),
        })
    }

    /// Whether the last byte has been read.
    pub(super) fn over(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunks) => chunks.over(),
            Self::Close => false,
        }
    }

    /// The bytes still to come, where they are known.
    pub(super) fn left(&self) -> Option<u64> {
        match self {
            Self::Length(left) => Some(*left),
            Self::Chunked(_) | Self::Close => None,
        }
    }
}

impl From<Framing> for Body {
    fn from(framing: Framing) -> Self {
        match framing {
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(Chunks::new(TRAILERS)),
            Framing::Close => Self::Close,
        }
    }
}

/// Takes what is there, up to `left`.
fn part(input: &mut BytesMut, left: &mut u64) -> Bytes {
    let take = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
    *left -= take as u64;
    input.split_to(take).freeze()
}

/// What bounds the fields behind a body.
const TRAILERS: Limits = Limits { size: 8 * 1024, fields: 32 };
