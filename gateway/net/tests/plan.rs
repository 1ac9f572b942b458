//! What is printed for each topology, compared with golden texts.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "everything here is a test")]

use std::fs;
use std::path::{Path, PathBuf};

use sekisho_config::Registry;

#[test]
fn commands_of_every_topology_are_as_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/net");
    let registry = Registry::new().with(sekisho_tcp::Tcp).with(sekisho_udp::Udp);
    let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    assert!(files.len() > 3);
    for file in files {
        let config = sekisho_config::load(&file, &registry).unwrap_or_else(|report| panic!("{report}"));
        let found = sekisho_net::plan(&config).unwrap_or_else(|error| format!("error: {error}\n"));
        let golden = file.with_extension("txt");
        if std::env::var_os("SEKISHO_BLESS").is_some() {
            fs::write(&golden, &found).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(found, expected, "{}; if this is meant: SEKISHO_BLESS=1", file.display());
    }
}
