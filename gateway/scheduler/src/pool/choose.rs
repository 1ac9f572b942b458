//! The choice: preference, persistence, method, record.

use std::sync::Arc;
use std::time::Instant;

use sekisho_api::{Key, Lease, Unavailable, Why};

use super::persistence::{Own, as_contract};
use super::{Ask, Pool};
use crate::clock::Moment;
use crate::field::{Field, Standard, Terms};
use crate::method::Mode;
use crate::queue::{Asker, Want};
use crate::server::ServerState;
use crate::spec::OnDown;
use crate::table::{Holds, Table};

/// Why there is no lease, and what waiting would be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Waiting may help.
    Full(Want),
    /// Waiting does not help.
    Useless(Unavailable),
}

impl Pool {
    /// Chooses a server: a valid preference, else the server that persistence remembers, else the method's choice,
    /// which is remembered.
    ///
    /// A client that persistence keeps on a full server waits for that server, as HAProxy has it; where the pool has
    /// no queue it is given another one for this time and keeps its own for the next. Whoever waits comes before
    /// whoever asks: while somebody does, this answers `Full` where the place belongs to the one who waits.
    ///
    /// # Errors
    /// Why there is no server; `Full` says that [`Pool::enqueue`] may help.
    pub fn choose(self: &Arc<Self>, ask: &Ask<'_>, now: Instant) -> Result<Lease, Unavailable> {
        self.attempt(ask, self.clock.read(now), Asker::Newcomer).map_err(|refused| match refused {
            Refused::Full(_) => Unavailable::Full,
            Refused::Useless(why) => why,
        })
    }

    /// Remembers that `key`, learned after the choice, belongs to the lease's server.
    pub fn learn(&self, key: &Key, lease: &Lease, table: &Arc<Table>, now: Instant) {
        let now = self.clock.read(now);
        let name = lease.server().name();
        // What was learned last counts; only another pool's entry stays.
        drop(
            table
                .bind(key, self.name(), name, now, |bound| self.by_name.contains_key(bound).then_some(false)),
        );
    }

    pub(super) fn attempt(&self, ask: &Ask<'_>, now: Moment, asker: Asker) -> Result<Lease, Refused> {
        let opened = self.opened(ask, now);
        let ask = &ask.with(opened.as_ref());
        if self.user_is_full(ask, now) {
            return Err(Refused::Useless(Unavailable::UserLimit));
        }
        let field = self.field(ask, now, asker);
        let resort = field.as_ref().is_ok_and(Field::resort);
        let standard = field.as_ref().map_or(Standard::Usual, Field::standard);
        let mut holds = Holds::default();
        let mut lost = false;
        match self.own_server(ask, now, &mut holds, standard) {
            Own::Unknown => {}
            Own::Lost(place, why) if self.spec.on_down == OnDown::Fail => {
                // Where no probe says that it is back, one of its own clients finds out.
                let due = |server: &&Arc<ServerState>| {
                    server.takes_new(now) && !ask.route.exclude.contains(&server.id())
                };
                return match self.servers.get(place).filter(due) {
                    Some(server) if server.take(now, false) => Ok(self.lease(ask, server, why, now, holds)),
                    _ => Err(Refused::Useless(Unavailable::OwnDown)),
                };
            }
            Own::Lost(..) => lost = true,
            Own::Known(place, why) => {
                if let Some(server) = self.servers.get(place) {
                    if self.take_own(server, now, asker) {
                        let why = if resort { Why::LastResort } else { why };
                        return Ok(self.lease(ask, server, why, now, holds));
                    }
                    if self.spec.queue.capacity > 0 {
                        return Err(Refused::Full(Want::Only(server.id())));
                    }
                    // Its entry stays as it is: the server is well, only full.
                    holds = Holds::default();
                    lost = true;
                }
            }
        }
        let field = field.map_err(Refused::Useless)?;
        let method = self.spec.method.name();
        let why = match (resort, lost) {
            (true, _) => Why::LastResort,
            (false, true) => Why::Moved(method),
            (false, false) => Why::Method(method),
        };
        if self.spec.on_down == OnDown::Fail
            && let Some(home) = self.chooser.home(&field, || self.client_hash(ask))
        {
            let server = self.servers.get(home).filter(|server| field.weight(server) > 0);
            let server = server.ok_or(Refused::Useless(Unavailable::OwnDown))?;
            if field.room(server) && server.take(now, resort) {
                return Ok(self.lease(ask, server, why, now, holds));
            }
            return Err(Refused::Full(Want::Only(server.id())));
        }
        // Each turn that takes nothing means that somebody else took the last place of a server just now.
        for _ in 0..=self.servers.len() {
            let Some(place) = self.chooser.pick(&field, || self.client_hash(ask), Mode::Commit) else {
                break;
            };
            if let Some(server) = self.servers.get(place)
                && server.take(now, resort)
            {
                return Ok(self.lease(ask, server, why, now, holds));
            }
        }
        Err(Refused::Full(if ask.route.exclude.is_empty() { Want::Any } else { Want::Picky }))
    }

    pub(super) fn field<'a>(
        &'a self,
        ask: &Ask<'a>,
        now: Moment,
        asker: Asker,
    ) -> Result<Field<'a>, Unavailable> {
        let terms = Terms {
            exclude: &ask.route.exclude,
            slow_start: self.spec.slow_start,
            all_down: self.spec.all_down,
            now,
            asker,
        };
        Field::survey(&self.servers, &self.queue, terms)
    }

    /// A place on the client's own server, unless somebody in line waits for just that.
    fn take_own(&self, server: &Arc<ServerState>, now: Moment, asker: Asker) -> bool {
        let free = self.queue.leaves(self.queue.claims(asker), asker, server);
        free && server.take(now, true)
    }

    /// Counts are taken already; what remains cannot fail.
    fn lease(
        &self,
        ask: &Ask<'_>,
        server: &Arc<ServerState>,
        why: Why,
        now: Moment,
        mut holds: Holds,
    ) -> Lease {
        self.remember(ask, server, now, &mut holds);
        Lease::new(as_contract(server), why, holds.into_hold())
    }
}
