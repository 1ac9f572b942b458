//! Where a command ends: lines and literals, before anybody asks what they mean (RFC 9051, section 2.2.1).

/// The longest line but those of AUTHENTICATE, without what its literals hold.
pub(crate) const LINE_MAX: usize = 8 * 1024;
/// The longest literal: a password, a field of ID.
pub(crate) const LITERAL_MAX: usize = 4 * 1024;
/// The longest command with its literals, and the longest line of AUTHENTICATE: an ID command may hold 30 fields of
/// 1,024 bytes (RFC 2971, section 3.3), and tokens of 12 kB are seen. Less than what the engine keeps of a client, so
/// that there is a word for whoever goes beyond.
pub(crate) const COMMAND_MAX: usize = 60 * 1024;

/// The most literals of a command: the fields and values of an ID command.
const LITERALS_MAX: usize = 60;

/// How far a command is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// Cannot tell yet.
    Incomplete,
    /// The client waits to be invited to send a literal.
    Invite,
    /// It has this many bytes, the end of its last line included.
    Whole(usize),
    /// It wants to send a literal that is too large, and has not: the line that says so ends here.
    Refused(usize),
}

/// Why a connection cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overlong {
    /// A line that does not end.
    Line,
    /// A literal that the client sends without waiting. Where it ends only its own word says, so that nothing behind
    /// it can be read as a command.
    Literal,
    /// Everything together.
    Command,
}

/// Finds the end of the first command in `bytes`. `invited`: how many of its literals the client was invited to send.
pub(crate) fn frame(bytes: &[u8], invited: usize) -> Result<Frame, Overlong> {
    let mut begin = 0;
    let (mut literals, mut waiting) = (0, 0);
    let mut text = 0;
    loop {
        let rest = bytes.get(begin..).unwrap_or_default();
        let max = if begin == 0 && brings_response(rest) { COMMAND_MAX } else { LINE_MAX };
        let Some(end) = rest.iter().take(max).position(|&byte| byte == b'\n') else {
            return if rest.len() >= max { Err(Overlong::Line) } else { Ok(Frame::Incomplete) };
        };
        text += end;
        if text > COMMAND_MAX {
            return Err(Overlong::Command);
        }
        let line = rest.get(..end).unwrap_or_default();
        let behind = begin + end + 1;
        let Some(literal) = literal(line.strip_suffix(b"\r").unwrap_or(line)) else {
            return Ok(Frame::Whole(behind));
        };
        let fits = literal.size.is_some_and(|size| size <= LITERAL_MAX && text + size <= COMMAND_MAX);
        let size = match (literal.size.filter(|_| fits), literal.waits) {
            (Some(size), _) => size,
            (None, true) => return Ok(Frame::Refused(behind)),
            (None, false) => return Err(Overlong::Literal),
        };
        literals += 1;
        if literals > LITERALS_MAX {
            return Err(Overlong::Command);
        }
        if literal.waits {
            waiting += 1;
            if waiting > invited {
                return Ok(Frame::Invite);
            }
        }
        text += size;
        begin = behind + size;
        if bytes.len() < begin {
            return Ok(Frame::Incomplete);
        }
    }
}

/// Whether a line may bring the response of a mechanism.
fn brings_response(line: &[u8]) -> bool {
    const NAME: &[u8] = b"AUTHENTICATE";
    let mut words = line.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    words.nth(1).is_some_and(|word| word.eq_ignore_ascii_case(NAME))
}

/// The announcement of a literal at the end of a line: `{n}`, or `{n+}` if the client does not wait (RFC 7888).
#[derive(Clone, Copy, Debug)]
pub(super) struct Literal {
    /// None: a number that is too large for any use.
    pub(super) size: Option<usize>,
    pub(super) waits: bool,
}

