//! The thread. Nothing waits for it: what clients are known stands in the tables, and the tables remember what others
//! have not been told.

use std::net::TcpListener;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sekisho_config::{Config, PeerKeyForm, Peers};
use sekisho_runtime::View;
use sekisho_scheduler::{Follower, Scheduler, Table};
use tracing::warn;

use super::super::terms::{Foreign, Terms};
use super::super::wire::{KeyForm, Status};
use super::Board;
use super::door::Door;
use super::facts::facts;
use super::guest::{Guest, Words};
use super::neighbour::{Neighbour, Own};
use super::news::Holdings;
use crate::link::Link;

/// What the thread has.
pub(super) struct Keeper {
    view: View,
    board: Arc<Board>,
    door: Door,
}

/// What is exchanged, by a configuration.
struct Exchange {
    peers: Peers,
    own: Own,
    tables: Vec<Arc<Table>>,
    /// With nobody who follows, tables forget who was forgotten; a node that was away would know better.
    _memory: Vec<Follower>,
    neighbours: Vec<Neighbour>,
    guests: Vec<Guest>,
    began: Instant,
    renewed: Instant,
}

impl Keeper {
    pub(super) fn new(view: View, board: Arc<Board>, sockets: Vec<TcpListener>) -> Self {
        Self { view, board, door: Door::new(sockets) }
    }

    /// Exchanges until the gateway stops.
    pub(super) fn run(mut self) {
        while !self.board.stops() {
            let (config, scheduler) = self.view.in_force();
            let Some(peers) = &config.peers else {
                self.door.close();
                self.rest();
                continue;
            };
            self.door.rebind(&peers.listen);
            let exchange = Exchange::new(peers, &config, &scheduler, Instant::now());
            self.exchange(exchange);
            self.board.nodes.lock().clear();
        }
    }

    fn rest(&self) {
        while !self.board.stops() && !self.board.reloads() {
            let mut ready = [PollFd::new(&self.board.bell, PollFlags::IN)];
            let _ = poll(&mut ready, None);
            self.board.bell.quieten();
        }
    }

    /// Exchanges until the gateway stops, or something else is to be exchanged.
    fn exchange(&mut self, mut exchange: Exchange) {
        while !self.board.stops() {
            if self.board.reloads() && self.changed(&exchange) {
                return;
            }
            let now = Instant::now();
            exchange.renew(now);
            self.accept(&mut exchange, now);
            exchange.hear_guests(&self.board, now);
            exchange.tend(&self.board, now);
            let statuses = exchange.neighbours.iter().map(|neighbour| neighbour.status(now)).collect();
            *self.board.nodes.lock() = statuses;
            self.wait(&exchange);
        }
    }

    /// Waits until there is something to do.
    fn wait(&self, exchange: &Exchange) {
        let now = Instant::now();
        let mut ready = vec![PollFd::new(&self.board.bell, PollFlags::IN)];
        let sockets = self.door.sockets(exchange.room());
        ready.extend(sockets.iter().map(|socket| PollFd::new(socket, PollFlags::IN)));
        for guest in &exchange.guests {
            let flags = if guest.waits() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
            ready.push(PollFd::from_borrowed_fd(guest.as_fd(), flags));
        }
        for neighbour in &exchange.neighbours {
            ready.extend(neighbour.interest().map(|(fd, flags)| PollFd::from_borrowed_fd(fd, flags)));
        }
        let wake = self.door.shut().into_iter().fold(exchange.wake(now), Instant::min);
        let left = wake.saturating_duration_since(now);
        // Rounded up: a wait that is too short by a part of a millisecond would spin.
        let left = if left.is_zero() { left } else { left + Duration::from_millis(1) };
        let _ = poll(&mut ready, Some(&Timespec::try_from(left).unwrap_or_default()));
        self.board.bell.quieten();
    }

    fn accept(&mut self, exchange: &mut Exchange, now: Instant) {
        let nodes = &exchange.peers.nodes;
        let expected = |from| nodes.iter().any(|node| node.address.ip() == from);
        for (stream, from) in self.door.accept(exchange.room(), expected, now) {
            match Link::called(stream, exchange.own.tls.as_ref()) {
                Ok(link) => exchange.guests.push(Guest::new(link, from, now)),
                Err(error) => warn!(from = %from.ip(), %error, "A peer cannot connect"),
            }
        }
    }

    /// Whether another configuration exchanges something else.
    fn changed(&self, exchange: &Exchange) -> bool {
        let (config, scheduler) = self.view.in_force();
        let stays = |peers: &Peers| {
            *peers == exchange.peers
                && same(scheduler.tables(), &exchange.tables)
                && terms(peers, &config, &scheduler) == *exchange.own.terms
        };
        !config.peers.as_ref().is_some_and(stays)
    }
}

/// Whether these are the very same tables.
fn same(some: &[Arc<Table>], others: &[Arc<Table>]) -> bool {
    some.len() == others.len() && some.iter().zip(others).all(|(one, other)| Arc::ptr_eq(one, other))
}

impl Exchange {
    fn new(peers: &Peers, config: &Config, scheduler: &Scheduler, now: Instant) -> Self {
        let terms = Arc::new(terms(peers, config, scheduler));
        Self {
            own: Own {
                name: peers.name.clone(),
                listen: peers.listen.clone(),
                tls: peers.tls.clone(),
                terms,
                holdings: Holdings::new(now),
            },
            tables: scheduler.tables().to_vec(),
            _memory: remember(scheduler.tables()),
            neighbours: peers.nodes.iter().map(|node| Neighbour::new(node.clone(), now)).collect(),
            guests: Vec::new(),
            peers: peers.clone(),
            began: now,
            renewed: now,
        }
    }

