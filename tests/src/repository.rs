//! The repository as data: its files and its crates.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate stands in the repository")
}

/// A file of the repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct File {
    /// Its path from the root, with `/`.
    pub path: String,
}

impl File {
    /// Whether its name ends in `.EXTENSION`.
    pub fn is(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }

    /// Its text; none if it is not UTF-8.
    pub fn text(&self) -> Option<String> {
        String::from_utf8(std::fs::read(root().join(&self.path)).expect("a listed file is readable")).ok()
    }
}

/// Every file that is tracked or about to be: what git knows or would add.
///
/// # Panics
/// If git is not installed or this is not a clone.
pub fn files() -> Vec<File> {
    // A clone that belongs to somebody else, as in a container, is read all the same; nothing of it is run.
    let mut list = Command::new("git");
    list.current_dir(root()).args(["-c", "safe.directory=*", "ls-files", "-z"]);
    let output =
        list.args(["--cached", "--others", "--exclude-standard"]).output().expect("git is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let names = output.stdout.split(|&byte| byte == 0).filter(|name| !name.is_empty());
    let files =
        names.map(|name| File { path: String::from_utf8(name.to_vec()).expect("file names are UTF-8") });
    // Deleted and not yet committed: still listed.
    let mut files: Vec<File> = files.filter(|file| root().join(&file.path).is_file()).collect();
    files.sort();
    files.dedup();
    files
}

/// A crate of the workspace.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its folder from the root, with `/`.
    pub folder: String,
    /// The crates of this repository that it depends on.
    pub dependencies: Vec<Dependency>,
}

/// A dependency on another crate of this repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The other crate's name.
    pub name: String,
    /// Whether only its tests, examples and benchmarks use it.
    pub dev: bool,
}

/// Every crate of the workspace, as `cargo metadata` has it.
///
/// # Panics
/// If cargo cannot read the workspace.
pub fn members() -> Vec<Member> {
    let mut metadata = Command::new(cargo());
    let metadata =
        metadata.current_dir(root()).args(["metadata", "--format-version=1", "--no-deps", "--offline"]);
    let output = metadata.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    metadata["packages"].as_array().expect("packages").iter().map(member).collect()
}

fn member(package: &Value) -> Member {
    let manifest = Path::new(package["manifest_path"].as_str().expect("manifest_path"));
    let folder =
        manifest.parent().and_then(|folder| folder.strip_prefix(root()).ok()).expect("inside the root");
    let all = package["dependencies"].as_array().expect("dependencies").iter();
    let dependencies = all.filter(|dependency| dependency["path"].is_string()).map(|dependency| Dependency {
        name: dependency["name"].as_str().expect("name").to_owned(),
        dev: dependency["kind"] == "dev",
    });
    Member {
        name: package["name"].as_str().expect("name").to_owned(),
        folder: folder.to_str().expect("folder names are UTF-8").to_owned(),
        dependencies: dependencies.collect(),
    }
}

/// The cargo that runs these tests, or the one on the path.
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
