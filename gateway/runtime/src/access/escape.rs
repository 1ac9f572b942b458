//! Text from the network in a line of a log: one line stays one line, and one field one field.

/// Appends `text` between quotation marks as a JSON string (RFC 8259, section 7).
///
/// Beyond what JSON asks, every control character and every mark that changes the direction of writing is escaped:
/// a terminal shows what is there, and nothing is hidden. What is not UTF-8 becomes U+FFFD.
pub(super) fn quoted(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    escaped(text, out);
    out.push(b'"');
}

/// As [`quoted`], without the quotation marks.
pub(super) fn escaped(text: &[u8], out: &mut Vec<u8>) {
    // Nearly everything is printable ASCII: copied in one piece.
    match all_of(text, PLAIN) {
        true => out.extend_from_slice(text),
        false => slowly(text, out),
    }
}

/// Whether `text` needs no quotation marks in the text form.
pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty() && all_of(text.as_bytes(), WORD)
}

/// Whether all bytes are of the class. Looks at all of them, whatever it finds: a loop without branches.
#[inline]
fn all_of(text: &[u8], class: u8) -> bool {
    text.iter().fold(class, |all, &b| all & CLASSES.get(usize::from(b)).copied().unwrap_or(0)) == class
}

/// Needs no escape between quotation marks.
const PLAIN: u8 = 1;
/// Needs no quotation marks.
const WORD: u8 = 2;

/// The classes of each byte.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut rest: &mut [u8] = &mut classes;
    let mut byte = 0_u8;
    while let [class, others @ ..] = rest {
        *class = match byte {
            b'"' | b'\\' => 0,
            b' ' | b'=' => PLAIN,
            b'!'..=b'~' => PLAIN | WORD,
            _ => 0,
        };
        byte = byte.wrapping_add(1);
        rest = others;
    }
    classes
};

#[cold]
fn slowly(text: &[u8], out: &mut Vec<u8>) {
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                '\n' => out.extend_from_slice(b"\\n"),
                '\r' => out.extend_from_slice(b"\\r"),
                '\t' => out.extend_from_slice(b"\\t"),
                c if c.is_control() || is_format(c) => unicode(c as u32, out),
                c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !chunk.invalid().is_empty() {
            unicode(0xfffd, out);
        }
    }
}

/// Line and paragraph separators, direction marks, and the byte order mark; all below U+10000.
fn is_format(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// `\u` and four hexadecimal digits.
fn unicode(c: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        let digit = (c >> shift & 0xf) as u8;
        out.push(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &[u8]) -> String {
        let mut out = Vec::new();
        quoted(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_could_forge_a_line_or_a_field_is_escaped() {
        for (raw, expected) in [
            (&b"/index.html?a=b"[..], r#""/index.html?a=b""#),
            (b"", r#""""#),
            (b"a\"b\\c", r#""a\"b\\c""#),
            (b"a\r\n2026-01-01T00:00:00.000Z vip=x", r#""a\r\n2026-01-01T00:00:00.000Z vip=x""#),
            (b"\x1b[31m\x00\x7f\t", r#""\u001b[31m\u0000\u007f\t""#),
            ("é漢😀".as_bytes(), "\"é漢😀\""),
            ("\u{202e}txt\u{2028}\u{85}".as_bytes(), r#""\u202etxt\u2028\u0085""#),
            ("\u{61c}1".as_bytes(), r#""\u061c1""#),
            (b"\xff\xfe ok \xc3", r#""\ufffd\ufffd ok \ufffd""#),
        ] {
            assert_eq!(written(raw), expected);
        }
    }

    #[test]
    fn every_byte_and_every_pair_of_bytes_gives_a_json_string_on_one_line() {
        for a in 0..=255 {
            for b in 0..=255 {
                let out = written(&[a, b]);
                assert!(out.bytes().all(|byte| byte >= b' ' && byte != 0x7f), "{a} {b}");
                let inner = out.strip_prefix('"').and_then(|out| out.strip_suffix('"')).unwrap();
                let unescaped = inner.replace("\\\\", "").replace("\\\"", "");
                assert!(!unescaped.contains('"'), "{a} {b}");
            }
        }
    }
}
