//! The clients of one worker that have a server: what an operator lists, and ends.

mod ask;
mod which;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use sekisho_api::{Facts, Key, KeyKind, Lease, Route, Server};

pub use ask::Unanswered;
pub(crate) use ask::Visit;
pub use which::{Connection, Which};

use crate::slot::Serving;
use ask::Page;

/// The clients of one worker that have a server.
#[derive(Debug)]
pub(crate) struct Roster {
    began: Instant,
    entries: RefCell<Entries>,
    /// Whom the operator has ended lately: some are listed only after a while.
    kicks: RefCell<VecDeque<(Instant, Which)>>,
}

/// Places for entries, in pieces: a crowd that comes moves nobody who is there already.
#[derive(Debug, Default)]
struct Entries {
    pieces: Vec<Box<[Option<Entry>]>>,
    free: Vec<u32>,
}

impl Entries {
    fn place(&mut self, place: u32) -> Option<&mut Option<Entry>> {
        let place = place as usize;
        self.pieces.get_mut(place / PIECE)?.get_mut(place % PIECE)
    }

    /// A place that nobody has.
    fn vacant(&mut self) -> u32 {
        if let Some(place) = self.free.pop() {
            return place;
        }
        let first = self.pieces.len() * PIECE;
        self.pieces.push(std::iter::repeat_with(|| None).take(PIECE).collect());
        let place = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        self.free.extend((first + 1..first + PIECE).rev().map(place));
        place(first)
    }
}

/// A client, as small as may be: an idle connection is little more than this and two sockets.
struct Entry {
    serving: Rc<Serving>,
    server: Arc<dyn Server>,
    user: Option<Box<[u8]>>,
    known_by: Option<&'static str>,
    /// Wakes whoever serves it.
    waker: Option<Waker>,
    id: u64,
    /// An IPv4 address in its IPv6 form.
    address: Ipv6Addr,
    port: u16,
    /// Which of the VIP's pools.
    pool: u16,
    /// Seconds after the worker began.
    accepted: u32,
    kicked: bool,
}

impl Roster {
    /// An empty one of a worker that begins.
    pub(crate) fn new(now: Instant) -> Rc<Self> {
        Rc::new(Self { began: now, entries: RefCell::default(), kicks: RefCell::default() })
    }

    /// Lists a client that got a lease, from this very moment: whoever is moved and then kicked has no gap to slip
    /// through.
    pub(crate) fn enter(
        self: &Rc<Self>,
        serving: &Rc<Serving>,
        facts: &Facts,
        accepted: Instant,
        route: &Route,
        lease: &Lease,
    ) -> Listed {
        let user = lease.key(KeyKind::USER).or_else(|| route.key(KeyKind::USER)).map(Key::expose);
        self.insert(self.entry(serving, facts, accepted, route, lease.server(), user))
    }

    /// Lists a client that has had this server since then. Whoever was ended meanwhile is so at once.
    pub(crate) fn enter_late(
        self: &Rc<Self>,
        serving: &Rc<Serving>,
        facts: &Facts,
        since: Instant,
        route: &Route,
        server: &Arc<dyn Server>,
    ) -> Listed {
        let user = route.key(KeyKind::USER).map(Key::expose);
        let mut entry = self.entry(serving, facts, since, route, server, user);
        entry.kicked = self.kicks.borrow().iter().any(|(at, which)| *at >= since && entry.is_meant(which));
        self.insert(entry)
    }

    fn entry(
        &self,
        serving: &Rc<Serving>,
        facts: &Facts,
        accepted: Instant,
        route: &Route,
        server: &Arc<dyn Server>,
        user: Option<&[u8]>,
    ) -> Entry {
        let accepted = accepted.saturating_duration_since(self.began).as_secs();
        let pool = if route.pool < serving.live.pools.len() { route.pool } else { 0 };
        Entry {
            serving: serving.clone(),
            server: server.clone(),
            user: user.map(Into::into),
            known_by: route.by,
            waker: None,
            id: facts.id,
            address: match facts.client.ip() {
                std::net::IpAddr::V4(v4) => v4.to_ipv6_mapped(),
                std::net::IpAddr::V6(v6) => v6,
            },
            port: facts.client.port(),
            pool: u16::try_from(pool).unwrap_or(u16::MAX),
            accepted: u32::try_from(accepted).unwrap_or(u32::MAX),
            kicked: false,
        }
    }

    fn insert(self: &Rc<Self>, entry: Entry) -> Listed {
        let mut entries = self.entries.borrow_mut();
        let place = entries.vacant();
        if let Some(vacant) = entries.place(place) {
            *vacant = Some(entry);
        }
        Listed { roster: self.clone(), place }
    }

    /// Remembers for a moment whom the operator has ended.
    fn remember(&self, which: &Which, now: Instant) {
        let mut kicks = self.kicks.borrow_mut();
        let old = |(at, _): &(Instant, Which)| now.saturating_duration_since(*at) > LATE;
        while kicks.len() >= KICKS || kicks.front().is_some_and(old) {
            kicks.pop_front();
        }
        kicks.push_back((now, which.clone()));
    }

