//! Text of the operator's in which words in braces stand for something of the request.

use std::fmt::Write as _;

use http::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use http::{Uri, request};
use sekisho_api::Facts;

use crate::text::Text;

/// Text with words in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Box<[Part]>);

/// A part of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Text as it stands.
    Text(Box<str>),
    /// What this word stands for.
    Word(Word),
    /// What a group of the rule's `path-regex` found, counted from 1.
    Group(usize),
}

/// What a word stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Client,
    ClientPort,
    Host,
    Method,
    Path,
    Query,
    RequestId,
    Scheme,
    Server,
    Sni,
    TlsVersion,
    Uri,
}

/// What the words of a template may stand for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene<'a> {
    /// The client's connection.
    pub(crate) facts: &'a Facts,
    /// `http` or `https`, as the client has it.
    pub(crate) scheme: &'static str,
    /// The server that answered.
    pub(crate) server: Option<&'a str>,
    /// The request's number, where it has one of the gateway's.
    pub(crate) request_id: Option<&'a HeaderValue>,
}

/// Words in the values of a request's fields.
pub(super) const OF_REQUESTS: &[&str] = &[
    "client",
    "client-port",
    "host",
    "method",
    "path",
    "query",
    "request-id",
    "scheme",
    "sni",
    "tls-version",
    "uri",
];
/// Words in the values of an answer's fields.
pub(super) const OF_ANSWERS: &[&str] = &["client", "client-port", "server", "sni", "tls-version"];
/// Words in the target of a redirect, which may have groups besides.
pub(super) const OF_REDIRECTS: &[&str] = &["host", "path", "query", "scheme", "uri"];

impl<'a> Scene<'a> {
    /// A request over this connection.
    pub(crate) const fn new(facts: &'a Facts, scheme: &'static str) -> Self {
        Self { facts, scheme, server: None, request_id: None }
    }
}

impl Template {
    /// Reads `text`. A word is lower-case letters and hyphens between braces, a group is a digit between braces; any
    /// other brace stands for itself.
    ///
    /// # Errors
    /// The word that is none of `words`, or the group that there is not.
    pub(super) fn read<'t>(text: &'t str, words: &[&str], groups: usize) -> Result<Self, &'t str> {
        let mut parts = Vec::new();
        let mut plain = 0;
        let mut from = 0;
        while let Some(at) = text.get(from..).and_then(|rest| rest.find('{')).map(|at| from + at) {
            from = at + 1;
            let Some(word) = text.get(from..).and_then(|rest| rest.split_once('}')).map(|(word, _)| word)
            else {
                break;
            };
            let part = match word.parse::<usize>() {
                Ok(group) if (1..=groups).contains(&group) => Part::Group(group),
                Ok(_) => return Err(word),
                Err(_) if word.is_empty() || !word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') => {
                    continue;
                }
                Err(_) => {
                    let known = words.contains(&word).then(|| Word::read(word)).flatten();
                    Part::Word(known.ok_or(word)?)
                }
            };
            parts.extend(piece(text, plain, at));
            parts.push(part);
            from += word.len() + 1;
            plain = from;
        }
        parts.extend(piece(text, plain, text.len()));
        Ok(Self(parts.into()))
    }

    /// Its parts.
    pub(super) fn parts(&self) -> &[Part] {
        &self.0
    }

    /// Whether a brace stands in its text.
    pub(super) fn has_brace(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Text(text) if text.contains(['{', '}'])))
    }

    /// Whether it is text alone.
    pub(super) fn is_plain(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// What it stands for as a field's value; `None` where that is nothing, or cannot stand in a field.
    pub(super) fn value(&self, scene: &Scene<'_>, head: Option<&request::Parts>) -> Option<HeaderValue> {
        let mut text = Text::new();
        for part in &self.0 {
            match part {
                Part::Text(plain) => text.push(plain.as_bytes()),
                Part::Word(word) => word.write(&mut text, scene, head.map(|head| (&head.headers, head))),
                // Only a redirect has them.
                Part::Group(_) => {}
            }
        }
        if text.is_empty() { None } else { text.value() }
    }
}

fn piece(text: &str, from: usize, to: usize) -> Option<Part> {
    text.get(from..to).filter(|text| !text.is_empty()).map(|text| Part::Text(text.into()))
}

