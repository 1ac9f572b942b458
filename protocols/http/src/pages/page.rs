//! One page.

use bytes::Bytes;
use http::{HeaderValue, StatusCode};

use super::Said;

/// A page: its text, cut where something is filled in.
#[derive(Debug)]
pub(super) struct Page {
    content_type: HeaderValue,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Bytes),
    Status,
    Reason,
    RequestId,
}

impl Page {
    /// Cuts a text where it says `{status}`, `{reason}` or `{request-id}`.
    pub(super) fn new(content_type: HeaderValue, text: Vec<u8>) -> Self {
        let text = Bytes::from(text);
        let mut parts = Vec::new();
        let (mut from, mut at) = (0, 0);
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            match WORDS.iter().find(|(word, _)| rest.starts_with(word.as_bytes())) {
                Some((word, part)) => {
                    parts.push(Part::Text(text.slice(from..at)));
                    parts.push(part.clone());
                    at += word.len();
                    from = at;
                }
                None => at += 1,
            }
        }
        parts.push(Part::Text(text.slice(from..)));
        Self { content_type, parts }
    }

    /// The page as it is sent.
    pub(super) fn fill(&self, status: StatusCode, id: &[u8]) -> Said {
        let content_type = self.content_type.clone();
        if let [Part::Text(text)] = &*self.parts {
            return Said { content_type, text: text.clone() };
        }
        let mut text = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(piece) => text.extend_from_slice(piece),
                Part::Status => text.extend_from_slice(status.as_str().as_bytes()),
                Part::Reason => {
                    text.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
                }
                Part::RequestId => escape(id, &mut text),
            }
        }
        Said { content_type, text: text.into() }
    }
}

/// Writes what a client may have chosen, so that it means nothing in HTML, JSON or XML.
fn escape(id: &[u8], text: &mut Vec<u8>) {
    for byte in id {
        match byte {
            b'0'..=b'9'
            | b'A'..=b'Z'
            | b'a'..=b'z'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b':'
            | b'/'
            | b'+'
            | b'=' => {
                text.push(*byte);
            }
            byte => text.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
}

const WORDS: [(&str, Part); 3] =
    [("{status}", Part::Status), ("{reason}", Part::Reason), ("{request-id}", Part::RequestId)];
