//! What is told to the other side.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sekisho_scheduler::TableChange as Change;

use super::super::terms::{FACTS, Terms, facts_shape, own_key, own_name, own_shape};
use super::super::wire::{
    Control, Definition, NewUpdate, Shape, Told, Version, write_ack, write_control, write_switch,
    write_update,
};
use super::{DECIDE, HEARTBEAT, Partner, SILENCE, Session, SessionError};

/// The tables that this side tells, and how far the other has heard.
#[derive(Debug)]
pub(super) struct Outbound {
    // INVARIANT: the facts, the domains, the foreign tables of the terms, in this order.
    tables: Vec<Table>,
    /// The table that the updates from here on are of.
    current: Option<usize>,
    names: Told,
    said: Instant,
    begun: bool,
    /// The other side wants to know when it has been told everything.
    pub(super) wanted: bool,
    /// How often the other side said that it has told everything, not answered yet.
    pub(super) confirm: u32,
    /// The last updates of each round that were not acknowledged yet: table, number, and when they were told.
    unheard: VecDeque<(usize, u32, Instant)>,
}

#[derive(Debug)]
struct Table {
    name: String,
    shape: Shape,
    expire: Duration,
    defined: bool,
    number: u32,
    /// The other side has acknowledged something: it knows the table.
    known: bool,
}

impl Table {
    fn new(name: String, shape: Shape, expire: Duration) -> Self {
        Self { name, shape, expire, defined: false, number: 0, known: false }
    }
}

impl Outbound {
    pub(super) fn new(terms: &Terms, now: Instant) -> Self {
        let facts = Table::new(FACTS.to_owned(), facts_shape(), Duration::ZERO);
        let domains =
            terms.domains.iter().map(|(name, expire)| Table::new(own_name(name), own_shape(), *expire));
        let foreign = terms.foreign.iter().map(|foreign| {
            let expire = terms.domains.get(foreign.domain).map_or(Duration::ZERO, |(_, expire)| *expire);
            Table::new(foreign.name.clone(), foreign.shape(), expire)
        });
        Self {
            tables: std::iter::once(facts).chain(domains).chain(foreign).collect(),
            current: None,
            names: Told::default(),
            said: now,
            begun: false,
            wanted: false,
            confirm: 0,
            unheard: VecDeque::new(),
        }
    }

    pub(super) fn said(&self) -> Instant {
        self.said
    }

    /// The other side has heard everything up to this update of a table.
    pub(super) fn heard(&mut self, id: u64, number: u32) {
        let Some(place) = usize::try_from(id).ok().and_then(|id| id.checked_sub(1)) else { return };
        let Some(table) = self.tables.get_mut(place) else { return };
        table.known = true;
        self.unheard.retain(|&(other, told, _)| other != place || number.wrapping_sub(told) > u32::MAX / 2);
    }

    /// The other side has heard everything.
    pub(super) fn all_heard(&mut self) {
        self.unheard.clear();
    }

    /// The longest that an update of a table which the other side knows has waited to be acknowledged.
    fn lag(&self, now: Instant) -> Duration {
        let known = |place: usize| self.tables.get(place).is_some_and(|table| table.known);
        let oldest = self.unheard.iter().find(|(place, ..)| known(*place));
        oldest.map_or(Duration::ZERO, |(.., at)| now.saturating_duration_since(*at))
    }

    /// The other side has keys of another length in its table: it would pass over what has ours.
    pub(super) fn adopt_length(&mut self, foreign: usize, domains: usize, length: u16) {
        if let Some(table) = self.tables.get_mut(1 + domains + foreign) {
            table.shape.key_length = length;
            table.defined = false;
            self.current = None;
        }
    }

    /// Appends an update of a table; `key` in the table's form.
    fn update(&mut self, place: usize, row: &NewRow<'_>, out: &mut Vec<u8>) {
        let Some(table) = self.tables.get_mut(place) else { return };
        let id = place as u64 + 1;
        if self.current != Some(place) {
            if table.defined {
                write_switch(id, out);
            } else {
                let shape = Some(table.shape.clone());
                Definition { id, name: &table.name, shape, expire: Some(table.expire) }.write(out);
                table.defined = true;
            }
            self.current = Some(place);
        }
        table.number = table.number.wrapping_add(1);
        let update = NewUpdate {
            number: table.number,
            remaining: row.idle.map(|idle| table.expire.saturating_sub(idle)),
            key: row.key,
            server: row.server,
            gpt0: (row.stamp >> 32) as u32,
            #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
            gpc0: row.stamp as u32,
        };
        write_update(&update, &table.shape, &mut self.names, out);
    }

    /// Remembers what was told in this round.
    fn note(&mut self, before: &[u32], now: Instant) {
        for (place, (table, before)) in self.tables.iter().zip(before).enumerate() {
            if table.number != *before && self.unheard.len() < MOST_UNHEARD {
                self.unheard.push_back((place, table.number, now));
            }
        }
    }
}

