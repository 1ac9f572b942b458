//! The reference names every key of the core. Its examples are loaded by the tests across crates, with the protocols
//! that they are about.

use std::fs;

use sekisho_api::settings::Problems;

use super::fake;
use super::folder::{Folder, files, now, repository};
use crate::read::{self, Context};
use crate::source;

#[test]
fn every_key_of_the_core_stands_in_the_reference() {
    let reference = fs::read_to_string(repository().join("docs/reference.md")).unwrap();
    let folder = Folder::new();
    let registry = fake::registry();
    let mut missing = Vec::new();
    for (name, text) in files("good") {
        let (errors, warnings) = (Problems::in_folder(folder.path()), Problems::new());
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
