//! Equal requests that wait for one answer.

use std::rc::Rc;
use std::time::Instant;

use sekisho_api::{End, Unavailable};

use super::slab::Key;
use super::{Exchanges, State};
use crate::udp::workbench::Tools;

/// Those that wait for one answer. Whoever comes when there are so many asks for itself.
const WAITERS: usize = 1024;

/// Bytes to be sent from which on a batch is sent before it ends: each of those that wait gets a copy.
const HEAVY: usize = 1 << 20;

/// Requests that wait for the answer to another one.
#[derive(Debug, Default)]
pub(super) struct Share {
    waiters: Vec<Key>,
}

impl State {
    /// Has the query wait for the one that is under way under this number; false if it is the first itself.
    pub(super) fn share(&mut self, key: Key, number: u64) -> bool {
        match self.shares.get_mut(&number) {
            Some(share) if share.waiters.len() < WAITERS => {
                share.waiters.push(key);
                self.counted.shared += 1;
                true
            }
            Some(_) => false,
            None => {
                self.shares.insert(number, Share::default());
                if let Some(query) = self.queries.get_mut(key) {
                    query.share = Some(number);
                }
                false
            }
        }
    }

    /// The query's client needs nothing more. Gives those that waited for its answer.
    pub(super) fn settle(&mut self, key: Key) -> Vec<Key> {
        let Some(query) = self.queries.get_mut(key) else { return Vec::new() };
        let share = query.share.take();
        if !query.done {
            query.done = true;
            self.waiting -= 1;
            if self.waiting == 0 {
                self.busy = None;
            }
        }
        if query.idle() {
            self.forget(key);
        }
        share.and_then(|number| self.shares.remove(&number)).map(|share| share.waiters).unwrap_or_default()
    }
}

impl Exchanges {
    /// The query's client needs nothing more. Those that waited for its answer are answered from what is known now,
    /// or ask for themselves.
    pub(super) fn close(self: &Rc<Self>, state: &mut State, tools: &mut Tools, key: Key, now: Instant) {
        for waiter in state.settle(key) {
            let Some(query) = state.queries.get(waiter) else { continue };
            let facts = query.facts();
            let known = self.exchange.known(&query.request, &facts, now, &mut tools.out);
            if let Some(length) = known {
                let range = tools.put_written(length);
                self.tell(query, tools.kept(&range), End::Done, None, now);
                tools.reply(&query.port, query.path, range);
                state.settle(waiter);
            } else if let Err(why) = self.ask(state, tools, waiter, now) {
                self.refuse(state, tools, waiter, why, None, now);
            }
            if tools.bytes.len() > HEAVY {
                self.end_batch(state, tools, now);
            }
        }
    }

    /// Says to the query's client, and to those that waited for its answer, that there is none. `end` is what the
    /// access log says where that is not just `why`.
    pub(super) fn refuse(
        self: &Rc<Self>,
        state: &mut State,
        tools: &mut Tools,
        key: Key,
        why: Unavailable,
        end: Option<End>,
        now: Instant,
    ) {
        self.refuse_one(state, tools, key, why, end, now);
        for waiter in state.settle(key) {
            self.refuse_one(state, tools, waiter, why, end, now);
            state.settle(waiter);
            if tools.bytes.len() > HEAVY {
                self.end_batch(state, tools, now);
            }
        }
    }

    fn refuse_one(
        &self,
        state: &State,
        tools: &mut Tools,
        key: Key,
        why: Unavailable,
        end: Option<End>,
        now: Instant,
    ) {
        let Some(query) = state.queries.get(key) else { return };
        let length = self.exchange.refuse(&query.request, &query.facts(), why, now, &mut tools.out);
        let range = tools.put_written(length.unwrap_or(0));
        self.tell(query, tools.kept(&range), end.unwrap_or(End::Unavailable(why)), None, now);
        if length.is_some() {
            tools.reply(&query.port, query.path, range);
        }
    }
}
