//! Options from TOML text.

use sekisho_api::settings::{Node, Table, Value};

/// Reads a table without places: the tests are not about carets.
pub(crate) fn table(text: &str) -> Table {
    let table: toml::Table = text.parse().expect("options are TOML");
    convert(&table)
}

fn convert(table: &toml::Table) -> Table {
    Table { entries: table.iter().map(|(key, value)| (key.clone(), 0..0, node(value))).collect() }
}

fn node(value: &toml::Value) -> Node {
    let value = match value {
        toml::Value::String(text) => Value::Text(text.clone()),
        toml::Value::Integer(number) => Value::Integer(*number),
        toml::Value::Float(number) => Value::Float(*number),
        toml::Value::Boolean(flag) => Value::Flag(*flag),
        toml::Value::Array(items) => Value::List(items.iter().map(node).collect()),
        toml::Value::Table(table) => Value::Table(convert(table)),
        toml::Value::Datetime(date) => Value::Date(date.to_string()),
    };
    Node { span: 0..0, value }
}
