//! The documentation and the code say the same.
//!
//! In `README.md` and `docs/*.md`, a block marked `toml` is a whole configuration and loads. One marked
//! `toml fragment` shows some tables; what a whole file needs besides is filled in here, and then it loads. Anything
//! else in TOML, such as a manifest, is marked otherwise (`toml manifest`).
//!
//! Paths in examples name the operator's files: they are pointed at the test's. The protocols here are stand-ins: a
//! protocol's own table and its probe's own keys are left out, they are checked where the protocols are.

use std::fs;

use sekisho_api::settings::{Node, Problems, Table, Value};

use super::fake;
use super::folder::{Folder, files, now, repository};
use crate::read::{self, Context};
use crate::source;

pub(super) struct Example {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) fragment: bool,
}

/// All examples of configurations in the documentation.
pub(super) fn examples() -> Vec<Example> {
    let mut paths = vec![repository().join("README.md")];
    if let Ok(docs) = fs::read_dir(repository().join("docs")) {
        paths.extend(
            docs.map(|entry| entry.unwrap().path())
                .filter(|path| path.extension().is_some_and(|e| e == "md")),
        );
    }
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let mut open: Option<Example> = None;
        for (number, line) in text.lines().enumerate() {
            match (&mut open, line.trim()) {
                (Some(_), "```") => found.extend(open.take()),
                (Some(example), _) => example.text.extend([line, "\n"]),
                (None, "```toml" | "```toml fragment") => {
                    let name = format!("{}:{}", path.file_name().unwrap().display(), number + 1);
                    open = Some(Example { name, text: String::new(), fragment: line.ends_with("fragment") });
                }
                (None, _) => {}
            }
        }
        assert!(open.is_none(), "a block in {} does not end", path.display());
    }
    found
}

/// Reads an example; an error names its problems.
pub(super) fn read(text: &str, fragment: bool, folder: &Folder) -> Result<(), String> {
    let mut root = source::document(text).map_err(|problems| format!("{problems:?}"))?;
    if fragment {
        complete(&mut root);
    }
    adapt(&mut root);
    let registry = fake::registry_of_the_documentation();
    let (errors, warnings) = (Problems::new(), Problems::new());
    let context = Context {
        base: folder.path(),
        registry: &registry,
        now: now(),
        resolve: fake::resolve,
        errors: &errors,
        warnings: &warnings,
    };
    let config = read::config(&root, &context);
    let errors = errors.into_vec();
    if errors.is_empty() && config.is_some() {
        return Ok(());
    }
    Err(errors
        .iter()
        .map(|p| format!("{} ({}) at {:?}\n", p.message, p.label, text.get(p.span.clone())))
        .collect())
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn put(table: &mut Table, key: &str, value: Value) {
    if table.get(key).is_none() {
        table.entries.push((key.to_owned(), 0..0, Node { span: 0..0, value }));
    }
}

/// The table `key`, made if it is not there.
fn inner<'t>(table: &'t mut Table, key: &str) -> Option<&'t mut Table> {
    put(table, key, Value::Table(Table::default()));
    let (_, _, node) = table.entries.iter_mut().find(|(name, _, _)| name == key)?;
    match &mut node.value {
        Value::Table(table) => Some(table),
        _ => None,
    }
}

fn names(table: &Table) -> Vec<String> {
    table.entries.iter().map(|(name, _, _)| name.clone()).collect()
}

/// Fills in what a whole file needs and the fragment leaves out.
fn complete(root: &mut Table) {
    let mut pools = vec!["web".to_owned()];
    let mut domains = Vec::new();
    let vips = inner(root, "vip").unwrap();
    for (number, name) in names(vips).iter().enumerate() {
        let Some(vip) = inner(vips, name) else { continue };
        put(vip, "listen", text(&format!("192.0.2.200:{}", 20_000 + number)));
        put(vip, "protocol", text("http"));
        put(vip, "pool", text("web"));
        for key in ["pool", "pools", "domain"] {
            let found = if key == "domain" { &mut domains } else { &mut pools };
            match vip.get(key).map(|node| &node.value) {
                Some(Value::Text(name)) => found.push(name.clone()),
                Some(Value::List(items)) => found.extend(items.iter().filter_map(|item| match &item.value {
                    Value::Text(name) => Some(name.clone()),
                    _ => None,
                })),
                _ => {}
            }
        }
    }
    let tables = inner(root, "domain").unwrap();
    domains.iter().filter(|name| *name != "default").for_each(|name| _ = inner(tables, name));
    let tables = inner(root, "pool").unwrap();
    pools.iter().for_each(|name| _ = inner(tables, name));
    for name in names(tables) {
        let Some(pool) = inner(tables, &name) else { continue };
        let mut servers = Table::default();
        put(&mut servers, "www1", text("10.0.0.21:80"));
        put(pool, "servers", Value::Table(servers));
    }
}

