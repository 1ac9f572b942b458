//! What becomes of a request that a rule means.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, LOCATION};
use http::{HeaderValue, Response, StatusCode, request};
use sekisho_api::Key;

use crate::codec::Download;
use crate::text::Text;

/// What becomes of a request.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// It goes to this pool, as the VIP counts them.
    Pool(usize),
    /// It goes to one of several pools.
    Split(Split),
    /// The client is sent elsewhere.
    Redirect(Redirect),
    /// The gateway answers.
    Answer(Fixed),
}

/// Pools by weight. A client's address decides, so that a client stays with one of them.
#[derive(Clone, Debug)]
pub(crate) struct Split {
    // INVARIANT: the weights are not all zero.
    pub(super) pools: Box<[(usize, u32)]>,
    /// Sets one split apart from another.
    pub(super) seed: u64,
}

/// Where a client is sent.
#[derive(Clone, Debug)]
pub(crate) struct Redirect {
    pub(super) status: StatusCode,
    pub(super) to: Box<[Part]>,
}

/// A part of a redirect's target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Text as it stands.
    Text(Box<str>),
    /// The host that was asked for, without its port.
    Host,
    /// Path and query as they came.
    Uri,
    /// The path as it came.
    Path,
    /// The query with its question mark, or nothing.
    Query,
}

/// An answer of the operator's.
#[derive(Clone, Debug)]
pub(crate) struct Fixed {
    pub(super) status: StatusCode,
    pub(super) content_type: HeaderValue,
    pub(super) body: Bytes,
}

impl Action {
    /// The pool of a request from this client; `None` where the gateway answers.
    pub(crate) fn pool(&self, client: IpAddr) -> Option<usize> {
        match self {
            Self::Pool(pool) => Some(*pool),
            Self::Split(split) => Some(split.pool(client)),
            Self::Redirect(_) | Self::Answer(_) => None,
        }
    }

    /// The gateway's answer, if it is the gateway that answers.
    pub(super) fn answer(&self, head: &request::Parts) -> Option<Response<Download>> {
        match self {
            Self::Pool(_) | Self::Split(_) => None,
            Self::Redirect(redirect) => Some(redirect.answer(head)),
            Self::Answer(fixed) => Some(fixed.answer()),
        }
    }
}

impl Split {
    fn pool(&self, client: IpAddr) -> usize {
        let total: u64 = self.pools.iter().map(|(_, weight)| u64::from(*weight)).sum();
        // The same address prefix that the rest of the gateway takes for one client.
        let key = Key::source_ip(client, 32, 64);
        let mut hasher = siphasher::sip::SipHasher13::new_with_keys(SPLIT, self.seed);
        std::hash::Hasher::write(&mut hasher, key.expose());
        let mut left = std::hash::Hasher::finish(&hasher).checked_rem(total).unwrap_or(0);
        let mut chosen = 0;
        for (pool, weight) in &self.pools {
            chosen = *pool;
            if left < u64::from(*weight) {
                break;
            }
            left -= u64::from(*weight);
        }
        chosen
    }
}

impl Redirect {
    fn answer(&self, head: &request::Parts) -> Response<Download> {
        let mut to = Text::new();
        for part in &self.to {
            match part {
                Part::Text(text) => to.push(text.as_bytes()),
                Part::Host => to.push(host(head)),
                Part::Uri | Part::Path if to.is_empty() => {
                    // Two slashes at the beginning would name a host, of the client's choice; browsers take the other
                    // slash for one.
                    to.push(b"/");
                    to.push(part.of(head).trim_start_matches(['/', '\\']).as_bytes());
                }
                Part::Uri | Part::Path => to.push(part.of(head).as_bytes()),
                Part::Query => {
                    if let Some(query) = head.uri.query() {
                        to.push(b"?");
                        to.push(query.as_bytes());
                    }
                }
            }
        }
        let mut response = Response::new(Download::full(Bytes::new()));
        *response.status_mut() = self.status;
        if let Some(to) = to.value() {
            response.headers_mut().insert(LOCATION, to);
        }
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(0));
        response
    }
}

impl Part {
    /// What it stands for, where that is path or target.
    fn of<'h>(&self, head: &'h request::Parts) -> &'h str {
        match self {
            Self::Uri => head.uri.path_and_query().map_or("/", |uri| uri.as_str()),
            _ => head.uri.path(),
        }
    }
}

/// The host of a request in origin form, without its port.
fn host(head: &request::Parts) -> &[u8] {
    let host = head.headers.get(HOST).map(HeaderValue::as_bytes).unwrap_or_default();
    let end = match host.first() {
        Some(b'[') => host.iter().position(|&b| b == b']').map(|end| end + 1),
        _ => host.iter().position(|&b| b == b':'),
    };
    end.and_then(|end| host.get(..end)).unwrap_or(host)
}

impl Fixed {
    fn answer(&self) -> Response<Download> {
        let mut response = Response::new(Download::full(self.body.clone()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if !self.body.is_empty() {
            headers.insert(CONTENT_TYPE, self.content_type.clone());
        }
        // RFC 9110, section 8.6: not with 204.
        if self.status != StatusCode::NO_CONTENT {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        response
    }
}

/// Sets this hash apart from others.
const SPLIT: u64 = 0x7365_6b69_7370_6c74;
