//! Whether the service manager is told that the process lives (sd_watchdog_enabled(3)).

use std::time::{Duration, Instant};

/// When to say so: not while a worker hangs.
#[derive(Debug)]
pub(crate) struct Watchdog {
    /// Half of the time after which the manager takes it to hang; none: it does not watch.
    every: Option<Duration>,
    said: Instant,
    rounds: Vec<u32>,
}

impl Watchdog {
    /// As the environment asks for it.
    pub(crate) fn of_this_process(now: Instant) -> Self {
        let text = |name| std::env::var(name).ok();
        Self::new(text("WATCHDOG_USEC").as_deref(), text("WATCHDOG_PID").as_deref(), std::process::id(), now)
    }

    fn new(microseconds: Option<&str>, process: Option<&str>, own: u32, now: Instant) -> Self {
        let meant = process.is_none_or(|process| process.parse() == Ok(own));
        let microseconds = microseconds.and_then(|text| text.parse().ok()).filter(|n| meant && *n > 0);
        let every = microseconds.map(|microseconds| Duration::from_micros(microseconds) / 2);
        Self { every, said: now, rounds: Vec::new() }
    }

    /// Whether it is time to say so, with how often each worker has come round so far: all have, since the last time.
    pub(crate) fn is_due(&mut self, now: Instant, rounds: impl FnOnce() -> Vec<u32>) -> bool {
        if self.every.is_none_or(|every| now.duration_since(self.said) < every) {
            return false;
        }
        let rounds = rounds();
        let hangs = self.rounds.iter().zip(&rounds).any(|(before, now)| before == now);
        if !hangs {
            (self.said, self.rounds) = (now, rounds);
        }
        !hangs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watchdog_is_fed_twice_as_often_as_asked_while_every_worker_comes_round() {
        let began = Instant::now();
        let after = |ms| began + Duration::from_millis(ms);
        let mut dog = Watchdog::new(Some("2000000"), Some("7"), 7, began);
        assert!(!dog.is_due(after(999), || vec![1, 1]));
        assert!(dog.is_due(after(1000), || vec![5, 5]));
        assert!(!dog.is_due(after(1500), || vec![9, 9]));
        assert!(!dog.is_due(after(2000), || vec![12, 5]), "a worker hangs");
        assert!(dog.is_due(after(2100), || vec![13, 6]));
    }

    #[test]
    fn watchdog_of_another_process_is_not_fed() {
        let now = Instant::now();
        for (microseconds, process) in
            [(None, None), (Some("0"), None), (Some("x"), None), (Some("9"), Some("8"))]
        {
            let mut dog = Watchdog::new(microseconds, process, 7, now);
            assert!(!dog.is_due(now + Duration::from_secs(60), Vec::new), "{microseconds:?} {process:?}");
        }
        assert!(Watchdog::new(Some("9"), None, 7, now).every.is_some());
    }
}
