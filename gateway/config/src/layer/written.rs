//! How a layer is written, and what it changes in a file.

use std::fmt::Write as _;

use sekisho_api::settings::{Node, Problem, Table, Value};
use toml::Value as Toml;

use super::{Change, Layer, Place};

/// One place where what is in force is not what the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The place.
    pub at: Place,
    /// What the file has there, as TOML.
    pub file: Option<String>,
    /// What is in force there.
    pub layer: Option<String>,
}

impl Layer {
    /// The layer as a file of its own; empty if it changes nothing.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for Change { at, set } in &self.changes {
            let keys: Vec<Toml> = at.keys().into_iter().map(Toml::from).collect();
            // Writing to a string cannot fail.
            _ = match set {
                Some(value) => {
                    writeln!(text, "[[change]]\nat = {}\nset = {}\n", Toml::from(keys), inline(value))
                }
                None => writeln!(text, "[[change]]\nat = {}\nremove = true\n", Toml::from(keys)),
            };
        }
        text
    }

    /// Where it says something else than the file, in its own order. A file that cannot be read has nothing. Values of
    /// keys that are `secret` are not told.
    pub fn differences(&self, file: &str, secret: impl Fn(&str) -> bool) -> Vec<Difference> {
        let told = |node: &Toml| inline(&hidden(node, &secret));
        let file: toml::Table = toml::from_str(file).unwrap_or_default();
        let differences = self.changes.iter().map(|Change { at, set }| {
            let here =
                at.keys().into_iter().try_fold(Toml::Table(file.clone()), |node, key| node.get(key).cloned());
            (here != *set).then(|| Difference {
                at: at.clone(),
                file: here.as_ref().map(told),
                layer: set.as_ref().map(told),
            })
        });
        differences.flatten().collect()
    }
}

/// The value without what stands under keys that are secret.
fn hidden(value: &Toml, secret: &impl Fn(&str) -> bool) -> Toml {
    let under = |(key, value): (&String, &Toml)| {
        let told = match value {
            Toml::Table(_) => hidden(value, secret),
            _ if secret(key) => NOT_SHOWN.into(),
            _ => hidden(value, secret),
        };
        (key.clone(), told)
    };
    match value {
        Toml::Table(table) => Toml::Table(table.iter().map(under).collect()),
        Toml::Array(items) => Toml::Array(items.iter().map(|item| hidden(item, secret)).collect()),
        other => other.clone(),
    }
}

/// In place of a secret.
pub const NOT_SHOWN: &str = "(not shown)";

/// A value on one line.
pub(super) fn inline(value: &Toml) -> String {
    match value {
        Toml::Table(table) => {
            let entries: Vec<String> =
                table.iter().map(|(key, value)| format!("{} = {}", name(key), inline(value))).collect();
            if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
        }
        Toml::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Toml::String(text) => quoted(text),
        other => other.to_string(),
    }
}

/// A key, between quotation marks where it has to be.
pub(super) fn name(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { quoted(key) }
}

/// A basic string (TOML 1.0): one line, whatever is in it.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        // Writing to a string cannot fail.
        _ = match c {
            '"' | '\\' => write!(out, "\\{c}"),
            '\n' => write!(out, "\\n"),
            '\t' => write!(out, "\\t"),
            c if c.is_control() => write!(out, "\\u{:04x}", u32::from(c)),
            c => write!(out, "{c}"),
        };
    }
    out.push('"');
    out
}

/// One change as it is written.
pub(super) fn change(node: &Node) -> Result<Change, Problem> {
    let wrong = |label: &str| {
        let problem = Problem::new(node.span.clone(), "this is no change", label);
        Err(problem.help("`at` names a vip, a pool or a server; `set` has its value, or `remove` is true"))
    };
    let Value::Table(table) = &node.value else { return wrong("no table") };
    let at = match table.get("at").map(|at| &at.value) {
        Some(Value::List(keys)) => place(keys),
        _ => None,
    };
    let Some(at) = at else { return wrong("`at` names nothing that can be changed") };
    let (set, remove) = (table.get("set"), table.get("remove").map(|node| &node.value));
    match (set, remove, table.entries.len()) {
        (Some(value), None, 2) => Ok(Change { at, set: Some(plain(value)) }),
        (None, Some(Value::Flag(true)), 2) => Ok(Change { at, set: None }),
        _ => wrong("neither `set` nor `remove = true`, or more"),
    }
}

pub(super) fn place(keys: &[Node]) -> Option<Place> {
    let text = |node: &Node| match &node.value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    };
    let keys: Vec<String> = keys.iter().map(text).collect::<Option<_>>()?;
    Place::of(&keys.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A value without its places.
fn plain(node: &Node) -> Toml {
    match &node.value {
        Value::Text(text) => Toml::String(text.clone()),
        Value::Integer(number) => Toml::Integer(*number),
        Value::Float(number) => Toml::Float(*number),
        Value::Flag(flag) => Toml::Boolean(*flag),
        // No key takes one; as text it is refused in the same words.
        Value::Date(date) => Toml::String(date.clone()),
        Value::List(items) => Toml::Array(items.iter().map(plain).collect()),
        Value::Table(Table { entries }) => {
            Toml::Table(entries.iter().map(|(key, _, value)| (key.clone(), plain(value))).collect())
        }
    }
}
