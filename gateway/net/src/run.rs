//! The programs of the system: `nft` and `ip`, with what they are told and never a shell.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::install::NetworkError;

/// Runs a program to its end and gives what it printed.
///
/// # Errors
/// The program is missing, or what it says.
pub(crate) fn run(program: &'static str, arguments: &[String], input: &str) -> Result<String, NetworkError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => NetworkError::Missing(program),
        _ => NetworkError::Failed { command: told(program, arguments), said: error.to_string() },
    };
    let mut child = Command::new(found(program))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read says why when it ends.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(failed)?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(NetworkError::Failed { command: told(program, arguments), said })
        }
    }
}

/// Where administrators' programs are, which is on root's path only.
fn found(program: &str) -> PathBuf {
    let places = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(|place| PathBuf::from(place).join(program));
    places.into_iter().find(|place| place.is_file()).unwrap_or_else(|| program.into())
}

fn told(program: &str, arguments: &[String]) -> String {
    format!("{program} {}", arguments.join(" "))
}
