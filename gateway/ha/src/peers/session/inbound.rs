//! What the other side tells.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sekisho_scheduler::{Follower, Learned, Lesson, Stamp};

use super::super::terms::{FACTS, Foreign, MARK, domain_of, facts_shape, own_shape, read_own_key};
use super::super::wire::{
    Control, Definition, KeyForm, Message, Row, Sent, Shape, Update, WireError, next, types,
};
use super::{Partner, Session, SessionError};

/// The tables of the other side, and what has come of them.
#[derive(Debug, Default)]
pub(super) struct Inbound {
    buffer: Vec<u8>,
    tables: BTreeMap<u64, Table>,
    /// The table that the updates from here on are of.
    current: Option<u64>,
    names: Sent,
}

#[derive(Debug)]
struct Table {
    means: Means,
    /// None: its entries cannot be read.
    shape: Option<Shape>,
    expire: Option<Duration>,
    number: u32,
    answered: u32,
}

/// What a table of the other side is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    Facts,
    /// The domain in this place.
    Domain(usize),
    /// The foreign table in this place.
    Foreign(usize),
    Nothing,
}

impl Inbound {
    /// The tables with updates that were not acknowledged, which they are from now on.
    pub(super) fn unanswered(&mut self) -> Vec<(u64, u32)> {
        let tables = self.tables.iter_mut().map(|(id, table)| (*id, table));
        let open =
            tables.filter(|(_, table)| table.means != Means::Nothing && table.answered != table.number);
        open.map(|(id, table)| {
            table.answered = table.number;
            (id, table.number)
        })
        .collect()
    }
}

impl Session {
    /// Takes in what came.
    ///
    /// # Errors
    /// [`SessionError`]: nothing more can be understood.
    pub(in super::super) fn receive(&mut self, bytes: &[u8], now: Instant) -> Result<(), SessionError> {
        if !bytes.is_empty() {
            self.heard = now;
        }
        let mut buffer = std::mem::take(&mut self.inbound.buffer);
        buffer.extend_from_slice(bytes);
        let mut rest = buffer.as_slice();
        while let Some((message, used)) = next(rest)? {
            self.message(message, now)?;
            rest = rest.get(used..).unwrap_or_default();
        }
        // INVARIANT: less than a message is left, which is bounded.
        let done = buffer.len() - rest.len();
        buffer.drain(..done);
        self.inbound.buffer = buffer;
        Ok(())
    }

    fn message(&mut self, message: Message<'_>, now: Instant) -> Result<(), SessionError> {
        if self.partner != Partner::Node {
            self.meet(&message);
        }
        match message {
            Message::Control(control) => self.control(control),
            Message::Refused => return Err(SessionError::Refused),
            Message::Define(definition) => self.define(definition),
            Message::Switch(id) => self.inbound.current = Some(id),
            Message::Update(update) => self.update(&update, now)?,
            Message::Ack { table, update } => self.outbound.heard(table, update),
            Message::Unknown => {}
        }
        Ok(())
    }

    /// Who it is shows in its first word, however late that comes: a node that was slow is a node.
    fn meet(&mut self, message: &Message<'_>) {
        let node = matches!(message, Message::Define(definition) if definition.name == FACTS);
        if node && self.partner == Partner::Foreign {
            self.followers.iter_mut().for_each(Follower::rewind);
        }
        self.partner = if node { Partner::Node } else { Partner::Foreign };
    }

    fn control(&mut self, control: Control) {
        match control {
            // Everything is told in every session anyway.
            Control::ResyncRequest => (self.outbound.wanted, self.introduced) = (true, true),
            Control::ResyncFinished => {
                self.taught = true;
                self.outbound.confirm = self.outbound.confirm.saturating_add(1).min(MOST_CONFIRMED);
            }
            Control::ResyncPartial => {
                self.outbound.confirm = self.outbound.confirm.saturating_add(1).min(MOST_CONFIRMED);
            }
            Control::ResyncConfirm => self.outbound.all_heard(),
            Control::Heartbeat => {}
        }
    }

    fn define(&mut self, definition: Definition<'_>) {
        let Definition { id, name, mut shape, expire } = definition;
        self.inbound.current = Some(id);
        if self.inbound.tables.len() >= MOST_TABLES && !self.inbound.tables.contains_key(&id) {
            self.inbound.current = None;
            return;
        }
        let means = self.means(name, shape.as_ref());
        if let (Means::Foreign(place), Some(theirs)) = (means, &shape) {
            self.adopt_length(place, theirs.key_length);
        }
        if means == Means::Nothing {
            // Names may be told in it that stand by their numbers in others: it is read all the same.
            shape = shape.filter(|shape| shape.has(types::SERVER_KEY));
        }
        self.inbound.tables.insert(id, Table { means, shape, expire, number: 0, answered: 0 });
    }

