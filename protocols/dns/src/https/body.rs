//! The body of an HTTP/1.1 request: one DNS message, in one piece or in chunks (RFC 9112, section 7.1).

use bytes::{Buf as _, Bytes, BytesMut};

use super::head::Framing;
use super::reply::Refusal;
use super::request::MESSAGE;

/// A body under way.
#[derive(Debug)]
pub(super) enum Body {
    /// So many bytes.
    Length(usize),
    /// Chunks.
    Chunked(Chunks),
}

/// Chunks under way. Every line ends with CR LF, and what is skipped is bounded.
#[derive(Debug)]
pub(super) struct Chunks {
    message: BytesMut,
    next: Next,
    /// Bytes that may still be spent on sizes, extensions and trailers.
    allowance: usize,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// A chunk's size.
    Size,
    /// So many bytes of a chunk.
    Data(usize),
    /// The end of a chunk's line.
    End,
    /// A trailer, or the empty line behind the last one.
    Trailer,
}

/// Bytes of all lines around the data. Nobody uses extensions or trailers with DNS; sizes of small chunks fit.
const LINES: usize = 16 * 1024;

impl Body {
    pub(super) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => {
                Self::Chunked(Chunks { message: BytesMut::new(), next: Next::Size, allowance: LINES })
            }
        }
    }

    /// Takes what was read; the whole message once its last byte is there.
    ///
    /// # Errors
    /// The body is malformed or longer than any message.
    pub(super) fn take(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, Refusal> {
        match self {
            Self::Length(length) if read.len() < *length => Ok(None),
            Self::Length(length) => Ok(Some(read.split_to(*length).freeze())),
            Self::Chunked(chunks) => chunks.take(read),
        }
    }
}

impl Chunks {
    fn take(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, Refusal> {
        loop {
            if let Next::Data(left) = self.next {
                let n = left.min(read.len());
                self.message.extend_from_slice(&read.split_to(n));
                if n < left {
                    self.next = Next::Data(left - n);
                    return Ok(None);
                }
                self.next = Next::End;
            }
            let Some(end) = read.iter().position(|&b| b == b'\n') else {
                return if read.len() > self.allowance { Err(Refusal::Malformed) } else { Ok(None) };
            };
            self.allowance = self.allowance.checked_sub(end).ok_or(Refusal::Malformed)?;
            let line = read.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(Refusal::Malformed)?;
            match self.next {
                Next::Size => match size(line)? {
                    0 => self.next = Next::Trailer,
                    size if size > MESSAGE - self.message.len() => return Err(Refusal::TooLarge),
                    size => self.next = Next::Data(size),
                },
                Next::End if line.is_empty() => self.next = Next::Size,
                Next::Trailer if line.is_empty() => {
                    read.advance(end + 1);
                    return Ok(Some(self.message.split().freeze()));
                }
                Next::Trailer => {}
                Next::End | Next::Data(_) => return Err(Refusal::Malformed),
            }
            read.advance(end + 1);
        }
    }
}

/// A chunk's size: hexadecimal digits, then perhaps an extension.
fn size(line: &[u8]) -> Result<usize, Refusal> {
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let (digits, rest) = line.split_at_checked(digits).ok_or(Refusal::Malformed)?;
    let rest = rest.trim_ascii_start();
    if digits.is_empty() || digits.len() > 8 || !(rest.is_empty() || rest.starts_with(b";")) {
        return Err(Refusal::Malformed);
    }
    let text = str::from_utf8(digits).map_err(|_| Refusal::Malformed)?;
    usize::from_str_radix(text, 16).map_err(|_| Refusal::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(framing: Framing, text: &[u8]) -> Result<Option<Bytes>, Refusal> {
        Body::new(framing).take(&mut BytesMut::from(text))
    }

    #[test]
    fn chunks_give_the_same_message_however_they_are_cut() {
        let text = b"3\r\nabc\r\n0A ; name=value\r\n0123456789\r\n000\r\nTrailer: x\r\n\r\nNEXT";
        for cut in 0..=text.len() {
            let mut body = Body::new(Framing::Chunked);
            let mut read = BytesMut::from(&text[..cut]);
            let first = body.take(&mut read).unwrap();
            read.extend_from_slice(&text[cut..]);
            let message = first.or_else(|| body.take(&mut read).unwrap());
            assert_eq!(message.as_deref(), Some(&b"abc0123456789"[..]), "{cut}");
            assert_eq!(&read[..], b"NEXT", "{cut}");
        }
    }

    #[test]
    fn malformed_chunks_are_refused() {
        for bad in [
            "x\r\n",
            "\r\n",
            "1\nab",
            "1\r\nabc\r\n",
            "1 1\r\na\r\n",
            "-1\r\n",
            "0x1\r\na",
            "fffffffff\r\n",
            "1\r\na\n",
        ] {
            assert_eq!(whole(Framing::Chunked, bad.as_bytes()), Err(Refusal::Malformed), "{bad:?}");
        }
        let long = [b"1;".to_vec(), vec![b'a'; LINES + 1]].concat();
        assert_eq!(whole(Framing::Chunked, &long), Err(Refusal::Malformed));
    }

    #[test]
    fn chunks_that_add_up_to_more_than_a_message_are_refused_by_their_size() {
        let most = [b"ffff\r\n".to_vec(), vec![0; MESSAGE], b"\r\n0\r\n\r\n".to_vec()].concat();
        assert_eq!(whole(Framing::Chunked, &most).unwrap().unwrap().len(), MESSAGE);
        assert_eq!(whole(Framing::Chunked, b"10000\r\n"), Err(Refusal::TooLarge));
        let more = [b"ffff\r\n".to_vec(), vec![0; MESSAGE], b"\r\n1\r\n".to_vec()].concat();
        assert_eq!(whole(Framing::Chunked, &more), Err(Refusal::TooLarge));
    }

    #[test]
    fn a_body_of_told_length_leaves_what_follows() {
        let mut read = BytesMut::from(&b"abcNEXT"[..]);
        assert_eq!(Body::new(Framing::Length(3)).take(&mut read).unwrap().unwrap(), "abc");
        assert_eq!(&read[..], b"NEXT");
        assert_eq!(whole(Framing::Length(4), b"abc"), Ok(None));
    }
}
