//! From TOML text to nodes that know their places.

use sekisho_api::settings::{Node, Problem, Span, Table, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The document of `text`, and everything that is not TOML in it.
///
/// Of several syntax errors all are given, but of a bracket that is never closed only the first sign.
pub(crate) fn document(text: &str) -> Result<Table, Vec<Problem>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut problems: Vec<Problem> = errors.iter().map(syntax).collect();
    problems.sort_by_key(|problem| problem.span.start);
    if problems.iter().any(|problem| problem.message.starts_with("unclosed")) {
        // Everything between the missing bracket and the end of the file was read as what it is not.
        problems.truncate(1);
    }
    let table = table(document.get_ref(), &mut problems);
    if problems.is_empty() { Ok(table) } else { Err(problems) }
}

fn syntax(error: &toml::de::Error) -> Problem {
    // The parser's phrases read "what is wrong, expected what".
    let (message, label) = match error.message().split_once(", expected ") {
        Some((message, expected)) => (message, format!("expected {expected}")),
        None => (error.message(), "here".to_owned()),
    };
    let mut problem = Problem::new(error.span().unwrap_or_default(), message, label);
    if message.contains("duplicate key") {
        problem.label = "a second time here".to_owned();
        problem.help = Some("a key or table stands once; join the two".to_owned());
    } else if message.contains("missing comma") {
        problem.help = Some("or is a bracket or quote missing before this?".to_owned());
    } else if message.contains("string values must be quoted") {
        problem.label = "not a TOML value".to_owned();
        problem.help = Some("strings stand in quotes: \"5s\", \"10.0.0.1:80\"".to_owned());
    }
    problem
}

fn table(table: &DeTable<'_>, problems: &mut Vec<Problem>) -> Table {
    let mut entries: Vec<(String, Span, Node)> = table
        .iter()
        .map(|(key, value)| (key.get_ref().to_string(), key.span(), node(value, problems)))
        .collect();
    // The parser sorts by name; the file's order is the operator's.
    entries.sort_by_key(|(_, span, _)| span.start);
    Table { entries }
}

fn node(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Node {
    let span = value.span();
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => {
            Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).unwrap_or_else(|_| {
                let label = "more than 64 bits hold";
                problems.push(Problem::new(span.clone(), "the number is out of range", label));
                0
            }))
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or_else(|_| {
            problems.push(Problem::new(span.clone(), "the number is out of range", "not a number that fits"));
            0.0
        })),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(date) => Value::Date(date.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(|item| node(item, problems)).collect()),
        DeValue::Table(inner) => Value::Table(table(inner, problems)),
    };
    Node { span, value }
}
