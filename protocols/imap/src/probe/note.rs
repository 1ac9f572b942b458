//! What a probe remembers of a server for operators.

/// The longest text.
const LONGEST: usize = 64;

/// Something to remember, once.
#[derive(Debug, Default)]
pub(super) enum Note {
    /// Nothing was heard of it yet.
    #[default]
    Nothing,
    Heard(String),
    /// It was handed over.
    Told,
}

impl Note {
    /// Remembers text as far as it fits and is printable, whole words where there are several.
    pub(super) fn hear(&mut self, text: &[u8]) {
        if matches!(self, Self::Told) {
            return;
        }
        let end = match text.get(..LONGEST + 1) {
            Some(head) => head.iter().rposition(|&byte| byte == b' ').unwrap_or(LONGEST),
            None => text.len(),
        };
        let printable =
            |&byte: &u8| if byte == b' ' || byte.is_ascii_graphic() { char::from(byte) } else { '?' };
        *self = Self::Heard(text.get(..end).unwrap_or_default().iter().map(printable).collect());
    }

    /// What is to be handed over.
    pub(super) fn take(&mut self) -> Option<String> {
        match std::mem::replace(self, Self::Told) {
            Self::Heard(text) => Some(text),
            Self::Nothing | Self::Told => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(text: &str) -> Option<String> {
        let mut note = Note::default();
        note.hear(text.as_bytes());
        note.take()
    }

    #[test]
    fn note_is_short_printable_and_handed_over_once() {
        assert_eq!(noted("IMAP4rev1 ID"), Some("IMAP4rev1 ID".to_owned()));
        assert_eq!(noted("a\u{1b}[31mb"), Some("a?[31mb".to_owned()));
        assert_eq!(noted(&"x".repeat(100)).unwrap(), "x".repeat(64));
        assert_eq!(noted(&"word ".repeat(20)).unwrap(), "word ".repeat(13).trim_end());
        let mut note = Note::default();
        note.hear(b"first");
        assert!(note.take().is_some());
        note.hear(b"second");
        assert!(note.take().is_none());
    }
}
