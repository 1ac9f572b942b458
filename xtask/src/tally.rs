//! How many passed, and the names of what failed.

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

/// How many passed, and the names of what failed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Tests and checks that passed.
    pub(crate) passed: usize,
    /// Names of tests and checks that did not.
    pub(crate) failed: Vec<String>,
}

impl Tally {
    /// One check that passed.
    pub(crate) fn passed() -> Self {
        Self { passed: 1, failed: Vec::new() }
    }

    /// One check that failed.
    pub(crate) fn failed(name: impl Into<String>) -> Self {
        Self { passed: 0, failed: vec![name.into()] }
    }

    /// Adds another tally.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed.extend(other.failed);
    }

    /// The summary line of the part named `what`, with the names of what failed below.
    pub(crate) fn report(&self, what: &str, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64();
        if self.failed.is_empty() {
            println!("{what} … ok  ({} passed, {seconds:.1} s)", self.passed);
        } else {
            println!(
                "{what} … FAILED  ({} passed, {} failed, {seconds:.1} s)",
                self.passed,
                self.failed.len()
            );
        }
        for name in &self.failed {
            println!("    failed: {name}");
        }
    }

    /// Success if nothing failed and something ran.
    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.failed.is_empty() && self.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed.len())
    }
}
