//! What somebody says to an IMAP server, as far as logging in needs (RFC 9051, section 2.2.1).

/// How far a command has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// All of it: its words, the first of which is the tag, and how many bytes it took.
    Whole(Vec<String>, usize),
    /// A part, in which the sender waited so many times to be asked for a literal.
    Part(usize),
}

/// Reads the command at the start of `bytes`.
pub(super) fn read(bytes: &[u8]) -> Command {
    let (mut words, mut at, mut waits) = (Vec::new(), 0, 0);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(end) = rest.iter().position(|&byte| byte == b'\n') else { return Command::Part(waits) };
        let line = String::from_utf8_lossy(rest.get(..end).unwrap_or_default());
        let line = line.trim_end_matches('\r');
        at += end + 1;
        let Some((before, size, waiting)) = literal(line) else {
            words.extend(split(line));
            return Command::Whole(words, at);
        };
        waits += usize::from(waiting);
        words.extend(split(before));
        let Some(text) = bytes.get(at..at.saturating_add(size)) else { return Command::Part(waits) };
        words.push(String::from_utf8_lossy(text).into_owned());
        at += size;
    }
}

/// What stands before a literal at the end of a line, its size, and whether the sender waits to be asked for it.
fn literal(line: &str) -> Option<(&str, usize, bool)> {
    let (before, size) = line.strip_suffix('}')?.rsplit_once('{')?;
    let digits = size.trim_end_matches('+');
    Some((before, digits.parse().ok()?, digits == size))
}

/// Words with spaces between them, bare or in quotes.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut escaped) = (Vec::new(), None, false, false);
    for letter in line.chars() {
        match letter {
            _ if escaped => {
                word.get_or_insert_with(String::new).push(letter);
                escaped = false;
            }
            '\\' if quoted => escaped = true,
            '"' => {
                word.get_or_insert_with(String::new);
                quoted = !quoted;
            }
            ' ' if !quoted => words.extend(word.take()),
            _ => word.get_or_insert_with(String::new).push(letter),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> Vec<String> {
        match read(bytes) {
            Command::Whole(words, size) if size == bytes.len() => words,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn strings_are_the_same_bare_in_quotes_and_as_literals() {
        for login in [
            &b"a LOGIN anna p\r\n"[..],
            b"a LOGIN \"anna\" \"p\"\r\n",
            b"a LOGIN {4}\r\nanna {1}\r\np\r\n",
            b"a LOGIN {4+}\r\nanna \"p\"\r\n",
        ] {
            assert_eq!(whole(login), ["a", "LOGIN", "anna", "p"]);
        }
        assert_eq!(whole(b"a LOGIN \"a b\\\"\" \"\"\n"), ["a", "LOGIN", "a b\"", ""]);
    }

    #[test]
    fn whoever_waits_to_be_asked_for_a_literal_is_counted() {
        assert_eq!(read(b"a LOGIN {4}\r\n"), Command::Part(1));
        assert_eq!(read(b"a LOGIN {4}\r\nanna {1}\r\n"), Command::Part(2));
        assert_eq!(read(b"a LOGIN {4+}\r\nan"), Command::Part(0));
        assert_eq!(read(b"a LOGOUT\r\nb"), Command::Whole(vec!["a".to_owned(), "LOGOUT".to_owned()], 10));
    }
}