impl Word {
    fn read(word: &str) -> Option<Self> {
        Some(match word {
            "client" => Self::Client,
            "client-port" => Self::ClientPort,
            "host" => Self::Host,
            "method" => Self::Method,
            "path" => Self::Path,
            "query" => Self::Query,
            "request-id" => Self::RequestId,
            "scheme" => Self::Scheme,
            "server" => Self::Server,
            "sni" => Self::Sni,
            "tls-version" => Self::TlsVersion,
            "uri" => Self::Uri,
            _ => return None,
        })
    }

    fn write(self, text: &mut Text, scene: &Scene<'_>, head: Option<(&HeaderMap, &request::Parts)>) {
        let tls = scene.facts.tls.as_deref();
        match self {
            Self::Client => _ = write!(text, "{}", scene.facts.client.ip().to_canonical()),
            Self::ClientPort => _ = write!(text, "{}", scene.facts.client.port()),
            Self::Scheme => text.push(scene.scheme.as_bytes()),
            Self::Server => text.push(scene.server.unwrap_or_default().as_bytes()),
            Self::Sni => {
                text.push(tls.and_then(|tls| tls.server_name.as_deref()).unwrap_or_default().as_bytes());
            }
            Self::TlsVersion => text.push(tls.map(|tls| tls.version).unwrap_or_default().as_bytes()),
            Self::Host | Self::Method | Self::Path | Self::Query | Self::RequestId | Self::Uri => {
                let Some((headers, head)) = head else { return };
                match self {
                    Self::Host => text.push(host(headers)),
                    Self::Method => text.push(head.method.as_str().as_bytes()),
                    Self::Path => text.push(head.uri.path().as_bytes()),
                    Self::Query => query(text, &head.uri),
                    Self::RequestId => {
                        let id = scene.request_id.or_else(|| headers.get(X_REQUEST_ID));
                        text.push(id.map(HeaderValue::as_bytes).unwrap_or_default());
                    }
                    _ => text.push(uri(head).as_bytes()),
                }
            }
        }
    }

    /// Writes what it stands for in the target of a redirect.
    pub(super) fn redirect(self, text: &mut Text, scheme: &'static str, head: &request::Parts) {
        match self {
            Self::Host => text.push(host(&head.headers)),
            Self::Path => text.push(head.uri.path().as_bytes()),
            Self::Query => query(text, &head.uri),
            Self::Scheme => text.push(scheme.as_bytes()),
            Self::Uri => text.push(uri(head).as_bytes()),
            // No redirect has others.
            _ => {}
        }
    }
}

fn query(text: &mut Text, uri: &Uri) {
    if let Some(query) = uri.query() {
        text.push(b"?");
        text.push(query.as_bytes());
    }
}

fn uri(head: &request::Parts) -> &str {
    head.uri.path_and_query().map_or("/", |uri| uri.as_str())
}

/// The host of a request in origin form, without its port.
fn host(headers: &HeaderMap) -> &[u8] {
    without_port(headers.get(HOST).map(HeaderValue::as_bytes).unwrap_or_default())
}

/// A host without its port.
pub(crate) fn without_port(host: &[u8]) -> &[u8] {
    let end = match host.first() {
        Some(b'[') => host.iter().position(|&b| b == b']').map(|end| end + 1),
        _ => host.iter().position(|&b| b == b':'),
    };
    end.and_then(|end| host.get(..end)).unwrap_or(host)
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_between_braces_and_other_braces_stay() {
        let parts = |text| Template::read(text, OF_REQUESTS, 0).map(|template| template.0.into_vec());
        assert_eq!(parts("a"), Ok(vec![Part::Text("a".into())]));
        assert_eq!(parts(""), Ok(vec![]));
        assert_eq!(
            parts("{client}:{client-port}!"),
            Ok(vec![
                Part::Word(Word::Client),
                Part::Text(":".into()),
                Part::Word(Word::ClientPort),
                Part::Text("!".into()),
            ])
        );
        for text in ["{\"group\":\"x\"}", "{}", "{", "a{B}", "{{", "}", "ü{ü"] {
            assert_eq!(parts(text), Ok(vec![Part::Text(text.into())]), "{text}");
        }
        assert_eq!(parts("{{host}"), Ok(vec![Part::Text("{".into()), Part::Word(Word::Host)]));
        assert_eq!(parts("{hots}"), Err("hots"));
        assert_eq!(parts("{server}"), Err("server"));
        assert_eq!(parts("{1}"), Err("1"));
    }

    #[test]
    fn every_word_that_is_offered_is_known() {
        for word in OF_REQUESTS.iter().chain(OF_ANSWERS).chain(OF_REDIRECTS) {
            assert!(Word::read(word).is_some(), "{word}");
        }
    }
}
