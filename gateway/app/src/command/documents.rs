//! `sekisho completions` and `sekisho man`: what a shell and a manual know of the command line.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;

use crate::failure::Failure;

/// Prints what has a shell complete this command line.
pub(crate) fn completions(
    mut command: Command,
    shell: Shell,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "sekisho", &mut script);
    out.write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a page of the manual for the program, and one for each command.
pub(crate) fn man(command: Command, folder: &Path, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let failed = |error: std::io::Error| Failure::File { file: folder.to_owned(), reason: error.to_string() };
    std::fs::create_dir_all(folder).map_err(failed)?;
    // The pages have no colours, and the help command says nothing that they do not.
    clap_mangen::generate_to(command.disable_help_subcommand(true), folder).map_err(failed)?;
    writeln!(out, "man -l {}", folder.join("sekisho.1").display())?;
    Ok(ExitCode::SUCCESS)
}
