//! Golden files: one configuration beside the report that it gets. `SEKISHO_BLESS=1` writes the reports anew.

use std::fs;

use super::fake;
use super::folder::{Folder, files, fixtures};
use crate::Report;

/// Compares the reports of every file in `folder`; all differences are shown, not only the first.
fn compare(folder: &str, report: impl Fn(&str, &str) -> Report) {
    let bless = std::env::var_os("SEKISHO_BLESS").is_some();
    let mut different = String::new();
    for (name, text) in files(folder) {
        let found = report(&format!("{name}.toml"), &text).to_string();
        let golden = fixtures(folder).join(format!("{name}.txt"));
        if bless {
            fs::write(&golden, &found).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if found != expected {
            different.push_str(&format!("=== {folder}/{name}\n--- expected\n{expected}--- found\n{found}"));
        }
    }
    assert!(
        different.is_empty(),
        "{different}\nif this is meant: SEKISHO_BLESS=1 cargo test -p sekisho-config"
    );
}

#[test]
fn every_mistake_is_explained_as_recorded() {
    let files = Folder::new();
    compare("bad", |origin, text| match fake::check(text, origin, &files) {
        Ok(_) => panic!("{origin} loads"),
        Err(report) => report,
    });
}

#[test]
fn every_warning_is_given_as_recorded() {
    let files = Folder::new();
    compare("warn", |origin, text| match fake::check(text, origin, &files) {
        Ok(loaded) => {
            assert_eq!(loaded.warnings.warnings(), 1, "{origin}: one warning each\n{}", loaded.warnings);
            loaded.warnings
        }
        Err(report) => panic!("{origin} does not load\n{report}"),
    });
}

#[test]
fn good_files_load_without_a_warning() {
    let folder = Folder::new();
    for (name, text) in files("good") {
        match fake::check(&text, &name, &folder) {
            Ok(loaded) => assert!(loaded.warnings.is_empty(), "{}", loaded.warnings),
            Err(report) => panic!("{report}"),
        }
    }
}
