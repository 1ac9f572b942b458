//! What a rule changes of a request and of its answer.

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, request};

use super::path::{self, PathPattern};

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
    pub(super) set: Box<[(HeaderName, HeaderValue)]>,
    pub(super) add: Box<[(HeaderName, HeaderValue)]>,
}

impl Edits {
    /// Whether nothing is changed.
    pub(super) fn is_empty(&self) -> bool {
        self.rewrite.is_none() && self.request.is_empty() && self.response.is_empty()
    }

    pub(super) fn request(&self, head: &mut request::Parts, pattern: &PathPattern) {
        self.request.edit(&mut head.headers);
        if let Some(with) = &self.rewrite
            && let Some(uri) = rewritten(&head.uri, pattern, with)
        {
            head.uri = uri;
        }
    }

    pub(super) fn response(&self, headers: &mut HeaderMap) {
        self.response.edit(headers);
    }
}

impl Fields {
    fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.add.is_empty()
    }

    fn edit(&self, headers: &mut HeaderMap) {
        for name in &self.remove {
            headers.remove(name);
        }
        for (name, value) in &self.set {
            headers.insert(name, value.clone());
        }
        for (name, value) in &self.add {
            headers.append(name, value.clone());
        }
    }
}

/// The target with another path and the query as it was; `None` where that would be no target.
fn rewritten(uri: &Uri, pattern: &PathPattern, with: &str) -> Option<Uri> {
    let (strict, loose) = path::readings(uri.path());
    let meant = match loose {
        Some(loose) if !pattern.matches(&strict) => loose.into_string().into(),
        _ => strict,
    };
    let mut target = pattern.rewrite(&meant, with);
    if let Some(query) = uri.query() {
        target.push('?');
        target.push_str(query);
    }
    PathAndQuery::try_from(target).ok().map(Uri::from)
}