    /// How many more connections may be there that have not said who they are.
    fn room(&self) -> usize {
        MOST_GUESTS.saturating_sub(self.guests.len())
    }

    /// Whether this node knows everything: somebody has told it everything, or nobody was there to do so.
    fn complete(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.began) >= ALONE || self.neighbours.iter().any(Neighbour::taught)
    }

    fn wake(&self, now: Instant) -> Instant {
        let neighbours = self.neighbours.iter().map(|neighbour| neighbour.wake(now));
        let guests = self.guests.iter().map(Guest::deadline);
        neighbours.chain(guests).fold(self.renewed + RENEW, Instant::min)
    }

    fn tend(&mut self, board: &Arc<Board>, now: Instant) {
        let complete = self.complete(now);
        let Self { own, tables, neighbours, .. } = self;
        for neighbour in neighbours {
            neighbour.tend(own, complete, now, || follow(tables, board));
        }
    }

    fn hear_guests(&mut self, board: &Arc<Board>, now: Instant) {
        for mut guest in std::mem::take(&mut self.guests) {
            match guest.listen() {
                Ok(Words::Incomplete) if now < guest.deadline() => self.guests.push(guest),
                Ok(Words::Incomplete) | Err(_) => {}
                Ok(Words::Refused(status)) => guest.refuse(status),
                Ok(Words::Hello { from, to, .. }) if *to != *self.own.name => {
                    warn!(%from, %to, "A peer takes this node for another");
                    guest.refuse(Status::OTHER_NAME);
                }
                Ok(Words::Hello { from, version, .. }) => {
                    let address = guest.from();
                    let is = |other: &&mut Neighbour| {
                        *other.node().name == *from && other.node().address.ip() == address
                    };
                    let Self { own, tables, neighbours, .. } = self;
                    match neighbours.iter_mut().find(is) {
                        None => {
                            warn!(%from, %address, "A peer that is not known, or not at this address, was refused");
                            guest.refuse(Status::UNKNOWN);
                        }
                        Some(neighbour) if neighbour.yields(own) => {
                            let (link, said) = guest.welcome();
                            neighbour.adopt(link, &said, version, own, follow(tables, board), now);
                        }
                        Some(_) => guest.refuse(Status::LATER),
                    }
                }
            }
        }
    }

    /// Has entries that are in use told of again, now and then, and looks what tables hold.
    fn renew(&mut self, now: Instant) {
        if now.saturating_duration_since(self.renewed) >= RENEW {
            self.renewed = now;
            self.tables.iter().for_each(|table| table.renew(now));
            self.own.holdings.look(&self.tables, now);
        }
    }
}

/// Has tables remember what is taken out of them, whoever else follows.
fn remember(tables: &[Arc<Table>]) -> Vec<Follower> {
    tables.iter().map(|table| table.follow(|| {})).collect()
}

fn follow(tables: &[Arc<Table>], board: &Arc<Board>) -> Vec<Follower> {
    let follow = |table: &Arc<Table>| {
        let board = board.clone();
        table.follow(move || board.bell.ring())
    };
    tables.iter().map(follow).collect()
}

/// What a configuration shares.
fn terms(peers: &Peers, config: &Config, scheduler: &Scheduler) -> Terms {
    let domains: Vec<_> =
        scheduler.tables().iter().map(|table| (table.name().clone(), table.spec().expire)).collect();
    let foreign = peers.tables.iter().filter_map(|table| {
        let (form, key_length) = match table.form {
            PeerKeyForm::Ip => (KeyForm::Ipv4, 4),
            PeerKeyForm::Ipv6 => (KeyForm::Ipv6, 16),
            PeerKeyForm::Text(length) => (KeyForm::Text, length + 1),
        };
        Some(Foreign {
            name: table.name.to_string(),
            domain: domains.iter().position(|(name, _)| *name == table.domain)?,
            kind: table.key,
            form,
            key_length,
        })
    });
    let servers = config.pools.iter().flat_map(|pool| &pool.spec.servers);
    Terms {
        foreign: foreign.collect(),
        facts: facts(config, scheduler),
        kinds: config.key_kinds(),
        servers: servers.map(|server| server.name.clone()).collect(),
        domains,
    }
}

/// The most connections that have not said who they are.
const MOST_GUESTS: usize = 32;
/// How long a node that has just begun waits for somebody who knows more.
const ALONE: Duration = Duration::from_secs(5);
/// How often entries in use are looked through; they are told again a few times per expiry.
const RENEW: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use sekisho_api::{Key, KeyKind};
    use sekisho_scheduler::{Secret, TableChange, TableSpec};

    use super::*;

    #[test]
    fn what_is_forgotten_while_no_node_is_there_is_told_to_whoever_comes_back() {
        let now = Instant::now();
        let expire = Duration::from_secs(600);
        let spec = TableSpec { name: "default".into(), max_entries: 10, max_bytes: 1 << 10, expire };
        let secret = Secret::new(&[7; 16]).unwrap();
        let scheduler = Scheduler::build(Vec::new(), vec![spec], &secret, 1, None, now);
        let _memory = remember(scheduler.tables());
        let table = scheduler.table("default").unwrap();
        let alice = Key::new(KeyKind::USER, b"alice").unwrap();
        table.assign(&alice, None, &"a".into(), now);
        drop(table.follow(|| {}));
        assert!(table.remove(&alice, None));
        let mut gone = 0;
        table.follow(|| {}).changes(9, now, |change| {
            gone += usize::from(matches!(change, TableChange::Removed { key, .. } if *key == alice));
        });
        assert_eq!(gone, 1);
    }
}
