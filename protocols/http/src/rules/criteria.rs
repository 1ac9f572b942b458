//! Which requests a rule means.

use http::header::HOST;
use http::{HeaderName, Method, request};
use regex::Regex;
use sekisho_api::Networks;

use super::caller::Caller;
use super::host::HostPattern;
use super::path::{self, PathPattern, Readings};
use crate::cookie;
use crate::keys::parameters;

/// What a rule wants of a request: all of it. What it says nothing of is any.
#[derive(Clone, Debug, Default)]
pub(crate) struct Criteria {
    /// One of these; empty: any.
    pub(super) hosts: Box<[HostPattern]>,
    pub(super) path: PathPattern,
    /// One of these; empty: any.
    pub(super) methods: Box<[Method]>,
    /// `http` or `https`; `None`: any.
    pub(super) scheme: Option<&'static str>,
    /// All of these.
    pub(super) headers: Box<[(HeaderName, Wanted)]>,
    /// All of these.
    pub(super) query: Box<[(Box<str>, Wanted)]>,
    /// All of these.
    pub(super) cookies: Box<[(Box<str>, Wanted)]>,
    /// `None`: any.
    pub(super) clients: Option<Networks>,
}

/// What is wanted of a value.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// That there is one.
    Any,
    /// That there is none.
    None,
    /// This one.
    Exactly(Box<str>),
    /// One in which the expression is found.
    Matching(Box<Regex>),
}

impl Criteria {
    /// Whether a request in origin form is meant.
    pub(crate) fn mean(&self, head: &request::Parts, caller: &Caller<'_>) -> bool {
        let readings = if self.by_path() { path::readings(head.uri.path()) } else { ("".into(), None) };
        self.missed(head, &readings, caller).is_none()
    }

    /// Whether the path counts.
    pub(crate) fn by_path(&self) -> bool {
        !matches!(self.path, PathPattern::Any)
    }

    /// What of a request in origin form is not what is wanted: the first such thing, as the configuration calls it.
    pub(super) fn missed(
        &self,
        head: &request::Parts,
        readings: &Readings<'_>,
        caller: &Caller<'_>,
    ) -> Option<&'static str> {
        let host = || head.headers.get(HOST).map(|host| host.as_bytes()).unwrap_or_default();
        if !self.hosts.is_empty() && !self.hosts.iter().any(|pattern| pattern.matches(host())) {
            return Some("host");
        }
        if !self.methods.is_empty() && !self.methods.contains(&head.method) {
            return Some("method");
        }
        let (strict, loose) = readings;
        if !self.path.matches(strict) && !loose.as_ref().is_some_and(|loose| self.path.matches(loose)) {
            return Some("path");
        }
        if self.clients.as_ref().is_some_and(|networks| !networks.contains(caller.address())) {
            return Some("client");
        }
        if self.scheme.is_some_and(|scheme| scheme != caller.scheme(&head.headers)) {
            return Some("scheme");
        }
        let header = |name| head.headers.get_all(name).iter().map(|value| value.as_bytes());
        if !self.headers.iter().all(|(name, wanted)| wanted.meets(header(name))) {
            return Some("headers");
        }
        if !self.query.iter().all(|(name, wanted)| wanted.meets(parameters(&head.uri, name.as_bytes()))) {
            return Some("query");
        }
        let cookies = &head.headers;
        if !self.cookies.iter().all(|(name, wanted)| wanted.meets(cookie::values(cookies, name.as_bytes()))) {
            return Some("cookies");
        }
        None
    }
}

impl Wanted {
    /// Whether one of the values is what is wanted.
    fn meets<'v>(&self, mut values: impl Iterator<Item = &'v [u8]>) -> bool {
        match self {
            Self::Any => values.next().is_some(),
            Self::None => values.next().is_none(),
            Self::Exactly(wanted) => values.any(|value| value == wanted.as_bytes()),
            Self::Matching(expression) => {
                // A byte that is no text must not lead around a rule.
                values.any(|value| expression.is_match(&String::from_utf8_lossy(value)))
            }
        }
    }
}
