//! The servers that one choice is made among.

use std::sync::Arc;
use std::time::Duration;

use sekisho_api::Unavailable;

use crate::clock::Moment;
use crate::queue::{Asker, Claims, Queue};
use crate::server::ServerState;
use crate::spec::AllDown;

/// The candidates of one choice: the servers of the lowest priority group that has a usable one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    servers: &'a [Arc<ServerState>],
    queue: &'a Queue,
    exclude: &'a [u64],
    slow_start: Duration,
    now: Moment,
    asker: Asker,
    claims: Claims,
    group: u8,
    standard: Standard,
}

/// Who counts as usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standard {
    /// Whoever is well and not ejected.
    Usual,
    /// Also the ejected: nobody else is left.
    Pardon,
    /// Everybody: no server is up and all are used.
    Resort,
}

/// What a choice is made under.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    pub(crate) exclude: &'a [u64],
    pub(crate) slow_start: Duration,
    pub(crate) all_down: AllDown,
    pub(crate) now: Moment,
    pub(crate) asker: Asker,
}

impl<'a> Field<'a> {
    /// Looks over the servers.
    ///
    /// # Errors
    /// `AllDown` without a usable server, `ConnectFailed` if all usable ones were tried already.
    pub(crate) fn survey(
        servers: &'a [Arc<ServerState>],
        queue: &'a Queue,
        terms: Terms<'a>,
    ) -> Result<Self, Unavailable> {
        let lowest = |usable: &dyn Fn(&ServerState) -> bool| {
            let mut tried = false;
            let mut group = None;
            for server in servers.iter().filter(|server| usable(server)) {
                if terms.exclude.contains(&server.id()) {
                    tried = true;
                } else if group.is_none_or(|lowest| server.group() < lowest) {
                    group = Some(server.group());
                }
            }
            group.ok_or(if tried { Unavailable::ConnectFailed } else { Unavailable::AllDown })
        };
        let usable = lowest(&|server| server.takes_new(terms.now) && server.weight() > 0);
        let usable = usable.map(|group| (group, Standard::Usual));
        let (group, standard) = usable.or_else(|_| {
            let pardoned = lowest(&|server| server.takes_pardoned(terms.now) && server.weight() > 0);
            match pardoned {
                Ok(group) => Ok((group, Standard::Pardon)),
                Err(Unavailable::AllDown) if terms.all_down == AllDown::UseAll => {
                    Ok((lowest(&|server| server.takes_resort())?, Standard::Resort))
                }
                Err(why) => Err(why),
            }
        })?;
        let Terms { exclude, slow_start, now, asker, .. } = terms;
        Ok(Self {
            servers,
            queue,
            exclude,
            slow_start,
            now,
            asker,
            claims: queue.claims(asker),
            group,
            standard,
        })
    }

    /// Whether this is the last resort: no server is up and all are used.
    pub(crate) fn resort(&self) -> bool {
        self.standard == Standard::Resort
    }

    /// Who counts as usable.
    pub(crate) fn standard(&self) -> Standard {
        self.standard
    }

    pub(crate) fn now(&self) -> Moment {
        self.now
    }

    /// A server by its place in the configuration.
    pub(crate) fn server(&self, index: usize) -> Option<&'a ServerState> {
        self.servers.get(index).map(Arc::as_ref)
    }

    /// All servers of the pool, usable or not, in the order of the configuration.
    pub(crate) fn all(&self) -> impl Iterator<Item = &'a ServerState> + use<'a> {
        self.servers.iter().map(Arc::as_ref)
    }

    /// How many servers the pool has, usable or not.
    pub(crate) fn len(&self) -> usize {
        self.servers.len()
    }

    /// The candidates with room: place, server, weight in thousandths.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = (usize, &'a ServerState, u64)> + '_ {
        self.servers.iter().enumerate().filter_map(|(index, server)| {
            let weight = self.weight(server);
            (weight > 0 && self.room(server)).then_some((index, server.as_ref(), weight))
        })
    }

    /// The weight of the server at `index` if it is a candidate with room, else zero.
    pub(crate) fn open_weight(&self, index: usize) -> u64 {
        self.server(index).filter(|server| self.room(server)).map_or(0, |server| self.weight(server))
    }

    /// The weight of a server if it is a candidate, else zero.
    pub(crate) fn weight(&self, server: &ServerState) -> u64 {
        let usable = match self.standard {
            Standard::Usual => server.takes_new(self.now),
            Standard::Pardon => server.takes_pardoned(self.now),
            Standard::Resort => server.takes_resort(),
        };
        if !usable || server.group() != self.group || self.exclude.contains(&server.id()) {
            return 0;
        }
        let weight = server.warm_weight(self.slow_start, self.now);
        if self.resort() { weight.max(1) } else { weight }
    }

    /// Whether the asker may take a place on a server: one is free and nobody in line comes first.
    pub(crate) fn room(&self, server: &ServerState) -> bool {
        server.has_room() && self.queue.leaves(self.claims, self.asker, server)
    }
}
