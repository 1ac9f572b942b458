//! `cargo xtask test`: installs what is missing, builds once, runs the suites.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::artifacts::{self, TestBinary};
use crate::error::Result;
use crate::suite::Suite;
use crate::tally::Tally;
use crate::{libtest, packages, repository, shell};

/// Runs the suites, all of them if none is named.
pub(crate) fn run(selected: &[Suite]) -> Tally {
    let suites = if selected.is_empty() { Suite::value_variants() } else { selected };
    match Built::prepare(suites) {
        Ok(built) => run_all(suites, &built),
        Err(error) => {
            println!("error: {error}");
            Tally::failed(error.to_string())
        }
    }
}

/// What the suites run.
#[derive(Debug, Default)]
struct Built {
    tests: Vec<TestBinary>,
    sekisho: PathBuf,
}

impl Built {
    /// Installs and builds what these suites need.
    fn prepare(suites: &[Suite]) -> Result<Self> {
        if suites.iter().any(|suite| suite.needs_packages()) {
            packages::ensure()?;
        }
        let mut built = Self::default();
        if suites.iter().any(|suite| suite.runs_tests()) {
            built.tests = artifacts::tests(!suites.contains(&Suite::Unit))?;
        }
        if suites.iter().any(|suite| suite.runs_sekisho()) {
            built.sekisho = artifacts::sekisho()?;
        }
        Ok(built)
    }
}

fn run_all(suites: &[Suite], built: &Built) -> Tally {
    let mut total = Tally::default();
    let mut summary = Vec::new();
    for &suite in suites {
        shell::announce(&format!("suite {}", suite.name()));
        let start = Instant::now();
        let mut tally =
            run_one(suite, built).unwrap_or_else(|error| Tally::failed(format!("{}: {error}", suite.name())));
        if tally.passed == 0 && tally.failed.is_empty() {
            tally = Tally::failed(format!("{}: no test ran", suite.name()));
        }
        summary.push((suite, tally, start.elapsed()));
    }
    println!();
    for (suite, tally, elapsed) in summary {
        tally.report(&format!("suite {:<11}", suite.name()), elapsed);
        total.add(tally);
    }
    total
}

fn run_one(suite: Suite, built: &Built) -> Result<Tally> {
    match suite {
        Suite::Unit => {
            built.tests.iter().filter(|binary| !binary.rig).try_fold(Tally::default(), |mut sum, binary| {
                sum.add(run_binary(binary, built, &[])?);
                Ok(sum)
            })
        }
        Suite::Tidy => rig(built, &["tidy::", "docs::"]),
        Suite::Integration => rig(built, &["integration::"]),
        Suite::Real => {
            // Each of these starts several programs and mostly waits for them; desktops keep the machine busy alone.
            let mut sum = rig(built, &["real::", "--skip=real::rdp::", "--test-threads=3"])?;
            sum.add(rig(built, &["real::rdp::", "--test-threads=1"])?);
            Ok(sum)
        }
        Suite::Doc => {
            let mut doc = shell::cargo();
            doc.args(["test", "--workspace", "--doc", "--no-fail-fast"]);
            tests_in("documentation", &mut doc)
        }
        Suite::Outside => {
            let mut outside = shell::cargo();
            outside.args(["test", "--manifest-path", "tests/outside/Cargo.toml"]);
            // The same folder, so that what both need is compiled once.
            outside.arg("--target-dir").arg(target_directory(&built.tests));
            tests_in("tests/outside", &mut outside)
        }
        Suite::Demo => program("demo --once", Command::new(&built.sekisho).args(["demo", "--once"])),
        Suite::Bench => {
            // This very program: cargo would first see whether it has to be built again.
            let mut bench = Command::new("/proc/self/exe");
            bench.args(["bench", "--quick", "--sekisho"]).arg(&built.sekisho);
            program("bench --quick", &mut bench)
        }
    }
}

/// Runs the part of the `tests` crate's integration binary that `arguments` select.
fn rig(built: &Built, arguments: &[&str]) -> Result<Tally> {
    built.tests.iter().filter(|binary| binary.rig).try_fold(Tally::default(), |mut sum, binary| {
        sum.add(run_binary(binary, built, arguments)?);
        Ok(sum)
    })
}

/// Runs a test binary as cargo would: in its package's folder, with the variable that names it.
fn run_binary(binary: &TestBinary, built: &Built, arguments: &[&str]) -> Result<Tally> {
    let mut command = Command::new(&binary.executable);
    command.args(arguments).current_dir(&binary.folder).env("CARGO_MANIFEST_DIR", &binary.folder);
    if !built.sekisho.as_os_str().is_empty() {
        command.env(BINARY, &built.sekisho);
    }
    tests_in(&binary.name, &mut command)
}

/// Runs something that prints what Rust tests print.
fn tests_in(name: &str, command: &mut Command) -> Result<Tally> {
    let captured = shell::capture(command, LIMIT)?;
    let tally = libtest::tally(name, &captured);
    if !tally.failed.is_empty() {
        println!("{}", libtest::explanation(&captured.output));
    }
    Ok(tally)
}

/// Runs a program that is one check: it ends with 0 or it failed.
fn program(name: &str, command: &mut Command) -> Result<Tally> {
    let captured = shell::capture(command.current_dir(repository::root()), LIMIT)?;
    if captured.success {
        return Ok(Tally::passed());
    }
    println!("{}", captured.output);
    Ok(Tally::failed(format!("{name}: {}", captured.status)))
}

/// Cargo's target directory: what holds the test binaries, or the usual place.
fn target_directory(tests: &[TestBinary]) -> PathBuf {
    // target/debug/deps/NAME-HASH
    let found = tests.first().and_then(|binary| binary.executable.ancestors().nth(3).map(Path::to_owned));
    found.unwrap_or_else(|| repository::root().join("target"))
}

/// Tells the tests where the optimised `sekisho` is, so that nobody builds it again.
const BINARY: &str = "SEKISHO_BINARY";

/// The longest that one test binary or program may take.
const LIMIT: Duration = Duration::from_secs(15 * 60);
