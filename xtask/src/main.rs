//! The repository's chores: `cargo xtask test`, `ci`, `tidy`, `licences`, `bench`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool reports on its terminal")]

mod artifacts;
mod bench;
mod ci;
mod error;
mod libtest;
mod licences;
mod packages;
mod repository;
mod shell;
mod suite;
mod tally;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The repository's chores.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

/// One chore.
#[derive(Debug, Subcommand)]
enum Chore {
    /// Installs what the tests need and runs them all, one summary line a suite
    Test {
        /// Run this suite only; may be given several times
        #[arg(long = "suite", value_name = "NAME")]
        suites: Vec<suite::Suite>,
        /// List the suites and leave
        #[arg(long)]
        list: bool,
    },
    /// What must hold before a change lands: format, clippy, docs, licences, all tests
    Ci,
    /// The repository's own rules: layering, file sizes, links, provenance of fixtures
    Tidy,
    /// Licences, sources, bans and advisories of every dependency, offline
    Licences,
    /// Sekisho beside HAProxy, nginx and dnsdist: CPU time per unit of work
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let tally = match Arguments::parse().chore {
        Chore::Test { list: true, .. } => {
            suite::list();
            return ExitCode::SUCCESS;
        }
        Chore::Test { suites, .. } => test::run(&suites),
        Chore::Ci => ci::run(),
        Chore::Tidy => test::run(&[suite::Suite::Tidy]),
        Chore::Licences => licences::run(),
        Chore::Bench(options) => {
            return match bench::main(&options) {
                Ok(()) => ExitCode::SUCCESS,
                Err(problem) => {
                    eprintln!("error: {problem}");
                    ExitCode::FAILURE
                }
            };
        }
    };
    println!("{tally}");
    tally.exit_code()
}
