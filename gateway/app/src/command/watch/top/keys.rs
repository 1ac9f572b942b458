//! What a terminal sends, as keys.

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    Enter,
    Escape,
    Backspace,
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    /// Control and this letter.
    Control(char),
}

/// The keys of what was read at once. What is no key known here is passed over.
pub(super) fn read(bytes: &[u8]) -> Vec<Key> {
    let mut keys = Vec::new();
    let text = String::from_utf8_lossy(bytes);
    let mut rest = text.as_ref();
    while let Some(first) = rest.chars().next() {
        if let Some(sequence) = rest.strip_prefix("\u{1b}[").or_else(|| rest.strip_prefix("\u{1b}O")) {
            // Parameters end with the first letter or tilde (ECMA-48, section 5.4).
            let end = sequence.find(|c: char| ('@'..='~').contains(&c));
            let (sequence, after) = match end.and_then(|end| sequence.split_at_checked(end + 1)) {
                Some(parts) => parts,
                None => (sequence, ""),
            };
            keys.extend(named(sequence));
            rest = after;
            continue;
        }
        rest = rest.get(first.len_utf8()..).unwrap_or_default();
        keys.push(match first {
            '\r' | '\n' => Key::Enter,
            '\u{1b}' => Key::Escape,
            '\u{7f}' | '\u{8}' => Key::Backspace,
            '\u{1}'..='\u{1a}' => Key::Control(char::from(b'`' + first as u8)),
            first if first.is_control() || first == '\u{fffd}' => continue,
            first => Key::Char(first),
        });
    }
    keys
}

fn named(sequence: &str) -> Option<Key> {
    Some(match sequence {
        "A" => Key::Up,
        "B" => Key::Down,
        "5~" => Key::PageUp,
        "6~" => Key::PageDown,
        "H" | "1~" | "7~" => Key::Home,
        "F" | "4~" | "8~" => Key::End,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_from_what_terminals_send() {
        assert_eq!(read(b"q\r\x7f"), [Key::Char('q'), Key::Enter, Key::Backspace]);
        assert_eq!(read(b"\x1b[A\x1bOB\x1b[5~x"), [Key::Up, Key::Down, Key::PageUp, Key::Char('x')]);
        assert_eq!(read(b"\x1b"), [Key::Escape]);
        assert_eq!(read("\u{3}ö".as_bytes()), [Key::Control('c'), Key::Char('ö')]);
    }

    #[test]
    fn what_is_no_key_is_passed_over() {
        assert_eq!(read(b"\x1b[1;5C\x1b[200~y"), [Key::Char('y')]);
        assert_eq!(read(b"\x1b[12"), []);
        assert_eq!(read(b"\xff\x00"), []);
    }
}
