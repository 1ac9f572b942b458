//! The documentation and the program say the same: examples load, and every key is described.
//!
//! In `README.md` and `docs/*.md`, a block marked `toml` is a whole configuration. One marked `toml fragment` shows
//! some tables; what a whole file needs besides is filled in here. Anything else in TOML, such as a manifest, is marked
//! otherwise (`toml manifest`).

mod book;
mod complete;
mod examples;
mod greet;
mod pages;

use sekisho_tests::files;
use toml::{Table, Value};

/// A configuration in a document.
struct Example {
    /// The document and the line.
    name: String,
    text: String,
    fragment: bool,
}

impl Example {
    /// What stands there.
    fn table(&self) -> Table {
        self.text.parse().unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// A whole configuration, its paths those of the test's files.
    fn whole(&self) -> Table {
        let mut table = self.table();
        if self.fragment {
            complete::fill(&mut table);
        }
        complete::adapt(&mut table);
        table
    }
}

/// All examples of configurations in the documents for which `wanted` holds.
fn examples(wanted: impl Fn(&str) -> bool) -> Vec<Example> {
    let mut found = Vec::new();
    for file in files().into_iter().filter(|file| wanted(&file.path)) {
        let text = file.text().unwrap();
        let mut open: Option<Example> = None;
        for (number, line) in text.lines().enumerate() {
            match (&mut open, line.trim()) {
                (Some(_), "```") => found.extend(open.take()),
                (Some(example), _) => example.text.extend([line, "\n"]),
                (None, "```toml" | "```toml fragment") => {
                    let name = format!("{}:{}", file.path, number + 1);
                    open = Some(Example { name, text: String::new(), fragment: line.ends_with("fragment") });
                }
                (None, _) => {}
            }
        }
        assert!(open.is_none(), "a block in {} does not end", file.path);
    }
    found
}

/// The tables in the table `key`, by name.
fn tables<'t>(root: &'t Table, key: &str) -> impl Iterator<Item = (&'t str, &'t Table)> {
    let tables = root.get(key).and_then(Value::as_table).into_iter().flatten();
    tables.filter_map(|(name, value)| Some((name.as_str(), value.as_table()?)))
}
