//! The table `[vip.NAME.http.error-pages]`.

use http::{HeaderValue, StatusCode};
use sekisho_api::settings::{Found, Node, Problem, Section, Value, contents};

use super::Pages;
use super::page::Page;

impl Pages {
    /// Reads it, and the files that it names; `None` where there is no such table.
    pub(crate) fn read(section: &mut Section<'_>) -> Option<Box<Self>> {
        let mut table = section.table("error-pages")?;
        let mut pages = Self { intercept: table.flag("intercept", false), ..Self::default() };
        for (key, span, node) in table.entries().filter(|(key, ..)| *key != "intercept") {
            match (key, status(key)) {
                ("4xx", _) => pages.client = page(key, node, &table),
                ("5xx", _) => pages.server = page(key, node, &table),
                (_, Some(status)) => pages.exact.extend(page(key, node, &table).map(|page| (status, page))),
                _ => {
                    let problem = Problem::new(span, format!("unknown key `{key}`"), "not known here");
                    table.problem(problem.help("a status from 400 to 599, `4xx`, `5xx`, or `intercept`"));
                }
            }
        }
        Some(Box::new(pages))
    }
}

fn status(key: &str) -> Option<StatusCode> {
    let status = key.parse().ok().and_then(|status: u16| StatusCode::from_u16(status).ok())?;
    (status.is_client_error() || status.is_server_error()).then_some(status)
}

/// A path, or `{ file = "…", content-type = "…" }`.
fn page(key: &str, node: &Node, table: &Section<'_>) -> Option<Page> {
    let (file, content_type) = match &node.value {
        Value::Text(path) => (Found { value: path.as_str(), span: node.span.clone() }, None),
        Value::Table(written) => {
            let mut section = Section::new(written, node.span.clone(), table.problems());
            let (file, content_type) = (section.text("file"), section.text("content-type"));
            if !section.has("file") {
                section.missing("file", "name the page: file = \"errors/503.html\"");
            }
            section.finish();
            (file?, content_type)
        }
        other => {
            let message = format!("`{key}` must be a path or a table");
            let problem = Problem::new(node.span.clone(), message, format!("this is {}", other.kind()));
            table.problem(problem.help("\"errors/503.html\", or { file = \"…\", content-type = \"…\" }"));
            return None;
        }
    };
    let content_type = match &content_type {
        Some(written) => declared(written, table),
        None => by_extension(&file, table),
    };
    let text = contents(&file, LARGEST, table.problems());
    Some(Page::new(content_type?, text?))
}

fn declared(written: &Found<&str>, table: &Section<'_>) -> Option<HeaderValue> {
    let content_type = HeaderValue::from_str(written.value).ok().filter(|_| written.value.contains('/'));
    if content_type.is_none() {
        let message = format!("`{}` is not a media type", written.value.escape_debug());
        table.problem(Problem::new(written.span.clone(), message, "expected `type/subtype`"));
    }
    content_type
}

fn by_extension(file: &Found<&str>, table: &Section<'_>) -> Option<HeaderValue> {
    let extension = file.value.rsplit_once('.').map_or("", |(_, extension)| extension);
    let known = EXTENSIONS.iter().find(|(known, _)| extension.eq_ignore_ascii_case(known));
    if known.is_none() {
        let message = format!("nothing tells what `{}` is", file.value);
        let problem = Problem::new(file.span.clone(), message, "its extension is none of the known ones");
        table.problem(problem.help(
            "html, htm, json, txt or xml, or say it: { file = \"…\", content-type = \"type/subtype\" }",
        ));
    }
    known.map(|(_, content_type)| HeaderValue::from_static(content_type))
}

const EXTENSIONS: [(&str, &str); 5] = [
    ("html", "text/html; charset=utf-8"),
    ("htm", "text/html; charset=utf-8"),
    ("json", "application/json"),
    ("txt", "text/plain; charset=utf-8"),
    ("xml", "application/xml"),
];
/// A page with its pictures in it is smaller; each stands in memory and is sent to whoever makes mistakes.
const LARGEST: u64 = 256 * 1024;
