//! Rules about documents.

use std::path::{Component, Path, PathBuf};

use sekisho_tests::{File, files, root};

use super::none;

/// The documents that a reader starts from.
const ENTRANCES: [&str; 3] = ["README.md", "docs/README.md", "docs/SUMMARY.md"];

#[test]
fn every_document_can_be_reached_from_an_entrance() {
    let linked: Vec<PathBuf> = ENTRANCES.iter().flat_map(|entrance| links(&document(entrance))).collect();
    let mut problems = Vec::new();
    for file in markdown() {
        let is_document = file.path.starts_with("docs/") || !file.path.contains('/');
        let reached = ENTRANCES.contains(&file.path.as_str()) || linked.contains(&PathBuf::from(&file.path));
        if is_document && !reached {
            problems.push(format!("{} is linked neither from {}", file.path, ENTRANCES.join(" nor from ")));
        }
    }
    none("every document can be found", &problems);
}

#[test]
fn no_link_leads_nowhere() {
    let mut problems = Vec::new();
    for file in markdown() {
        for link in links(&file) {
            if !root().join(&link).exists() {
                problems.push(format!("{} links to {}", file.path, link.display()));
            }
        }
    }
    none("a link inside the repository leads somewhere", &problems);
}

#[test]
fn architecture_names_no_file_or_folder_that_is_not_there() {
    let text = document("ARCHITECTURE.md").text().unwrap_or_default();
    let files: Vec<String> = files().into_iter().map(|file| format!("/{}", file.path)).collect();
    let named = text.split('`').skip(1).step_by(2).filter(|name| !name.contains(' '));
    let named = named.filter(|name| name.ends_with(".rs") || name.ends_with('/'));
    let mut problems = Vec::new();
    for name in named {
        let sought = format!("/{name}");
        if !files.iter().any(|file| file.ends_with(&sought) || name.ends_with('/') && file.contains(&sought))
        {
            problems.push(format!("ARCHITECTURE.md names `{name}`"));
        }
    }
    none("what the architecture names is there", &problems);
}

#[test]
fn changelog_has_a_place_for_the_next_change() {
    let text = document("CHANGELOG.md").text().unwrap_or_default();
    assert!(text.contains("\n## [Unreleased]\n"), "CHANGELOG.md has no section [Unreleased]");
}

#[test]
fn readme_starts_with_the_two_commands() {
    let text = document("README.md").text().unwrap_or_default();
    let place = |command: &str| text.lines().position(|line| line.trim().starts_with(command));
    for command in ["cargo run --release -- demo", "cargo xtask test"] {
        let line = place(command).unwrap_or_else(|| panic!("README.md does not show `{command}`"));
        assert!(line < 25, "`{command}` stands in line {} of README.md", line + 1);
    }
}

fn markdown() -> impl Iterator<Item = File> {
    files().into_iter().filter(|file| file.is("md"))
}

fn document(path: &str) -> File {
    File { path: path.into() }
}

/// Where the relative links of a document lead, from the root; those to pages elsewhere and into a page are left out.
fn links(file: &File) -> Vec<PathBuf> {
    let folder = Path::new(&file.path).parent().unwrap_or(Path::new("")).to_owned();
    let text = file.text().unwrap_or_default();
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let targets = targets.map(|target| target.split('#').next().unwrap_or_default());
    let local = targets.filter(|target| !target.is_empty() && !target.contains(':') && !target.contains(' '));
    local.map(|target| normal(&folder.join(target))).collect()
}

/// A path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                clean.pop();
            }
            Component::CurDir => {}
            other => clean.push(other),
        }
    }
    clean
}
