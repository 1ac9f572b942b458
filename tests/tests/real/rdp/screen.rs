//! Screens that nobody looks at.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use sekisho_tests::{program, until};

use super::machine::{Machine, Program};

/// An X server on a machine, as display `number`. `folder` holds the machine's `tmp`, and what is on the screen in the
/// form of `xwd`.
pub(super) fn screen(machine: &Machine, folder: &Path, number: u8, size: &str) -> Program {
    let (xvfb, display) = (program("Xvfb").display().to_string(), format!(":{number}"));
    let words = [&xvfb, &display, "-screen", "0", size, "-nolisten", "tcp", "-fbdir", "/tmp"];
    let program = machine.run(&folder.join("screen.log"), &words);
    let socket = folder.join(format!("tmp/.X11-unix/X{number}"));
    until("a screen", || UnixStream::connect(&socket).ok());
    program
}

/// What is on it.
pub(super) fn pixels(folder: &Path) -> PathBuf {
    folder.join("tmp/Xvfb_screen0")
}