    fn means(&self, name: &str, shape: Option<&Shape>) -> Means {
        let Some(shape) = shape else { return Means::Nothing };
        if name == FACTS && *shape == facts_shape() {
            return Means::Facts;
        }
        if let Some(domain) = domain_of(name) {
            let place = self.terms.domains.iter().position(|(name, _)| **name == *domain);
            return place.filter(|_| *shape == own_shape()).map_or(Means::Nothing, Means::Domain);
        }
        let fits = |foreign: &Foreign| {
            foreign.name == name && foreign.form == shape.key && shape.has(types::SERVER_KEY)
        };
        self.terms.foreign.iter().position(fits).map_or(Means::Nothing, Means::Foreign)
    }

    /// Takes on the length of keys that the other side has in a table: it passes over tables of another.
    fn adopt_length(&mut self, place: usize, length: u16) {
        let Some(foreign) = self.terms.foreign.get(place) else { return };
        if foreign.form != KeyForm::Text || foreign.key_length == length {
            return;
        }
        let domain = foreign.domain;
        let mut terms = (*self.terms).clone();
        if let Some(foreign) = terms.foreign.get_mut(place) {
            foreign.key_length = length;
        }
        self.outbound.adopt_length(place, terms.domains.len(), length);
        self.terms = terms.into();
        if let Some(follower) = self.followers.get_mut(domain) {
            follower.rewind();
        }
    }

    fn update(&mut self, update: &Update<'_>, now: Instant) -> Result<(), SessionError> {
        let table = self.inbound.current.and_then(|id| self.inbound.tables.get_mut(&id));
        let Some(table) = table else { return Ok(()) };
        table.number = update.number.unwrap_or_else(|| table.number.wrapping_add(1));
        let Some(shape) = &table.shape else { return Ok(()) };
        let row = update.read(shape, &mut self.inbound.names).ok_or(WireError::Malformed)?;
        let remaining = update.remaining.map(|millis| Duration::from_millis(millis.into()));
        let idle = match (table.expire, remaining) {
            (Some(expire), Some(remaining)) => expire.saturating_sub(remaining),
            _ => Duration::ZERO,
        };
        match table.means {
            Means::Facts => self.fact(row.key),
            Means::Domain(place) => self.entry(place, &row, idle, now),
            Means::Foreign(place) => self.foreign_entry(place, &row, idle, now),
            Means::Nothing => {}
        }
        Ok(())
    }

    fn fact(&mut self, text: &[u8]) {
        let text = std::str::from_utf8(text).ok();
        let Some((name, value)) = text.and_then(|text| text.rsplit_once('=')) else { return };
        let (name, value) = (name.to_owned(), value.to_owned());
        if name.starts_with(MARK) {
            if self.news.len() < MOST_FACTS {
                self.news.push((name, value));
            }
        } else if self.theirs.len() < MOST_FACTS {
            self.theirs.insert(name, value);
        }
    }

    fn entry(&mut self, place: usize, row: &Row<'_>, idle: Duration, now: Instant) {
        let Some(follower) = self.followers.get(place) else { return };
        let stamp = Stamp::from_raw(row.gpt0 << 32 | (row.gpc0 & u64::from(u32::MAX)));
        if row.key.is_empty() {
            self.counts.learned += follower.clear(stamp, now) as u64;
            return;
        }
        let Some((key, scope)) = read_own_key(row.key, &self.terms.kinds) else {
            self.counts.refused += 1;
            return;
        };
        let Some(server) = &row.server else {
            let forgotten = follower.forget(&key, scope.as_ref(), stamp, now);
            *(if forgotten { &mut self.counts.learned } else { &mut self.counts.known }) += 1;
            return;
        };
        let lesson = Lesson { key: &key, scope: scope.as_ref(), server, idle, stamp: Some(stamp) };
        self.learn(place, &lesson, now);
    }

    fn foreign_entry(&mut self, place: usize, row: &Row<'_>, idle: Duration, now: Instant) {
        let Some(foreign) = self.terms.foreign.get(place) else { return };
        let (domain, key) = (foreign.domain, foreign.read(row.key));
        // An entry without a server is one that HAProxy has looked up and not stored yet.
        match (key, &row.server) {
            (Some(key), Some(server)) => {
                self.learn(domain, &Lesson { key: &key, scope: None, server, idle, stamp: None }, now);
            }
            _ => self.counts.refused += 1,
        }
    }

    fn learn(&mut self, domain: usize, lesson: &Lesson<'_>, now: Instant) {
        let known = self.terms.servers.contains(lesson.server);
        let Some(follower) = self.followers.get(domain).filter(|_| known) else {
            self.counts.refused += 1;
            return;
        };
        let count = match follower.learn(lesson, now) {
            Learned::New | Learned::Moved | Learned::Renewed => &mut self.counts.learned,
            Learned::Known => &mut self.counts.known,
            Learned::Older => &mut self.counts.older,
            Learned::Refused => &mut self.counts.refused,
        };
        *count += 1;
    }
}

/// The most tables of the other side that are remembered.
const MOST_TABLES: usize = 256;
/// The most facts of the other side that are remembered.
const MOST_FACTS: usize = 1024;
/// The most unanswered words that everything was told.
const MOST_CONFIRMED: u32 = 16;
