//! `rules` in the configuration.

use std::hash::Hasher;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use regex::{Regex, RegexBuilder};
use sekisho_api::settings::{Found, Node, Problem, Section, Value};
use sekisho_api::{Networks, VipContext};

use super::action::{Action, Fixed, Part, Redirect, Split};
use super::criteria::{Criteria, Wanted};
use super::edits::{Edits, Fields};
use super::host::HostPattern;
use super::path::PathPattern;
use super::{Rule, Rules};

impl Rules {
    /// Reads `rules`. What is wrong is recorded and left out.
    pub(crate) fn read(section: &mut Section<'_>, vip: &VipContext<'_>) -> Self {
        let items = match section.node("rules") {
            None => return Self::default(),
            Some(Node { value: Value::List(items), .. }) => items,
            Some(node) => {
                wrong(section, node, "`rules` must be a list of tables");
                return Self::default();
            }
        };
        let mut rules = Vec::with_capacity(items.len());
        for item in items {
            let Value::Table(table) = &item.value else {
                wrong(section, item, "a rule must be a table");
                continue;
            };
            let mut one = Section::new(table, item.span.clone(), section.problems());
            rules.extend(rule(&mut one, vip, rules.len()));
            one.finish();
        }
        Self(rules.into())
    }
}

fn rule(section: &mut Section<'_>, vip: &VipContext<'_>, place: usize) -> Option<Rule> {
    let criteria = Criteria {
        hosts: hosts(section),
        path: path(section),
        methods: methods(section),
        headers: wanted(section, "headers", header_name),
        query: wanted(section, "query", |_, name| Some(name.value.into())),
        clients: Networks::read(section, "client"),
    };
    let edits = Edits {
        rewrite: rewrite(section),
        request: Fields {
            remove: removed(section, "remove-headers"),
            set: fields(section, "set-headers"),
            add: fields(section, "add-headers"),
        },
        response: Fields {
            remove: removed(section, "remove-response-headers"),
            set: fields(section, "set-response-headers"),
            add: fields(section, "add-response-headers"),
        },
    };
    let action = action(section, vip, place)?;
    Some(Rule { criteria, action, edits: (!edits.is_empty()).then(|| Box::new(edits)) })
}

fn hosts(section: &mut Section<'_>) -> Box<[HostPattern]> {
    let mut hosts = Vec::new();
    for text in section.texts("host").unwrap_or_default() {
        match HostPattern::read(text.value) {
            Some(host) => hosts.push(host),
            None => {
                let message = format!("`{}` is no host", text.value);
                let problem = Problem::new(text.span, message, "a name, `*.` and a name, or an address");
                section
                    .problem(problem.help("write \"www.example.org\" or \"*.example.org\", without a port"));
            }
        }
    }
    hosts.into()
}

fn path(section: &mut Section<'_>) -> PathPattern {
    let exact = section.text("path");
    let prefix = section.text("path-prefix");
    let expression = section.text("path-regex");
    let given = [&exact, &prefix, &expression].into_iter().flatten().count();
    if given > 1 {
        let message = "a rule has one of `path`, `path-prefix` and `path-regex`";
        section.problem(Problem::new(section.span(), message, "this one has several"));
    }
    for text in [&exact, &prefix].into_iter().flatten().filter(|text| !text.value.starts_with('/')) {
        let message = format!("`{}` is no path", text.value);
        section.problem(Problem::new(text.span.clone(), message, "a path begins with `/`"));
    }
    let normal = |text: Found<&str>| super::path::normal(text.value).into();
    match (exact, prefix, expression) {
        (Some(path), ..) => PathPattern::Exactly(normal(path)),
        (_, Some(prefix), _) => PathPattern::Below(normal(prefix)),
        (.., Some(text)) => regex(section, &text, text.value).map_or(PathPattern::Any, PathPattern::Matching),
        _ => PathPattern::Any,
    }
}

fn regex(section: &Section<'_>, place: &Found<&str>, text: &str) -> Option<Box<Regex>> {
    match RegexBuilder::new(text).size_limit(EXPRESSION).build() {
        Ok(expression) => Some(Box::new(expression)),
        Err(error) => {
            // The last line says what is wrong, those before show where.
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            let message = format!("`{text}` is no regular expression");
            section.problem(Problem::new(place.span.clone(), message, reason));
            None
        }
    }
}

fn methods(section: &mut Section<'_>) -> Box<[Method]> {
    let mut methods = Vec::new();
    for text in section.texts("method").unwrap_or_default() {
        match Method::from_bytes(text.value.as_bytes()) {
            Ok(method) if text.value.bytes().all(|byte| !byte.is_ascii_lowercase()) => methods.push(method),
            _ => {
                let message = format!("`{}` is no method", text.value);
                let problem = Problem::new(text.span, message, "methods are written in capitals");
                section.problem(problem.help("such as \"GET\""));
            }
        }
    }
    methods.into()
}