    /// Looks at the next few clients, and kicks those that are meant where that is asked for.
    fn look(&self, visit: &ask::Asked, from: usize) -> Page {
        let mut page = Page { connections: Vec::new(), kicked: 0, next: None };
        let mut wakers = Vec::new();
        let now = Instant::now();
        if visit.kick && from == 0 {
            self.remember(&visit.which, now);
        }
        let mut entries = self.entries.borrow_mut();
        let end = from.saturating_add(TURN).min(entries.pieces.len());
        if end < entries.pieces.len() {
            page.next = Some(end);
        }
        let pieces = entries.pieces.get_mut(from..end).into_iter().flatten();
        for entry in pieces.flat_map(|piece| piece.iter_mut()).flatten() {
            // Whoever was kicked is on the way out, and no longer counts as there.
            if entry.kicked || !entry.is_meant(&visit.which) {
                continue;
            }
            if visit.kick {
                entry.kicked = true;
                page.kicked += 1;
                wakers.extend(entry.waker.take());
            } else if page.connections.len() < visit.limit {
                page.connections.push(entry.show(now.saturating_duration_since(self.began)));
            }
        }
        drop(entries);
        // Woken outside the borrow: a waker may drop a task, and with it an entry.
        wakers.into_iter().for_each(Waker::wake);
        page
    }
}

impl Entry {
    fn pool(&self) -> Option<&Arc<str>> {
        self.serving.live.pools.get(usize::from(self.pool)).map(|pool| pool.name())
    }

    fn is_meant(&self, which: &Which) -> bool {
        let vip = &self.serving.live.vip;
        let server = self.server.name();
        which.vip.as_ref().is_none_or(|name| vip.name == *name)
            && which.domain.as_ref().is_none_or(|name| vip.domain == *name)
            && which.server.as_ref().is_none_or(|name| server == name)
            && which.not_server.as_ref().is_none_or(|name| server != name)
            && which.user.as_ref().is_none_or(|user| self.user.as_deref() == Some(user.expose()))
            && which.pools.as_ref().is_none_or(|pools| self.pool().is_some_and(|pool| pools.contains(pool)))
    }

    fn show(&self, since_began: Duration) -> Connection {
        let address = SocketAddr::new(self.address.to_canonical(), self.port);
        Connection {
            id: self.id,
            vip: self.serving.live.vip.name.clone(),
            client: address,
            pool: self.pool().cloned().unwrap_or_else(|| "".into()),
            server: self.server.name().clone(),
            user: self.user.as_deref().and_then(|user| Key::new(KeyKind::USER, user)),
            known_by: self.known_by,
            age: since_began.saturating_sub(Duration::from_secs(self.accepted.into())),
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("id", &self.id)
            .field("server", self.server.name())
            .finish_non_exhaustive()
    }
}

/// A client's place in the roster; dropping it gives the place back.
pub(crate) struct Listed {
    roster: Rc<Roster>,
    place: u32,
}

impl Listed {
    /// Whether the operator has ended it; whoever asks is woken when he does.
    pub(crate) fn kicked(&self, cx: &Context<'_>) -> bool {
        let mut entries = self.roster.entries.borrow_mut();
        let Some(Some(entry)) = entries.place(self.place) else { return false };
        if !entry.kicked && !entry.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            entry.waker = Some(cx.waker().clone());
        }
        entry.kicked
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut entries = self.roster.entries.borrow_mut();
        let entry = entries.place(self.place).and_then(Option::take);
        entries.free.push(self.place);
        drop(entries);
        // Outside the borrow, as it may be the last to hold what it holds.
        drop(entry);
    }
}

impl fmt::Debug for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listed").field("place", &self.place).finish()
    }
}

/// Entries of a piece.
const PIECE: usize = 256;
/// Pieces that are looked at in one turn, some tens of microseconds long: a worker's clients come before an operator's
/// list.
const TURN: usize = 16;

/// How long after it got its server a client may be listed.
const LATE: Duration = Duration::from_secs(10);
/// Ends of clients that are remembered for so long.
const KICKS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_remembered_for_a_moment_and_not_without_bound() {
        let start = Instant::now();
        let roster = Roster::new(start);
        let kicks = || roster.kicks.borrow().len();
        (0..100).for_each(|_| roster.remember(&Which::default(), start));
        assert_eq!(kicks(), KICKS);
        roster.remember(&Which::default(), start + LATE + Duration::from_secs(1));
        assert_eq!(kicks(), 1);
    }

    #[test]
    fn listed_client_takes_little_memory() {
        let size = size_of::<Option<Entry>>();
        assert!(size <= 112, "an entry has {size} bytes");
        assert!(size_of::<Option<Listed>>() <= 16);
    }

    #[test]
    fn places_are_given_once_and_again_when_they_are_given_back() {
        let mut entries = Entries::default();
        let mut places: Vec<u32> = (0..1000).map(|_| entries.vacant()).collect();
        assert!(places.iter().all(|&place| entries.place(place).is_some()));
        entries.free.extend(places.drain(500..));
        places.extend((0..500).map(|_| entries.vacant()));
        places.sort_unstable();
        places.dedup();
        assert_eq!((places.len(), entries.pieces.len()), (1000, 1000_usize.div_ceil(PIECE)));
    }
}
