//! Everything wrong with a configuration.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::node::Span;

/// One thing wrong: where, what, why, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where in the file.
    pub span: Span,
    /// What is wrong, a lower-case phrase without a full stop: the headline.
    pub message: String,
    /// What stands beside the caret.
    pub label: String,
    /// What to do.
    pub help: Option<String>,
}

impl Problem {
    /// A problem without a remedy yet.
    pub fn new(span: Span, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { span, message: message.into(), label: label.into(), help: None }
    }

    /// Adds the remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The problems found so far. Shared by every [`super::Section`] of one file.
#[derive(Debug, Default)]
pub struct Problems {
    found: RefCell<Vec<Problem>>,
    asked: RefCell<BTreeSet<&'static str>>,
    folder: PathBuf,
}

impl Problems {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// None yet, of a file that stands in this folder.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), ..Self::default() }
    }

    /// The folder that relative paths in the file start from.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Adds one.
    pub fn push(&self, problem: Problem) {
        self.found.borrow_mut().push(problem);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.found.borrow().len()
    }

    /// Every key that any section of this file was asked for: what a reference has to name.
    pub fn asked(&self) -> Vec<&'static str> {
        self.asked.borrow().iter().copied().collect()
    }

    pub(super) fn ask(&self, key: &'static str) {
        self.asked.borrow_mut().insert(key);
    }

    /// All of them, in the order of the file.
    pub fn into_vec(self) -> Vec<Problem> {
        let mut all = self.found.into_inner();
        all.sort_by_key(|p| (p.span.start, p.span.end));
        all
    }
}
