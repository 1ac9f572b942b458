//! Which requests a rule means.

use std::net::IpAddr;

use http::header::HOST;
use http::{HeaderName, Method, request};
use regex::Regex;
use sekisho_api::Networks;

use super::host::HostPattern;
use super::path::PathPattern;
use crate::keys::parameters;

/// What a rule wants of a request: all of it. What it says nothing of is any.
#[derive(Clone, Debug, Default)]
pub(super) struct Criteria {
    /// One of these; empty: any.
    pub(super) hosts: Box<[HostPattern]>,
    pub(super) path: PathPattern,
    /// One of these; empty: any.
    pub(super) methods: Box<[Method]>,
    /// All of these.
    pub(super) headers: Box<[(HeaderName, Wanted)]>,
    /// All of these.
    pub(super) query: Box<[(Box<str>, Wanted)]>,
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
    /// Whether a request in origin form is meant; `path` is its path in normal form.
    pub(super) fn match_all(&self, head: &request::Parts, path: &str, client: IpAddr) -> bool {
        let host = || head.headers.get(HOST).map(|host| host.as_bytes()).unwrap_or_default();
        (self.hosts.is_empty() || self.hosts.iter().any(|pattern| pattern.matches(host())))
            && (self.methods.is_empty() || self.methods.contains(&head.method))
            && self.path.matches(path)
            && self.clients.as_ref().is_none_or(|networks| networks.contains(client))
            && self.headers.iter().all(|(name, wanted)| {
                wanted.meets(head.headers.get_all(name).iter().map(|value| value.as_bytes()))
            })
            && self.query.iter().all(|(name, wanted)| wanted.meets(parameters(&head.uri, name.as_bytes())))
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
