//! `deny.toml`: which licences, sources and crates are allowed.

use serde::Deserialize;
use spdx::{Expression, Licensee};

use super::packages::Package;
use crate::error::{Error, Result};
use crate::repository;

/// What `deny.toml` says, as far as this check goes. Keys that only `cargo deny` knows are left to it.
#[derive(Debug, Deserialize)]
pub(crate) struct Policy {
    licenses: Licences,
    bans: Bans,
}

#[derive(Debug, Deserialize)]
struct Licences {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

#[derive(Debug, Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Debug, Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
}

impl Policy {
    /// Reads `deny.toml`.
    pub(crate) fn load() -> Result<Self> {
        Self::parse(&repository::text(FILE)?)
    }

    fn parse(text: &str) -> Result<Self> {
        let malformed = |problem| Error::Malformed { path: FILE, problem };
        let policy: Self = toml::from_str(text).map_err(|error| malformed(error.to_string()))?;
        let exceptions = policy.licenses.exceptions.iter().flat_map(|exception| &exception.allow);
        for licence in policy.licenses.allow.iter().chain(exceptions) {
            Licensee::parse(licence).map_err(|error| malformed(error.to_string()))?;
        }
        Ok(policy)
    }

    /// Why the licence of `package` will not do.
    pub(crate) fn licence_problem(&self, package: &Package) -> Option<String> {
        let Package { name, version, license, .. } = package;
        let Some(text) = license else { return Some(format!("{name} {version} names no licence")) };
        let expression = match Expression::parse_mode(text, spdx::ParseMode::LAX) {
            Ok(expression) => expression,
            Err(error) => {
                return Some(format!("{name} {version}: `{text}` is no SPDX expression: {}", error.reason));
            }
        };
        let exceptions = self.licenses.exceptions.iter().filter(|exception| exception.name == *name);
        let allowed: Vec<Licensee> = (self.licenses.allow.iter())
            .chain(exceptions.flat_map(|exception| &exception.allow))
            .filter_map(|licence| Licensee::parse(licence).ok())
            .collect();
        let fine = expression.evaluate(|wanted| allowed.iter().any(|licensee| licensee.satisfies(wanted)));
        (!fine).then(|| format!("{name} {version}: `{text}` is not allowed by {FILE}"))
    }

    /// Why the source of `package` will not do.
    #[expect(clippy::unused_self, reason = "one form for all checks; the sources need no configuration")]
    pub(crate) fn source_problem(&self, package: &Package) -> Option<String> {
        match package.source.as_deref() {
            None | Some(DEFAULT_REGISTRY) => None,
            Some(source) => Some(format!("{} {} comes from {source}", package.name, package.version)),
        }
    }

    /// Why `package` must not be there at all.
    pub(crate) fn ban_problem(&self, package: &Package) -> Option<String> {
        let banned = self.bans.deny.iter().any(|ban| ban.name == package.name);
        banned.then(|| format!("{} {} is banned by {FILE}", package.name, package.version))
    }
}

const FILE: &str = "deny.toml";

/// How Cargo.lock writes the default registry, whatever replaces it on a machine.
const DEFAULT_REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[cfg(test)]
mod tests {
    use super::super::packages::example;
    use super::*;

    fn policy() -> Policy {
        Policy::parse(
            r#"
            licenses = { allow = ["MIT", "Apache-2.0"], exceptions = [{ crate = "u", allow = ["Unicode-3.0"] }] }
            bans = { deny = [{ crate = "openssl" }], multiple-versions = "warn" }
            "#,
        )
        .unwrap()
    }

    #[test]
    fn one_allowed_branch_of_an_expression_is_enough_and_all_parts_of_a_conjunction_are_needed() {
        let check =
            |name, licence| policy().licence_problem(&example(name, "1.0.0", licence, None)).is_none();
        for fine in ["MIT", "MIT/Apache-2.0", "GPL-3.0-only OR MIT", "MIT AND Apache-2.0"] {
            assert!(check("a", Some(fine)), "{fine}");
        }
        for bad in ["GPL-3.0-only", "MIT AND GPL-3.0-only", "nonsense", "Unicode-3.0"] {
            assert!(!check("a", Some(bad)), "{bad}");
        }
        assert!(!check("a", None));
        assert!(check("u", Some("(MIT OR Apache-2.0) AND Unicode-3.0")), "an exception counts for its crate");
    }

    #[test]
    fn only_folders_and_the_default_registry_are_sources() {
        let check = |source| policy().source_problem(&example("a", "1.0.0", None, source)).is_none();
        assert!(check(None));
        assert!(check(Some(DEFAULT_REGISTRY)));
        assert!(!check(Some("git+https://example.org/a#0123")));
        assert!(!check(Some("registry+https://registry.example.org/index")));
    }

    #[test]
    fn banned_crate_is_found_by_its_whole_name() {
        let check = |name| policy().ban_problem(&example(name, "1.0.0", None, None)).is_none();
        assert!(!check("openssl"));
        assert!(check("openssl-probe"));
    }

    #[test]
    fn misspelt_licence_in_the_policy_is_an_error() {
        assert!(Policy::parse("licenses = { allow = [\"MITT\"] }\nbans = { deny = [] }").is_err());
    }

    #[test]
    fn policy_of_this_repository_loads() {
        Policy::load().unwrap();
    }
}
