//! Replies, from bytes that come in any pieces.

use super::{Reply, RespError};

/// The longest line: a number, a word or a refusal.
const LINE_MAX: usize = 1024;
/// The longest string: an entry of a table is a tenth of it.
const STRING_MAX: usize = 16 * 1024;
/// The most values of one reply: those of a page of entries are a tenth of it.
const VALUES_MAX: usize = 32 * 1024;
/// The most bytes of one reply.
const REPLY_MAX: usize = 8 * 1024 * 1024;
/// Lists in lists: a page of entries has two.
const DEPTH_MAX: usize = 4;

/// Takes replies out of what has come. No byte is looked at twice but those of an unfinished line.
#[derive(Debug, Default)]
pub(in crate::shared) struct Reader {
    received: Vec<u8>,
    /// How many bytes of it have been read.
    read: usize,
    /// Lists that are not complete, the innermost last.
    open: Vec<Open>,
    /// What the reply under way has so far.
    values: usize,
    bytes: usize,
}

/// A list that is not complete.
#[derive(Debug)]
struct Open {
    kind: Kind,
    missing: usize,
    values: Vec<Reply>,
}

/// What becomes of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    List,
    Push,
    /// Something about the next value, which nobody asked for.
    Attribute,
}

/// One step of reading.
enum Token {
    Value(Reply),
    List(Kind, usize),
}

impl Reader {
    /// Takes in what has come.
    pub(in crate::shared) fn feed(&mut self, bytes: &[u8]) {
        if self.read > 0 {
            self.received.drain(..std::mem::take(&mut self.read));
        }
        self.received.extend_from_slice(bytes);
    }

    /// The next whole reply; none if more has to come.
    ///
    /// # Errors
    /// What is no reply. Nothing sensible follows.
    pub(in crate::shared) fn next(&mut self) -> Result<Option<Reply>, RespError> {
        loop {
            let Some((token, length)) = token(self.received.get(self.read..).unwrap_or_default())? else {
                return Ok(None);
            };
            self.read += length;
            self.bytes += length;
            self.values += 1;
            if self.values > VALUES_MAX || self.bytes > REPLY_MAX {
                return Err(RespError::Count);
            }
            let mut value = match token {
                Token::Value(value) => value,
                Token::List(kind, missing) if missing > 0 => {
                    if self.open.len() == DEPTH_MAX {
                        return Err(RespError::Depth);
                    }
                    self.open.push(Open { kind, missing, values: Vec::new() });
                    continue;
                }
                Token::List(Kind::Attribute, _) => continue,
                Token::List(kind, _) => whole(kind, Vec::new()),
            };
            // The value completes as many lists as it is the last one of.
            loop {
                let Some(list) = self.open.last_mut() else {
                    (self.values, self.bytes) = (0, 0);
                    return Ok(Some(value));
                };
                list.values.push(value);
                list.missing -= 1;
                if list.missing > 0 {
                    break;
                }
                let Some(Open { kind, values, .. }) = self.open.pop() else { break };
                if kind == Kind::Attribute {
                    break;
                }
                value = whole(kind, values);
            }
        }
    }
}

fn whole(kind: Kind, values: Vec<Reply>) -> Reply {
    match kind {
        Kind::Push => Reply::Push(values),
        Kind::List | Kind::Attribute => Reply::List(values),
    }
}

/// What stands at the beginning of `bytes`, and how many of them it takes; none if it is not whole.
fn token(bytes: &[u8]) -> Result<Option<(Token, usize)>, RespError> {
    let Some((&kind, rest)) = bytes.split_first() else { return Ok(None) };
    if !b"+-:$*_#,(!=%~>|".contains(&kind) {
        return Err(RespError::Kind);
    }
    let seen = rest.get(..LINE_MAX).unwrap_or(rest);
    let Some(end) = seen.iter().position(|byte| *byte == b'\n') else {
        return if seen.len() == LINE_MAX { Err(RespError::Length) } else { Ok(None) };
    };
    let line = seen.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(RespError::Kind)?;
    let head = end + 2;
    let value = |value| Ok(Some((Token::Value(value), head)));
    let list = |kind, count: Option<usize>, each: usize| match count {
        Some(count) if count.saturating_mul(each) > VALUES_MAX => Err(RespError::Count),
        Some(count) => Ok(Some((Token::List(kind, count * each), head))),
        None => Ok(Some((Token::Value(Reply::Nil), head))),
    };
    match kind {
        b'+' | b',' | b'(' => value(Reply::Word(line.to_vec())),
        b'-' => value(Reply::Refusal(line.to_vec())),
        b':' => value(Reply::Number(number(line)?)),
        b'#' => value(Reply::Number(i64::from(line == b"t"))),
        b'_' => value(Reply::Nil),
        b'$' | b'=' | b'!' => {
            let Some(length) = length(line)? else { return value(Reply::Nil) };
            if length > STRING_MAX {
                return Err(RespError::Length);
            }
            let Some(string) = bytes.get(head..head + length + 2) else { return Ok(None) };
            let string = string.strip_suffix(b"\r\n").ok_or(RespError::Length)?.to_vec();
            let reply = if kind == b'!' { Reply::Refusal(string) } else { Reply::Bytes(string) };
            Ok(Some((Token::Value(reply), head + length + 2)))
        }
        b'*' | b'~' => list(Kind::List, length(line)?, 1),
        b'>' => list(Kind::Push, length(line)?, 1),
        b'|' => list(Kind::Attribute, length(line)?, 2),
        _ => list(Kind::List, length(line)?, 2),
    }
}

fn number(line: &[u8]) -> Result<i64, RespError> {
    std::str::from_utf8(line).ok().and_then(|text| text.parse().ok()).ok_or(RespError::Number)
}

/// A length; none for RESP2's −1.
fn length(line: &[u8]) -> Result<Option<usize>, RespError> {
    match number(line)? {
        -1 => Ok(None),
        length => usize::try_from(length).map(Some).map_err(|_| RespError::Number),
    }
}

/// Reads `data` whole and byte by byte. Shared by tests and the fuzz target.
///
/// # Panics
/// If both do not come to the same.
pub fn oracle(data: &[u8]) {
    let replies = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut reader = Reader::default();
        let mut replies = Vec::new();
        for piece in pieces {
            reader.feed(piece);
            loop {
                match reader.next() {
                    Ok(Some(reply)) => replies.push(reply),
                    Ok(None) => break,
                    Err(error) => return (replies, Some(error)),
                }
            }
        }
        (replies, None)
    };
    let whole = replies(&mut std::iter::once(data));
    assert_eq!(whole, replies(&mut data.chunks(1)), "however it comes, it says the same");
}
