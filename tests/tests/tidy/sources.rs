//! Rules about source files.

use sekisho_tests::{File, files, members, root};

use super::none;

/// From here on a file has a second idea in it.
const LONGEST: usize = 700;
/// From here on it is worth a look.
const LONG: usize = 400;

/// The files that may say `unsafe`, each for its reason. `docs` and tests count as well.
const UNSAFE: &[(&str, &str)] = &[
    ("gateway/app/src/service/sockets.rs", "descriptors that a service manager names by number"),
    ("gateway/ha/src/vrrp/io/ethernet.rs", "the address of a link, which no safe crate makes"),
    ("gateway/runtime/src/accept.rs", "the reactor is promised that a listener keeps its descriptor"),
    (
        "gateway/runtime/src/udp/pages.rs",
        "memory for the longest datagrams, of which none is taken until they come",
    ),
    (
        "gateway/runtime/src/udp/batch.rs",
        "many datagrams with one system call, which no safe crate does for nothing",
    ),
    ("gateway/runtime/src/udp/steer.rs", "a socket option that no safe crate has"),
    ("protocols/testkit/src/memory.rs", "an allocator that counts, for the law of bounded state"),
    ("xtask/src/bench/child.rs", "what a child does between fork and exec"),
];

#[test]
fn no_source_file_is_longer_than_700_lines() {
    let mut problems = Vec::new();
    for file in rust() {
        let lines = text(&file).lines().count();
        if lines > LONGEST {
            problems.push(format!("{}: {lines} lines", file.path));
        } else if lines > LONG {
            eprintln!("long: {} has {lines} lines", file.path);
        }
    }
    none("a file has one idea", &problems);
}

#[test]
fn unsafe_stands_only_in_listed_files() {
    let mut problems = Vec::new();
    for file in rust() {
        let listed = UNSAFE.iter().any(|(path, _)| *path == file.path);
        let used = code(&text(&file)).any(|(_, line)| says(line, "unsafe"));
        match (used, listed) {
            (true, false) => problems.push(format!("{} is not on the list in {}", file.path, file!())),
            (false, true) => problems.push(format!("{} is on the list and needs no longer be", file.path)),
            _ => {}
        }
    }
    for (path, _) in UNSAFE {
        if !root().join(path).is_file() {
            problems.push(format!("{path} is on the list and does not exist"));
        }
    }
    none("`unsafe` stands in few files, each with its reason", &problems);
}

#[test]
fn nothing_is_left_undone_or_skipped() {
    let marks = [
        concat!("#[", "ignore"),
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("db", "g!("),
    ];
    let mut problems = Vec::new();
    for file in rust() {
        for (number, line) in code(&text(&file)) {
            if let Some(mark) = marks.iter().find(|mark| line.contains(**mark)) {
                problems.push(format!("{}:{number}: {mark}", file.path));
            }
        }
    }
    none("no test is skipped and no code is missing", &problems);
}

#[test]
fn every_crate_takes_the_workspaces_lints() {
    let mut problems = Vec::new();
    for member in members() {
        let manifest = File { path: format!("{}/Cargo.toml", member.folder) };
        if !text(&manifest).contains("[lints]\nworkspace = true\n") {
            problems.push(manifest.path);
        }
    }
    none("every Cargo.toml has `[lints] workspace = true`", &problems);
}

#[test]
fn no_file_names_somebodys_machine_or_a_registrys_host() {
    // Put together, so that this file does not name them either.
    let places = ["/ho me/", "/ro ot/", "/wo rk/", "/Us ers/", "/t mp/", "C:\\Us ers"];
    let hosts = [
        "index.cra tes.io",
        "static.cra tes.io",
        "deb.deb ian.org",
        "security.deb ian.org",
        "py pi.org",
        "files.python hosted.org",
        "registry.n pmjs.org",
        "proxy.go lang.org",
    ];
    let marks: Vec<String> = places.iter().chain(&hosts).map(|mark| mark.replace(' ', "")).collect();
    let mut problems = Vec::new();
    for file in files() {
        let Some(text) = file.text() else { continue };
        for (number, line) in text.lines().enumerate() {
            if let Some(mark) = marks.iter().find(|mark| line.contains(mark.as_str())) {
                problems.push(format!("{}:{}: {mark}", file.path, number + 1));
            }
        }
    }
    none("nothing in the repository depends on one machine", &problems);
}

fn rust() -> impl Iterator<Item = File> {
    files().into_iter().filter(|file| file.is("rs"))
}

fn text(file: &File) -> String {
    file.text().unwrap_or_else(|| panic!("{} is not UTF-8", file.path))
}

/// The lines that are not comments, numbered from 1.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Whether `line` has `word` as a word of its own outside of quotes.
fn says(line: &str, word: &str) -> bool {
    let line = line.replace("\\\"", "");
    let outside: String = line.split('"').step_by(2).collect::<Vec<_>>().join(" ");
    let outside = outside.split("//").next().unwrap_or_default();
    outside.split(|c: char| !c.is_alphanumeric() && c != '_').any(|found| found == word)
}

#[test]
fn word_is_found_as_a_word_and_not_in_quotes_or_comments() {
    assert!(says("    unsafe { call() }", "unsafe"));
    for innocent in ["#![deny(unsafe_op_in_unsafe_fn)]", "print(\"unsafe\")", "call(); // unsafe in C"] {
        assert!(!says(innocent, "unsafe"), "{innocent}");
    }
}
