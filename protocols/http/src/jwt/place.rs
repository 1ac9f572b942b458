//! Where in a request a token stands.

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Uri, request};
use smallvec::SmallVec;

use crate::cookie;

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
            Self::Query(name) => parameters(&head.uri, name).collect(),
        };
        tokens.into_iter().map(<[u8]>::trim_ascii).filter(|token| !token.is_empty()).collect()
    }
}

fn bearer(field: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = field.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(rest)
}

/// The values of all parameters of this name, however it is spelt: servers undo escapes in names, too.
fn parameters<'u>(uri: &'u Uri, name: &[u8]) -> impl Iterator<Item = &'u [u8]> {
    let pairs = uri.query().into_iter().flat_map(|query| query.as_bytes().split(|&byte| byte == b'&'));
    pairs.filter_map(move |pair| {
        let (found, value) = pair.split_at(pair.iter().position(|&byte| byte == b'=').unwrap_or(pair.len()));
        plain(found).eq(name.iter().copied()).then(|| value.get(1..).unwrap_or_default())
    })
}

/// A text without its escapes (RFC 3986, section 2.1).
fn plain(text: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let escaped = match rest {
            [b'%', high, low, ..] => digit(*high).zip(digit(*low)),
            _ => None,
        };
        let (first, behind) = rest.split_first()?;
        match escaped {
            Some((high, low)) => {
                rest = behind.get(2..).unwrap_or_default();
                Some(high << 4 | low)
            }
            None => {
                rest = behind;
                Some(*first)
            }
        }
    })
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
