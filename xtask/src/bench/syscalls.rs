//! System calls of one small request, counted by strace.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;

use super::client::Crew;
use super::load::{LOADS, Load};
use super::run::Running;
use super::scratch::Scratch;
use super::{Outcome, failed};

/// The load under which they are counted.
pub(super) fn load() -> Outcome<&'static Load> {
    LOADS.iter().find(|load| load.name == "h1-small").ok_or_else(|| "there is no h1-small".to_owned())
}

/// Calls per request of a subject. The clients come and go under strace, too: that adds about one per cent.
pub(super) async fn count(running: &Running<'_>, scratch: &Scratch) -> Outcome<f64> {
    let load = load()?;
    let summary = scratch.path().join("strace");
    let strace = Strace::attach(&running.tree(), &summary)?;
    sleep(Duration::from_millis(500)).await;
    let crew = Crew::start(load, &running.target).await?;
    sleep(Duration::from_secs(2)).await;
    let meter = crew.end().await?;
    sleep(Duration::from_millis(200)).await;
    strace.detach()?;
    let text = std::fs::read_to_string(&summary).map_err(failed("cannot read strace's summary"))?;
    let calls = total(&text).ok_or_else(|| format!("strace's summary has no total:\n{text}"))?;
    #[expect(clippy::cast_precision_loss, reason = "requests of two seconds")]
    let requests = (meter.units() + load.clients as u64) as f64;
    Ok(calls / requests)
}

/// A strace that watches a subject. Dropping it detaches it.
struct Strace(Child);

impl Strace {
    fn attach(subject: &[u32], summary: &std::path::Path) -> Outcome<Self> {
        let mut command = Command::new("strace");
        command.args(["-c", "-f", "-o"]).arg(summary);
        for id in subject {
            command.args(["-p", &id.to_string()]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().map(Self).map_err(failed("cannot run strace"))
    }

    fn detach(mut self) -> Outcome {
        self.interrupt();
        self.0.wait().map(drop).map_err(failed("strace"))
    }

    /// On this signal it detaches and writes its summary.
    fn interrupt(&self) {
        if let Some(id) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            // Already gone is what we want.
            let _ = kill_process(id, Signal::INT);
        }
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            self.interrupt();
            let _ = self.0.wait();
        }
    }
}

/// The column `calls` of the line `total`.
fn total(summary: &str) -> Option<f64> {
    let line = summary.lines().find(|line| line.ends_with(" total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_with_and_without_errors() {
        assert_eq!(total("100.00    0.000000           0       109        14 total\n"), Some(109.0));
        assert_eq!(total("100.00    0.000000           0       109           total\n"), Some(109.0));
    }
}
