//! Running programs: seen on the terminal, or captured with a sign of life and a time limit.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// What became of a captured program.
#[derive(Debug)]
pub(crate) struct Captured {
    /// Whether it ended with 0 in time.
    pub(crate) success: bool,
    /// How it ended.
    pub(crate) status: String,
    /// Its standard output and standard error, line by line as they came.
    pub(crate) output: String,
}

/// The cargo that runs this tool.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::repository::root());
    command
}

/// Says what is done now.
pub(crate) fn announce(what: &str) {
    println!("--- {what}");
}

/// Runs `command` to its end with its output on the terminal; anything but 0 is an error.
pub(crate) fn show(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|source| Error::Spawn { command: line(command), source })?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Failed { command: line(command), status: describe(status) })
}

/// Runs `command` and gives what it wrote to standard output; standard error goes to the terminal.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| Error::Spawn { command: line(command), source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Error::Failed { command: line(command), status: describe(output.status) })
}

/// Runs `command` with its output captured, for at most `limit`. A line every half minute says that it lives.
pub(crate) fn capture(command: &mut Command, limit: Duration) -> Result<Captured> {
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| Error::Spawn { command: line(command), source })?;
    let (lines, received) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        forward(stdout, lines.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        forward(stderr, lines);
    }

    let mut output = String::new();
    let mut sign_of_life = start + SIGN_OF_LIFE;
    // The channel closes when both pipes do: when the program, and what it started and left behind, is gone.
    while start.elapsed() < limit {
        match received.recv_timeout(Duration::from_secs(1)) {
            Ok(text) => {
                output.push_str(&text);
                output.push('\n');
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                if let Ok(Some(_)) = child.try_wait() {
                    break;
                }
            }
        }
        if Instant::now() >= sign_of_life {
            sign_of_life += SIGN_OF_LIFE;
            let last = output.lines().last().unwrap_or_default();
            println!("    {:.0} s: {last}", start.elapsed().as_secs_f64());
        }
    }

    let ended = match child.try_wait() {
        Ok(None) if start.elapsed() < limit => child.wait().ok(),
        Ok(status) => status,
        Err(_) => None,
    };
    let Some(status) = ended else {
        // It may have ended by itself just now; there is nothing to do about a failing kill.
        let _ = child.kill();
        let _ = child.wait();
        return Ok(Captured {
            success: false,
            status: format!("not done after {} s", limit.as_secs()),
            output,
        });
    };
    Ok(Captured { success: status.success(), status: describe(status), output })
}

/// The command line, for messages.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn describe(status: ExitStatus) -> String {
    status.to_string()
}

/// Sends the lines of a pipe until it closes or nobody listens.
fn forward(pipe: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        for text in BufReader::new(pipe).split(b'\n').map_while(std::result::Result::ok) {
            if lines.send(String::from_utf8_lossy(&text).into_owned()).is_err() {
                return;
            }
        }
    });
}

const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn captured_output_has_both_streams_and_the_exit_code() {
        let captured =
            capture(&mut shell("echo out; echo err >&2; exit 3"), Duration::from_secs(60)).unwrap();
        assert!(!captured.success);
        assert!(
            captured.output.contains("out\n") && captured.output.contains("err\n"),
            "{}",
            captured.output
        );
        assert!(captured.status.contains('3'), "{}", captured.status);
    }

    #[test]
    fn program_over_its_time_is_ended_and_says_so() {
        let captured = capture(&mut shell("exec sleep 600"), Duration::from_millis(200)).unwrap();
        assert!(!captured.success);
        assert!(captured.status.starts_with("not done"), "{}", captured.status);
    }

    #[test]
    fn program_that_leaves_a_child_behind_is_not_waited_for() {
        let captured = capture(&mut shell("sleep 30 & echo done"), Duration::from_secs(20)).unwrap();
        assert!(captured.success, "{captured:?}");
    }

    #[test]
    fn missing_program_is_an_error_that_names_it() {
        let error = show(&mut Command::new("no-such-program-here")).unwrap_err();
        assert!(error.to_string().contains("no-such-program-here"), "{error}");
    }
}
