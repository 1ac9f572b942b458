//! Where Sekisho's sources are.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::Refused;
use super::name::Name;

/// Sekisho's sources: the root of their workspace and what its manifest says.
#[derive(Clone, Debug)]
pub(super) struct Source {
    root: PathBuf,
    workspace: toml::Table,
}

impl Source {
    /// The sources at `named`, or the first found from the current directory upwards.
    pub(super) fn find(named: Option<&Path>) -> Result<Self, Refused> {
        let begin = named.unwrap_or(Path::new("."));
        let absolute =
            fs::canonicalize(begin).map_err(|error| Refused::File { file: begin.to_owned(), error })?;
        absolute.ancestors().find_map(Self::at).ok_or(Refused::NoSource(absolute))
    }

    /// The sources whose root is exactly here.
    fn at(root: &Path) -> Option<Self> {
        let manifest: toml::Table = fs::read_to_string(root.join("Cargo.toml")).ok()?.parse().ok()?;
        let workspace = manifest.get("workspace")?.as_table()?.clone();
        workspace.get("dependencies")?.get("sekisho-api")?;
        Some(Self { root: root.to_owned(), workspace })
    }

    /// The workspace's root.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where a plugin of this name belongs.
    pub(super) fn plugin(&self, name: &Name) -> PathBuf {
        self.root.join("plugins").join(name.to_string())
    }

    /// A value of `[workspace.package]`.
    pub(super) fn package(&self, key: &str) -> Result<toml::Value, Refused> {
        self.value("package", key)
    }

    /// A crate of `[workspace.dependencies]`, for a manifest in `place`: its path leads there from `place`.
    pub(super) fn dependency(&self, key: &str, place: &Path) -> Result<toml::Value, Refused> {
        let mut value = self.value("dependencies", key)?;
        if let Some(path) = value.get_mut("path") {
            let to = self.root.join(path.as_str().unwrap_or_default());
            *path = toml::Value::String(relative(&to, place).display().to_string());
        }
        Ok(value)
    }

    fn value(&self, table: &str, key: &str) -> Result<toml::Value, Refused> {
        let found = self.workspace.get(table).and_then(|table| table.get(key));
        found
            .cloned()
            .ok_or_else(|| Refused::Manifest { file: self.root.join("Cargo.toml"), key: key.to_owned() })
    }
}

/// The way from the directory `from` to `to`, both absolute.
fn relative(to: &Path, from: &Path) -> PathBuf {
    let (mut to_parts, mut from_parts) = (to.components().peekable(), from.components().peekable());
    while let (Some(a), Some(b)) = (to_parts.peek(), from_parts.peek())
        && a == b
    {
        _ = (to_parts.next(), from_parts.next());
    }
    from_parts.map(|_| Component::ParentDir).chain(to_parts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn way_between_directories_goes_up_and_down() {
        let way = |to: &str, from: &str| relative(Path::new(to), Path::new(from)).display().to_string();
        assert_eq!(way("/a/b/c", "/a/x/y"), "../../b/c");
        assert_eq!(way("/a/b/c", "/a/b"), "c");
    }
}
