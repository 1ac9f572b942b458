//! What outlives a process: what the operator has set, and how a server was.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::ServerState;
use crate::health::{Health, LastProbe, ProbeResult};
use crate::spec::Admin;

/// What the operator has set of a server at run time. It holds until the configuration says something else than it said
/// then, or the operator does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// The pool's name.
    pub pool: String,
    /// The server's name.
    pub server: String,
    /// Whether it serves; none: as configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Was<Admin>>,
    /// Its weight; none: as configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<Was<u32>>,
}

/// A value that the operator has set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Was<T> {
    /// What the configuration said.
    pub configured: T,
    /// What the operator wants instead.
    pub wanted: T,
}

/// How a server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The pool's name.
    pub pool: String,
    /// The server's name.
    pub server: String,
    /// Where it listens: another address is another server.
    pub address: SocketAddr,
    /// Its health.
    pub health: Health,
    /// How its latest probe ended, with the reason if it failed; none: it has not been probed.
    pub probed: Option<Result<(), String>>,
}

impl<T: Copy + PartialEq> Was<T> {
    fn of(configured: T, wanted: T) -> Option<Self> {
        (configured != wanted).then_some(Self { configured, wanted })
    }

    fn still(self, configured: T) -> Option<T> {
        (self.configured == configured).then_some(self.wanted)
    }
}

impl ServerState {
    /// What the operator has set of it; none: nothing.
    pub(crate) fn wish(&self, pool: &str) -> Option<Wish> {
        let guarded = self.guarded.lock();
        let state = Was::of(guarded.configured.admin, guarded.admin);
        let weight = Was::of(guarded.configured.weight, self.weight());
        let wish = || Wish { pool: pool.to_owned(), server: self.name.as_ref().to_owned(), state, weight };
        (state.is_some() || weight.is_some()).then(wish)
    }

    /// Whether any of it holds still.
    pub(crate) fn grant(&self, wish: &Wish) -> bool {
        let guarded = self.guarded.lock();
        let state = wish.state.and_then(|state| state.still(guarded.configured.admin));
        let weight = wish.weight.and_then(|weight| weight.still(guarded.configured.weight));
        drop(guarded);
        if let Some(weight) = weight {
            self.set_weight(weight);
        }
        if let Some(state) = state {
            self.set_admin(state);
        }
        state.is_some() || weight.is_some()
    }

    pub(crate) fn standing(&self, pool: &str) -> Standing {
        let guarded = self.guarded.lock();
        Standing {
            pool: pool.to_owned(),
            server: self.name.as_ref().to_owned(),
            address: self.address,
            health: guarded.monitor.health(),
            probed: guarded.last.as_ref().map(|last| last.result.ok.clone()),
        }
    }

    /// Takes it to be so, unless it is another by now.
    pub(crate) fn resume(&self, standing: &Standing, now: Instant) {
        if standing.address != self.address {
            return;
        }
        let moment = self.clock.read(now);
        let mut guarded = self.guarded.lock();
        let proven = matches!(standing.probed, Some(Ok(())));
        guarded.monitor.resume(standing.health, proven, moment);
        if let Some(ok) = &standing.probed {
            // How long it took is not known any more, and counts nowhere.
            let result = ProbeResult { ok: ok.clone(), took: Duration::ZERO };
            guarded.last = Some(LastProbe { at: now, result });
        }
        self.status.publish(&guarded.monitor, guarded.admin);
    }
}
