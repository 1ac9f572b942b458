//! Bytes as people write them in a text.

/// Bytes written as text with escapes (`\r \n \t \0 \\ \"` and `\xNN`), or as `hex:` and hexadecimal with blanks.
///
/// In a TOML string of double quotes TOML takes the backslash first; single quotes leave it: `'QUIT\r\n'`.
///
/// # Errors
/// A phrase that says what is wrong.
pub fn parse_bytes(text: &str) -> Result<Vec<u8>, &'static str> {
    match text.strip_prefix("hex:") {
        Some(digits) => parse_hex(digits),
        None => unescape(text),
    }
}

fn parse_hex(text: &str) -> Result<Vec<u8>, &'static str> {
    let digits: Option<Vec<u8>> =
        text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    let digits = digits.ok_or("not a hexadecimal digit")?;
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err("an odd number of hexadecimal digits");
    }
    Ok(pairs.map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

fn unescape(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        bytes.push(match chars.next() {
            Some('r') => b'\r',
            Some('n') => b'\n',
            Some('t') => b'\t',
            Some('0') => 0,
            Some('\\') => b'\\',
            Some('"') => b'"',
            Some('x') => {
                let mut digit = || chars.next().and_then(|c| c.to_digit(16)).ok_or("`\\x` takes two digits");
                (digit()? << 4 | digit()?) as u8
            }
            _ => return Err("an unknown escape; a backslash itself is written `\\\\`"),
        });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_hexadecimal_give_any_byte() {
        assert_eq!(parse_bytes(r"QUIT\r\n").unwrap(), b"QUIT\r\n");
        assert_eq!(parse_bytes(r#"\x00\xfF\\\"ü"#).unwrap(), b"\0\xff\\\"\xc3\xbc");
        assert_eq!(parse_bytes("hex: 0d 0A").unwrap(), b"\r\n");
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for bad in [r"\q", r"\", r"\x4", r"\xzz", "hex:0", "hex:0g"] {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
    }
}
