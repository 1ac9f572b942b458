//! What time brings: silence that is not waited out, deadlines, sockets that nobody needs.

use std::mem;
use std::rc::Rc;
use std::time::{Duration, Instant};

use sekisho_api::{Core, Deadline, End, Observation, Unavailable};

use super::slab::Key;
use super::{Exchanges, State, survive};
use crate::ticker::TICK;
use crate::udp::workbench::Tools;

/// How long a socket is kept while nothing is asked.
const UNUSED: Duration = Duration::from_secs(60);

impl Exchanges {
    /// Looks at what is under way with every tick of the worker, as long as there is something to look at.
    pub(super) fn start_ticking(self: &Rc<Self>) {
        if self.ticking.replace(true) {
            return;
        }
        let all = self.clone();
        tokio::task::spawn_local(async move {
            let mut until = all.worker.ticker().until(all.worker.ticker().coarse() + TICK);
            loop {
                (&mut until).await;
                if !survive(|| all.tick()) {
                    break;
                }
                until.reset(all.worker.ticker().coarse() + TICK);
            }
        });
    }

    fn tick(self: &Rc<Self>) -> bool {
        let tools = &mut self.worker.workbench.borrow_mut().tools;
        let state = &mut *self.state.borrow_mut();
        let now = Instant::now();
        state.budget.tick();
        for (key, server) in state.silent(self.response, now) {
            self.repeat(state, tools, key, server, now);
        }
        loop {
            let State { deadlines, queries, .. } = state;
            let Some(key) = deadlines.due(now, |key| queries.get(key).is_none()) else { break };
            self.expire(state, tools, key, now);
        }
        self.end_batch(state, tools, now);
        let unused = if self.retired.get() { Duration::ZERO } else { UNUSED };
        state.servers.retain(|_, upstreams| !upstreams.tidy(now, unused));
        if !state.counted.is_empty() {
            self.live.counts.tallies.exchanged(&mem::take(&mut state.counted));
        }
        let more = state.queries.len() > 0 || !state.servers.is_empty();
        self.ticking.set(more);
        if !more {
            // What a flood has made large is given back.
            let (budget, complained) = (mem::take(&mut state.budget), state.complained);
            *state = State { budget, complained, ..State::default() };
        }
        more
    }

    /// Asks another server as well, if that is allowed and there is one.
    fn repeat(self: &Rc<Self>, state: &mut State, tools: &mut Tools, key: Key, server: u64, now: Instant) {
        let Some(query) = state.queries.get_mut(key) else { return };
        let [Some(one), None] = &query.tries else { return };
        let silent = one.lease.server().clone();
        if silent.id() != server
            || query.done
            || query.attempts >= self.core.attempts()
            || !state.budget.spend()
        {
            return;
        }
        query.exclude(server);
        if self.ask(state, tools, key, now).is_err() {
            return state.budget.refund();
        }
        state.counted.repeats += 1;
        silent.observe(Observation::Repeated, now);
    }

    /// Nobody has answered in time.
    fn expire(self: &Rc<Self>, state: &mut State, tools: &mut Tools, key: Key, now: Instant) {
        let Some(query) = state.queries.get_mut(key) else { return };
        for which in 0..query.tries.len() {
            let Some(one) = query.take(which) else { continue };
            let waited = now.saturating_duration_since(one.sent);
            one.lease.server().observe(Observation::Unanswered(waited), now);
            one.lease.settle(now);
        }
        if query.done {
            return state.forget(key);
        }
        state.counted.timeouts += 1;
        let end = Some(End::Expired(Deadline::Response));
        self.refuse(state, tools, key, Unavailable::ConnectFailed, end, now);
    }
}

impl State {
    /// The queries that a server has been silent about for long enough, and that server.
    fn silent(&mut self, response: Duration, now: Instant) -> Vec<(Key, u64)> {
        let queries = &self.queries;
        let gone = |key| queries.get(key).is_none_or(|query| query.done);
        let mut silent = Vec::new();
        for (id, upstreams) in &mut self.servers {
            let Some(since) = now.checked_sub(upstreams.silence(response)) else { continue };
            while let Some(key) = upstreams.patience.due(since, gone) {
                silent.push((key, *id));
            }
        }
        silent
    }
}
