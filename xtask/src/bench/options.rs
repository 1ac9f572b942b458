//! The command line of the benchmark, and the plan that it makes.

use std::path::PathBuf;
use std::time::Duration;

use super::Outcome;
use super::load::{LOADS, Load};
use super::machine;
use super::subject::{self, Subject};

/// Sekisho beside HAProxy, nginx, dnsdist and Dovecot: CPU time per unit of work.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Run every load once for a moment: proves that everything runs and does its job, measures nothing
    #[arg(long)]
    quick: bool,
    /// Only these loads; the table is printed, docs/performance.md is left alone
    #[arg(long, value_name = "LOAD", value_delimiter = ',')]
    only: Vec<String>,
    /// Only these subjects; the table is printed, docs/performance.md is left alone
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    subjects: Vec<String>,
    /// Samples of each subject under each load
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Length of a sample
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS")]
    seconds: f64,
    /// Connections held for the memory figures [default: 9500, or what the descriptors allow]
    #[arg(long, value_name = "CONNECTIONS", value_parser = clap::value_parser!(u32).range(100..=9_500))]
    idle: Option<u32>,
    /// Count the system calls of one small request too (needs strace)
    #[arg(long)]
    syscalls: bool,
    /// Measure this Sekisho instead of building one
    #[arg(long, value_name = "FILE")]
    sekisho: Option<PathBuf>,
}

/// What a run does.
pub(super) struct Plan {
    /// The loads, in the order of the table.
    pub(super) loads: Vec<&'static Load>,
    /// The subjects.
    pub(super) subjects: Vec<Box<dyn Subject>>,
    /// Samples of each subject under each load.
    pub(super) rounds: u32,
    /// Length of a sample.
    pub(super) window: Duration,
    /// How long a load runs before its sample begins.
    pub(super) warm_up: Duration,
    /// Connections held for the memory figures.
    pub(super) idle_connections: u32,
    /// How long they rest before the memory is read.
    pub(super) idle_pause: Duration,
    /// Whether it is over soon: nothing is repeated, nothing judged.
    pub(super) quick: bool,
    /// Whether system calls are counted.
    pub(super) syscalls: bool,
    /// Whether the figures stand for themselves: all loads, all subjects, full length.
    pub(super) complete: bool,
}

impl Options {
    /// The plan, or what is wrong with the options.
    pub(super) fn plan(&self) -> Outcome<Plan> {
        let window = if self.quick { 0.25 } else { self.seconds };
        if !(0.05..=600.0).contains(&window) {
            return Err(format!("--seconds {window}: between 0.05 and 600"));
        }
        let known: Vec<&str> = LOADS.iter().map(|load| load.name).collect();
        refuse_unknown("load", &self.only, &known)?;
        let all = subject::all(self.quick, self.sekisho.clone());
        refuse_unknown("subject", &self.subjects, &all.iter().map(|one| one.name()).collect::<Vec<_>>())?;
        let wanted = |list: &[String], name: &str| list.is_empty() || list.iter().any(|one| one == name);
        Ok(Plan {
            loads: LOADS.iter().filter(|load| wanted(&self.only, load.name)).collect(),
            subjects: all.into_iter().filter(|one| wanted(&self.subjects, one.name())).collect(),
            rounds: if self.quick { 1 } else { self.rounds },
            window: Duration::from_secs_f64(window),
            warm_up: Duration::from_millis(if self.quick { 50 } else { 200 }),
            idle_connections: match self.idle {
                Some(connections) => connections,
                None if self.quick => 200,
                None => IDLE.min(machine::relayed_connections()),
            },
            idle_pause: Duration::from_millis(if self.quick { 200 } else { 5_000 }),
            quick: self.quick,
            syscalls: self.syscalls,
            complete: !self.quick && self.only.is_empty() && self.subjects.is_empty(),
        })
    }
}

/// Memory may come in pages of 2 MiB: with a fifth of these, a figure would be a multiple of a KiB.
const IDLE: u32 = 9_500;

fn refuse_unknown(kind: &str, asked: &[String], known: &[&str]) -> Outcome {
    match asked.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!("no {kind} is called `{name}`; there are {}", known.join(", "))),
        None => Ok(()),
    }
}
