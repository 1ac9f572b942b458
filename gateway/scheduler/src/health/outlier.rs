//! Servers that fail their clients while they seem well.
//!
//! What is counted on the path of a request is atomic; whoever finds that enough is enough asks for the ejection,
//! which the pool has to allow.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use sekisho_api::Failure;

use crate::clock::Moment;
use crate::measure::{Row, Tally, is_before};
use crate::spec::OutlierSpec;

/// What the outcomes of one server's traffic add up to.
#[derive(Debug)]
pub(crate) struct Outlier {
    on: AtomicBool,
    /// Failures in a row that are enough; zero: no number is.
    consecutive: AtomicU32,
    /// The share that is enough, in thousandths; more than a thousand: none is.
    share: AtomicU32,
    min_requests: AtomicU32,
    said_so: AtomicBool,
    row: Row,
    tally: Tally,
    /// An ejection that was not allowed is not asked for again before.
    quiet: AtomicU64,
}

/// What a server did to be ejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offence {
    /// It failed this often in a row, last in this way.
    InARow(u32, Failure),
    /// So many of so many requests within the interval failed.
    Share {
        /// Those that failed.
        failed: u64,
        /// All of them.
        of: u64,
    },
}

impl Outlier {
    pub(crate) fn new(spec: Option<OutlierSpec>) -> Self {
        let this = Self {
            on: AtomicBool::new(false),
            consecutive: AtomicU32::new(0),
            share: AtomicU32::new(0),
            min_requests: AtomicU32::new(0),
            said_so: AtomicBool::new(true),
            row: Row::default(),
            tally: Tally::new(Duration::from_secs(1)),
            quiet: AtomicU64::new(0),
        };
        this.configure(spec);
        this
    }

    /// Goes on under another specification, from what was counted.
    pub(crate) fn configure(&self, spec: Option<OutlierSpec>) {
        self.on.store(spec.is_some(), Relaxed);
        let Some(spec) = spec else { return self.forget() };
        self.consecutive.store(spec.consecutive, Relaxed);
        let share = spec.failure_share.map_or(NEVER, |share| (share.clamp(0.0, 1.0) * WHOLE).ceil() as u32);
        self.share.store(share, Relaxed);
        self.min_requests.store(spec.min_requests.max(1), Relaxed);
        self.said_so.store(spec.said_so, Relaxed);
        self.tally.resize(spec.interval);
    }

    /// A connection was made. `answers`: the server is known for more than accepting them.
    pub(crate) fn connected(&self, answers: bool, now: Moment) {
        if self.on.load(Relaxed) {
            self.row.connected();
            if !answers {
                self.good(now);
            }
        }
    }

    /// It answered.
    pub(crate) fn answered(&self, now: Moment) {
        if self.on.load(Relaxed) {
            self.row.forget();
            self.good(now);
        }
    }

    /// It failed. `Some`: that is enough.
    pub(crate) fn failed(&self, failure: Failure, answers: bool, now: Moment) -> Option<Offence> {
        if !self.on.load(Relaxed) {
            return None;
        }
        if failure == Failure::SaidSo && !self.said_so.load(Relaxed) {
            self.answered(now);
            return None;
        }
        // A connection to a server that is not known to answer counted as good when it was made.
        if answers || is_before(failure) {
            self.tally.bad(now);
        } else {
            self.tally.spoilt(now);
        }
        let row = self.row.failed(failure);
        let consecutive = self.consecutive.load(Relaxed);
        if Moment::from_raw(self.quiet.load(Relaxed)).is_some_and(|until| now < until) {
            return None;
        }
        if consecutive > 0 && row >= consecutive {
            return Some(Offence::InARow(row, failure));
        }
        let share = u64::from(self.share.load(Relaxed));
        if share > WHOLE as u64 {
            return None;
        }
        let (good, failed) = self.tally.sums(now);
        let of = good + failed;
        let enough = of >= u64::from(self.min_requests.load(Relaxed)) && failed * WHOLE as u64 >= share * of;
        enough.then_some(Offence::Share { failed, of })
    }

    /// The pool did not allow it: whoever fails next need not ask at once.
    pub(crate) fn hush(&self, now: Moment) {
        self.quiet.store(now.plus(QUIET).get(), Relaxed);
    }

    /// Nothing of before counts any more.
    pub(crate) fn forget(&self) {
        self.row.forget();
        self.tally.forget();
        self.quiet.store(0, Relaxed);
    }

    fn good(&self, now: Moment) {
        if self.share.load(Relaxed) != NEVER {
            self.tally.good(now);
        }
    }
}

/// For how long one server is ejected, and how often it was.
#[derive(Debug, Default)]
pub(crate) struct Ejection {
    until: Option<Moment>,
    /// Ejections that are not forgiven.
    times: u32,
    returned: Option<Moment>,
}

impl Ejection {
    /// It begins; says how long it lasts. An ejection is forgiven for each `base` served without another.
    pub(crate) fn begin(&mut self, spec: &OutlierSpec, now: Moment) -> Duration {
        if let Some(returned) = self.returned.take() {
            let good = now.since(returned).as_nanos() / spec.base.as_nanos().max(1);
            self.times = self.times.saturating_sub(u32::try_from(good).unwrap_or(u32::MAX));
        }
        self.times = self.times.saturating_add(1);
        let time = spec.base.saturating_mul(self.times).min(spec.longest.max(spec.base));
        self.until = Some(now.plus(time));
        time
    }

    /// Until when it lasts.
    pub(crate) fn until(&self) -> Option<Moment> {
        self.until
    }

    /// Whether it has lasted long enough.
    pub(crate) fn over(&self, now: Moment) -> bool {
        self.until.is_some_and(|until| now >= until)
    }

    /// It ends; false if there was none.
    pub(crate) fn end(&mut self, now: Moment) -> bool {
        let ended = self.until.take().is_some();
        if ended {
            self.returned = Some(now);
        }
        ended
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InARow(row, failure) => write!(f, "{row} failures in a row, the last: {}", failure.name()),
            Self::Share { failed, of } => write!(f, "{failed} of {of} requests failed"),
        }
    }
}

/// A whole, in thousandths.
const WHOLE: f64 = 1000.0;
/// The share that no server reaches.
const NEVER: u32 = u32::MAX;
/// Between two attempts to eject a server that the pool cannot spare.
const QUIET: Duration = Duration::from_millis(100);
