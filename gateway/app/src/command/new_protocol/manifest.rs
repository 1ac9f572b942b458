//! The new crate's manifest.

use std::path::Path;

use toml::{Table, Value};

use super::Refused;
use super::name::Name;
use super::source::Source;

/// The template's manifest, as it stood when this program was built.
const TEMPLATE: &str = include_str!("../../../../../plugins/template/Cargo.toml");

/// The manifest of the crate `name` in `place`.
///
/// Inside Sekisho's workspace it is the template's, renamed. Outside, where nothing can be inherited, every
/// `workspace = true` is replaced by what it stands for, and the crate gets a program of its own.
pub(super) fn manifest(name: &Name, source: &Source, place: &Path, inside: bool) -> Result<String, Refused> {
    let renamed = renamed(name);
    if inside {
        return Ok(renamed);
    }
    let malformed = || Refused::Manifest { file: place.join("Cargo.toml"), key: "package".to_owned() };
    let mut manifest: Table = renamed.parse().map_err(|_| malformed())?;
    // The lints are those of Sekisho's sources.
    manifest.remove("lints");
    for (table, entries) in &mut manifest {
        let Some(entries) = entries.as_table_mut() else { continue };
        for (key, value) in entries {
            if value.get("workspace").and_then(Value::as_bool) == Some(true) {
                let meant =
                    if table == "package" { source.package(key)? } else { source.dependency(key, place)? };
                *value = with_features(meant, value);
            }
        }
    }
    let dependencies = manifest.entry("dependencies").or_insert_with(|| Value::Table(Table::new()));
    if let Some(dependencies) = dependencies.as_table_mut() {
        dependencies.insert("sekisho".to_owned(), source.dependency("sekisho", place)?);
    }
    // A workspace of its own, in case there is one around it that knows nothing of it.
    manifest.insert("workspace".to_owned(), Value::Table(Table::new()));
    Ok(written(manifest))
}

/// The template's manifest under this name.
fn renamed(name: &Name) -> String {
    let line = |line: &str| match line.starts_with("description = ") {
        true => format!("description = \"The protocol {name} for Sekisho\"\n"),
        false => name.rename(line) + "\n",
    };
    TEMPLATE.lines().map(line).collect()
}

/// A manifest as people write it: the package first, one line for each dependency.
fn written(mut manifest: Table) -> String {
    let package = manifest.remove_entry("package");
    let sections = package.into_iter().chain(manifest).filter_map(|(section, value)| match value {
        Value::Table(entries) => {
            let lines: String = entries.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
            Some(format!("[{section}]\n{lines}"))
        }
        // A manifest's top level has tables only, and lists of tables, which the template has none of.
        _ => None,
    });
    sections.collect::<Vec<_>>().join("\n")
}

/// What was inherited, with the features that were asked for beyond it.
fn with_features(meant: Value, asked: &Value) -> Value {
    let Some(more) = asked.get("features").and_then(Value::as_array) else { return meant };
    let mut table = match meant {
        Value::Table(table) => table,
        version => Table::from_iter([("version".to_owned(), version)]),
    };
    let features = table.entry("features").or_insert_with(|| Value::Array(Vec::new()));
    if let Some(features) = features.as_array_mut() {
        features.extend(more.iter().cloned());
    }
    Value::Table(table)
}
