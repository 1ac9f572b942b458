//! `jwt` in the configuration.

use std::time::Duration;

use sekisho_api::settings::{Problem, Section, contents, nearest};

use super::algorithm::Algorithm;
use super::claims::Terms;
use super::keys::Keys;
use super::seen::Seen;
use super::{Checks, Tokens};

impl Tokens {
    /// Reads the table `jwt`. What is wrong is recorded and left out.
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let Some(mut table) = section.table("jwt") else { return Self::default() };
        let algorithms = algorithms(&mut table);
        let keys = keys(&mut table, &algorithms);
        let texts = |table: &mut Section<'_>, key| {
            let texts = table.texts(key).unwrap_or_default();
            texts.into_iter().map(|text| text.value.into()).collect()
        };
        let terms = Terms {
            issuers: texts(&mut table, "issuer"),
            audiences: texts(&mut table, "audience"),
            leeway: table.duration("leeway", LEEWAY, Duration::ZERO..=LONGEST_LEEWAY),
        };
        let required = table.flag("require", false);
        if keys.is_none() {
            // Without keys nobody is checked, and no word of it may look as if.
            let idle = ["algorithms", "issuer", "audience", "leeway", "require"];
            for key in idle.into_iter().filter(|key| table.has(key) && (*key != "require" || required)) {
                let message = format!("`{key}` has no effect without `keys`");
                let problem = Problem::new(table.place(key), message, "nothing is checked");
                table.problem(
                    problem.help("name a file with the issuer's public keys: keys = [\"jwks.json\"]"),
                );
            }
        }
        table.finish();
        let checks = keys.map(|keys| Checks { keys, terms, seen: Seen::new() });
        Self { checks, required, claims: Vec::new() }
    }
}

/// The algorithms that tokens may be signed with: all, unless it is said.
fn algorithms(table: &mut Section<'_>) -> Vec<Algorithm> {
    let Some(names) = table.texts("algorithms") else {
        return Algorithm::ALL.iter().map(|(_, algorithm)| *algorithm).collect();
    };
    let mut algorithms = Vec::new();
    for name in names {
        match Algorithm::named(name.value) {
            Some(algorithm) => algorithms.push(algorithm),
            None => {
                let known = || Algorithm::ALL.iter().map(|(known, _)| *known);
                let mut help = format!("one of: {}", known().collect::<Vec<_>>().join(", "));
                if let Some(near) = nearest(name.value, known()) {
                    help = format!("did you mean `{near}`? {help}");
                }
                let message = format!("`{}` is no algorithm that signs tokens", name.value);
                table.problem(Problem::new(name.span, message, "not known here").help(help));
            }
        }
    }
    algorithms
}

/// The keys in the files; none where the file names none.
fn keys(table: &mut Section<'_>, algorithms: &[Algorithm]) -> Option<Keys> {
    let files = table.texts("keys")?;
    let mut keys = Keys::default();
    for file in &files {
        let Some(bytes) = contents(file, LARGEST, table.problems()) else { continue };
        let wrong = match keys.add(&bytes, algorithms) {
            Ok(0) => "no key in it is for one of the algorithms".to_owned(),
            Ok(_) => continue,
            Err(wrong) => wrong,
        };
        let message = format!("`{}` holds no keys for tokens", file.value);
        let problem = Problem::new(file.span.clone(), message, wrong);
        table.problem(problem.help("a JSON Web Key Set, or public keys in PEM"));
    }
    if files.is_empty() {
        let problem = Problem::new(table.place("keys"), "no keys are named", "no token would ever count");
        table.problem(problem.help("name a file, or leave `keys` out and nothing is checked"));
    }
    // Where a file is wrong the configuration does not load; until then no token counts.
    Some(keys)
}

/// Clocks of a site differ by less, and most issuers write tokens that hold for minutes.
const LEEWAY: Duration = Duration::from_secs(60);
const LONGEST_LEEWAY: Duration = Duration::from_secs(3600);
/// A key set of a large issuer has 10 KiB.
const LARGEST: u64 = 1 << 20;
