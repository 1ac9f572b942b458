//! `cargo xtask bench`: Sekisho beside HAProxy, nginx, dnsdist and Dovecot, doing the same job, in one run.
//!
//! The figure is CPU time per unit of work (a request, a connection, a megabyte) of the subject's process tree, and
//! its ratio to the peer's: HAProxy, dnsdist under the DNS loads, nginx under the mail loads. It hardly depends on which
//! part of a small machine is the bottleneck; throughput does.
//! The subjects have one worker on one core; the clients and the servers behind share another, in this process.
//! The DNS loads are of another kind: see `dns`.

mod certificate;
mod check;
mod child;
mod client;
mod cpu;
mod dns;
mod load;
mod machine;
mod mail;
mod memory;
mod options;
mod origin;
mod places;
mod rdp;
mod report;
mod results;
mod run;
mod sample;
mod scratch;
mod subject;
mod syscalls;

use std::fmt::Display;

use tokio::signal::unix::{SignalKind, signal};

pub(crate) use options::Options;

/// What can fail here is said in words, to the person who started the run.
type Outcome<T = ()> = Result<T, String>;

/// Measures what `options` ask for, prints a table and, after a complete run, writes `docs/performance.md`.
///
/// # Errors
///
/// A peer is not installed, a port is busy, a subject did not do its job, or the machine refused something.
pub(crate) fn main(options: &Options) -> Result<(), String> {
    let plan = options.plan()?;
    machine::raise_descriptor_limit()?;
    let runtime = tokio::runtime::LocalRuntime::new().map_err(failed("cannot start a runtime"))?;
    let results = runtime.block_on(async {
        tokio::select! {
            results = run::run(&plan) => results,
            // Guards end the children and remove the folder on the way out.
            interrupted = interrupted() => Err(interrupted),
        }
    })?;
    report::print(&results)?;
    if plan.complete {
        report::write_page(&results)?;
    }
    Ok(())
}

/// Ends when somebody wants the run to, and says so; or why that cannot be seen.
async fn interrupted() -> String {
    let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    match (interrupt, terminate) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            "interrupted".to_owned()
        }
        (Err(error), _) | (_, Err(error)) => format!("cannot watch for signals: {error}"),
    }
}

/// Puts what was attempted in front of an error.
fn failed<E: Display>(attempt: impl Display) -> impl FnOnce(E) -> String {
    move |error| format!("{attempt}: {error}")
}
