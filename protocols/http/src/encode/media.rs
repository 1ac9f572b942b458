//! Media types as the configuration lists them.

use std::fmt;
use std::str::FromStr;

/// A media type, or several: `text/html`, `text/*`, `application/*+json`, `*/*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Media {
    /// `None`: any.
    kind: Option<Box<str>>,
    sub: Sub,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Sub {
    Any,
    Exactly(Box<str>),
    /// Whatever ends like this, from the plus sign on (RFC 6838, section 4.2.8).
    Suffix(Box<str>),
}

/// What is no media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoMedia;

impl fmt::Display for NoMedia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected `type/subtype`, `type/*` or `type/*+suffix`")
    }
}

impl Media {
    /// Whether it is, or holds, the type that a Content-Type names.
    pub(super) fn holds(&self, content_type: &[u8]) -> bool {
        let essence = content_type.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
        let Some(slash) = essence.iter().position(|&b| b == b'/') else { return false };
        let (kind, sub) = essence.split_at(slash);
        let sub = sub.get(1..).unwrap_or_default();
        self.kind.as_ref().is_none_or(|own| own.as_bytes().eq_ignore_ascii_case(kind))
            && match &self.sub {
                Sub::Any => true,
                Sub::Exactly(own) => own.as_bytes().eq_ignore_ascii_case(sub),
                Sub::Suffix(own) => sub
                    .len()
                    .checked_sub(own.len())
                    .and_then(|from| sub.get(from..))
                    .is_some_and(|end| own.as_bytes().eq_ignore_ascii_case(end)),
            }
    }
}

impl FromStr for Media {
    type Err = NoMedia;

    fn from_str(text: &str) -> Result<Self, NoMedia> {
        let (kind, sub) = text.split_once('/').ok_or(NoMedia)?;
        let token = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
        };
        let sub = match sub.strip_prefix('*') {
            Some("") => Sub::Any,
            Some(suffix) if suffix.starts_with('+') && token(suffix) => Sub::Suffix(suffix.into()),
            None if token(sub) => Sub::Exactly(sub.into()),
            _ => return Err(NoMedia),
        };
        match kind {
            "*" if sub == Sub::Any => Ok(Self { kind: None, sub }),
            kind if token(kind) => Ok(Self { kind: Some(kind.into()), sub }),
            _ => Err(NoMedia),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_matched_without_their_parameters_and_without_case() {
        let holds = |pattern: &str, found: &str| pattern.parse::<Media>().unwrap().holds(found.as_bytes());
        assert!(holds("text/*", "Text/HTML; charset=utf-8"));
        assert!(holds("text/html", "text/html"));
        assert!(holds("application/*+json", "application/problem+JSON"));
        assert!(holds("*/*", "image/png"));
        assert!(!holds("text/*", "application/text"));
        assert!(!holds("text/html", "text/htmlx"));
        assert!(!holds("application/*+json", "application/json"));
        assert!(!holds("*/*", "nonsense"));
    }

    #[test]
    fn what_is_no_media_type_is_refused() {
        for bad in ["", "text", "text/", "/html", "*/html", "text/*x", "te xt/html", "text/a;b=c"] {
            assert_eq!(bad.parse::<Media>(), Err(NoMedia), "{bad}");
        }
    }
}
