//! What becomes of a request by what it asks for: rules of a VIP, of which the first that matches counts.

mod action;
mod criteria;
mod edits;
mod host;
mod path;
mod read;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use http::{HeaderMap, Response, request};

pub(crate) use action::Action;
use criteria::Criteria;
use edits::Edits;

use crate::codec::Download;

/// The rules of one VIP, in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct Rules(Box<[Rule]>);

/// A rule.
#[derive(Debug)]
pub(crate) struct Rule {
    criteria: Criteria,
    action: Action,
    /// `None` where nothing is changed.
    edits: Option<Box<Edits>>,
}

impl Rules {
    /// The first rule that matches a request which is in origin form, with its place.
    pub(crate) fn find(&self, head: &request::Parts, client: IpAddr) -> Option<(usize, &Rule)> {
        if self.0.is_empty() {
            return None;
        }
        let (strict, loose) = path::readings(head.uri.path());
        let meant = |rule: &Rule, path: &str| rule.criteria.match_all(head, path, client);
        self.0
            .iter()
            .enumerate()
            .find(|(_, rule)| meant(rule, &strict) || loose.as_ref().is_some_and(|loose| meant(rule, loose)))
    }

    /// Whether rules by path cannot be sure what a request asks for.
    pub(crate) fn doubt(&self, head: &request::Parts) -> bool {
        let by_path = |rule: &Rule| !matches!(rule.criteria.path, path::PathPattern::Any);
        self.0.iter().any(by_path) && path::is_doubtful(head.uri.path())
    }

    /// The rule at a place that [`Rules::find`] gave.
    pub(crate) fn get(&self, place: usize) -> Option<&Rule> {
        self.0.get(place)
    }
}

impl Rule {
    /// What becomes of the request.
    pub(crate) fn action(&self) -> &Action {
        &self.action
    }

    /// Makes the request what the rule says that the server is to see.
    pub(crate) fn edit_request(&self, head: &mut request::Parts) {
        if let Some(edits) = &self.edits {
            edits.request(head, &self.criteria.path);
        }
    }

    /// Makes the answer what the rule says that the client is to see.
    pub(crate) fn edit_response(&self, headers: &mut HeaderMap) {
        if let Some(edits) = &self.edits {
            edits.response(headers);
        }
    }

    /// The gateway's own answer, where the rule has one.
    pub(crate) fn answer(&self, head: &request::Parts) -> Option<Response<Download>> {
        let mut response = self.action.answer(head)?;
        self.edit_response(response.headers_mut());
        Some(response)
    }
}