fn header_name(section: &Section<'_>, name: Found<&str>) -> Option<HeaderName> {
    let read = HeaderName::from_bytes(name.value.as_bytes());
    if read.is_err() {
        let message = format!("`{}` is no header's name", name.value);
        section.problem(Problem::new(name.span, message, "letters, digits and hyphens"));
    }
    read.ok()
}

/// A table of names and what is wanted of their values: `"*"` any, `"!"` none, `"~EXPRESSION"`, or a value.
fn wanted<N>(
    section: &mut Section<'_>,
    key: &'static str,
    name: impl Fn(&Section<'_>, Found<&str>) -> Option<N>,
) -> Box<[(N, Wanted)]> {
    let Some(table) = section.table(key) else { return Box::default() };
    let mut all = Vec::new();
    for (text, span, node) in table.entries() {
        let Value::Text(value) = &node.value else {
            wrong(&table, node, "what is wanted of a value must be text");
            continue;
        };
        let place = Found { value: value.as_str(), span: node.span.clone() };
        let wanted = match &**value {
            "*" => Some(Wanted::Any),
            "!" => Some(Wanted::None),
            value => match value.strip_prefix('~') {
                Some(expression) => regex(&table, &place, expression).map(Wanted::Matching),
                None => Some(Wanted::Exactly(value.into())),
            },
        };
        all.extend(name(&table, Found { value: text, span }).zip(wanted));
    }
    all.into()
}

fn rewrite(section: &mut Section<'_>) -> Option<Box<str>> {
    let text = section.text("rewrite")?;
    if text.value.bytes().any(|byte| byte <= b' ' || byte >= 127 || byte == b'?' || byte == b'#') {
        let message = format!("`{}` cannot stand in a path", text.value);
        section.problem(Problem::new(text.span, message, "printable ASCII without `?`, `#` and spaces"));
        return None;
    }
    Some(text.value.into())
}

/// Names of fields that a rule may change.
fn removed(section: &mut Section<'_>, key: &'static str) -> Box<[HeaderName]> {
    let names = section.texts(key).unwrap_or_default().into_iter();
    names.filter_map(|name| own(section, name)).collect()
}

/// Fields with their values.
fn fields(section: &mut Section<'_>, key: &'static str) -> Box<[(HeaderName, HeaderValue)]> {
    let Some(table) = section.table(key) else { return Box::default() };
    let mut all = Vec::new();
    for (text, span, node) in table.entries() {
        let value = match &node.value {
            Value::Text(value) => HeaderValue::from_str(value).ok(),
            _ => None,
        };
        if value.is_none() {
            let message = format!("this can be no value of `{text}`");
            table.problem(Problem::new(node.span.clone(), message, "one line of text is expected"));
        }
        all.extend(own(&table, Found { value: text, span }).zip(value));
    }
    all.into()
}

/// A field that is an operator's to change: those that frame a message are the gateway's.
fn own(section: &Section<'_>, name: Found<&str>) -> Option<HeaderName> {
    let span = name.span.clone();
    let header = header_name(section, name)?;
    if FRAMING.contains(&header.as_str()) {
        let message = format!("`{header}` is the gateway's own to say");
        let problem = Problem::new(span, message, "it frames the message, or belongs to one connection");
        section.problem(problem);
        return None;
    }
    Some(header)
}

fn action(section: &mut Section<'_>, vip: &VipContext<'_>, place: usize) -> Option<Action> {
    let keys = ["pool", "split", "redirect", "answer"];
    let given: Vec<&str> = keys.into_iter().filter(|key| section.has(key)).collect();
    if given.len() > 1 {
        let message = format!("a rule cannot have `{}` at once", given.join("` and `"));
        let problem = Problem::new(section.span(), message, "one thing becomes of a request");
        section.problem(problem.help("make two rules of it"));
        keys.into_iter().for_each(|key| _ = section.node(key));
        return None;
    }
    let status = section.optional_integer("status", 100..=599);
    let status_place = section.place("status");
    let body = section.text("body");
    let content_type = section.text("content-type");
    let extra =
        [(status.is_some(), "status"), (body.is_some(), "body"), (content_type.is_some(), "content-type")];
    let allowed: &[&str] = match given.first() {
        Some(&"redirect") => &["status"],
        Some(&"answer") => &["body", "content-type"],
        _ => &[],
    };
    for (_, key) in extra.into_iter().filter(|(there, key)| *there && !allowed.contains(key)) {
        let message = format!("`{key}` has no effect here");
        section.problem(Problem::new(
            section.place(key),
            message,
            "it belongs to an answer of the gateway's own",
        ));
    }
    match given.first() {
        None => Some(Action::Pool(0)),
        Some(&"pool") => {
            let pool = section.text("pool")?;
            vip.pool(section, pool.value, pool.span).map(Action::Pool)
        }
        Some(&"split") => split(section, vip, place).map(Action::Split),
        Some(&"redirect") => {
            let to = section.text("redirect")?;
            let status = match status.unwrap_or(302) {
                status @ (301 | 302 | 303 | 307 | 308) => StatusCode::from_u16(status as u16).ok()?,
                status => {
                    let problem =
                        Problem::new(status_place, format!("{status} is no redirect"), "not one of these");
                    section.problem(problem.help("one of 301, 302, 303, 307, 308"));
                    return None;
                }
            };
            Some(Action::Redirect(Redirect { status, to: target(section, &to)? }))
        }
        Some(_) => fixed(section, body, content_type),
    }
}

fn split(section: &mut Section<'_>, vip: &VipContext<'_>, place: usize) -> Option<Split> {
    let table = section.table("split")?;
    let mut pools = Vec::new();
    // Equal on every node: the seed comes from the VIP's name and the rule's place.
    let mut seed = siphasher::sip::SipHasher13::new();
    seed.write(vip.name.as_bytes());
    seed.write_u64(place as u64);
    for (name, span, node) in table.entries() {
        match &node.value {
            Value::Integer(weight @ 0..=1_000_000) => {
                pools.extend(vip.pool(&table, name, span).map(|pool| (pool, *weight as u32)));
            }
            _ => wrong(&table, node, "a pool's share must be a whole number from 0 to 1000000"),
        }
    }
    if pools.iter().all(|(_, weight)| *weight == 0) {
        let problem = Problem::new(table.span(), "nobody gets anything", "at least one share must not be 0");
        section.problem(problem.help("split = { blue = 90, green = 10 }"));
        return None;
    }
    Some(Split { pools: pools.into(), seed: seed.finish() })
}

/// A redirect's target: text with `{host}`, `{uri}`, `{path}` and `{query}` in it.
fn target(section: &Section<'_>, to: &Found<&str>) -> Option<Box<[Part]>> {
    let refuse = |message: String, label: &str| {
        let problem = Problem::new(to.span.clone(), message, label.to_owned());
        section.problem(problem.help("such as redirect = \"https://{host}{uri}\""));
    };
    let begins = ["http://", "https://", "/", "{uri}", "{path}"];
    if !begins.iter().any(|begin| to.value.starts_with(begin))
        || to.value.bytes().any(|b| b <= b' ' || b >= 127)
    {
        refuse(format!("`{}` is no target", to.value), "a whole URL, or a path from `/` on");
        return None;
    }
    let mut parts = Vec::new();
    let mut rest = to.value;
    while let Some((before, after)) = rest.split_once('{') {
        if !before.is_empty() {
            parts.push(Part::Text(before.into()));
        }
        let Some((word, behind)) = after.split_once('}') else {
            refuse("a brace is not closed".to_owned(), "`{host}`, `{uri}`, `{path}` or `{query}`");
            return None;
        };
        parts.push(match word {
            "host" => Part::Host,
            "uri" => Part::Uri,
            "path" => Part::Path,
            "query" => Part::Query,
            _ => {
                refuse(
                    format!("`{{{word}}}` stands for nothing"),
                    "`{host}`, `{uri}`, `{path}` or `{query}`",
                );
                return None;
            }
        });
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.into()));
    }
    // A lone slash before the path would make two, which name a host.
    if let [Part::Text(text), Part::Uri | Part::Path, ..] = &*parts
        && **text == *"/"
    {
        parts.remove(0);
    }
    Some(parts.into())
}

