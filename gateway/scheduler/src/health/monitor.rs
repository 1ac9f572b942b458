//! The state machine of one server's health.

use std::collections::VecDeque;
use std::time::Duration;

use sekisho_api::Failure;

use super::change::{Cause, Health, ProbeResult};
use crate::clock::Moment;
use crate::spec::HealthSpec;

/// Decides one server's health from probes and traffic. Pure: time and randomness are arguments.
///
/// A server begins up but unproven: it gets traffic, its first probe is due at once, and a failure of that one probe
/// takes it down.
#[derive(Debug)]
pub(crate) struct Monitor {
    spec: HealthSpec,
    health: Health,
    /// No probe has succeeded since the server came into use.
    unproven: bool,
    /// Probes in a row that succeeded or failed; one of the two is zero.
    good: u32,
    bad: u32,
    probing: bool,
    next: Moment,
    /// When it went up or down lately, at most `spec.flap.changes` of them.
    changes: VecDeque<Moment>,
    /// A flapping server that is well again stays down until then.
    held: Option<Moment>,
    /// A server without probes that traffic took down gets a client again then.
    retry: Option<Moment>,
}

/// A change of health: from, to, why.
pub(crate) type Turn = (Health, Health, Cause);

impl Monitor {
    pub(crate) fn new(spec: HealthSpec, now: Moment) -> Self {
        Self {
            spec,
            health: Health::Up,
            unproven: true,
            good: 0,
            bad: 0,
            probing: false,
            next: now,
            changes: VecDeque::new(),
            held: None,
            retry: None,
        }
    }

    pub(crate) fn health(&self) -> Health {
        self.health
    }

    pub(crate) fn spec(&self) -> &HealthSpec {
        &self.spec
    }

    /// When a client may try a server that is down for want of a probe that could say otherwise.
    pub(crate) fn retry(&self) -> Option<Moment> {
        self.retry
    }

    /// Goes on under another specification, from what is known.
    pub(crate) fn reconfigure(&mut self, spec: HealthSpec, now: Moment) {
        if !self.spec.active && spec.active {
            self.unproven = true;
        }
        self.next = self.next.min(now.plus(spec.interval));
        if !spec.active && self.health == Health::Down && self.retry.is_none() {
            self.retry = Some(now.plus(spec.passive.retry_after));
        }
        if spec.active {
            self.retry = None;
        }
        self.spec = spec;
    }

    /// The server comes back from maintenance: what is known of it is old.
    pub(crate) fn renew(&mut self, now: Moment) {
        self.unproven = true;
        self.next = now;
        (self.good, self.bad) = (0, 0);
    }

    /// Goes on where the monitor of another process was.
    pub(crate) fn resume(&mut self, health: Health, proven: bool, now: Moment) {
        self.health = health;
        self.unproven &= !proven;
        if health == Health::Down && !self.spec.active {
            self.retry = Some(now.plus(self.spec.passive.retry_after));
        }
    }

    /// Whether a probe is due.
    pub(crate) fn due(&self, now: Moment) -> bool {
        self.spec.active && !self.probing && now >= self.next
    }

    pub(crate) fn begin(&mut self) {
        self.probing = true;
    }

    /// A probe ended.
    pub(crate) fn probed(&mut self, result: &ProbeResult, now: Moment, random: u64) -> Option<Turn> {
        self.probing = false;
        let turn = match &result.ok {
            Ok(()) => self.well(now),
            Err(why) => self.unwell(why, now),
        };
        self.next = now.plus(scatter(self.pause(), self.spec.jitter, random));
        turn
    }

    /// Traffic failed for the `count`th time in a row.
    pub(crate) fn failed(&mut self, failure: Failure, count: u32, now: Moment) -> Option<Turn> {
        let passive = self.spec.passive;
        if passive.suspect_after == 0 || count < passive.suspect_after {
            return None;
        }
        if self.health == Health::Down {
            if self.retry.is_some() {
                self.retry = Some(now.plus(self.absence(now)));
            }
            return None;
        }
        if self.spec.active && self.health == Health::Up {
            self.next = now;
        }
        if passive.down_after > 0 && count >= passive.down_after {
            return self.fall(Cause::TrafficFailed(failure), now);
        }
        self.turn(Health::Suspect, Cause::TrafficFailed(failure), now)
    }

