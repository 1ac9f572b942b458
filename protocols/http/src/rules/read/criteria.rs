//! What a rule wants of a request, in the configuration.

use http::{HeaderName, Method};
use regex::{Regex, RegexBuilder};
use sekisho_api::Networks;
use sekisho_api::settings::{Found, Problem, Section, Value};

use super::wrong;
use crate::rules::criteria::{Criteria, Wanted};
use crate::rules::host::HostPattern;
use crate::rules::path::{self, PathPattern};

impl Criteria {
    /// Reads what a rule, or whatever else is for some requests only, wants of a request.
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        Self {
            hosts: hosts(section),
            path: pattern(section),
            methods: methods(section),
            scheme: None,
            headers: wanted(section, "headers", header_name),
            query: wanted(section, "query", |_, name| Some(name.value.into())),
            cookies: wanted(section, "cookies", |_, name| Some(name.value.into())),
            clients: Networks::read(section, "client"),
        }
    }
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

fn pattern(section: &mut Section<'_>) -> PathPattern {
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
    let normal = |text: Found<&str>| path::normal(text.value).into();
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

pub(super) fn header_name(section: &Section<'_>, name: Found<&str>) -> Option<HeaderName> {
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

/// The most memory that one expression may take once it is compiled: a hundred times what a usual one does.
const EXPRESSION: usize = 1 << 20;
