//! Why a client would get which server.

mod print;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use sekisho_api::{KeyKind, Persist, Prefer, Unavailable, Why};

use super::persistence::{key, tells};
use super::{Ask, Pool};
use crate::clock::Moment;
use crate::field::{Field, Standard};
use crate::health::State;
use crate::method::{Mode, score};
use crate::queue::Asker;
use crate::server::ServerState;
use crate::spec::Admin;

/// The answer that [`Pool::choose`] would give now, with everything it would be based on. Prints as a table.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The pool.
    pub pool: Arc<str>,
    /// Its method.
    pub method: &'static str,
    /// What persistence looked at, in its order.
    pub keys: Vec<KeyLine>,
    /// All servers, in the order of the configuration.
    pub candidates: Vec<Candidate>,
    /// The outcome.
    pub chosen: Result<(Arc<str>, Why), Unavailable>,
}

/// One thing that persistence looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLine {
    /// The kind of key; none for a server preferred by name.
    pub kind: Option<KeyKind>,
    /// What came of it.
    pub lookup: Lookup,
}

/// What came of looking for a client's server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The client has no such key.
    Absent,
    /// The client prefers this server.
    Preferred(Arc<str>),
    /// The table says this server.
    Hit(Arc<str>),
    /// The table, or the pool, has nothing for it.
    Miss,
}

/// One server as a choice sees it.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its name.
    pub name: Arc<str>,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its state.
    pub state: State,
    /// Its weight; less while it warms up.
    pub weight: f64,
    /// Leases held.
    pub active: u32,
    /// The most leases.
    pub max_connections: Option<u32>,
    /// Its priority group.
    pub group: u8,
    /// What the method orders it by, the lower the better; none for methods without a score.
    pub score: Option<f64>,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// What becomes of a server in a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is chosen.
    Chosen,
    /// It could have been.
    Possible,
    /// It is down.
    Down,
    /// Its traffic failed, and it gets none for a while.
    Ejected,
    /// It takes returning clients only, because it is draining.
    Draining,
    /// It is in maintenance.
    Maintenance,
    /// It takes returning clients only, because its weight is zero.
    NoWeight,
    /// It failed this client already.
    Tried,
    /// A lower priority group serves.
    Backup,
    /// It has its maximum of connections, or whoever waits comes first.
    Full,
}

impl Verdict {
    /// The words in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chosen => "chosen",
            Self::Possible => "possible",
            Self::Down => "down",
            Self::Ejected => "ejected for its failures",
            Self::Draining => "draining: returning clients only",
            Self::Maintenance => "in maintenance",
            Self::NoWeight => "weight 0: returning clients only",
            Self::Tried => "tried already",
            Self::Backup => "backup: another group serves",
            Self::Full => "full",
        }
    }
}

impl Pool {
    /// What [`Pool::choose`] would answer, and why. Changes nothing: no turn is taken, no entry made or used.
    pub fn explain(&self, ask: &Ask<'_>, now: Instant) -> Explanation {
        let now = self.clock.moment(now);
        let opened = self.opened(ask, now);
        let ask = &ask.with(opened.as_ref());
        let field = self.field(ask, now, Asker::Newcomer);
        let standard = field.as_ref().map_or(Standard::Usual, Field::standard);
        let mut keys = Vec::new();
        let own = self.look(ask, now, standard, &mut keys);
        let chosen = self.foretell(ask, &field, own);
        let place = chosen.as_ref().ok().map(|&(place, _)| place);
        let candidates = self.servers.iter().enumerate().map(|(index, server)| Candidate {
            name: Arc::clone(server.name()),
            address: server.address(),
            state: server.state(),
            weight: server.warm_weight(self.spec.slow_start, now) as f64 / 1000.0,
            active: server.active(),
            max_connections: server.max_connections(),
            group: server.group(),
            score: field.as_ref().ok().and_then(|field| score(field, self.spec.method, index)),
            verdict: if place == Some(index) { Verdict::Chosen } else { verdict(server, ask, &field, now) },
        });
        Explanation {
            pool: Arc::clone(self.name()),
            method: self.spec.method.name(),
            keys,
            candidates: candidates.collect(),
            chosen: chosen.and_then(|(place, why)| {
                let server = self.servers.get(place).ok_or(Unavailable::AllDown)?;
                Ok((Arc::clone(server.name()), why))
            }),
        }
    }

