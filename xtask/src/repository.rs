//! Where the repository stands, and its files.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The text of a file of the repository.
pub(crate) fn text(path: &str) -> Result<String> {
    let path: PathBuf = root().join(path);
    std::fs::read_to_string(&path).map_err(|source| Error::Read { path, source })
}
