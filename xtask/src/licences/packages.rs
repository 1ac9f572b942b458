//! The dependencies, as Cargo.lock has them, that some build of the workspace compiles.

use std::collections::{BTreeMap, HashSet};

use semver::Version;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::shell;

/// A package that is not ours.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: Version,
    /// Its SPDX expression.
    pub(crate) license: Option<String>,
    /// Where it comes from; none: a folder.
    pub(crate) source: Option<String>,
    id: String,
}

/// All packages that some build for some platform compiles, but the workspace's own; an error if Cargo.lock does
/// not fit the manifests.
///
/// Cargo.lock and `cargo metadata` also have crates that no build uses, because a feature mentions them weakly:
/// rustls-webpki's `std` has `ring?/std`. Only `cargo tree` knows which features are on.
pub(crate) fn locked() -> Result<Vec<Package>> {
    let metadata = shell::read(shell::cargo().args(["metadata", "--format-version=1", "--locked"]))?;
    let mut tree = shell::cargo();
    tree.args(["tree", "--workspace", "--locked", "--target=all", "--edges=normal,build,dev"]);
    let tree = shell::read(tree.args(["--prefix=none", "--format={p}"]))?;
    parse(&metadata, &tree)
}

fn parse(metadata: &str, tree: &str) -> Result<Vec<Package>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
        workspace_members: Vec<String>,
    }
    let Metadata { mut packages, workspace_members } = serde_json::from_str(metadata)
        .map_err(|error| Error::Malformed { path: "cargo metadata", problem: error.to_string() })?;
    // `NAME vVERSION`, and perhaps more.
    let compiled: HashSet<_> = (tree.lines())
        .filter_map(|line| line.split_once(" v"))
        .map(|(name, rest)| (name, rest.split(' ').next().unwrap_or_default()))
        .collect();
    packages.retain(|package| {
        !workspace_members.contains(&package.id)
            && compiled.contains(&(package.name.as_str(), package.version.to_string().as_str()))
    });
    Ok(packages)
}

/// Crates that are there in versions which do not stand in for each other.
pub(crate) fn duplicates(packages: &[Package]) -> BTreeMap<&str, Vec<String>> {
    let mut versions: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for package in packages {
        versions.entry(&package.name).or_default().push(package.version.to_string());
    }
    versions.retain(|_, versions| versions.len() > 1);
    versions
}

#[cfg(test)]
pub(crate) fn example(name: &str, version: &str, license: Option<&str>, source: Option<&str>) -> Package {
    Package {
        name: name.into(),
        version: version.parse().unwrap(),
        license: license.map(Into::into),
        source: source.map(Into::into),
        id: format!("{name}@{version}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{"packages": [
        {"name": "ours", "version": "0.1.0", "license": null, "source": null, "id": "a"},
        {"name": "theirs", "version": "1.2.3", "license": "MIT", "source": "registry+x", "id": "b"},
        {"name": "weak", "version": "1.0.0", "license": "MIT", "source": "registry+x", "id": "c"}
    ], "workspace_members": ["a"]}"#;

    #[test]
    fn members_of_the_workspace_and_crates_that_no_build_uses_are_not_dependencies() {
        let packages =
            parse(METADATA, "ours v0.1.0 (/x)\ntheirs v1.2.3 (proc-macro)\ntheirs v1.2.3 (*)\n").unwrap();
        assert_eq!(packages.iter().map(|package| package.name.as_str()).collect::<Vec<_>>(), ["theirs"]);
    }

    #[test]
    fn crate_in_two_versions_is_reported_with_both() {
        let packages = [
            example("a", "1.0.0", None, None),
            example("b", "1.0.0", None, None),
            example("a", "2.0.0", None, None),
        ];
        let found = duplicates(&packages);
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            [("a", vec!["1.0.0".to_owned(), "2.0.0".to_owned()])]
        );
    }
}