/// Reads it off the end of a line.
pub(super) fn literal(line: &[u8]) -> Option<Literal> {
    let inner = line.strip_suffix(b"}")?;
    let open = inner.iter().rposition(|&byte| byte == b'{')?;
    let inner = inner.get(open + 1..)?;
    let (digits, waits) = match inner.strip_suffix(b"+") {
        Some(digits) => (digits, false),
        None => (inner, true),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = std::str::from_utf8(digits).ok()?.parse::<u32>().ok();
    Some(Literal { size: number.and_then(|number| usize::try_from(number).ok()), waits })
}

/// One line without its end, and its length with it, for what has no literals (RFC 9051, `AUTHENTICATE`).
pub(crate) fn line(bytes: &[u8], max: usize) -> Result<Option<(&[u8], usize)>, Overlong> {
    match bytes.iter().take(max).position(|&byte| byte == b'\n') {
        Some(end) => {
            let line = bytes.get(..end).unwrap_or_default();
            Ok(Some((line.strip_suffix(b"\r").unwrap_or(line), end + 1)))
        }
        None if bytes.len() >= max => Err(Overlong::Line),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::super::command;
    use super::*;

    #[test]
    fn command_ends_behind_its_last_line() {
        assert_eq!(frame(b"a NOOP\r\nb", 0), Ok(Frame::Whole(8)));
        assert_eq!(frame(b"a NOOP\nb", 0), Ok(Frame::Whole(7)));
        assert_eq!(frame(b"\r\n", 0), Ok(Frame::Whole(2)));
        assert_eq!(frame(b"a NOOP\r", 0), Ok(Frame::Incomplete));
    }

    #[test]
    fn literal_that_waits_is_invited_once_and_then_belongs_to_the_command() {
        let bytes = b"a LOGIN {4}\r\nanna {2}\r\npw\r\nb NOOP\r\n";
        assert_eq!(frame(&bytes[..13], 0), Ok(Frame::Invite));
        assert_eq!(frame(&bytes[..13], 1), Ok(Frame::Incomplete));
        assert_eq!(frame(&bytes[..23], 1), Ok(Frame::Invite));
        assert_eq!(frame(bytes, 2), Ok(Frame::Whole(27)));
        assert_eq!(frame(b"a LOGIN {4+}\r\nanna {0+}\r\n\r\nb", 0), Ok(Frame::Whole(27)));
    }

    #[test]
    fn what_is_too_large_is_refused_and_never_read_as_commands() {
        assert_eq!(frame(b"a LOGIN {5000}\r\n", 0), Ok(Frame::Refused(16)));
        assert_eq!(frame(b"a LOGIN {99999999999999999999}\r\n", 0), Ok(Frame::Refused(32)));
        assert_eq!(frame(b"a LOGIN {5000+}\r\nb LOGOUT\r\n", 0), Err(Overlong::Literal));
        assert_eq!(frame(&[b'a'; LINE_MAX], 0), Err(Overlong::Line));
        let token = [b"a authenticate XOAUTH2 ", &[b'a'; 16 * 1024][..], b"\r\n"].concat();
        assert_eq!(frame(&token, 0), Ok(Frame::Whole(token.len())));
        let token = [b"a AUTHENTICATE XOAUTH2 ", &[b'a'; COMMAND_MAX][..]].concat();
        assert_eq!(frame(&token, 0), Err(Overlong::Line));
        let many = b"{4096+}\r\n".iter().chain(&[b'x'; 4096]).copied().collect::<Vec<_>>().repeat(17);
        assert_eq!(frame(&many, 0), Err(Overlong::Literal));
        assert_eq!(frame(&b"{0}\r\n".repeat(60), 60), Ok(Frame::Incomplete));
        assert_eq!(frame(&b"{0}\r\n".repeat(61), 60), Err(Overlong::Command));
    }

    proptest! {
        #[test]
        fn cuts_change_nothing_once_a_command_is_whole(words in vec(select(WORDS), 0..12)) {
            let bytes = words.concat();
            let whole = |bytes: &[u8]| match frame(bytes, usize::MAX) {
                Ok(Frame::Incomplete) => Ok(None),
                Ok(found) => Ok(Some(found)),
                Err(error) => Err(error),
            };
            sekisho_testkit::prefixes(whole, &bytes);
            if let Ok(Some(Frame::Whole(length))) = whole(&bytes) {
                // Whatever it is, it is read to its end without a panic.
                _ = command(&bytes[..length]);
            }
        }
    }

    const WORDS: &[&[u8]] = &[
        b"a ", b"LOGIN ", b"ID ", b"(", b")", b"{3}", b"{2+}", b"{9999+}", b"\r\n", b"\n", b"\"", b"\\",
        b"x", b"\0",
    ];

    #[test]
    fn braces_that_announce_nothing_are_text() {
        for text in ["a {}\r\n", "a {x}\r\n", "a {+}\r\n", "a 3}\r\n", "a {3} \r\n", "a {-3}\r\n"] {
            assert_eq!(frame(text.as_bytes(), 0), Ok(Frame::Whole(text.len())), "{text}");
        }
    }
}
