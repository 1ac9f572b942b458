//! What becomes of a request by what it asks for: rules of a VIP, of which the first that matches counts.

mod action;
mod caller;
mod criteria;
mod edits;
mod host;
mod index;
mod own;
mod path;
mod read;
mod target;
mod template;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};

use http::header::HOST;
use http::{HeaderMap, Response, request};
use sekisho_api::settings::Span;

pub(crate) use action::Action;
pub(crate) use caller::Caller;
pub(crate) use criteria::Criteria;
use edits::Edits;
use index::Index;
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
    /// Where those of a host stand, if there are many.
    index: Option<Box<Index>>,
}

/// A rule.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Which it is, from 1 on.
    number: Box<str>,
    /// Its name, if it has one.
    name: Option<Box<str>>,
    /// Where it stands in the configuration.
    place: Span,
    criteria: Criteria,
    action: Action,
    /// `None` where nothing is changed.
    edits: Option<Box<Edits>>,
    own: Own,
    /// Requests that met it, where it has a name.
    met: AtomicU64,
}

impl Rules {
    fn new(rules: Vec<Rule>) -> Self {
        let by_path = rules.iter().any(|rule| rule.criteria.by_path());
        let index = Index::of(&rules).map(Box::new);
        Self { rules: rules.into(), by_path, index }
    }

    /// The first rule that matches a request which is in origin form, with its place.
    pub(crate) fn find(&self, head: &request::Parts, caller: &Caller<'_>) -> Option<(usize, &Rule)> {
        if self.rules.is_empty() {
            return None;
        }
        let readings = path::readings(head.uri.path());
        let meant = |rule: &Rule| rule.criteria.missed(head, &readings, caller).is_none();
        let Some(index) = &self.index else {
            return self.rules.iter().enumerate().find(|(_, rule)| meant(rule));
        };
        let host = head.headers.get(HOST).map(|host| host.as_bytes()).unwrap_or_default();
        let mut possible = index.places(host).filter_map(|place| Some((place, self.rules.get(place)?)));
        possible.find(|(_, rule)| meant(rule))
    }

    /// Whether rules by path cannot be sure what a request asks for.
    pub(crate) fn doubt(&self, head: &request::Parts) -> bool {
        self.by_path && is_doubtful(head.uri.path())
    }

    /// The rule at a place that [`Rules::find`] gave.
    pub(crate) fn get(&self, place: usize) -> Option<&Rule> {
        self.rules.get(place)
    }

    /// The names of those that have one, each with the requests that met it.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&str, u64)> {
        self.rules.iter().filter_map(|rule| Some((&**rule.name.as_ref()?, rule.met.load(Ordering::Relaxed))))
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }
}

impl Rule {
    /// Where it stands in the configuration.
    pub(crate) fn place(&self) -> Span {
        self.place.clone()
    }

    /// Its number, and its name if it has one.
    pub(crate) fn title(&self) -> String {
        match &self.name {
            Some(name) => format!("{} `{name}`", self.number),
            None => self.number.to_string(),
        }
    }

    /// Which of its wishes a request in origin form does not meet: the first.
    pub(crate) fn missed(&self, head: &request::Parts, caller: &Caller<'_>) -> Option<&'static str> {
        self.criteria.missed(head, &path::readings(head.uri.path()), caller)
    }

    /// Its name, or its number from 1 on.
    pub(crate) fn label(&self) -> &str {
        self.name.as_ref().unwrap_or(&self.number)
    }

    /// A request has met it.
    pub(crate) fn count(&self) {
        if self.name.is_some() {
            self.met.fetch_add(1, Ordering::Relaxed);
        }
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

    /// Whether it changes anything of a request or an answer.
    pub(crate) fn edits(&self) -> bool {
        self.edits.is_some()
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
