//! The chunked coding, read (RFC 9112, section 7.1).

use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use httparse::Status;

/// What bounds a section of fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes.
    pub(super) size: usize,
    /// Fields.
    pub(super) fields: usize,
}

/// Reads chunks. Stricter than the grammar asks: every line ends with CR LF, and what is skipped is bounded.
#[derive(Clone, Debug)]
pub(super) struct Chunks {
    limits: Limits,
    state: State,
    size: u64,
    /// Digits of the size under way.
    digits: u8,
    /// Bytes of extensions so far, in all chunks.
    skipped: usize,
    /// Bytes of the trailers that were looked at already.
    looked: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size,
    Space,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailers,
    Done,
}

/// A piece of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Bytes of the body.
    Data(Bytes),
    /// The fields behind it: the body is complete.
    Trailers(HeaderMap),
    /// The body is complete.
    End,
}

/// Bytes that do not follow the RFC, or exceed a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed message")]
pub(super) struct Malformed;

impl Chunks {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, state: State::Size, size: 0, digits: 0, skipped: 0, looked: 0 }
    }

    /// Whether the last byte has been read.
    pub(super) fn over(&self) -> bool {
        self.state == State::Done
    }

    /// Takes the next piece out of what was read. `None`: more has to be read.
    ///
    /// # Errors
    /// [`Malformed`], and then for ever.
    pub(super) fn next(&mut self, read: &mut BytesMut) -> Result<Option<Piece>, Malformed> {
        loop {
            match self.state {
                State::Done => return Ok(Some(Piece::End)),
                State::Trailers => return self.trailers(read),
                State::Data => {
                    let n = usize::try_from(self.size).unwrap_or(usize::MAX).min(read.len());
                    if n == 0 {
                        return Ok(None);
                    }
                    self.size -= n as u64;
                    if self.size == 0 {
                        self.state = State::DataCr;
                    }
                    return Ok(Some(Piece::Data(read.split_to(n).freeze())));
                }
                _ => {
                    let Some(&byte) = read.first() else { return Ok(None) };
                    self.state = self.step(byte)?;
                    read.advance(1);
                }
            }
        }
    }

    /// One byte of what stands around the data.
    fn step(&mut self, byte: u8) -> Result<State, Malformed> {
        match (self.state, byte) {
            (State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') if self.digits < MOST_DIGITS => {
                let digit = char::from(byte).to_digit(16).ok_or(Malformed)?;
                self.size = self.size << 4 | u64::from(digit);
                self.digits += 1;
                Ok(State::Size)
            }
            (State::Size, _) if self.digits == 0 => Err(Malformed),
            (State::Size | State::Space, b' ' | b'\t') => self.skip(State::Space),
            (State::Size | State::Space, b';') => self.skip(State::Extension),
            (State::Extension, b'\t' | b' '..=b'~' | 0x80..) => self.skip(State::Extension),
            (State::Size | State::Space | State::Extension, b'\r') => Ok(State::SizeLf),
            (State::SizeLf, b'\n') => {
                self.digits = 0;
                Ok(if self.size == 0 { State::Trailers } else { State::Data })
            }
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(State::Size),
            _ => Err(Malformed),
        }
    }

    fn skip(&mut self, next: State) -> Result<State, Malformed> {
        self.skipped += 1;
        if self.skipped > MOST_SKIPPED { Err(Malformed) } else { Ok(next) }
    }

    fn trailers(&mut self, read: &mut BytesMut) -> Result<Option<Piece>, Malformed> {
        if read.starts_with(b"\r\n") {
            read.advance(2);
            self.state = State::Done;
            return Ok(Some(Piece::End));
        }
        // Only a complete section is read, so that it is read alike however it comes.
        let from = self.looked.saturating_sub(3);
        let new = read.get(from..).unwrap_or_default();
        let end = new.windows(4).position(|end| end == b"\r\n\r\n").map(|at| from + at + 4);
        self.looked = read.len();
        let Some(end) = end.filter(|end| *end <= self.limits.size) else {
            return if read.len() >= self.limits.size { Err(Malformed) } else { Ok(None) };
        };
        let section = read.split_to(end);
        let lines = section.strip_suffix(b"\n").unwrap_or_default();
        if !lines.split(|&b| b == b'\n').all(|line| line.ends_with(b"\r")) {
            return Err(Malformed);
        }
        let mut fields = vec![httparse::EMPTY_HEADER; self.limits.fields];
        let trailers = match httparse::parse_headers(&section, &mut fields) {
            Ok(Status::Complete((length, fields))) if length == end => map(fields)?,
            _ => return Err(Malformed),
        };
        self.state = State::Done;
        Ok(Some(Piece::Trailers(trailers)))
    }
}

fn map(fields: &[httparse::Header<'_>]) -> Result<HeaderMap, Malformed> {
    let mut map = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Malformed)?;
        map.append(name, HeaderValue::from_bytes(field.value).map_err(|_| Malformed)?);
    }
    Ok(map)
}

/// Digits of a chunk's size: leading zeros have no end of their own.
const MOST_DIGITS: u8 = 16;
/// Bytes of extensions in one body. Nobody uses any (CVE-2023-39326 and its kin do).
const MOST_SKIPPED: usize = 16 * 1024;
