//! What the suites run, built once: the workspace's test binaries and the optimised `sekisho`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::shell;

/// A binary that `cargo test` would run.
#[derive(Debug)]
pub(crate) struct TestBinary {
    /// Its package and target, for messages.
    pub(crate) name: String,
    /// Whether it is the one integration binary of the `tests` crate.
    pub(crate) rig: bool,
    /// The file.
    pub(crate) executable: PathBuf,
    /// The folder of its package, in which cargo runs tests.
    pub(crate) folder: PathBuf,
}

/// Builds the test binaries of the workspace: all of them, or the one of the `tests` crate alone.
///
/// Always for the whole workspace, so that one build with one set of features serves all suites; cargo invoked per
/// package would settle features, and so build dependencies, differently each time.
pub(crate) fn tests(rig_only: bool) -> Result<Vec<TestBinary>> {
    shell::announce("building the tests");
    let mut build = shell::cargo();
    build.args(["test", "--workspace", "--no-run", "--message-format=json-render-diagnostics"]);
    if rig_only {
        build.args(["--test", "main"]);
    } else {
        build.arg("--tests");
    }
    Ok(executables(&shell::read(&mut build)?)
        .filter(|message| message.profile.test)
        .map(TestBinary::from)
        .collect())
}

/// Builds the `sekisho` that the real-program tests, the demonstration and the benchmark run.
pub(crate) fn sekisho() -> Result<PathBuf> {
    shell::announce("building sekisho, optimised");
    let mut build = shell::cargo();
    build.args(["build", "--profile", "quick", "--package", "sekisho", "--bin", "sekisho"]);
    build.arg("--message-format=json-render-diagnostics");
    let output = shell::read(&mut build)?;
    let binary = executables(&output).find(|message| message.target.name == "sekisho");
    binary.and_then(|message| message.executable).ok_or(Error::NotBuilt { what: "binary `sekisho`" })
}

/// The messages about executables among what cargo printed.
fn executables(output: &str) -> impl Iterator<Item = Message> {
    let messages = output.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
    messages.filter(|message| message.executable.is_some())
}

/// `compiler-artifact`, as the Cargo book describes it under "External tools"; other messages do not parse as one.
#[derive(Debug, Deserialize)]
struct Message {
    manifest_path: PathBuf,
    target: Target,
    profile: Profile,
    executable: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Profile {
    test: bool,
}

impl From<Message> for TestBinary {
    fn from(message: Message) -> Self {
        let folder = message.manifest_path.parent().unwrap_or(Path::new("")).to_owned();
        let package = folder.strip_prefix(crate::repository::root()).unwrap_or(&folder).display().to_string();
        let integration = message.target.kind.iter().any(|kind| kind == "test");
        Self {
            name: if integration {
                format!("{package}/tests/{}", message.target.name)
            } else {
                package.clone()
            },
            rig: integration && package == "tests",
            executable: message.executable.unwrap_or_default(),
            folder,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_binaries_are_found_among_cargos_messages() {
        let output = r#"
{"reason":"compiler-artifact","manifest_path":"/x/a/Cargo.toml","target":{"name":"a","kind":["lib"]},"profile":{"test":true},"executable":"/t/a-1"}
{"reason":"compiler-artifact","manifest_path":"/x/b/Cargo.toml","target":{"name":"b","kind":["lib"]},"profile":{"test":false},"executable":null}
{"reason":"build-finished","success":true}
"#;
        let found: Vec<TestBinary> = executables(output).map(TestBinary::from).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].executable, Path::new("/t/a-1"));
        assert_eq!(found[0].folder, Path::new("/x/a"));
        assert!(!found[0].rig);
    }
}
