//! Readable tables of bytes: one vector a block, what it is and where it comes from beside its bytes.

/// A vector of a table.
///
/// ```text
/// # A comment.
/// [name-of-the-vector]
/// source: RFC 9112, section 6.1
/// expect: 400
/// > GET / HTTP/1.1\r\n
/// > X: \*3{ab}\x00\r\n
/// ```
///
/// Lines with `>` are the bytes, put together with nothing between; escapes `\r \n \t \0 \\ \xNN`, and `\*N{text}` for
/// a text N times. All other lines are notes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vector {
    /// What it is called, once in a table.
    pub name: String,
    /// The bytes.
    pub bytes: Vec<u8>,
    notes: Vec<(String, String)>,
}

impl Vector {
    /// Reads a table.
    ///
    /// # Errors
    /// The line that is not understood, and why.
    pub fn table(text: &str) -> Result<Vec<Self>, String> {
        let mut table: Vec<Self> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let wrong = |why: &str| format!("line {}: {why}: {line}", number + 1);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                if table.iter().any(|vector| vector.name == name) {
                    return Err(wrong("the name is taken"));
                }
                table.push(Self { name: name.into(), ..Self::default() });
                continue;
            }
            let vector = table.last_mut().ok_or_else(|| wrong("no vector has begun"))?;
            if let Some(text) = line.strip_prefix("> ") {
                vector.bytes.extend(unescape(text).ok_or_else(|| wrong("an escape that is none"))?);
            } else if let Some((key, value)) = line.split_once(": ") {
                vector.notes.push((key.into(), value.into()));
            } else {
                return Err(wrong("neither a note nor bytes"));
            }
        }
        Ok(table)
    }

    /// The notes under this key, in order.
    pub fn notes<'v>(&'v self, key: &'v str) -> impl Iterator<Item = &'v str> {
        self.notes.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The first note under this key; empty if there is none.
    pub fn note(&self, key: &str) -> &str {
        self.notes.iter().find(|(name, _)| name == key).map_or("", |(_, value)| value)
    }
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find('\\') {
        let (plain, escape) = rest.split_at(at);
        bytes.extend_from_slice(plain.as_bytes());
        let mut after = escape.get(1..)?.chars();
        let kind = after.next()?;
        rest = after.as_str();
        match kind {
            'r' => bytes.push(b'\r'),
            'n' => bytes.push(b'\n'),
            't' => bytes.push(b'\t'),
            '0' => bytes.push(0),
            '\\' => bytes.push(b'\\'),
            'x' => {
                bytes.push(u8::from_str_radix(rest.get(..2)?, 16).ok()?);
                rest = rest.get(2..)?;
            }
            '*' => {
                let (count, behind) = rest.split_once('{')?;
                let (text, behind) = behind.split_once('}')?;
                bytes.extend(unescape(text)?.repeat(count.parse().ok()?));
                rest = behind;
            }
            _ => return None,
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vector_is_a_name_notes_and_bytes() {
        let text =
            "# all\n[a]\nsource: me: you\nwith: 1\nwith: 2\n> a\\r\\n\n> \\x00\\\\\\*2{\\tb}c\n\n[b]\n";
        let table = Vector::table(text).unwrap();
        assert_eq!(table[0].bytes, b"a\r\n\0\\\tb\tbc");
        assert_eq!((table[0].note("source"), table[0].note("none")), ("me: you", ""));
        assert_eq!(table[0].notes("with").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!((table[1].name.as_str(), table[1].bytes.len()), ("b", 0));
    }

    #[test]
    fn lines_that_are_no_table_are_named() {
        for bad in
            ["> early\n", "[a]\n[a]\n", "[a]\nnothing\n", "[a]\n> \\q\n", "[a]\n> \\x0\n", "[a]\n> \\*2{\n"]
        {
            assert!(Vector::table(bad).unwrap_err().starts_with("line "), "{bad}");
        }
    }
}
