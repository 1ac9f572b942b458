//! The manual is one book: its table of contents has every page, and every link in it leads somewhere.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use sekisho_tests::{File, files, root};

const CONTENTS: &str = "docs/SUMMARY.md";
/// The page whose reader has the source open.
const BESIDE_THE_SOURCE: &str = "docs/adding-a-protocol.md";

/// A link in a document: where it leads from the root, and to which anchor there.
struct Link {
    target: PathBuf,
    anchor: Option<String>,
}

#[test]
fn contents_have_every_page_once_and_nothing_else() {
    let listed: Vec<PathBuf> = links(CONTENTS).into_iter().map(|link| link.target).collect();
    let pages: BTreeSet<PathBuf> =
        pages().filter(|page| page.path != CONTENTS).map(|page| page.path.into()).collect();
    let unlisted: Vec<&PathBuf> = pages.iter().filter(|page| !listed.contains(page)).collect();
    assert!(unlisted.is_empty(), "{CONTENTS} does not have {unlisted:?}");
    let gone: Vec<&PathBuf> = listed.iter().filter(|page| !pages.contains(*page)).collect();
    assert!(gone.is_empty(), "{CONTENTS} has {gone:?}, which are no pages");
    assert_eq!(listed.len(), pages.len(), "{CONTENTS} has a page twice");
}

#[test]
fn every_anchor_that_is_linked_to_is_a_heading_there() {
    let mut problems = Vec::new();
    for document in files().into_iter().filter(|file| file.is("md")) {
        for Link { target, anchor } in links(&document.path) {
            let Some(anchor) = anchor.filter(|_| target.extension().is_some_and(|end| end == "md")) else {
                continue;
            };
            if !anchors(&target).contains(&anchor) {
                problems.push(format!("{} links to {}#{anchor}", document.path, target.display()));
            }
        }
    }
    assert!(problems.is_empty(), "no heading has this anchor:\n  {}", problems.join("\n  "));
}

#[test]
fn pages_link_to_nothing_that_is_not_in_the_book() {
    let mut problems = Vec::new();
    for page in pages().filter(|page| page.path != BESIDE_THE_SOURCE) {
        let outside = links(&page.path).into_iter().filter(|link| !link.target.starts_with("docs"));
        problems.extend(outside.map(|link| format!("{} links to {}", page.path, link.target.display())));
    }
    assert!(problems.is_empty(), "in a book these lead nowhere:\n  {}", problems.join("\n  "));
}

#[test]
fn book_is_made_of_the_folder_of_the_pages() {
    let text = std::fs::read_to_string(root().join("book.toml")).unwrap();
    let book: toml::Table = text.parse().unwrap();
    assert_eq!(book["book"]["src"].as_str(), Some("docs"));
}

fn pages() -> impl Iterator<Item = File> {
    files().into_iter().filter(|file| file.is("md") && file.path.starts_with("docs/"))
}

/// The links inside the repository.
fn links(document: &str) -> Vec<Link> {
    let text = std::fs::read_to_string(root().join(document)).unwrap();
    let folder = Path::new(document).parent().unwrap();
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let local = targets.filter(|target| !target.contains(':') && !target.contains(' '));
    let links = local.map(|target| {
        let (path, anchor) = target.split_once('#').map_or((target, None), |(path, name)| (path, Some(name)));
        let target = if path.is_empty() { PathBuf::from(document) } else { normal(&folder.join(path)) };
        Link { target, anchor: anchor.map(str::to_owned) }
    });
    links.collect()
}

/// A path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut clean, part| {
        match part {
            Component::ParentDir => _ = clean.pop(),
            Component::CurDir => {}
            other => clean.push(other),
        }
        clean
    })
}

/// The anchors of a document's headings, as code hosts and mdbook both make them.
fn anchors(document: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join(document)).unwrap_or_default();
    let (mut anchors, mut in_block) = (BTreeSet::new(), false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        }
        let heading = line.trim_start_matches('#');
        if in_block || heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let anchor = anchor(heading.trim());
        let again = (1..).map(|count| format!("{anchor}-{count}"));
        let free = std::iter::once(anchor.clone()).chain(again).find(|name| !anchors.contains(name));
        anchors.extend(free);
    }
    anchors
}

/// Letters, digits, `-` and `_` of the text that is seen, in lower case, with `-` for spaces.
fn anchor(heading: &str) -> String {
    // Of a link its text is seen.
    let seen = heading.split("](").enumerate().map(|(index, part)| match index {
        0 => part,
        _ => part.split_once(')').map_or("", |(_, behind)| behind),
    });
    let kept = seen.flat_map(str::chars).filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || "-_".contains(c) => Some(c),
        _ => None,
    });
    kept.flat_map(char::to_lowercase).collect()
}

#[test]
fn anchors_are_those_that_readers_know() {
    assert_eq!(
        anchor("Packets that the kernel forwards (`mode = \"l4\"`)"),
        "packets-that-the-kernel-forwards-mode--l4"
    );
    assert_eq!(anchor("Options: `[vip.NAME.http]`"), "options-vipnamehttp");
    assert_eq!(anchor("A [link](x.md) here"), "a-link-here");
}
