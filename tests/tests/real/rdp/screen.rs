//! Screens that nobody looks at.

use std::path::{Path, PathBuf};

use sekisho_tests::{program, until};

use super::machine::{Machine, Program};

/// An X server on a machine, as display `number`. `folder` holds the machine's `tmp`, and what is on the screen in the
/// form of `xwd`.
pub(super) fn screen(machine: &Machine, folder: &Path, number: u8, size: &str) -> Program {
    let (xvfb, display) = (program("Xvfb").display().to_string(), format!(":{number}"));
    let screen = ["-screen", "0", size, "-nolisten", "tcp", "-noreset", "-fbdir", "/tmp"];
    let log = folder.join("screen.log");
    // It says its number once clients may come.
    let program = machine.run(&log, &[&[xvfb.as_str(), &display, "-displayfd", "1"], &screen[..]].concat());
    let ready = |said: String| said.lines().any(|line| line == number.to_string()).then_some(());
    until("a screen", || std::fs::read_to_string(&log).ok().and_then(ready));
    program
}

/// What is on it.
pub(super) fn pixels(folder: &Path) -> PathBuf {
    folder.join("tmp/Xvfb_screen0")
}
