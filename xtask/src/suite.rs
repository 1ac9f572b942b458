//! The suites of `cargo xtask test`.

use clap::ValueEnum;

/// A suite. Each ends with one summary line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Suite {
    /// Unit and integration tests of every crate
    Unit,
    /// Examples in the documentation
    Doc,
    /// The repository's own rules, its documentation among them
    Tidy,
    /// The gateway in-process, between scripted clients and servers
    Integration,
    /// The binary between real programs: nginx, Knot, NSD and BIND, curl, dig, wrk, dnsperf
    Real,
    /// A protocol outside the workspace, built against the contract by path
    Outside,
    /// The demonstration runs through and everything it shows holds
    Demo,
    /// The benchmark runs; its figures mean nothing here
    Bench,
}

impl Suite {
    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Doc => "doc",
            Self::Tidy => "tidy",
            Self::Integration => "integration",
            Self::Real => "real",
            Self::Outside => "outside",
            Self::Demo => "demo",
            Self::Bench => "bench",
        }
    }

    /// Whether it runs binaries made by `cargo test`.
    pub(crate) fn runs_tests(self) -> bool {
        matches!(self, Self::Unit | Self::Tidy | Self::Integration | Self::Real)
    }

    /// Whether it runs the optimised `sekisho`.
    pub(crate) fn runs_sekisho(self) -> bool {
        matches!(self, Self::Real | Self::Demo | Self::Bench)
    }

    /// Whether it needs other programs than the Rust toolchain.
    pub(crate) fn needs_packages(self) -> bool {
        matches!(self, Self::Unit | Self::Tidy | Self::Integration | Self::Real | Self::Bench)
    }
}

/// Prints the suites with what each is about.
pub(crate) fn list() {
    for suite in Suite::value_variants() {
        let help = suite.to_possible_value().and_then(|value| value.get_help().map(ToString::to_string));
        println!("{:<12} {}", suite.name(), help.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_goes_by_its_own_name_and_says_what_it_is() {
        for suite in Suite::value_variants() {
            let value = suite.to_possible_value().unwrap();
            assert_eq!(value.get_name(), suite.name());
            assert!(value.get_help().is_some(), "{} says nothing", suite.name());
        }
    }
}