    /// Traffic succeeded after failures, and no failures are left to count.
    pub(crate) fn succeeded(&mut self, now: Moment) -> Option<Turn> {
        match self.health {
            Health::Up => None,
            // What a probe suspects, a probe clears.
            Health::Suspect if self.bad > 0 => None,
            Health::Suspect => self.turn(Health::Up, Cause::Traffic, now),
            // With probes, the word of a probe is waited for.
            Health::Down if self.spec.active => None,
            Health::Down => self.turn(Health::Up, Cause::Traffic, now),
        }
    }

    fn well(&mut self, now: Moment) -> Option<Turn> {
        self.unproven = false;
        self.bad = 0;
        self.good = self.good.saturating_add(1);
        match self.health {
            Health::Up => None,
            Health::Suspect => self.turn(Health::Up, Cause::Probe, now),
            Health::Down if self.good < self.spec.rise => None,
            Health::Down => {
                if self.flapping(now) || self.held.is_some() {
                    let until = *self.held.get_or_insert(now.plus(self.spec.flap.hold));
                    if now < until {
                        return None;
                    }
                }
                self.turn(Health::Up, Cause::Probe, now)
            }
        }
    }

    fn unwell(&mut self, why: &str, now: Moment) -> Option<Turn> {
        self.good = 0;
        self.bad = self.bad.saturating_add(1);
        self.held = None;
        let cause = || Cause::ProbeFailed(why.to_owned());
        match self.health {
            Health::Down => None,
            _ if self.unproven || self.bad >= self.spec.fall => self.fall(cause(), now),
            _ => self.turn(Health::Suspect, cause(), now),
        }
    }

    fn fall(&mut self, cause: Cause, now: Moment) -> Option<Turn> {
        self.good = 0;
        let turn = self.turn(Health::Down, cause, now);
        if !self.spec.active {
            self.retry = Some(now.plus(self.absence(now)));
        }
        turn
    }

    fn turn(&mut self, to: Health, cause: Cause, now: Moment) -> Option<Turn> {
        let from = std::mem::replace(&mut self.health, to);
        if from == to {
            return None;
        }
        if from == Health::Down || to == Health::Down {
            self.changes.push_back(now);
            while self.changes.len() > self.spec.flap.changes as usize {
                self.changes.pop_front();
            }
        }
        if to != Health::Down {
            (self.held, self.retry) = (None, None);
        }
        Some((from, to, cause))
    }

    /// Whether the server went up or down too often lately.
    fn flapping(&self, now: Moment) -> bool {
        let flap = self.spec.flap;
        let enough = flap.changes > 0 && self.changes.len() >= flap.changes as usize;
        enough && self.changes.front().is_some_and(|&first| now.since(first) <= flap.window)
    }

    /// How long a server without probes stays out.
    fn absence(&self, now: Moment) -> Duration {
        let out = self.spec.passive.retry_after;
        if self.flapping(now) { out.max(self.spec.flap.hold) } else { out }
    }

    fn pause(&self) -> Duration {
        let settled = match self.health {
            Health::Up => self.bad == 0,
            Health::Suspect => false,
            Health::Down => self.good == 0,
        };
        if settled { self.spec.interval } else { self.spec.fast_interval }
    }
}

/// `pause`, longer or shorter by at most the share `jitter`, so that a hundred probes do not fall on one moment.
fn scatter(pause: Duration, jitter: f64, random: u64) -> Duration {
    let unit = (random >> 11) as f64 / (1u64 << 53) as f64;
    pause.mul_f64(1.0 + jitter.clamp(0.0, 0.5) * (unit * 2.0 - 1.0))
}
