//! A protocol's name, in the spellings that a crate needs.

use std::fmt;

use super::Refused;

/// A protocol's name: lower-case letters, digits and single hyphens between them, a letter first, 32 at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name(String);

/// The name of the template in its own spellings.
const TEMPLATE: &str = "template";
/// As names stand in logs and in crates.
const LONGEST: usize = 32;

impl Name {
    /// Reads a name as the operator typed it.
    pub(super) fn parse(text: &str) -> Result<Self, Refused> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let reason = if text.is_empty() || text.len() > LONGEST {
            "it must have 1 to 32 characters"
        } else if !text.chars().all(allowed) {
            "only lower-case letters, digits and hyphens are allowed"
        } else if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
            "it must begin with a letter"
        } else if text.ends_with('-') || text.contains("--") {
            "hyphens stand alone and between other characters"
        } else if TAKEN.contains(&text) {
            "a crate of this name is part of Sekisho"
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(Refused::Name { name: text.to_owned(), reason })
    }

    /// The package's name.
    pub(super) fn package(&self) -> String {
        format!("sekisho-{self}")
    }

    /// The crate's name in code.
    pub(super) fn module(&self) -> String {
        self.package().replace('-', "_")
    }

    /// The name of the type that stands in the registration list.
    pub(super) fn type_name(&self) -> String {
        self.0.split('-').map(capitalised).collect()
    }

    /// Text of the template with this name in place of its own, in every spelling.
    pub(super) fn rename(&self, text: &str) -> String {
        text.replace(&capitalised(TEMPLATE), &self.type_name())
            .replace(&format!("sekisho_{TEMPLATE}"), &self.module())
            .replace(TEMPLATE, &self.0)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// Names of crates that exist: those of the core, and of the protocols beside it.
const TAKEN: [&str; 22] = [
    "admin",
    "api",
    "config",
    "dns",
    "engine",
    "ha",
    "http",
    "imap",
    "mail",
    "managesieve",
    "pop3",
    "rdp",
    "runtime",
    "scheduler",
    "sni",
    "submission",
    "tcp",
    "template",
    "testkit",
    "tests",
    "udp",
    "xtask",
];
