//! The common name in the subject of a certificate, as text of RFC 4514.

use std::fmt::Write;

/// The value of the most particular CN in a subject, unescaped.
pub(super) fn common_name(subject: &str) -> Option<String> {
    let mut rest = subject;
    loop {
        if let Some(value) = rest.strip_prefix("CN=") {
            return unescape(value);
        }
        let mut escaped = false;
        let end = rest.find(|c| {
            let end = !escaped && matches!(c, ',' | '+');
            escaped = c == '\\' && !escaped;
            end
        });
        rest = rest.get(end? + 1..)?;
    }
}

/// A subject that is nothing but this common name (RFC 4514, section 2.4).
pub(super) fn subject(common_name: &str) -> String {
    let mut text = String::from("CN=");
    let last = common_name.chars().count().saturating_sub(1);
    for (place, c) in common_name.chars().enumerate() {
        match c {
            ' ' if place == 0 || place == last => text.push_str("\\ "),
            '#' if place == 0 => text.push_str("\\#"),
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    // Writing to a text cannot fail.
                    let _ = write!(text, "\\{byte:02x}");
                }
            }
            c => text.push(c),
        }
    }
    text
}

/// The text up to the first separator that is not escaped. `None` where it is no text.
fn unescape(escaped: &str) -> Option<String> {
    let mut value = Vec::new();
    let mut bytes = escaped.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b',' | b'+' => break,
            b'\\' => {
                let next = bytes.next()?;
                value.push(match char::from(next).to_digit(16) {
                    Some(high) => (high << 4 | char::from(bytes.next()?).to_digit(16)?) as u8,
                    None => next,
                });
            }
            plain => value.push(plain),
        }
    }
    String::from_utf8(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_name_is_found_and_unescaped() {
        for (subject, expected) in [
            ("CN=alice,O=Example", Some("alice")),
            ("O=CN\\=x\\,CN=no,OU=y+CN=yes", Some("yes")),
            ("CN=Smith\\, J\\c3\\b6rg", Some("Smith, Jörg")),
            ("O=Example", None),
            ("CN=bad\\ff", None),
            ("CN=cut\\", None),
            ("", None),
        ] {
            assert_eq!(common_name(subject).as_deref(), expected, "{subject}");
        }
    }

    #[test]
    fn name_survives_being_written_as_a_subject() {
        for name in ["alice", " a, \"b\"+c ", "#1", "CN=x,CN=y", "J\u{f6}rg\n\\", " ", ""] {
            assert_eq!(common_name(&subject(name)).as_deref(), Some(name), "{}", subject(name));
        }
    }
}
