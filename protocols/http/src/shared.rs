//! Connections of HTTP/2 to servers: which one takes the next request, and who makes another.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use sekisho_api::Facts;
use tokio::sync::Notify;

use crate::codec::{Connection, Place};
use crate::gate::NotReached;

/// Whose requests a connection takes: to which server ([`sekisho_api::Server::id`]), and of which client where the
/// server was told of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Whose {
    server: u64,
    client: Option<(SocketAddr, u64)>,
}

impl Whose {
    /// Everybody's to this server, or this client's alone.
    pub(crate) fn new(server: u64, client: Option<&Facts>) -> Self {
        Self { server, client: client.map(|facts| (facts.client, facts.id)) }
    }
}

/// The connections of HTTP/2 of one worker.
#[derive(Debug)]
pub(crate) struct Shared {
    groups: RefCell<HashMap<Whose, Group>>,
    /// Servers that agreed on HTTP/1.1 last: nobody waits for another's connection to them.
    old: RefCell<HashSet<u64>>,
    longest: Duration,
}

#[derive(Debug, Default)]
struct Group {
    connections: Vec<Rc<Connection>>,
    making: Option<Rc<Making>>,
}

/// How a request gets a place.
#[derive(Debug)]
pub(crate) enum Next {
    /// Here it is.
    Place(Place),
    /// Somebody is making a connection: worth waiting for.
    Wait(Rc<Making>),
    /// The request has to make one.
    Make(Maker),
}

impl Shared {
    /// None of them is kept that has had nothing to do for `longest`.
    pub(crate) fn new(longest: Duration) -> Self {
        Self { groups: RefCell::default(), old: RefCell::default(), longest }
    }

    /// A place on a connection that is there.
    pub(crate) fn place(&self, whose: Whose) -> Option<Place> {
        let mut groups = self.groups.borrow_mut();
        let group = groups.get_mut(&whose)?;
        group.connections.retain(|connection| connection.lives());
        group.connections.iter().find_map(Connection::place)
    }

    /// A place, or the way to one.
    pub(crate) fn next(self: &Rc<Self>, whose: Whose) -> Next {
        if let Some(place) = self.place(whose) {
            return Next::Place(place);
        }
        let mut groups = self.groups.borrow_mut();
        let group = groups.entry(whose).or_default();
        if let Some(making) = &group.making {
            return Next::Wait(making.clone());
        }
        let making = group.making.insert(Rc::default()).clone();
        Next::Make(Maker { shared: self.clone(), whose, making })
    }

    /// Whether this server agreed on HTTP/1.1 when it was asked last.
    pub(crate) fn is_old(&self, server: u64) -> bool {
        self.old.borrow().contains(&server)
    }

    /// This server agreed on HTTP/1.1.
    pub(crate) fn agreed_on_old(&self, server: u64) {
        self.old.borrow_mut().insert(server);
    }

    /// Keeps a connection, and gives the first place on it.
    pub(crate) fn keep(&self, whose: Whose, connection: Rc<Connection>) -> Option<Place> {
        self.old.borrow_mut().remove(&whose.server);
        let place = connection.place();
        self.groups.borrow_mut().entry(whose).or_default().connections.push(connection);
        place
    }

    /// Forgets the connections to a server that is not to be used any more. Requests under way go on.
    pub(crate) fn forget(&self, server: u64) {
        self.old.borrow_mut().remove(&server);
        self.groups
            .borrow_mut()
            .iter_mut()
            .filter(|(whose, _)| whose.server == server)
            .for_each(|(_, group)| group.connections.clear());
    }

    /// Closes what has had nothing to do for too long, and what is dead. What serves a single client, which may have
    /// left, goes first.
    pub(crate) fn sweep(&self, now: Instant) {
        self.groups.borrow_mut().retain(|whose, group| {
            let longest = if whose.client.is_some() { self.longest.min(ALONE) } else { self.longest };
            group.connections.retain(|connection| {
                connection.lives() && connection.rested(now) < longest && !connection.is_in_the_way()
            });
            group.making.is_some() || !group.connections.is_empty()
        });
    }
}

/// A connection that is being made, for those who wait for it.
#[derive(Debug, Default)]
pub(crate) struct Making {
    over: Cell<Option<Result<(), NotReached>>>,
    told: Notify,
}

impl Making {
    /// Ready when it is worth looking again.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn wait(&self) -> Result<(), NotReached> {
        let told = self.told.notified();
        match self.over.get() {
            Some(over) => over,
            None => {
                told.await;
                self.over.get().unwrap_or(Ok(()))
            }
        }
    }
}

/// Whoever makes a connection. Dropped before it is made, others try.
#[derive(Debug)]
pub(crate) struct Maker {
    shared: Rc<Shared>,
    whose: Whose,
    making: Rc<Making>,
}

impl Maker {
    /// It cannot be made, which is true for all who wait.
    pub(crate) fn failed(self, why: NotReached) {
        self.making.over.set(Some(Err(why)));
    }
}

impl Drop for Maker {
    fn drop(&mut self) {
        if let Some(group) = self.shared.groups.borrow_mut().get_mut(&self.whose) {
            group.making = None;
        }
        if self.making.over.get().is_none() {
            self.making.over.set(Some(Ok(())));
        }
        self.making.told.notify_waiters();
    }
}

/// How long a single client's connection waits for its next request.
const ALONE: Duration = Duration::from_secs(1);
