//! The programs of the system: `nft` and `ip`, with what they are told and never a shell.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::install::NetworkError;

/// How long a program may take: they take milliseconds, but for a kernel that waits for somebody.
const PATIENCE: Duration = Duration::from_secs(10);
/// From the first to the last wait between looks whether it has ended.
const LOOKS: (Duration, Duration) = (Duration::from_micros(500), Duration::from_millis(10));
/// The most that is kept of what a program prints.
const MOST: u64 = 16 << 20;

/// Runs a program to its end and gives what it printed.
///
/// # Errors
/// The program is missing, or does not end, or what it says.
pub(crate) fn run(program: &'static str, arguments: &[String], input: &str) -> Result<String, NetworkError> {
    run_within(PATIENCE, program, arguments, input)
}

fn run_within(
    patience: Duration,
    program: &'static str,
    arguments: &[String],
    input: &str,
) -> Result<String, NetworkError> {
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
    // Beside it, so that neither waits for the other: a pipe takes only so much.
    let (printed, complaint) = (read(child.stdout.take()), read(child.stderr.take()));
    if let Some(mut stdin) = child.stdin.take() {
        let input = input.to_owned();
        // A program that does not read says why when it ends.
        thread::spawn(move || _ = stdin.write_all(input.as_bytes()));
    }
    match end(&mut child, patience).map_err(failed)? {
        Some(status) if status.success() => Ok(text(printed)),
        Some(_) => {
            let said = text(complaint).trim().to_owned();
            Err(NetworkError::Failed { command: told(program, arguments), said })
        }
        None => {
            let said = format!("it did not end within {} s", patience.as_secs_f32());
            Err(NetworkError::Failed { command: told(program, arguments), said })
        }
    }
}

/// Waits for the end of a program; one that takes longer is killed, and there is none.
fn end(child: &mut Child, patience: Duration) -> io::Result<Option<ExitStatus>> {
    let (begun, (mut look, longest)) = (Instant::now(), LOOKS);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() > patience {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(look);
        look = (look * 2).min(longest);
    }
}

fn read(from: Option<impl Read + Send + 'static>) -> Option<JoinHandle<Vec<u8>>> {
    from.map(|from| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            // What was read until then is what there is.
            let _ = from.take(MOST).read_to_end(&mut bytes);
            bytes
        })
    })
}

fn text(reader: Option<JoinHandle<Vec<u8>>>) -> String {
    let bytes = reader.and_then(|reader| reader.join().ok()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Where administrators' programs are, which is on root's path only.
fn found(program: &str) -> PathBuf {
    let places = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(|place| PathBuf::from(place).join(program));
    places.into_iter().find(|place| place.is_file()).unwrap_or_else(|| program.into())
}

fn told(program: &str, arguments: &[String]) -> String {
    format!("{program} {}", arguments.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_that_does_not_end_is_killed_and_said_so() {
        let patience = Duration::from_millis(50);
        let error = run_within(patience, "sleep", &["60".to_owned()], "").unwrap_err();
        assert_eq!(
            error.to_string().split(';').next(),
            Some("`sleep 60` failed: it did not end within 0.05 s")
        );
    }

    #[test]
    fn program_gets_much_and_prints_much_without_waiting_for_its_reader() {
        let long = "line\n".repeat(100_000);
        assert_eq!(run("cat", &[], &long).unwrap(), long);
    }

    #[test]
    fn missing_program_is_named() {
        assert!(matches!(run("no-such-program", &[], ""), Err(NetworkError::Missing("no-such-program"))));
    }
}
