//! What a rule changes, in the configuration.

use http::{HeaderName, HeaderValue};
use sekisho_api::settings::{Found, Problem, Section, Value, nearest};

use super::criteria::header_name;
use crate::rules::edits::{Edits, Fields, Given};
use crate::rules::template::{OF_ANSWERS, OF_REQUESTS, Template};

/// Reads what a rule changes.
pub(super) fn read(section: &mut Section<'_>) -> Edits {
    Edits {
        rewrite: rewrite(section),
        request: Fields {
            remove: removed(section, "remove-headers"),
            set: fields(section, "set-headers", OF_REQUESTS),
            add: fields(section, "add-headers", OF_REQUESTS),
        },
        response: Fields {
            remove: removed(section, "remove-response-headers"),
            set: fields(section, "set-response-headers", OF_ANSWERS),
            add: fields(section, "add-response-headers", OF_ANSWERS),
        },
    }
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

/// Fields with their values, in which `words` may stand.
fn fields(section: &mut Section<'_>, key: &'static str, words: &[&str]) -> Box<[(HeaderName, Given)]> {
    let Some(table) = section.table(key) else { return Box::default() };
    let mut all = Vec::new();
    for (text, span, node) in table.entries() {
        let value = match &node.value {
            Value::Text(value) if HeaderValue::from_str(value).is_ok() => {
                given(&table, &Found { value: value.as_str(), span: node.span.clone() }, words)
            }
            _ => {
                let message = format!("this can be no value of `{text}`");
                table.problem(Problem::new(node.span.clone(), message, "one line of text is expected"));
                None
            }
        };
        all.extend(own(&table, Found { value: text, span }).zip(value));
    }
    all.into()
}

fn given(section: &Section<'_>, text: &Found<&str>, words: &[&str]) -> Option<Given> {
    match Template::read(text.value, words, 0) {
        Ok(template) if template.is_plain() => HeaderValue::from_str(text.value).ok().map(Given::Text),
        Ok(template) => Some(Given::Made(template)),
        Err(word) => {
            let message = format!("`{{{word}}}` stands for nothing here");
            let mut help = format!("one of: {}", words.join(", "));
            if let Some(near) = nearest(word, words.iter().copied()) {
                help = format!("did you mean `{{{near}}}`? {help}");
            }
            section.problem(Problem::new(text.span.clone(), message, "no such word").help(help));
            None
        }
    }
}

/// Whether a field frames a message, or belongs to one connection.
pub(crate) fn is_framing(name: &HeaderName) -> bool {
    FRAMING.contains(&name.as_str())
}

/// A field that is an operator's to change: those that frame a message are the gateway's.
fn own(section: &Section<'_>, name: Found<&str>) -> Option<HeaderName> {
    let span = name.span.clone();
    let header = header_name(section, name)?;
    if is_framing(&header) {
        let message = format!("`{header}` is the gateway's own to say");
        let problem = Problem::new(span, message, "it frames the message, or belongs to one connection");
        section.problem(problem);
        return None;
    }
    Some(header)
}

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
