//! When a server is probed, and what probes find out.

use std::time::{Instant, SystemTime};

use super::{History, ServerState};
use crate::health::{Change, LastProbe, ProbeResult};
use crate::spec::Admin;

impl ServerState {
    /// Whether a probe is due. Asked every 50 to 100 ms; a server whose ejection is over is taken back here.
    pub fn due(&self, now: Instant) -> bool {
        let now = self.clock.read(now);
        if self.status.retry_due(now) {
            self.queue.stir();
        }
        let mut guarded = self.guarded.lock();
        let back = guarded.ejection.over(now) && self.take_back(&mut guarded, now);
        let due = guarded.admin != Admin::Maintenance && guarded.monitor.due(now);
        drop(guarded);
        if back {
            self.queue.stir();
        }
        due
    }

    /// A probe begins; none is due until it was reported.
    pub fn begin_probe(&self, now: Instant) {
        self.clock.read(now);
        self.guarded.lock().monitor.begin();
    }

    /// A probe ended. `random` scatters the next one.
    pub fn probed(&self, result: ProbeResult, now: Instant, random: u64) -> Option<Change> {
        let moment = self.clock.read(now);
        self.counts.probed(result.ok.is_ok());
        match &result.ok {
            Ok(()) => self.probes.record(result.took, moment),
            Err(_) => self.probes.penalise(moment),
        }
        let mut guarded = self.guarded.lock();
        let turn = guarded.monitor.probed(&result, moment, random);
        let probe = LastProbe { at: now, result };
        guarded.history.probe(probe.clone());
        guarded.last = Some(probe);
        let change = self.turned(&guarded, turn, moment);
        drop(guarded);
        if change.is_some() {
            self.queue.stir();
        }
        change
    }

    /// The latest probe.
    pub fn last_probe(&self) -> Option<LastProbe> {
        self.guarded.lock().last.clone()
    }

    /// Keeps a change that was told of, in its history.
    pub fn remember(&self, change: &Change, now: Instant) {
        self.guarded.lock().history.change(now, change.clone());
    }

    /// Its latest probes and changes of health.
    pub fn history(&self) -> History {
        self.guarded.lock().history.clone()
    }

    /// Remembers what a probe found out about it, until another finds out something else under the same name.
    pub fn note(&self, name: &'static str, text: String) {
        let mut guarded = self.guarded.lock();
        if let Some((_, known)) = guarded.notes.iter_mut().find(|(known, _)| *known == name) {
            *known = text;
        } else if guarded.notes.len() < NOTES {
            guarded.notes.push((name, text));
        }
    }

    /// What probes found out about it, by name.
    pub fn notes(&self) -> Vec<(&'static str, String)> {
        self.guarded.lock().notes.clone()
    }

    /// Remembers until when the certificate that it showed to a probe holds.
    pub fn set_certificate_expiry(&self, at: SystemTime) {
        self.guarded.lock().certificate = Some(at);
    }

    /// Until when the certificate that it showed to a probe holds; none before it showed one.
    pub fn certificate_expiry(&self) -> Option<SystemTime> {
        self.guarded.lock().certificate
    }
}

/// The most notes kept: a probe makes a handful.
const NOTES: usize = 16;
