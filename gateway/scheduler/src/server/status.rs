//! What the request path reads of a server: atomics only.

use std::sync::atomic::{
    AtomicU8, AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use std::time::Duration;

use crate::clock::Moment;
use crate::health::{Health, Monitor};
use crate::spec::{Admin, ServerSpec};

/// A server's standing, published by whoever changes it.
#[derive(Debug)]
pub(crate) struct Status {
    /// Bits 0 and 1: health; 2 and 3: the operator's will; 4: no configuration has the server any more; 5: ejected.
    bits: AtomicU8,
    group: AtomicU8,
    weight: AtomicU32,
    /// `u32::MAX` for no limit.
    limit: AtomicU32,
    /// When it came up; zero: at the start of the process.
    risen: AtomicU64,
    /// When a client may try a server that is down; zero: never.
    retry: AtomicU64,
    /// How long after one such trial comes the next.
    pause: AtomicU64,
}

impl Status {
    pub(super) fn new(spec: &ServerSpec) -> Self {
        let this = Self {
            bits: AtomicU8::new(0),
            group: AtomicU8::new(0),
            weight: AtomicU32::new(spec.weight),
            limit: AtomicU32::new(0),
            risen: AtomicU64::new(0),
            retry: AtomicU64::new(0),
            pause: AtomicU64::new(0),
        };
        this.set_limits(spec);
        this
    }

    pub(super) fn set_limits(&self, spec: &ServerSpec) {
        self.group.store(spec.group, Relaxed);
        self.limit.store(spec.max_connections.unwrap_or(u32::MAX), Relaxed);
    }

    pub(super) fn publish(&self, monitor: &Monitor, admin: Admin) {
        let health = match monitor.health() {
            Health::Up => 0,
            Health::Suspect => 1,
            Health::Down => 2,
        };
        let will = match admin {
            Admin::Ready => 0,
            Admin::Drain => 4,
            Admin::Maintenance => 8,
        };
        self.retry.store(monitor.retry().map_or(0, Moment::get), Relaxed);
        let pause = u64::try_from(monitor.spec().passive.retry_after.as_nanos()).unwrap_or(u64::MAX);
        self.pause.store(pause.max(SHORTEST_PAUSE), Relaxed);
        // The closure always answers Some, so the update cannot fail.
        let _ =
            self.bits.fetch_update(Release, Relaxed, |bits| Some(bits & (REMOVED | EJECTED) | health | will));
    }

    pub(super) fn remove(&self) {
        self.bits.fetch_or(REMOVED, Release);
    }

    pub(super) fn removed(&self) -> bool {
        self.bits.load(Acquire) & REMOVED != 0
    }

    pub(super) fn set_ejected(&self, ejected: bool) {
        if ejected {
            self.bits.fetch_or(EJECTED, Release);
        } else {
            self.bits.fetch_and(!EJECTED, Release);
        }
    }

    pub(super) fn ejected(&self) -> bool {
        self.bits.load(Acquire) & EJECTED != 0
    }

    pub(super) fn health(&self) -> Health {
        match self.bits.load(Acquire) & 3 {
            0 => Health::Up,
            1 => Health::Suspect,
            _ => Health::Down,
        }
    }

    pub(super) fn admin(&self) -> Admin {
        match self.bits.load(Acquire) & 12 {
            0 => Admin::Ready,
            4 => Admin::Drain,
            _ => Admin::Maintenance,
        }
    }

    pub(super) fn group(&self) -> u8 {
        self.group.load(Relaxed)
    }

    pub(super) fn weight(&self) -> u32 {
        self.weight.load(Relaxed)
    }

    pub(super) fn set_weight(&self, weight: u32) {
        self.weight.store(weight, Relaxed);
    }

    pub(super) fn ceiling(&self) -> u32 {
        self.limit.load(Relaxed)
    }

    pub(super) fn limit(&self) -> Option<u32> {
        Some(self.ceiling()).filter(|&limit| limit != u32::MAX)
    }

    /// It came up; slow start counts from here.
    pub(super) fn rise(&self, now: Moment) {
        self.risen.store(now.get(), Relaxed);
    }

    pub(super) fn risen(&self) -> Option<Moment> {
        Moment::from_raw(self.risen.load(Relaxed))
    }

    /// The weight in thousandths while the server warms up: from a tenth to the whole over `slow_start`.
    pub(super) fn warmth(&self, slow_start: Duration, now: Moment) -> u64 {
        let Some(risen) = self.risen() else { return WHOLE };
        let warm = now.since(risen).as_nanos();
        if warm >= slow_start.as_nanos() {
            return WHOLE;
        }
        let share = warm * u128::from(WHOLE - COLD) / slow_start.as_nanos();
        COLD + u64::try_from(share).unwrap_or(0)
    }

    /// Whether the time for a trial of a server that is down has come.
    pub(super) fn retry_due(&self, now: Moment) -> bool {
        Moment::from_raw(self.retry.load(Relaxed)).is_some_and(|at| now >= at)
    }

    /// Claims the trial: one client gets it, the next not before the pause is over.
    pub(super) fn claim_retry(&self, now: Moment) -> bool {
        let at = self.retry.load(Relaxed);
        let next = now.plus(Duration::from_nanos(self.pause.load(Relaxed))).get();
        self.retry_due(now) && self.retry.compare_exchange(at, next, Relaxed, Relaxed).is_ok()
    }
}

/// The full weight, in thousandths.
pub(crate) const WHOLE: u64 = 1000;
/// The weight that slow start begins with.
const COLD: u64 = 100;
const REMOVED: u8 = 16;
const EJECTED: u8 = 32;
/// A second, in nanoseconds.
const SHORTEST_PAUSE: u64 = 1_000_000_000;
