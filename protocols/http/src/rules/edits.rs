//! What a rule changes of a request and of its answer.

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, request};
use smallvec::SmallVec;

use super::path::PathPattern;
use super::template::{Scene, Template};

/// What is changed.
#[derive(Clone, Debug, Default)]
pub(super) struct Edits {
    /// What stands for the part of the path that the rule names.
    pub(super) rewrite: Option<Box<str>>,
    pub(super) request: Fields,
    pub(super) response: Fields,
}

/// What becomes of header fields: first some go, then some are set, then some are added.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    pub(super) remove: Box<[HeaderName]>,
    pub(super) set: Box<[(HeaderName, Given)]>,
    pub(super) add: Box<[(HeaderName, Given)]>,
}

/// The value of a field.
#[derive(Clone, Debug)]
pub(super) enum Given {
    /// The same for all.
    Text(HeaderValue),
    /// Made for each. What stands for nothing is not sent.
    Made(Template),
}

impl Edits {
    /// Whether nothing is changed.
    pub(super) fn is_empty(&self) -> bool {
        self.rewrite.is_none() && self.request.is_empty() && self.response.is_empty()
    }

    pub(super) fn request(&self, head: &mut request::Parts, pattern: &PathPattern, scene: &Scene<'_>) {
        let made = self.request.made(scene, Some(head));
        self.request.edit(&mut head.headers, made);
        // A tunnel has no path.
        if let Some(with) = &self.rewrite
            && head.method != Method::CONNECT
            && let Some(uri) = rewritten(&head.uri, pattern, with)
        {
            head.uri = uri;
        }
    }

    pub(super) fn response(&self, headers: &mut HeaderMap, scene: &Scene<'_>) {
        self.response.edit(headers, self.response.made(scene, None));
    }
}

impl Fields {
    fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.add.is_empty()
    }

    /// The values of all fields, before the first is changed.
    fn made(&self, scene: &Scene<'_>, head: Option<&request::Parts>) -> SmallVec<[Option<HeaderValue>; 4]> {
        let given = self.set.iter().chain(&self.add).map(|(_, given)| given);
        given.map(|given| given.value(scene, head)).collect()
    }

    fn edit(&self, headers: &mut HeaderMap, made: SmallVec<[Option<HeaderValue>; 4]>) {
        for name in &self.remove {
            headers.remove(name);
        }
        let mut made = made.into_iter();
        for ((name, _), value) in self.set.iter().zip(&mut made) {
            match value {
                Some(value) => headers.insert(name, value),
                None => headers.remove(name),
            };
        }
        for ((name, _), value) in self.add.iter().zip(made) {
            if let Some(value) = value {
                headers.append(name, value);
            }
        }
    }
}

impl Given {
    fn value(&self, scene: &Scene<'_>, head: Option<&request::Parts>) -> Option<HeaderValue> {
        match self {
            Self::Text(value) => Some(value.clone()),
            Self::Made(template) => template.value(scene, head),
        }
    }
}

/// The target with another path and the query as it was; `None` where that would be no target.
pub(super) fn rewritten(uri: &Uri, pattern: &PathPattern, with: &str) -> Option<Uri> {
    let mut target = pattern.rewrite(&pattern.meant(uri.path()), with);
    if let Some(query) = uri.query() {
        target.push('?');
        target.push_str(query);
    }
    PathAndQuery::try_from(target).ok().map(Uri::from)
}
