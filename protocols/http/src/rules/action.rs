//! What becomes of a request that a rule means.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Response, StatusCode, request};
use sekisho_api::Key;

use super::path::PathPattern;
use super::template::{Part, Template, Word};
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
    pub(super) to: Template,
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
    pub(super) fn answer(
        &self,
        head: &request::Parts,
        scheme: &'static str,
        path: &PathPattern,
    ) -> Option<Response<Download>> {
        match self {
            Self::Pool(_) | Self::Split(_) => None,
            Self::Redirect(redirect) => Some(redirect.answer(head, scheme, path)),
            Self::Answer(fixed) => Some(fixed.answer()),
        }
    }
}

impl Split {
    /// The pools, each with its share.
    pub(crate) fn shares(&self) -> impl Iterator<Item = (usize, u32)> {
        self.pools.iter().copied()
    }

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
    /// Where a request is sent; `None` where that could be no header.
    pub(super) fn location(
        &self,
        head: &request::Parts,
        scheme: &'static str,
        path: &PathPattern,
    ) -> Option<HeaderValue> {
        let mut to = Text::new();
        for part in self.to.parts() {
            match part {
                Part::Text(text) => to.push(text.as_bytes()),
                Part::Word(word) => word.redirect(&mut to, scheme, head),
                Part::Group(group) => path.group(head.uri.path(), *group, |found| to.push(found.as_bytes())),
            }
        }
        // Two slashes at the beginning would name a host, of the client's choice; browsers take the other slash for one.
        to.lead_with_one_slash();
        to.value()
    }

    fn answer(&self, head: &request::Parts, scheme: &'static str, path: &PathPattern) -> Response<Download> {
        let mut response = Response::new(Download::full(Bytes::new()));
        *response.status_mut() = self.status;
        if let Some(to) = self.location(head, scheme, path) {
            response.headers_mut().insert(LOCATION, to);
        }
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(0));
        response
    }

    /// Whether a target has a group of an expression in its host, which would be of the client's choice.
    pub(super) fn is_open(to: &Template) -> bool {
        let mut slashes = 0;
        for part in to.parts() {
            match part {
                Part::Text(text) if slashes == 0 && text.starts_with('/') => return false,
                Part::Text(text) => slashes += text.bytes().filter(|&byte| byte == b'/').count(),
                Part::Word(Word::Path | Word::Uri) => return false,
                Part::Word(_) => {}
                Part::Group(_) => return slashes < 3,
            }
        }
        false
    }
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
