//! `cargo xtask licences`: what stands in Cargo.lock is allowed to, checked without a network.

mod advisories;
mod packages;
mod policy;

use std::time::Instant;

use advisories::Advisories;
use packages::Package;
use policy::Policy;

use crate::error::Result;
use crate::shell;
use crate::tally::Tally;

/// Checks licences, sources, bans and advisories; each is one of the counted checks.
pub(crate) fn run() -> Tally {
    shell::announce("check dependencies");
    let start = Instant::now();
    let tally = checks().unwrap_or_else(|error| Tally::failed(format!("dependencies: {error}")));
    tally.report("check dependencies", start.elapsed());
    tally
}

fn checks() -> Result<Tally> {
    let packages = packages::locked()?;
    let policy = Policy::load()?;
    let advisories = Advisories::load()?;

    for (name, versions) in packages::duplicates(&packages) {
        println!("note: {name} is there {} times: {}", versions.len(), versions.join(", "));
    }
    let mut tally = Tally::default();
    let each = |problem: &dyn Fn(&Package) -> Option<String>| {
        packages.iter().filter_map(problem).collect::<Vec<_>>()
    };
    for (check, problems) in [
        ("licences", each(&|package| policy.licence_problem(package))),
        ("sources", each(&|package| policy.source_problem(package))),
        ("bans", each(&|package| policy.ban_problem(package))),
        ("advisories", packages.iter().flat_map(|package| advisories.problems(package)).collect()),
    ] {
        if problems.is_empty() {
            println!("{check}: {} dependencies are fine", packages.len());
            tally.add(Tally::passed());
        }
        for problem in problems {
            tally.add(Tally::failed(format!("{check}: {problem}")));
        }
    }
    Ok(tally)
}