/// What an update says.
struct NewRow<'a> {
    key: &'a [u8],
    server: Option<&'a std::sync::Arc<str>>,
    /// None where the other side knows no remaining life.
    idle: Option<Duration>,
    stamp: u64,
}

impl Session {
    /// Appends what there is to say, a part of it if it is much: until nothing is appended there may be more.
    /// `complete` says whether this node knows everything itself.
    ///
    /// # Errors
    /// [`SessionError::Silent`].
    pub(in super::super) fn produce(
        &mut self,
        complete: bool,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<(), SessionError> {
        if now.saturating_duration_since(self.heard) >= SILENCE {
            return Err(SessionError::Silent);
        }
        let length = out.len();
        if !std::mem::replace(&mut self.outbound.begun, true) {
            self.introduce(out);
        }
        for (table, update) in self.inbound.unanswered() {
            write_ack(table, update, out);
        }
        for _ in 0..std::mem::take(&mut self.outbound.confirm) {
            write_control(Control::ResyncConfirm, out);
        }
        if self.partner == Partner::Unknown && now.saturating_duration_since(self.began) >= DECIDE {
            self.partner = Partner::Foreign;
        }
        if self.partner != Partner::Unknown
            && self.tell(now, out)
            && std::mem::take(&mut self.outbound.wanted)
        {
            write_control(if complete { Control::ResyncFinished } else { Control::ResyncPartial }, out);
        }
        if out.len() == length && now.saturating_duration_since(self.outbound.said) >= HEARTBEAT {
            write_control(Control::Heartbeat, out);
        }
        if out.len() > length {
            self.outbound.said = now;
        }
        Ok(())
    }

    /// The longest that a change has waited to be acknowledged.
    pub(in super::super) fn lag(&self, now: Instant) -> Duration {
        self.outbound.lag(now)
    }

    /// Tells another node what need not agree. A HAProxy has no use for it.
    pub(in super::super) fn say(&mut self, words: &[String], out: &mut Vec<u8>) {
        if self.partner == Partner::Node {
            for word in words {
                let row = NewRow { key: word.as_bytes(), server: None, idle: None, stamp: 0 };
                self.outbound.update(0, &row, out);
            }
        }
    }

    fn introduce(&mut self, out: &mut Vec<u8>) {
        for (name, value) in &self.terms.facts {
            let text = format!("{name}={value}");
            let row = NewRow { key: text.as_bytes(), server: None, idle: None, stamp: 0 };
            self.outbound.update(0, &row, out);
        }
        write_control(Control::ResyncRequest, out);
    }

    /// Tells changes; whether those were all.
    fn tell(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        let before: Vec<u32> = self.outbound.tables.iter().map(|table| table.number).collect();
        let Self { terms, followers, outbound, counts, partner, version, .. } = self;
        let timed = *version >= Version::V2_1;
        let domains = terms.domains.len();
        let mut all = true;
        for (domain, follower) in followers.iter_mut().enumerate() {
            let end = out.len() + MOST_AT_ONCE;
            loop {
                let told = follower.changes(BATCH, now, |change| {
                    counts.sent += 1;
                    match partner {
                        Partner::Node => tell_node(outbound, domain, &change, out),
                        _ => tell_foreign(outbound, terms, domain, domains, timed, &change, out),
                    }
                });
                if told < BATCH {
                    break;
                }
                if out.len() >= end {
                    all = false;
                    break;
                }
            }
        }
        outbound.note(&before, now);
        all
    }
}

fn tell_node(outbound: &mut Outbound, domain: usize, change: &Change<'_>, out: &mut Vec<u8>) {
    let (key, server, idle, stamp) = match *change {
        Change::Bound { key, scope, server, idle, stamp } => (own_key(key, scope), Some(server), idle, stamp),
        Change::Removed { key, scope, stamp } => (own_key(key, scope), None, Duration::ZERO, stamp),
        // No key is empty: this stands for all.
        Change::Cleared { stamp } => (Vec::new(), None, Duration::ZERO, stamp),
    };
    let row = NewRow { key: &key, server, idle: Some(idle), stamp: stamp.get() };
    outbound.update(1 + domain, &row, out);
}

/// HAProxy has no word for removals, and no pools of their own.
fn tell_foreign(
    outbound: &mut Outbound,
    terms: &Terms,
    domain: usize,
    domains: usize,
    timed: bool,
    change: &Change<'_>,
    out: &mut Vec<u8>,
) {
    let Change::Bound { key, scope: None, server, idle, .. } = *change else { return };
    for (place, foreign) in terms.foreign.iter().enumerate() {
        if foreign.domain == domain
            && foreign.kind == key.kind()
            && let Some(key) = foreign.key(key)
        {
            let row = NewRow { key: &key, server: Some(server), idle: timed.then_some(idle), stamp: 0 };
            outbound.update(1 + domains + place, &row, out);
        }
    }
}

/// Changes that are asked for at once, while a part of a table is held.
const BATCH: usize = 256;
/// The bytes after which others have their turn.
const MOST_AT_ONCE: usize = 1 << 16;
/// The most rounds whose acknowledgement is waited for.
const MOST_UNHEARD: usize = 64;
