//! Rules about fixtures.

use std::collections::BTreeSet;

use sekisho_tests::{File, files};

use super::none;

/// What a text says that tells where fixtures come from.
const PROVENANCE: [&str; 6] = ["provenance", "comes from", "come from", "captured", "generated", "by hand"];

#[test]
fn every_folder_of_fixtures_says_where_they_come_from() {
    let mut problems = Vec::new();
    for folder in fixture_folders() {
        let readme = File { path: format!("{folder}/README.md") };
        if !sekisho_tests::root().join(&readme.path).is_file() {
            problems.push(format!("{} is missing", readme.path));
            continue;
        }
        let text = readme.text().unwrap_or_default().to_lowercase();
        if !PROVENANCE.iter().any(|word| text.contains(word)) {
            problems.push(format!("{} does not say where the files come from", readme.path));
        }
    }
    none("every folder of fixtures has a README that names their provenance", &problems);
}

/// The folders directly below any folder named `fixtures`, and that folder itself if files stand directly in it.
fn fixture_folders() -> BTreeSet<String> {
    let mut folders = BTreeSet::new();
    for file in files() {
        let parts: Vec<&str> = file.path.split('/').collect();
        let Some(at) = parts.iter().position(|part| *part == "fixtures") else { continue };
        // A source file `fixtures/mod.rs` is code that reads fixtures.
        if file.is("rs") {
            continue;
        }
        let depth = if parts.len() > at + 2 { at + 2 } else { at + 1 };
        folders.insert(parts[..depth].join("/"));
    }
    folders
}
