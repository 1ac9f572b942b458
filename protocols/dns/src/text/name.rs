//! A name between its text and its bytes.

use std::fmt::Write;

/// The most bytes of a name on the wire, the root's label included (RFC 1035, section 3.1).
const LONGEST: usize = 255;
/// The most bytes of a label.
const LABEL: usize = 63;

/// A name on the wire, lower-cased, from its text: labels joined by dots, a dot at the end or none, `\.` and `\DDD`
/// for bytes that do not stand for themselves; `.` is the root.
///
/// # Errors
/// A phrase that says what is wrong.
pub(crate) fn name(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut wire = Vec::with_capacity(text.len() + 2);
    let mut label = Vec::new();
    let mut rest = if text == "." { &[] } else { text.as_bytes() };
    if text.is_empty() {
        return Err("it is empty; the root is written \".\"");
    }
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'.' => close(&mut wire, &mut label)?,
            b'\\' => {
                let (byte, behind) = escaped(rest)?;
                rest = behind;
                label.push(byte.to_ascii_lowercase());
            }
            b'!'..=b'~' => label.push(byte.to_ascii_lowercase()),
            b' ' | b'\t' => return Err("a name has no blanks"),
            _ => return Err("letters beyond ASCII are written as `xn--…`"),
        }
    }
    if !label.is_empty() {
        close(&mut wire, &mut label)?;
    }
    wire.push(0);
    if wire.len() > LONGEST { Err("it is longer than 255 bytes") } else { Ok(wire) }
}

fn close(wire: &mut Vec<u8>, label: &mut Vec<u8>) -> Result<(), &'static str> {
    match u8::try_from(label.len()) {
        Ok(0) => Err("it has an empty label"),
        Ok(length) if label.len() <= LABEL => {
            wire.push(length);
            wire.append(label);
            Ok(())
        }
        _ => Err("a label is longer than 63 bytes"),
    }
}

/// What stands behind a backslash, and the rest.
fn escaped(rest: &[u8]) -> Result<(u8, &[u8]), &'static str> {
    const WRONG: &str = "behind a backslash stand three digits up to 255, or one character";
    if let Some((digits, behind)) = rest.split_at_checked(3)
        && digits.iter().all(u8::is_ascii_digit)
    {
        let number = digits.iter().fold(0_u16, |number, digit| number * 10 + u16::from(digit - b'0'));
        return Ok((u8::try_from(number).map_err(|_| WRONG)?, behind));
    }
    match rest.split_first() {
        Some((&byte @ b'!'..=b'~', behind)) if !byte.is_ascii_digit() => Ok((byte, behind)),
        _ => Err(WRONG),
    }
}

/// The text of an uncompressed name on the wire, in its own case, without the last dot; the root is `.`. What follows
/// a label that is cut off is left out.
///
/// Bytes that could break a line or imitate another name are escaped.
pub(crate) fn show_name(wire: &[u8]) -> String {
    let mut text = String::with_capacity(wire.len());
    let mut rest = wire;
    while let Some((&length, behind)) = rest.split_first() {
        let Some((label, behind)) = behind.split_at_checked(usize::from(length)).filter(|_| length > 0)
        else {
            break;
        };
        if !text.is_empty() {
            text.push('.');
        }
        for &byte in label {
            match byte {
                b'.' | b'\\' | b'"' => text.extend(['\\', char::from(byte)]),
                b'!'..=b'~' => text.push(char::from(byte)),
                _ => _ = write!(text, "\\{byte:03}"),
            }
        }
        rest = behind;
    }
    if text.is_empty() {
        text.push('.');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_lower_cased_labels_and_can_be_shown_again() {
        for (text, wire, shown) in [
            (".", &b"\0"[..], "."),
            ("Example.ORG", b"\x07example\x03org\0", "example.org"),
            ("example.org.", b"\x07example\x03org\0", "example.org"),
            (r"a\.b.c", b"\x03a.b\x01c\0", r"a\.b.c"),
            (r"\000\255.x", b"\x02\x00\xff\x01x\0", r"\000\255.x"),
            (r"_dns.\\", b"\x04_dns\x01\\\0", r"_dns.\\"),
        ] {
            assert_eq!(name(text).unwrap(), wire, "{text}");
            assert_eq!(show_name(wire), shown);
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let (long, longer) = ("a".repeat(64), "abcdefghi.".repeat(26));
        for bad in
            ["", "..", "a..b", ".a", "a b", "bücher.de", r"a\", r"\256", r"\1", r"\12x", &long, &longer]
        {
            assert!(name(bad).is_err(), "{bad}");
        }
        assert!(name(&"a".repeat(63)).is_ok());
    }

    #[test]
    fn cut_name_is_shown_as_far_as_it_goes() {
        assert_eq!(show_name(b"\x03www\x07exam"), "www");
        assert_eq!(show_name(b""), ".");
    }
}
