//! The chunked coding, read strictly (RFC 9112, section 7.1).

use bytes::{Buf as _, BytesMut};
use http::HeaderMap;

use super::body::Piece;
use super::{Malformed, fields};

/// A decoder. It keeps no bytes: what it cannot use yet stays in the input.
#[derive(Clone, Debug, Default)]
pub(super) struct Chunks {
    state: State,
    /// What of the chunk is still to come, or its size as far as it is known.
    left: u64,
    /// Digits of the size so far.
    digits: u8,
    /// Bytes of extensions so far, in all chunks.
    extensions: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    Extension,
    SizeEnd,
    Data,
    DataCr,
    DataEnd,
    Trailers,
    Over,
}

impl Chunks {
    /// The next piece of the body.
    pub(super) fn next(&mut self, input: &mut BytesMut) -> Result<Piece, Malformed> {
        loop {
            match self.state {
                State::Data if self.left == 0 => self.state = State::DataCr,
                State::Data if input.is_empty() => return Ok(Piece::More),
                State::Data => return Ok(Piece::Data(super::body::part(input, &mut self.left))),
                State::Trailers => return self.trailers(input),
                State::Over => return Ok(Piece::End),
                _ => {
                    let Some(&byte) = input.first() else { return Ok(Piece::More) };
                    self.line(byte)?;
                    input.advance(1);
                }
            }
        }
    }

    /// Whether the last byte has been read.
    pub(super) fn over(&self) -> bool {
        self.state == State::Over
    }

    /// One byte of what stands between the data of two chunks.
    fn line(&mut self, byte: u8) -> Result<(), Malformed> {
        self.state = match (self.state, byte) {
            (State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') if self.digits < MOST_DIGITS => {
                let digit = char::from(byte).to_digit(16).ok_or(Malformed)?;
                self.left = self.left << 4 | u64::from(digit);
                self.digits += 1;
                State::Size
            }
            (State::Size, b'\r') if self.digits > 0 => State::SizeEnd,
            (State::Size, b';' | b' ' | b'\t') if self.digits > 0 => self.extended()?,
            (State::Extension, b'\r') => State::SizeEnd,
            (State::Extension, b'\t' | b' '..=b'~' | 0x80..) => self.extended()?,
            (State::SizeEnd, b'\n') => {
                self.digits = 0;
                if self.left == 0 { State::Trailers } else { State::Data }
            }
            (State::DataCr, b'\r') => State::DataEnd,
            (State::DataEnd, b'\n') => State::Size,
            _ => return Err(Malformed),
        };
        Ok(())
    }

    fn extended(&mut self) -> Result<State, Malformed> {
        self.extensions += 1;
        if self.extensions > MOST_EXTENSIONS { Err(Malformed) } else { Ok(State::Extension) }
    }

    /// The trailer section, which is read when it is complete.
    fn trailers(&mut self, input: &mut BytesMut) -> Result<Piece, Malformed> {
        let end = match &input[..] {
            [b'\r', b'\n', ..] => {
                input.advance(2);
                self.state = State::Over;
                return Ok(Piece::End);
            }
            known => known.windows(4).position(|end| end == b"\r\n\r\n").map(|at| at + 4),
        };
        let Some(end) = end.filter(|end| *end <= MOST_TRAILERS) else {
            return if input.len() >= MOST_TRAILERS { Err(Malformed) } else { Ok(Piece::More) };
        };
        let section = input.split_to(end).freeze();
        let mut lines = [httparse::EMPTY_HEADER; MOST_TRAILER_FIELDS];
        let (mut trailers, mut spans) = (HeaderMap::new(), fields::Spans::new());
        match httparse::parse_headers(&section, &mut lines) {
            Ok(httparse::Status::Complete((length, lines))) if length == section.len() => {
                fields::note(&section, lines, &mut spans)?;
            }
            _ => return Err(Malformed),
        }
        fields::collect(&section, &spans, &mut trailers)?;
        self.state = State::Over;
        Ok(Piece::Trailers(trailers))
    }
}

/// More digits than these do not fit into 64 bits; more leading zeros than that nobody writes.
const MOST_DIGITS: u8 = 16;
/// Extensions have no known use.
const MOST_EXTENSIONS: u32 = 16 * 1024;
const MOST_TRAILERS: usize = 8 * 1024;
const MOST_TRAILER_FIELDS: usize = 32;
