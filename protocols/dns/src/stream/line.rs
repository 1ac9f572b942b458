//! The connections of one worker to one server.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::upstream::Upstream;

/// Whose connections they are, where a server is told of its clients by connection: the client, and the address it
/// reached.
pub(crate) type Owner = (SocketAddr, SocketAddr);

/// The connections of one worker to one server: one, while nothing speaks for more.
#[derive(Debug)]
pub(crate) struct Line {
    /// Whether clients share connections, and when that was last asked.
    shareable: bool,
    asked: Instant,
    shared: Vec<Rc<Upstream>>,
    owned: HashMap<Owner, Rc<Upstream>>,
    /// How many queries a connection answers before the server closes it, and since when that is known.
    depth: Option<(u64, Instant)>,
    /// How many the latest one answered that the server closed with queries pending.
    latest: u64,
}

impl Line {
    pub(crate) fn new(shareable: bool, now: Instant) -> Self {
        Self { shareable, asked: now, shared: Vec::new(), owned: HashMap::new(), depth: None, latest: 0 }
    }

    /// Whether clients share connections; `ask` is asked once a second.
    pub(crate) fn shareable(&mut self, now: Instant, ask: impl FnOnce() -> bool) -> bool {
        if now.saturating_duration_since(self.asked) >= ASK_AGAIN {
            (self.shareable, self.asked) = (ask(), now);
        }
        self.shareable
    }

    /// A connection with room for one more query, and the id for that.
    pub(crate) fn pick(&mut self, owner: Option<Owner>, now: Instant) -> Option<(Rc<Upstream>, u16)> {
        let depth = self.depth(now);
        let room = |upstream: &Rc<Upstream>| upstream.room(depth).map(|id| (upstream.clone(), id));
        match owner {
            Some(owner) => self.owned.get(&owner).and_then(room),
            None => self.shared.iter().find_map(room),
        }
    }

    /// Adds a new connection; false if there are too many already.
    pub(crate) fn add(&mut self, owner: Option<Owner>, upstream: &Rc<Upstream>) -> bool {
        match owner {
            Some(_) if self.owned.len() >= MOST_OWNED => return false,
            // One that has no room any more ends by itself, with what is under way on it.
            Some(owner) => {
                if let Some(former) = self.owned.insert(owner, upstream.clone()) {
                    former.retire();
                }
            }
            None if self.shared.len() >= MOST_SHARED => return false,
            None => self.shared.push(upstream.clone()),
        }
        true
    }

    /// Forgets a connection that has ended; true if nothing is left that is worth knowing.
    pub(crate) fn remove(&mut self, upstream: &Rc<Upstream>) -> bool {
        self.shared.retain(|other| !Rc::ptr_eq(other, upstream));
        self.owned.retain(|_, other| !Rc::ptr_eq(other, upstream));
        self.shared.is_empty() && self.owned.is_empty() && self.latest == 0
    }

    /// Ends the connection of a client that left.
    pub(crate) fn disown(&mut self, owner: Owner) {
        if let Some(upstream) = self.owned.remove(&owner) {
            upstream.retire();
        }
    }

    /// The server closed a connection in good order after so many answers, with queries pending. If it does so twice
    /// in a row, it would rather have more connections than more queries on each; once, it was restarted.
    pub(crate) fn learn(&mut self, answered: u64, now: Instant) {
        if answered <= SHALLOW && std::mem::replace(&mut self.latest, answered) == answered {
            self.depth = Some((answered, now));
        }
    }

    fn depth(&mut self, now: Instant) -> u64 {
        match self.depth {
            Some((depth, since)) if now.saturating_duration_since(since) < REMEMBERED => depth,
            _ => {
                self.depth = None;
                u64::MAX
            }
        }
    }
}

const ASK_AGAIN: Duration = Duration::from_secs(1);
/// The most shared connections to a server. One carries thousands of queries at a time; more are for servers that
/// close theirs after each answer.
const MOST_SHARED: usize = 256;
/// The most connections that are one client's each. Those of clients that ask by datagrams stay for a while: nothing
/// says that such a client has left.
const MOST_OWNED: usize = 1 << 14;
/// A server that answers more queries than these before it closes has another reason than their number.
const SHALLOW: u64 = 16;
/// How long it is remembered: the server may have been restarted with other ideas.
const REMEMBERED: Duration = Duration::from_secs(60);
