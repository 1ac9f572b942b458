//! Who a certificate says somebody is: one attribute of its subject (RFC 4514).

/// The attribute that names the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameIn {
    /// `CN`.
    #[default]
    CommonName,
    /// `UID`.
    UserId,
    /// `emailAddress`, which RFC 4514 has no short name for.
    Email,
}

impl NameIn {
    /// The value of the attribute in a subject as text, its most particular one. `None` if there is none, or it is no
    /// text.
    pub fn find(self, subject: &str) -> Option<Vec<u8>> {
        let names: &[&str] = match self {
            Self::CommonName => &["CN"],
            Self::UserId => &["UID"],
            Self::Email => &["emailAddress", "1.2.840.113549.1.9.1"],
        };
        value_of(names, subject)
    }
}

fn value_of(names: &[&str], subject: &str) -> Option<Vec<u8>> {
    let mut rest = subject.as_bytes();
    while !rest.is_empty() {
        let (attribute, behind) = until_separator(rest);
        rest = behind;
        let equals = attribute.iter().position(|&byte| byte == b'=')?;
        let (name, value) = (attribute.get(..equals)?.trim_ascii(), attribute.get(equals + 1..)?);
        if names.iter().any(|wanted| name.eq_ignore_ascii_case(wanted.as_bytes())) {
            return match value.strip_prefix(b"#") {
                Some(hexadecimal) => string_in(hexadecimal),
                None => unescaped(value),
            };
        }
    }
    None
}

/// What stands before the first `,` or `+` that is not escaped, and behind it.
fn until_separator(text: &[u8]) -> (&[u8], &[u8]) {
    let mut escaped = false;
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b',' | b'+' => {
                return (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
            }
            _ => {}
        }
    }
    (text, &[])
}

/// `\,` and the like, and `\xx` (section 2.4).
fn unescaped(mut value: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(value.len());
    loop {
        match value {
            [] => return Some(text),
            [b'\\', high, low, behind @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                text.push(byte(*high, *low)?);
                value = behind;
            }
            [b'\\', plain, behind @ ..] => {
                text.push(*plain);
                value = behind;
            }
            [b'\\'] => return None,
            [plain, behind @ ..] => {
                text.push(*plain);
                value = behind;
            }
        }
    }
}

/// The text in a value that stands as BER in hexadecimal: a string type, one byte of length.
fn string_in(hexadecimal: &[u8]) -> Option<Vec<u8>> {
    let pairs = hexadecimal.chunks_exact(2);
    let whole = pairs.remainder().is_empty();
    let bytes: Vec<u8> = pairs.map(|pair| byte(*pair.first()?, *pair.get(1)?)).collect::<Option<_>>()?;
    match bytes.as_slice() {
        // UTF8String, PrintableString, IA5String (X.680, table 1).
        [12 | 19 | 22, length, text @ ..] if whole && usize::from(*length) == text.len() && *length < 128 => {
            Some(text.to_vec())
        }
        _ => None,
    }
}

fn byte(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(subject: &str, by: NameIn) -> Option<String> {
        by.find(subject).map(|name| String::from_utf8(name).unwrap())
    }

    fn some(name: &str) -> Option<String> {
        Some(name.to_owned())
    }

    #[test]
    fn user_is_the_most_particular_attribute_that_is_asked_for() {
        let subject = "CN=Smith\\, J\\c3\\b6rg+UID=7,CN=Team,O=Ex\\, CN=no";
        assert_eq!(read(subject, NameIn::CommonName), some("Smith, Jörg"));
        assert_eq!(read(subject, NameIn::UserId), some("7"));
        assert_eq!(read(subject, NameIn::Email), None);
        assert_eq!(read("O=CN\\=anna,cn = anna\\ ", NameIn::CommonName), some(" anna "));
        assert_eq!(read("O=\\,CN=anna", NameIn::CommonName), None);
    }

    #[test]
    fn mail_address_is_found_under_its_number() {
        let subject = "1.2.840.113549.1.9.1=#160a616e6e6140782e6f7267,CN=Anna";
        assert_eq!(read(subject, NameIn::Email), some("anna@x.org"));
        assert_eq!(read("emailAddress=anna@x.org", NameIn::Email), some("anna@x.org"));
        for bent in ["1.2.840.113549.1.9.1=#160b61", "1.2.840.113549.1.9.1=#16016", "1.2.840.113549.1.9.1=#"]
        {
            assert_eq!(read(bent, NameIn::Email), None, "{bent}");
        }
    }

    #[test]
    fn what_is_no_subject_names_nobody() {
        for text in ["", ",", "anna", "CN", "CN=a\\", "=,CN"] {
            assert_eq!(read(text, NameIn::CommonName), None, "{text}");
        }
        assert_eq!(read("CN=", NameIn::CommonName), some(""));
    }
}
