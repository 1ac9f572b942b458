//! A fresh folder for configurations, keys and logs, removed at the end.

use std::path::{Path, PathBuf};

use super::{Outcome, failed};

/// The folder. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Makes it.
    pub(super) fn new() -> Outcome<Self> {
        let path = std::env::temp_dir().join(format!("sekisho-bench-{}", std::process::id()));
        // Fails if it exists: the name must be ours.
        std::fs::create_dir(&path).map_err(failed(format!("cannot make {}", path.display())))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// A folder in it, made if it is not there.
    pub(super) fn folder(&self, name: &str) -> Outcome<PathBuf> {
        let path = self.0.join(name);
        std::fs::create_dir_all(&path).map_err(failed(format!("cannot make {}", path.display())))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing to be done about a failure, and nothing depends on it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Writes a file whose name and text are ours.
pub(super) fn write(path: &Path, text: &str) -> Outcome {
    std::fs::write(path, text).map_err(failed(format!("cannot write {}", path.display())))
}
