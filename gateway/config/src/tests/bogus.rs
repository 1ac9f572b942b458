//! A key that nobody knows is refused in whatever table it stands, of every good file.

use sekisho_api::settings::{Node, Span, Table, Value};

use super::fake;
use super::folder::{Folder, files};
use crate::source;

const BOGUS: &str = "no-such-key-anywhere";

/// Tables whose keys are names that the operator chose.
const NAMED: &[&str] = &["vip", "pool", "domain", "servers", "vrrp", "pools", "nodes", "tables", "clients"];

/// The places of all written tables in `table`, without the named ones and those that only a longer header implies.
fn places(text: &str, key: &str, node: &Node, found: &mut Vec<Span>) {
    match &node.value {
        Value::Table(table) => {
            if !NAMED.contains(&key) && is_written(text, node, table) {
                found.push(node.span.clone());
            }
            table.entries.iter().for_each(|(key, _, node)| places(text, key, node, found));
        }
        Value::List(items) => items.iter().for_each(|item| places(text, key, item, found)),
        _ => {}
    }
}

/// Whether the table has braces, or a header of its own: nothing of it stands before the header's end.
fn is_written(text: &str, node: &Node, table: &Table) -> bool {
    match text.as_bytes()[node.span.start] {
        b'{' => true,
        b'[' => table.entries.iter().all(|(_, span, _)| span.start >= node.span.end),
        _ => false,
    }
}

fn insert(text: &str, place: &Span) -> String {
    let (at, key) = match text.as_bytes()[place.start] {
        b'{' if text[place.start + 1..place.end - 1].trim().is_empty() => {
            (place.start + 1, format!("{BOGUS} = 1"))
        }
        b'{' => (place.start + 1, format!("{BOGUS} = 1, ")),
        _ => (place.end, format!("\n{BOGUS} = 1\n")),
    };
    format!("{}{key}{}", &text[..at], &text[at..])
}

/// Inserts the key everywhere and asks `refusal` for the report; the number of tables.
fn everywhere(name: &str, text: &str, refusal: impl Fn(&str) -> Option<String>) -> usize {
    let root = source::document(text).unwrap();
    let mut found = Vec::new();
    root.entries.iter().for_each(|(key, _, node)| places(text, key, node, &mut found));
    let mut texts: Vec<String> = found.iter().map(|place| insert(text, place)).collect();
    texts.push(format!("{BOGUS} = 1\n{text}"));
    for text in &texts {
        let report = refusal(text).unwrap_or_else(|| panic!("{name} loads with a bogus key:\n{text}"));
        assert!(report.contains(&format!("unknown key `{BOGUS}`")), "{name}:\n{text}\n{report}");
    }
    texts.len()
}

#[test]
fn bogus_key_in_any_table_of_any_good_file_is_refused() {
    let folder = Folder::new();
    let mut tables = 0;
    for (name, text) in files("good") {
        tables += everywhere(&name, &text, |text| {
            fake::check(text, &name, &folder).err().map(|report| report.to_string())
        });
    }
    assert!(tables > 50, "only {tables} tables were found");
}
