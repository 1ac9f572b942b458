//! A client's request while it is under way.

use std::rc::Rc;
use std::time::Instant;

use sekisho_api::{Asked, Facts, Fingerprint, IdPlace, Lease, Route};

use super::slab::Key;
use super::upstream::Upstream;
use crate::udp::{Path, Port};

/// A client's request while it is under way.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) port: Rc<Port>,
    pub(super) path: Path,
    /// What is known of a client that a proxy speaks for.
    pub(super) told: Option<Box<Facts>>,
    /// The client's own id, and where it stands.
    pub(super) id: u32,
    pub(super) place: IdPlace,
    pub(super) fingerprint: Fingerprint,
    pub(super) memo: [u64; 2],
    /// The client's datagram, as it came.
    pub(super) request: Vec<u8>,
    /// What servers get instead of it.
    pub(super) written: Option<Vec<u8>>,
    pub(super) route: Route,
    pub(super) repeatable: bool,
    /// Others wait for its answer under this number.
    pub(super) share: Option<u64>,
    /// Servers asked so far.
    pub(super) attempts: u32,
    pub(super) began: Instant,
    /// Who has been asked and has not answered: the second only after the first has been silent for a while.
    pub(super) tries: [Option<Try>; 2],
    /// The client has been told. What is still among `tries` only shows how its server is.
    pub(super) done: bool,
}

/// A request on its way to one server.
#[derive(Debug)]
pub(super) struct Try {
    pub(super) lease: Lease,
    pub(super) socket: Rc<Upstream>,
    /// The id on that socket.
    pub(super) id: u32,
    pub(super) sent: Instant,
}

/// What an id on a server's socket leads to: a query, and which of its tries it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) key: Key,
    pub(super) which: usize,
}

impl Query {
    pub(super) fn facts(&self) -> Facts {
        match &self.told {
            None => self.port.facts(&self.path),
            Some(facts) => Facts::clone(facts),
        }
    }

    pub(super) fn asked(&self) -> Asked<'_> {
        Asked { request: &self.request, fingerprint: self.fingerprint, memo: self.memo }
    }

    /// Nobody is expected to answer any more.
    pub(super) fn idle(&self) -> bool {
        self.tries.iter().all(Option::is_none)
    }

    /// Takes a try out, and its id out of its socket's table.
    pub(super) fn take(&mut self, which: usize) -> Option<Try> {
        let one = self.tries.get_mut(which)?.take()?;
        one.socket.ids.borrow_mut().release(one.id);
        Some(one)
    }

    /// Keeps a server from being asked again.
    pub(super) fn exclude(&mut self, server: u64) {
        if !self.route.exclude.contains(&server) {
            self.route.exclude.push(server);
        }
    }

    /// Bytes kept for it.
    pub(super) fn weight(&self) -> usize {
        self.request.len() + self.written.as_ref().map_or(0, Vec::len)
    }
}
