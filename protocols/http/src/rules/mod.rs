//! What becomes of a request by what it asks for: rules of a VIP, of which the first that matches counts.

mod action;
mod caller;
mod criteria;
mod edits;
mod host;
mod own;
mod path;
mod read;
mod target;
mod template;
#[cfg(test)]
mod tests;

use http::{HeaderMap, Response, request};
use sekisho_api::settings::Span;

pub(crate) use action::Action;
pub(crate) use caller::Caller;
pub(crate) use criteria::Criteria;
use edits::Edits;
pub(crate) use own::Own;
pub(crate) use path::{is_doubtful, normal as normal_path};
pub(crate) use read::is_framing;
pub(crate) use template::{Scene, without_port};

use crate::codec::Download;

/// The rules of one VIP, in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    rules: Box<[Rule]>,
    /// Whether one of them is by path.
    by_path: bool,
}

/// A rule.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Its name, or its number from 1 on.
    label: Box<str>,
    /// Where it stands in the configuration.
    place: Span,
    criteria: Criteria,
    action: Action,
    /// `None` where nothing is changed.
    edits: Option<Box<Edits>>,
    own: Own,
}

impl Rules {
    fn new(rules: Vec<Rule>) -> Self {
        let by_path = rules.iter().any(|rule| rule.criteria.by_path());
        Self { rules: rules.into(), by_path }
    }

    /// The first rule that matches a request which is in origin form, with its place.
    pub(crate) fn find(&self, head: &request::Parts, caller: &Caller<'_>) -> Option<(usize, &Rule)> {
        if self.rules.is_empty() {
            return None;
        }
        let readings = path::readings(head.uri.path());
        self.rules
            .iter()
            .enumerate()
            .find(|(_, rule)| rule.criteria.missed(head, &readings, caller).is_none())
    }

    /// Whether rules by path cannot be sure what a request asks for.
    pub(crate) fn doubt(&self, head: &request::Parts) -> bool {
        self.by_path && is_doubtful(head.uri.path())
    }

    /// The rule at a place that [`Rules::find`] gave.
    pub(crate) fn get(&self, place: usize) -> Option<&Rule> {
        self.rules.get(place)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }
}

impl Rule {
    /// Its name, or its number from 1 on.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// What becomes of the request.
    pub(crate) fn action(&self) -> &Action {
        &self.action
    }

    /// What holds for its requests in place of what the VIP says.
    pub(crate) fn own(&self) -> &Own {
        &self.own
    }

    /// Makes the request what the rule says that the server is to see.
    pub(crate) fn edit_request(&self, head: &mut request::Parts, scene: &Scene<'_>) {
        if let Some(edits) = &self.edits {
            edits.request(head, &self.criteria.path, scene);
        }
    }

    /// Makes the answer what the rule says that the client is to see.
    pub(crate) fn edit_response(&self, headers: &mut HeaderMap, scene: &Scene<'_>) {
        if let Some(edits) = &self.edits {
            edits.response(headers, scene);
        }
    }

    /// The gateway's own answer, where the rule has one.
    pub(crate) fn answer(&self, head: &request::Parts, scene: &Scene<'_>) -> Option<Response<Download>> {
        let mut response = self.action.answer(head, scene.scheme, &self.criteria.path)?;
        self.edit_response(response.headers_mut(), scene);
        Some(response)
    }
}
