//! Where a message of either side ends, and of what it consists (RFC 5804, section 4): lines with strings in them, some
//! of which are literals that go on behind the line.

use sekisho_mail::{Secret, line_end, trimmed};

/// A part of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// A bare word, or a parenthesis with what is in it.
    Word(&'a [u8]),
    /// A string, quoted or literal.
    Text(Secret),
}

/// The length of the first message; `None`: it has not ended yet, or announces a literal that ends nowhere.
pub(crate) fn end(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    loop {
        let rest = bytes.get(length..)?;
        let line = line_end(rest)?;
        length += line;
        let Some((_, announced)) = literal(trimmed(rest.get(..line)?)) else { return Some(length) };
        length = length.checked_add(announced)?;
    }
}

/// The announcement of a literal at the end of a line, `{n+}` of clients or `{n}` of servers: where it begins, and its
/// size.
fn literal(line: &[u8]) -> Option<(usize, usize)> {
    let inner = line.strip_suffix(b"}")?;
    let open = inner.iter().rposition(|&byte| byte == b'{')?;
    let digits = inner.get(open + 1..)?;
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = std::str::from_utf8(digits).ok()?.parse().unwrap_or(usize::MAX);
    Some((open, size))
}

/// Reads a whole message; `None` if it has another form.
pub(crate) fn parts(message: &[u8]) -> Option<Vec<Part<'_>>> {
    let mut parts = Vec::new();
    let mut rest = trimmed(message);
    loop {
        rest = rest.trim_ascii_start();
        let part = match rest {
            [] => return Some(parts),
            [b'"', inner @ ..] => {
                let (text, behind) = quoted(inner)?;
                rest = behind;
                Part::Text(text.into())
            }
            [b'{', ..] => {
                let line = line_end(rest)?;
                let (0, size) = literal(trimmed(rest.get(..line)?))? else { return None };
                let (text, behind) = rest.get(line..)?.split_at_checked(size)?;
                rest = behind;
                Part::Text(text.to_vec().into())
            }
            [b'(', inner @ ..] => {
                let (code, behind) = inner.split_at(inner.iter().position(|&byte| byte == b')')?);
                rest = behind.strip_prefix(b")")?;
                Part::Word(code)
            }
            _ => {
                let word =
                    rest.iter().take_while(|&&byte| byte.is_ascii_graphic() && !b"\"(){".contains(&byte));
                let (word, behind) =
                    rest.split_at_checked(word.count()).filter(|(word, _)| !word.is_empty())?;
                rest = behind;
                Part::Word(word)
            }
        };
        parts.push(part);
    }
}

/// What stands before the closing quote, and behind it; neither CR, LF nor NUL is in it.
fn quoted(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut text = Vec::new();
    loop {
        let (byte, behind) = match rest {
            [b'"', behind @ ..] => return Some((text, behind)),
            [b'\\', byte @ (b'"' | b'\\'), behind @ ..] => (byte, behind),
            [b'\\' | b'\r' | b'\n' | 0, ..] | [] => return None,
            [byte, behind @ ..] => (byte, behind),
        };
        text.push(*byte);
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Part<'_> {
        Part::Text(text.as_bytes().to_vec().into())
    }

    #[test]
    fn message_ends_behind_its_last_literal_and_line() {
        assert_eq!(end(b"LOGOUT\r\nx"), Some(8));
        assert_eq!(end(b"PUTSCRIPT \"a\" {9+}\r\nLOGOUT\r\nx\r\ny"), Some(31));
        assert_eq!(end(b"NO {2}\r\nno\r\n"), Some(12));
        for bytes in [&b"X {3+}\r\nabc"[..], b"X {3+}\r\nab\n", b"X {99999999999999999999+}\r\n\r\n", b"X"] {
            assert_eq!(end(bytes), None);
        }
        for bytes in [&b"X {}\r\n"[..], b"X {a}\r\n", b"X \"{3}\"\r\n", b"X {3\r\n"] {
            assert_eq!(end(bytes), Some(bytes.len()));
        }
    }

    #[test]
    fn parts_are_words_and_strings_in_either_form() {
        let read = |text: &'static [u8]| parts(text);
        let whole = vec![Part::Word(b"AUTHENTICATE"), text("PLAIN"), text("a\"\\\r\n")];
        assert_eq!(read(b"AUTHENTICATE \"PLAIN\" {5+}\r\na\"\\\r\n\r\n"), Some(whole));
        let code = vec![Part::Word(b"NO"), Part::Word(b"TRYLATER"), text("la\"ter")];
        assert_eq!(read(b"NO (TRYLATER) \"la\\\"ter\"\r\n"), Some(code));
        assert_eq!(read(b"\r\n"), Some(Vec::new()));
        for wrong in
            [&b"X \"a\r\n"[..], b"X \"a\\n\"\r\n", b"X {5}\r\nab\r\n", b"X (a\r\n", b"X \x01\r\n", b"X )\r\n"]
        {
            assert_eq!(parts(wrong), None, "{wrong:?}");
        }
    }
}
