//! Real programs.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::repository::{cargo, root};

/// The optimised `sekisho`.
///
/// `cargo xtask test` builds it once and says in `SEKISHO_BINARY` where it is; without that variable it is built
/// here, the same way.
///
/// # Panics
/// If it cannot be built.
pub fn sekisho() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| std::env::var_os("SEKISHO_BINARY").map_or_else(build, PathBuf::from)).clone()
}

/// The full path of a program that a Debian package brings.
///
/// # Panics
/// If it is not installed: a test that needs it fails instead of being skipped.
pub fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = places.find_map(|place| Some(place.join(name)).filter(|file| file.is_file()));
    found.unwrap_or_else(|| panic!("`{name}` is not installed; `cargo xtask test` installs it"))
}

fn build() -> PathBuf {
    let mut build = Command::new(cargo());
    build.current_dir(root()).args([
        "build",
        "--quiet",
        "--profile=quick",
        "--package=sekisho",
        "--bin=sekisho",
    ]);
    let output = build.arg("--message-format=json").output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8_lossy(&output.stdout);
    let binary = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut binary = binary.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    binary.next().expect("cargo names the binary it built")
}
