//! Where in a request a token stands.

use http::header::AUTHORIZATION;
use http::{HeaderName, request};

use crate::{cookie, keys};

/// Where in a request a token stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Behind `Bearer` in Authorization (RFC 6750, section 2.1).
    Bearer,
    /// In a field of its own, behind `Bearer` or alone.
    Header(HeaderName),
    Cookie(Box<[u8]>),
    /// In a parameter of the query (RFC 6750, section 2.3).
    Query(Box<[u8]>),
}

impl Place {
    /// Reads `header:NAME`, `cookie:NAME` or `query:NAME`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once(':').filter(|(_, name)| !name.is_empty())?;
        match kind {
            "header" => HeaderName::from_bytes(name.as_bytes()).ok().map(Self::Header),
            "cookie" => Some(Self::Cookie(name.as_bytes().into())),
            "query" => Some(Self::Query(name.as_bytes().into())),
            _ => None,
        }
    }

    /// The token of a request.
    pub(crate) fn find<'h>(&self, head: &'h request::Parts) -> Option<&'h [u8]> {
        let token = match self {
            Self::Bearer => bearer(head.headers.get(AUTHORIZATION)?.as_bytes()),
            Self::Header(name) => {
                let value = head.headers.get(name)?.as_bytes();
                Some(bearer(value).unwrap_or(value))
            }
            Self::Cookie(name) => cookie::find(&head.headers, name),
            Self::Query(name) => keys::parameter(&head.uri, name),
        };
        token.map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
    }
}

fn bearer(field: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = field.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(rest)
}