fn fixed(section: &mut Section<'_>, body: Option<Found<&str>>, kind: Option<Found<&str>>) -> Option<Action> {
    let status = section.optional_integer("answer", 200..=599)?;
    let status = StatusCode::from_u16(u16::try_from(status).ok()?).ok()?;
    let empty = matches!(status.as_u16(), 204 | 205 | 304);
    if let Some(body) = body.as_ref().filter(|_| empty) {
        let message = format!("an answer {} has no body", status.as_u16());
        section.problem(Problem::new(body.span.clone(), message, "RFC 9110, section 6.4.1"));
        return None;
    }
    let body = match body {
        Some(body) => Bytes::copy_from_slice(body.value.as_bytes()),
        None if empty => Bytes::new(),
        None => {
            let reason = status.canonical_reason().unwrap_or_default();
            Bytes::from(format!("{} {reason}\n", status.as_u16()))
        }
    };
    let content_type = match kind {
        None => HeaderValue::from_static("text/plain; charset=utf-8"),
        Some(kind) => match HeaderValue::from_str(kind.value) {
            Ok(value) => value,
            Err(_) => {
                section.problem(Problem::new(
                    kind.span,
                    "this is no media type",
                    "one line of text is expected",
                ));
                return None;
            }
        },
    };
    Some(Action::Answer(Fixed { status, content_type, body }))
}

fn wrong(section: &Section<'_>, node: &Node, message: &str) {
    section.problem(Problem::new(node.span.clone(), message, format!("this is {}", node.value.kind())));
}

/// The most memory that one expression may take once it is compiled: a hundred times what a usual one does.
const EXPRESSION: usize = 1 << 20;

/// Fields that no rule may touch.
const FRAMING: [&str; 9] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];
