//! The places of a shard's entries, and the order in which they were used.

use std::sync::Arc;

use super::entry::Entry;
use crate::clock::Moment;

/// An entry with all that changes.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) entry: Arc<Entry>,
    pub(super) server: Arc<str>,
    /// The [`Stamp`](super::Stamp) of the latest change of the server.
    pub(super) version: u64,
    /// Leases that hold it.
    pub(super) open: u32,
    /// When the last of them left.
    pub(super) last: Moment,
    /// When the journal was last told that somebody left.
    pub(super) logged: Moment,
    /// Changed since the journal was written.
    pub(super) dirty: bool,
    /// The number under which followers find it; zero: nobody follows.
    pub(super) number: u64,
    /// The follower that told of it; zero: none did.
    pub(super) origin: u32,
    before: u32,
    after: u32,
}

impl Node {
    pub(super) fn new(entry: Arc<Entry>, server: Arc<str>, version: u64, last: Moment) -> Self {
        Self {
            entry,
            server,
            version,
            open: 0,
            last,
            logged: last,
            dirty: false,
            number: 0,
            origin: 0,
            before: NIL,
            after: NIL,
        }
    }

    /// Bytes of key and names.
    pub(super) fn bytes(&self) -> usize {
        self.entry.bytes() + self.server.len()
    }

    fn which(&self) -> Which {
        if self.open > 0 { Which::Open } else { Which::Closed }
    }
}

/// Entries in numbered places. Each is in one of two lists, oldest first: those in use and those left.
#[derive(Debug, Default)]
pub(super) struct Slab {
    nodes: Vec<Option<Node>>,
    free: Vec<u32>,
    open: List,
    closed: List,
}

/// One of the two lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// Entries in use.
    Open,
    /// Entries that nobody uses.
    Closed,
}

#[derive(Clone, Copy, Debug)]
struct List {
    first: u32,
    last: u32,
}

impl Default for List {
    fn default() -> Self {
        Self { first: NIL, last: NIL }
    }
}

/// No place.
pub(super) const NIL: u32 = u32::MAX;

impl Slab {
    pub(super) fn get(&self, slot: u32) -> Option<&Node> {
        self.nodes.get(slot as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Node> {
        self.nodes.get_mut(slot as usize)?.as_mut()
    }

    /// How many places were ever used.
    pub(super) fn places(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(NIL)
    }

    /// The place that the next entry gets; none if there are no more numbers.
    pub(super) fn vacancy(&mut self) -> Option<u32> {
        if let Some(&slot) = self.free.last() {
            return Some(slot);
        }
        let slot = self.places();
        if slot == NIL {
            return None;
        }
        self.nodes.push(None);
        self.free.push(slot);
        Some(slot)
    }

    /// Puts a node into the vacancy, as the newest of those that nobody uses.
    pub(super) fn fill(&mut self, slot: u32, node: Node) {
        debug_assert_eq!(self.free.last(), Some(&slot), "the vacancy was asked for just before");
        if let Some(place) = self.nodes.get_mut(slot as usize) {
            self.free.pop();
            *place = Some(node);
            self.append(slot);
        }
    }

    pub(super) fn remove(&mut self, slot: u32) -> Option<Node> {
        self.unlink(slot);
        let node = self.nodes.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        Some(node)
    }

    /// Changes how many leases hold the entry, and its place in the lists accordingly.
    pub(super) fn set_open(&mut self, slot: u32, open: u32) {
        let Some(node) = self.get(slot) else { return };
        // Among those in use, the order is that of the first use: nothing moves while it stays in use.
        let moves = (node.open > 0) != (open > 0);
        if moves {
            self.unlink(slot);
        }
        if let Some(node) = self.get_mut(slot) {
            node.open = open;
        }
        if moves {
            self.append(slot);
        }
    }

    /// An entry that nobody uses here was used elsewhere: it is the newest of its list.
    pub(super) fn freshen(&mut self, slot: u32) {
        if self.get(slot).is_some_and(|node| node.open == 0) {
            self.unlink(slot);
            self.append(slot);
        }
    }

    /// The oldest of a list.
    pub(super) fn oldest(&self, which: Which) -> Option<u32> {
        let first = match which {
            Which::Open => self.open.first,
            Which::Closed => self.closed.first,
        };
        (first != NIL).then_some(first)
    }

    /// All entries of a list, oldest first.
    pub(super) fn iter(&self, which: Which) -> impl Iterator<Item = &Node> {
        let mut next = self.oldest(which);
        std::iter::from_fn(move || {
            let node = self.get(next?)?;
            next = Some(node.after).filter(|&slot| slot != NIL);
            Some(node)
        })
    }

    fn list(&mut self, which: Which) -> &mut List {
        match which {
            Which::Open => &mut self.open,
            Which::Closed => &mut self.closed,
        }
    }

    fn append(&mut self, slot: u32) {
        let Some(which) = self.get(slot).map(Node::which) else { return };
        let before = std::mem::replace(&mut self.list(which).last, slot);
        match self.get_mut(before) {
            Some(neighbour) => neighbour.after = slot,
            None => self.list(which).first = slot,
        }
        if let Some(node) = self.get_mut(slot) {
            (node.before, node.after) = (before, NIL);
        }
    }

    fn unlink(&mut self, slot: u32) {
        let Some(node) = self.get(slot) else { return };
        let (which, before, after) = (node.which(), node.before, node.after);
        match self.get_mut(before) {
            Some(neighbour) => neighbour.after = after,
            None => self.list(which).first = after,
        }
        match self.get_mut(after) {
            Some(neighbour) => neighbour.before = before,
            None => self.list(which).last = before,
        }
    }
}