/// Points paths at the test's files and leaves out what belongs to the protocols.
fn adapt(root: &mut Table) {
    for table in ["vip", "pool"] {
        let Some(Value::Table(_)) = root.get(table).map(|node| &node.value) else { continue };
        let tables = inner(root, table).unwrap();
        for name in names(tables) {
            let Some(one) = inner(tables, &name) else { continue };
            if table == "vip" {
                for (key, _, node) in &mut one.entries {
                    if fake::registry_of_the_documentation().protocol(key).is_some() {
                        strip(node);
                    }
                }
            } else if let Some(Value::Table(_)) = one.get("probe").map(|node| &node.value) {
                let own = |key: &str| key.starts_with("no-such") || PROBE_KEYS.contains(&key);
                inner(one, "probe").unwrap().entries.retain(|(key, _, _)| own(key));
            }
        }
    }
    for (key, _, node) in &mut root.entries {
        files_of(key, node);
    }
}

/// Leaves nothing in a protocol's own table but a bogus key, wherever in it that stood.
fn strip(node: &mut Node) {
    let Value::Table(table) = &mut node.value else { return };
    table.entries.iter_mut().for_each(|(_, _, inner)| strip(inner));
    let bogus = |key: &str| key.starts_with("no-such");
    let holds = |node: &Node| matches!(&node.value, Value::Table(table) if !table.entries.is_empty());
    table.entries.retain(|(key, _, inner)| bogus(key) || holds(inner));
    // Inside an inner table the key is found one level up: the stand-ins have no inner tables.
    let mut inner: Vec<_> = table.entries.extract_if(.., |(key, _, _)| !bogus(key)).collect();
    for (_, _, node) in &mut inner {
        if let Value::Table(found) = &mut node.value {
            table.entries.append(&mut found.entries);
        }
    }
}

/// The core's keys of a probe.
const PROBE_KEYS: &[&str] =
    &["kind", "interval", "fast-interval", "timeout", "fall", "rise", "jitter", "port"];

fn files_of(key: &str, node: &mut Node) {
    let file = match key {
        "certificates" => "certs/web.pem",
        "certificate" => "certs/web.crt",
        "key" => "certs/web.key",
        "client-ca" | "ca" => "certs/ca.pem",
        "secret-file" => "certs/secret",
        "state-directory" => "state",
        _ => "",
    };
    match &mut node.value {
        Value::Text(path) if !file.is_empty() => file.clone_into(path),
        Value::Table(table) => table.entries.iter_mut().for_each(|(key, _, node)| files_of(key, node)),
        Value::List(items) => items.iter_mut().for_each(|item| files_of(key, item)),
        _ => {}
    }
}

#[test]
fn every_example_of_the_documentation_loads() {
    let folder = Folder::new();
    let examples = examples();
    assert!(examples.len() >= 10, "only {} examples were found", examples.len());
    for Example { name, text, fragment } in examples {
        if let Err(report) = read(&text, fragment, &folder) {
            panic!("{name}:\n{text}\n{report}");
        }
    }
}

#[test]
fn every_key_of_the_core_stands_in_the_reference() {
    let reference = fs::read_to_string(repository().join("docs/reference.md")).unwrap();
    let folder = Folder::new();
    let registry = fake::registry();
    let mut missing = Vec::new();
    for (name, text) in files("good") {
        let (errors, warnings) = (Problems::new(), Problems::new());
        let context = Context {
            base: folder.path(),
            registry: &registry,
            now: now(),
            resolve: fake::resolve,
            errors: &errors,
            warnings: &warnings,
        };
        assert!(read::config(&source::document(&text).unwrap(), &context).is_some(), "{name}");
        // A key, or a table.
        let named =
            |key: &str| [format!("`{key}`"), format!("`[{key}")].iter().any(|name| reference.contains(name));
        missing.extend(errors.asked().into_iter().filter(|key| !named(key)));
    }
    missing.retain(|key| !fake::OWN_KEYS.contains(key));
    missing.sort_unstable();
    missing.dedup();
    assert!(missing.is_empty(), "docs/reference.md does not name: {missing:?}");
}
