//! Pages, as they are read and as they are sent.

use http::{HeaderValue, Response, StatusCode};
use sekisho_api::settings::{Node, Problems, Section, Table, Value};

use super::Pages;
use super::page::Page;

fn node(value: Value) -> Node {
    Node { span: 0..0, value }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn table(entries: &[(&str, Value)]) -> Table {
    let entry = |(key, value): &(&str, Value)| ((*key).to_owned(), 0..0, node(value.clone()));
    Table { entries: entries.iter().map(entry).collect() }
}

/// Reads them from this crate's folder.
fn read(entries: &[(&str, Value)]) -> (Box<Pages>, Vec<(String, String)>) {
    let outer = table(&[("error-pages", Value::Table(table(entries)))]);
    let problems = Problems::in_folder(env!("CARGO_MANIFEST_DIR"));
    let mut section = Section::new(&outer, 0..0, &problems);
    let pages = Pages::read(&mut section).unwrap();
    section.finish();
    (pages, problems.into_vec().into_iter().map(|problem| (problem.message, problem.label)).collect())
}

fn page(text: &str) -> Page {
    Page::new(HeaderValue::from_static("text/html"), text.into())
}

#[test]
fn status_is_looked_up_before_its_class() {
    let pages = Pages {
        exact: vec![(StatusCode::SERVICE_UNAVAILABLE, page("busy"))],
        client: Some(page("yours")),
        server: Some(page("ours")),
        intercept: false,
    };
    let said = |status: u16| pages.say(status.try_into().unwrap(), None).map(|said| said.text);
    assert_eq!(said(503).unwrap(), "busy");
    assert_eq!(said(504).unwrap(), "ours");
    assert_eq!(said(404).unwrap(), "yours");
    assert_eq!(said(302), None);
    assert!(Pages::default().say(StatusCode::NOT_FOUND, None).is_none());
}

#[test]
fn status_reason_and_request_id_are_filled_in_and_nothing_else_is() {
    let filled = |text: &str, id: &'static str| page(text).fill(StatusCode::BAD_GATEWAY, id.as_bytes()).text;
    assert_eq!(
        filled("<b>{status}</b> {reason}: {request-id}{status}", "a-1"),
        "<b>502</b> Bad Gateway: a-1502"
    );
    assert_eq!(filled("p { margin: 0 } {other} {status", ""), "p { margin: 0 } {other} {status");
    assert_eq!(filled("", ""), "");
}

#[test]
fn request_id_of_a_clients_choice_is_no_markup() {
    let filled = page("{request-id}").fill(StatusCode::BAD_GATEWAY, b"<script>\"'&\\").text;
    assert_eq!(filled, "%3Cscript%3E%22%27%26%5C");
}

#[test]
fn file_is_read_at_load_and_its_extension_says_what_it_is() {
    let typed = [("file", text("Cargo.toml")), ("content-type", text("text/x-toml"))];
    let (pages, problems) = read(&[("503", Value::Table(table(&typed))), ("intercept", Value::Flag(true))]);
    assert!(problems.is_empty(), "{problems:?}");
    let said = pages.say(StatusCode::SERVICE_UNAVAILABLE, None).unwrap();
    assert!(said.text.starts_with(b"[package]"));
    assert_eq!(said.content_type, "text/x-toml");
    assert!(pages.intercept);
}

#[test]
fn what_cannot_be_a_page_is_said_at_load() {
    let problem = |key, value| read(&[(key, value)]).1;
    let said = |message: &str, label: &str| vec![(message.to_owned(), label.to_owned())];
    assert_eq!(
        problem("503", text("errors/nowhere.html")),
        said("cannot read `errors/nowhere.html`", "no such file")
    );
    assert_eq!(
        problem("503", text("Cargo.toml")),
        said("nothing tells what `Cargo.toml` is", "its extension is none of the known ones")
    );
    for key in ["200", "600", "3xx", "interceptt"] {
        assert_eq!(problem(key, text("page.html")), said(&format!("unknown key `{key}`"), "not known here"));
    }
    assert_eq!(problem("503", Value::Integer(1))[0].0, "`503` must be a path or a table");
}

#[test]
fn servers_error_is_replaced_with_what_describes_its_body() {
    let pages = |intercept| Pages { server: Some(page("sorry")), intercept, ..Pages::default() };
    let head = |status: u16, lines: &[(&'static str, &'static str)]| {
        let mut response = Response::builder().status(status);
        for (name, value) in lines {
            response = response.header(*name, *value);
        }
        response.body(()).unwrap().into_parts().0
    };
    let lines = [
        ("content-type", "application/json"),
        ("content-length", "99"),
        ("content-encoding", "gzip"),
        ("etag", "\"1\""),
        ("retry-after", "30"),
        ("set-cookie", "a=b"),
    ];
    let mut failed = head(503, &lines);
    assert_eq!(pages(true).replace(&mut failed, None).unwrap(), "sorry");
    let expected = head(
        503,
        &[
            ("content-type", "text/html"),
            ("content-length", "5"),
            ("retry-after", "30"),
            ("set-cookie", "a=b"),
        ],
    );
    assert_eq!(failed.headers, expected.headers);
    assert!(pages(false).replace(&mut head(503, &lines), None).is_none());
    assert!(pages(true).replace(&mut head(404, &lines), None).is_none());
    assert!(pages(true).replace(&mut head(503, &[("content-type", "application/grpc")]), None).is_none());
}
