//! CPU time from process accounting.

use std::fs;
use std::time::Instant;

use super::{Outcome, failed};

/// The clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    at: Instant,
    subject: u64,
    own: u64,
    machine: u64,
}

/// What passed between two readings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spent {
    /// CPU time of the subject, in µs.
    pub(super) subject_micros: f64,
    /// How long it was, in s.
    pub(super) seconds: f64,
    /// Cores kept busy by others than the subject and this process.
    pub(super) foreign_cores: f64,
}

impl Reading {
    /// Reads the clocks of the processes that `subject` has now and of those that have ended, of this process, the
    /// tools that it ran and its `helpers`, and of the machine.
    pub(super) fn take(subject: &[u32], helpers: &[u32]) -> Outcome<Self> {
        let read = |path: &str| fs::read_to_string(path).map_err(failed(format!("cannot read {path}")));
        let process = |path: &str| {
            let stat = read(path)?;
            let ticks = process_ticks(&stat).zip(reaped_ticks(&stat));
            let (own, reaped) = ticks.ok_or_else(|| format!("{path} does not look like proc_pid_stat(5)"))?;
            Ok::<_, String>(own + reaped)
        };
        // One that ended since it was found is nobody's until its parent has waited for it.
        let all = |ids: &[u32]| ids.iter().filter_map(|id| process(&format!("/proc/{id}/stat")).ok()).sum();
        Ok(Self {
            at: Instant::now(),
            subject: all(subject),
            own: process("/proc/self/stat")? + all(helpers),
            machine: busy_ticks(&read("/proc/stat")?).ok_or("/proc/stat does not look like proc_stat(5)")?,
        })
    }

    /// What passed since `before`.
    pub(super) fn since(&self, before: &Self) -> Spent {
        #[expect(clippy::cast_precision_loss, reason = "ticks of a run are far below 2^52")]
        let seconds = |ticks: u64| ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
        let subject = self.subject.saturating_sub(before.subject);
        let known = subject + self.own.saturating_sub(before.own);
        let foreign = self.machine.saturating_sub(before.machine).saturating_sub(known);
        let passed = (self.at - before.at).as_secs_f64().max(1e-3);
        Spent {
            subject_micros: seconds(subject) * 1e6,
            seconds: passed,
            foreign_cores: seconds(foreign) / passed,
        }
    }
}

/// User and system ticks of a process with all its threads, ended ones too: fields 14 and 15 of proc_pid_stat(5).
fn process_ticks(stat: &str) -> Option<u64> {
    two_fields(stat, 14)
}

/// User and system ticks of the children that ended and were waited for: fields 16 and 17.
fn reaped_ticks(stat: &str) -> Option<u64> {
    two_fields(stat, 16)
}

/// The sum of the fields number `first` and the next.
fn two_fields(stat: &str, first: usize) -> Option<u64> {
    // The name in field 2 may hold spaces and brackets; what follows its last bracket begins with field 3.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(first - 3);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// Ticks that the machine was not idle: user, nice, system, irq, softirq and stolen time of proc_stat(5).
fn busy_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
    let mut next = || fields.next()?.parse::<u64>().ok();
    let (user, nice, system) = (next()?, next()?, next()?);
    let (_idle, _waiting) = (next()?, next()?);
    let (irq, softirq, stolen) = (next()?, next()?, next()?);
    Some(user + nice + system + irq + softirq + stolen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_brackets_does_not_shift_the_fields() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194304 100 0 0 0 21 34 5 5 20 0 1 0 9 1 1";
        assert_eq!(process_ticks(stat), Some(55));
        assert_eq!(reaped_ticks(stat), Some(10));
    }

    #[test]
    fn idle_and_waiting_time_is_not_busy() {
        assert_eq!(busy_ticks("cpu  1 2 4 1000 1000 8 16 32 0 0\ncpu0 1"), Some(63));
    }
}
