//! How long a request may take in all, and how slowly its body may come.

use std::fmt;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use sekisho_api::Local;
use sekisho_api::settings::Section;

use crate::conn::{Phase, UploadState};

/// The keys `total-timeout`, `min-body-rate` and `body-grace`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Deadlines {
    total: Option<Duration>,
    pace: Option<Pace>,
}

/// How slowly a body may come.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// Bytes a second, on average.
    rate: u64,
    /// How long the client may be waited for before that counts.
    grace: Duration,
}

/// What the request under way is held to beyond what every request of the connection is.
#[derive(Default)]
pub(crate) struct Limits {
    /// When its time is over.
    until: Option<Instant>,
    /// How long this server may take to answer.
    per_try: Option<Duration>,
    pace: Option<Pace>,
    /// How long its body has been waited for.
    waited: Duration,
    looked: Option<Instant>,
    /// Ready when the operator has ended it; an operator sees it as long as this is there.
    kicked: Option<Local<'static, ()>>,
}

/// What a look at the limits found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// The time for the whole request.
    Total,
    /// The patience with a body that comes too slowly.
    Pace,
}

impl Deadlines {
    /// Reads them; what is wrong is recorded in the section.
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let total = section.optional_duration("total-timeout", SHORTEST..=LONGEST);
        let rate = section.size("min-body-rate", 0, 0..=RATE);
        let grace = section.duration("body-grace", GRACE, SHORTEST..=LONGEST);
        Self { total, pace: (rate > 0).then_some(Pace { rate, grace }) }
    }

    /// What a request that begins now is held to; `None`: nothing.
    pub(crate) fn begin(&self, now: impl FnOnce() -> Instant) -> Option<Box<Limits>> {
        if self.total.is_none() && self.pace.is_none() {
            return None;
        }
        let until = self.total.and_then(|total| now().checked_add(total));
        Some(Box::new(Limits { until, pace: self.pace, ..Limits::default() }))
    }

    /// The time for a whole request.
    pub(crate) fn total(&self) -> Option<Duration> {
        self.total
    }

    /// The shortest of them.
    pub(crate) fn shortest(&self) -> Option<Duration> {
        self.total.into_iter().chain(self.pace.map(|pace| pace.grace)).min()
    }
}

impl Limits {
    /// Held to how long this server may take to answer.
    pub(crate) fn set_per_try(&mut self, per_try: Option<Duration>) {
        self.per_try = per_try;
    }

    /// How long this server may take to answer.
    pub(crate) fn per_try(&self) -> Option<Duration> {
        self.per_try
    }

    /// An operator may end it.
    pub(crate) fn set_kicked(&mut self, kicked: Option<Local<'static, ()>>) {
        self.kicked = kicked;
    }

    /// Whether an operator has. Asked from time to time: nobody is woken for it.
    pub(crate) fn is_kicked(&mut self) -> bool {
        let cx = &mut Context::from_waker(Waker::noop());
        self.kicked.as_mut().is_some_and(|kicked| kicked.as_mut().poll(cx).is_ready())
    }

    /// Looks at the limits.
    pub(crate) fn over(&mut self, phase: Phase, upload: UploadState, now: Instant) -> Option<Over> {
        if matches!(phase, Phase::Idle(_) | Phase::Head(_)) {
            return None;
        }
        if self.until.is_some_and(|until| now >= until) {
            return Some(Over::Total);
        }
        let pace = self.pace?;
        let looked = self.looked.replace(now);
        if phase != Phase::Waiting || upload.done {
            self.looked = None;
            return None;
        }
        // A server that takes its time is not the client's fault.
        if let Some(looked) = looked.filter(|_| upload.starved) {
            self.waited += now.saturating_duration_since(looked);
        }
        let due = self.waited.as_secs_f64() * pace.rate as f64;
        (self.waited >= pace.grace && (upload.bytes as f64) < due).then_some(Over::Pace)
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits")
            .field("until", &self.until)
            .field("per_try", &self.per_try)
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}

/// More is not slow.
const RATE: u64 = 1 << 30;
/// As Apache's mod_reqtimeout has it for bodies, twice over for telephones.
const GRACE: Duration = Duration::from_secs(20);
/// As the VIP's other timeouts.
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn limits(total: Option<u64>, rate: Option<u64>, start: Instant) -> Limits {
        let pace = rate.map(|rate| Pace { rate, grace: seconds(5) });
        *Deadlines { total: total.map(seconds), pace }.begin(|| start).unwrap()
    }

    fn body(bytes: u64, starved: bool) -> UploadState {
        UploadState { bytes, starved, ..UploadState::default() }
    }

    #[test]
    fn nothing_is_kept_where_nothing_is_limited() {
        assert!(Deadlines::default().begin(|| panic!("no clock is read")).is_none());
    }

    #[test]
    fn time_is_over_in_every_phase_of_a_request_and_in_no_other() {
        let start = Instant::now();
        let mut limits = limits(Some(10), None, start);
        for phase in [Phase::Choosing, Phase::Waiting, Phase::Answering] {
            assert_eq!(limits.over(phase, body(0, true), start + seconds(9)), None);
            assert_eq!(limits.over(phase, body(0, true), start + seconds(10)), Some(Over::Total));
        }
        assert_eq!(limits.over(Phase::Idle(start), body(0, true), start + seconds(99)), None);
    }

    #[test]
    fn body_may_be_slow_for_a_while_and_on_average_no_slower_than_its_rate() {
        let start = Instant::now();
        let mut drip = limits(None, Some(100), start);
        let cut =
            (0..20).find(|&at| drip.over(Phase::Waiting, body(at, true), start + seconds(at)).is_some());
        assert_eq!(cut, Some(5));
        let mut steady = limits(None, Some(100), start);
        for at in 0..100 {
            assert_eq!(steady.over(Phase::Waiting, body(100 * at, true), start + seconds(at)), None);
        }
    }

    #[test]
    fn slow_server_is_not_the_clients_fault() {
        let start = Instant::now();
        let mut limits = limits(None, Some(100), start);
        for at in 0..100 {
            assert_eq!(limits.over(Phase::Waiting, body(1, false), start + seconds(at)), None);
        }
        let done = UploadState { done: true, ..body(1, true) };
        assert_eq!(limits.over(Phase::Waiting, done, start + seconds(200)), None);
        assert_eq!(limits.over(Phase::Answering, body(1, true), start + seconds(300)), None);
    }
}
