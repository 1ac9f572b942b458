//! Whatever stands in a file, loading ends with a configuration or a report.

use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use proptest::sample::Index;

use super::fake;
use super::folder::{Folder, files};
use crate::Colour;

/// One slip or act of malice.
#[derive(Clone, Debug)]
enum Edit {
    Delete(Index, usize),
    Insert(Index, String),
    Copy(Index, Index, usize),
    SwapLines(Index, Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let token = prop_oneof![
        Just("\"".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("=".to_owned()),
        Just("\n".to_owned()),
        Just("\t".to_owned()),
        Just("-1".to_owned()),
        Just("\\u0000".to_owned()),
        Just("999999999999".to_owned()),
        Just("nan".to_owned()),
        Just("関".to_owned()),
        Just("[[vip]]\n".to_owned()),
        "[a-z\"=\\[\\]{}. 0-9-]{1,12}",
    ];
    prop_oneof![
        (any::<Index>(), 1_usize..40).prop_map(|(at, n)| Edit::Delete(at, n)),
        (any::<Index>(), token).prop_map(|(at, text)| Edit::Insert(at, text)),
        (any::<Index>(), any::<Index>(), 1_usize..60).prop_map(|(from, to, n)| Edit::Copy(from, to, n)),
        (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Edit::SwapLines(a, b)),
    ]
}

fn apply(text: &str, edit: &Edit) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let at = |index: &Index, chars: &[char]| index.index(chars.len() + 1);
    match edit {
        Edit::Delete(from, n) => {
            let from = at(from, &chars);
            let to = (from + n).min(chars.len());
            chars.drain(from..to);
        }
        Edit::Insert(to, text) => {
            let to = at(to, &chars);
            chars.splice(to..to, text.chars());
        }
        Edit::Copy(from, to, n) => {
            let from = at(from, &chars);
            let piece: Vec<char> = chars[from..(from + n).min(chars.len())].to_vec();
            let to = at(to, &chars);
            chars.splice(to..to, piece);
        }
        Edit::SwapLines(a, b) => {
            let mut lines: Vec<&str> = text.lines().collect();
            if !lines.is_empty() {
                let (a, b) = (a.index(lines.len()), b.index(lines.len()));
                lines.swap(a, b);
            }
            return lines.join("\n");
        }
    }
    chars.into_iter().collect()
}

/// Loads and renders.
fn total(text: &str, folder: &Folder) {
    if let Err(report) = fake::check(text, "gateway.toml", folder) {
        assert!(report.errors() > 0, "refused without a reason");
        assert!(!report.render(Colour::Ansi).is_empty());
        for finding in report.findings() {
            assert!(finding.problem.span.end <= text.len(), "a place outside of the file");
        }
    }
}

fn cases() -> ProptestConfig {
    ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() }
}

#[test]
fn edited_good_file_loads_or_is_explained() {
    let (folder, good) = (Folder::new(), files("good"));
    proptest!(cases(), |(file in any::<Index>(), edits in vec(edit(), 1..6))| {
        let text = edits.iter().fold(file.get(&good).1.clone(), |text, edit| apply(&text, edit));
        total(&text, &folder);
    });
}

#[test]
fn any_text_loads_or_is_explained() {
    let folder = Folder::new();
    proptest!(cases(), |(text in "\\PC{0,200}")| total(&text, &folder));
}
