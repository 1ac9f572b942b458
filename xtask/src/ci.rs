//! `cargo xtask ci`: what must hold before a change lands.

use std::process::Command;
use std::time::Instant;

use crate::tally::Tally;
use crate::{licences, shell, test};

/// Runs every check and every suite, whatever failed before, and sums them up.
pub(crate) fn run() -> Tally {
    let mut total = Tally::default();
    check(&mut total, "format", cargo(&["fmt", "--all", "--check"]));
    total.add(licences::run());
    if cargo_deny_is_there() {
        // Not its advisories: they live in a repository elsewhere, and this has to work offline.
        check(
            &mut total,
            "cargo-deny",
            cargo(&["deny", "--offline", "check", "bans", "licenses", "sources"]),
        );
    }
    check(
        &mut total,
        "clippy",
        cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
    );
    let mut docs = cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
    docs.env("RUSTDOCFLAGS", "-D warnings");
    check(&mut total, "docs", docs);
    total.add(test::run(&[]));
    for name in &total.failed {
        println!("failed: {name}");
    }
    total
}

/// One check: a command that has to succeed.
fn check(total: &mut Tally, name: &str, mut command: Command) {
    shell::announce(&format!("check {name}"));
    let start = Instant::now();
    let tally = match shell::show(&mut command) {
        Ok(()) => Tally::passed(),
        Err(error) => Tally::failed(format!("{name}: {error}")),
    };
    tally.report(&format!("check {name}"), start.elapsed());
    total.add(tally);
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = shell::cargo();
    command.args(arguments);
    command
}

/// Whether this machine has `cargo deny`, which repeats the licence check in its own way.
fn cargo_deny_is_there() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|place| place.join("cargo-deny").is_file())
}
