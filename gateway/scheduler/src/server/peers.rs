//! What a server knows of the others in its pool.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::ServerState;
use crate::clock::Moment;

/// The servers of one pool, for the question whether it can spare one of them. A reload hands it on.
#[derive(Debug, Default)]
pub(crate) struct Peers(Mutex<Vec<Weak<ServerState>>>);

impl Peers {
    /// These are the servers from now on.
    pub(crate) fn set(&self, servers: &[Arc<ServerState>]) {
        *self.0.lock() = servers.iter().map(Arc::downgrade).collect();
    }

    /// Marks a server as ejected if the pool can spare it: no more than `share` of its servers are out then (one always
    /// may be), and another one is usable. One such question is answered at a time.
    pub(super) fn eject(&self, one: &ServerState, share: f64, now: Moment) -> bool {
        let servers = self.0.lock();
        let most = ((servers.len() as f64 * share) as usize).max(1);
        let (mut out, mut usable) = (0, false);
        for other in servers.iter().filter_map(Weak::upgrade).filter(|other| other.id != one.id) {
            out += usize::from(other.status.ejected());
            usable |= other.takes_new(now) && other.weight() > 0;
        }
        let spared = usable && out < most && !one.status.ejected();
        if spared {
            one.status.set_ejected(true);
        }
        spared
    }
}
