//! `advisories.toml`: known faults, by crate and version.

use semver::VersionReq;
use serde::Deserialize;

use super::packages::Package;
use crate::error::{Error, Result};
use crate::repository;

/// The list of known faults.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Advisories {
    /// The day of the last comparison with the public database.
    #[serde(rename = "compared")]
    _compared: String,
    #[serde(rename = "advisory")]
    list: Vec<Advisory>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advisory {
    id: String,
    #[serde(rename = "crate")]
    name: String,
    affected: Vec<VersionReq>,
    summary: String,
    source: String,
    /// Why an affected version may stay.
    accepted: Option<String>,
}

impl Advisories {
    /// Reads `advisories.toml`.
    pub(crate) fn load() -> Result<Self> {
        Self::parse(&repository::text(FILE)?)
    }

    fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|error| Error::Malformed { path: FILE, problem: error.to_string() })
    }

    /// The faults of `package` that nobody has accepted.
    pub(crate) fn problems(&self, package: &Package) -> Vec<String> {
        let hits = self.list.iter().filter(|advisory| {
            advisory.name == package.name
                && advisory.accepted.is_none()
                && advisory.affected.iter().any(|affected| affected.matches(&package.version))
        });
        hits.map(|a| format!("{} {}: {} ({}, {})", package.name, package.version, a.summary, a.id, a.source))
            .collect()
    }
}

const FILE: &str = "advisories.toml";

#[cfg(test)]
mod tests {
    use super::super::packages::example;
    use super::*;

    const LIST: &str = r#"
        compared = "2026-01-01"
        [[advisory]]
        id = "X-1"
        crate = "a"
        affected = ["<0.3.26", ">=0.4.0, <0.4.4"]
        summary = "it breaks"
        source = "https://example.org/X-1"
    "#;

    #[test]
    fn affected_versions_are_found_and_patched_ones_are_not() {
        let list = Advisories::parse(LIST).unwrap();
        let hit = |name, version| !list.problems(&example(name, version, None, None)).is_empty();
        for affected in ["0.1.0", "0.3.25", "0.4.0", "0.4.3"] {
            assert!(hit("a", affected), "{affected}");
        }
        for patched in ["0.3.26", "0.4.4", "1.0.0"] {
            assert!(!hit("a", patched), "{patched}");
        }
        assert!(!hit("b", "0.1.0"));
    }

    #[test]
    fn accepted_fault_is_no_problem() {
        let list = Advisories::parse(&format!("{LIST}accepted = \"not reachable\"\n")).unwrap();
        assert!(list.problems(&example("a", "0.1.0", None, None)).is_empty());
    }

    #[test]
    fn list_of_this_repository_loads_and_names_each_fault_once() {
        let list = Advisories::load().unwrap().list;
        for (index, one) in list.iter().enumerate() {
            assert!(list.iter().skip(index + 1).all(|other| other.id != one.id), "{}", one.id);
            assert!(one.source.ends_with(&one.id), "{}", one.id);
        }
    }
}
