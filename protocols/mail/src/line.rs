//! Where a line ends.

/// The longest line of a command.
pub(crate) const LINE_MAX: usize = 8 * 1024;
/// The longest line that may bring a mechanism's response: tokens of 12 kB are seen. Less than what the engine keeps of a
/// client by default, so that there is a word for whoever goes beyond.
pub(crate) const RESPONSE_MAX: usize = 60 * 1024;
/// The longest answer of a server before login.
pub(crate) const REPLY_MAX: usize = 8 * 1024;

/// A message that does not end within what it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overlong;

/// The length of the first line with its end; `None`: it has not ended yet.
pub fn line_end(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| byte == b'\n').map(|end| end + 1)
}

/// A line without its end: CR LF, or LF alone.
pub fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// What stands before the first space, and behind it.
pub fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|&byte| byte == b' ').unwrap_or(text.len());
    (text.get(..end).unwrap_or_default(), text.get(end + 1..).unwrap_or_default())
}

/// The length of the first message by `end`, if it has one within `max` bytes. Does not depend on how much there is
/// behind it.
pub(crate) fn within(
    bytes: &[u8],
    max: usize,
    end: impl FnOnce(&[u8]) -> Option<usize>,
) -> Result<Option<usize>, Overlong> {
    match end(bytes) {
        Some(length) if length <= max => Ok(Some(length)),
        None if bytes.len() < max => Ok(None),
        _ => Err(Overlong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_at_its_line_feed_or_is_too_long() {
        assert_eq!(within(b"QUIT\r\nmore", 8, line_end), Ok(Some(6)));
        assert_eq!(within(b"QUIT", 8, line_end), Ok(None));
        assert_eq!(within(b"QUITQUIT", 8, line_end), Err(Overlong));
        assert_eq!(within(b"QUITQUI\n", 8, line_end), Ok(Some(8)));
        assert_eq!(within(b"QUITQUIT\n", 8, line_end), Err(Overlong));
        for (line, text) in [(&b"a\r\n"[..], &b"a"[..]), (b"a\n", b"a"), (b"a\r", b"a"), (b"", b"")] {
            assert_eq!(trimmed(line), text);
        }
    }

    #[test]
    fn word_is_what_stands_before_the_first_space() {
        assert_eq!(split_word(b"USER anna b"), (&b"USER"[..], &b"anna b"[..]));
        assert_eq!(split_word(b"QUIT"), (&b"QUIT"[..], &b""[..]));
        assert_eq!(split_word(b" x"), (&b""[..], &b"x"[..]));
    }
}