    /// Walks the persistence list without touching the table: the client's own server and whether one was lost.
    fn look(
        &self,
        ask: &Ask<'_>,
        now: Moment,
        standard: Standard,
        keys: &mut Vec<KeyLine>,
    ) -> (Option<(usize, Why)>, bool) {
        let mut own = None;
        let mut lost = false;
        let mut consider = |place: usize, why: Why| {
            if own.is_none() && self.takes_back(place, ask, standard) {
                own = Some((place, why));
            } else {
                lost |= own.is_none();
            }
        };
        let name = |place: usize| self.servers.get(place).map(|server| Arc::clone(server.name()));
        if let Some(Prefer::Name(wanted)) = &ask.route.prefer {
            let place = self.by_name.get(&**wanted).copied();
            let lookup = place.and_then(name).map_or(Lookup::Miss, Lookup::Preferred);
            keys.push(KeyLine { kind: None, lookup });
            place.into_iter().for_each(|place| consider(place, Why::Preferred));
        }
        for persist in ask.persist {
            let kind = persist.kind();
            let mut lookup = Lookup::Absent;
            if let Some(place) = self.preferred(persist, ask) {
                lookup = name(place).map_or(Lookup::Miss, Lookup::Preferred);
                consider(place, Why::Preferred);
            } else if names_a_server(persist, ask.route.prefer.as_ref()) {
                lookup = Lookup::Miss;
            } else if let Some(key) = key(persist, ask).filter(|_| tells(persist, ask)) {
                let member = |name: &str| self.by_name.get(name).copied();
                let place = ask.table.glance(&key, self.name(), now, member);
                lookup = place.and_then(name).map_or(Lookup::Miss, Lookup::Hit);
                place.into_iter().for_each(|place| consider(place, Why::Persisted(kind)));
            }
            keys.push(KeyLine { kind: Some(kind), lookup });
        }
        (own, lost)
    }

    /// The end of [`Pool::choose`], without taking anything.
    fn foretell(
        &self,
        ask: &Ask<'_>,
        field: &Result<Field<'_>, Unavailable>,
        (own, mut lost): (Option<(usize, Why)>, bool),
    ) -> Result<(usize, Why), Unavailable> {
        let resort = field.as_ref().is_ok_and(Field::resort);
        if let Some((place, why)) = own {
            let room = self.servers.get(place).is_some_and(|server| {
                let claims = self.queue.claims(Asker::Newcomer);
                server.has_room() && self.queue.leaves(claims, Asker::Newcomer, server)
            });
            if room {
                return Ok((place, if resort { Why::LastResort } else { why }));
            }
            if self.spec.queue.capacity > 0 {
                return Err(Unavailable::Full);
            }
            lost = true;
        }
        let field = field.as_ref().map_err(|&why| why)?;
        let method = self.spec.method.name();
        let place =
            self.chooser.pick(field, || self.client_hash(ask), Mode::Peek).ok_or(Unavailable::Full)?;
        let why = match (resort, lost) {
            (true, _) => Why::LastResort,
            (false, true) => Why::Moved(method),
            (false, false) => Why::Method(method),
        };
        Ok((place, why))
    }
}

/// Whether the client's words name a server of this pool or of another under this entry of the list.
fn names_a_server(persist: &Persist, prefer: Option<&Prefer>) -> bool {
    match persist {
        Persist::Cookie(_) => matches!(prefer, Some(Prefer::Token(_))),
        Persist::Key(KeyKind::RDP_TOKEN) => matches!(prefer, Some(Prefer::Token(_) | Prefer::Sealed(_))),
        _ => false,
    }
}

/// Why a server is not the chosen one.
fn verdict(
    server: &ServerState,
    ask: &Ask<'_>,
    field: &Result<Field<'_>, Unavailable>,
    now: Moment,
) -> Verdict {
    let resort = field.as_ref().is_ok_and(Field::resort);
    if server.admin() == Admin::Maintenance {
        Verdict::Maintenance
    } else if ask.route.exclude.contains(&server.id()) {
        Verdict::Tried
    } else if !resort && server.state() == State::Down && !server.takes_pardoned(now) {
        Verdict::Down
    } else if server.ejected() && field.as_ref().map_or(Standard::Usual, Field::standard) == Standard::Usual {
        Verdict::Ejected
    } else if !resort && server.admin() == Admin::Drain {
        Verdict::Draining
    } else if !resort && server.weight() == 0 {
        Verdict::NoWeight
    } else if field.as_ref().is_ok_and(|field| field.weight(server) == 0) {
        Verdict::Backup
    } else if !field.as_ref().is_ok_and(|field| field.room(server)) {
        Verdict::Full
    } else {
        Verdict::Possible
    }
}
