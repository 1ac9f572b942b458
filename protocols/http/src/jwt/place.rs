//! Where in a request a token stands.

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, request};
use smallvec::SmallVec;

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

    /// The token of a request: the first.
    pub(crate) fn find<'h>(&self, head: &'h request::Parts) -> Option<&'h [u8]> {
        self.all(head).into_iter().next()
    }

    /// All tokens of a request: what reads them behind the gateway may take another than the first.
    pub(crate) fn all<'h>(&self, head: &'h request::Parts) -> SmallVec<[&'h [u8]; 2]> {
        let values = |name: HeaderName| head.headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
        let tokens: SmallVec<[&[u8]; 2]> = match self {
            Self::Bearer => values(AUTHORIZATION).filter_map(bearer).collect(),
            Self::Header(name) => values(name.clone()).map(|value| bearer(value).unwrap_or(value)).collect(),
            Self::Cookie(name) => cookie::values(&head.headers, name).collect(),
            Self::Query(name) => keys::parameters(&head.uri, name).collect(),
        };
        tokens.into_iter().map(<[u8]>::trim_ascii).filter(|token| !token.is_empty()).collect()
    }
}

fn bearer(field: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = field.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(rest)
}
