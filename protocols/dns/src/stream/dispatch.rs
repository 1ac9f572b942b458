//! From a call to a server.

use std::rc::Rc;
use std::time::Instant;

use sekisho_api::{End, Facts, Lease, Unavailable};

use super::call::Call;
use super::front::Front;
use super::line::Line;
use super::task::{self, Opener};
use super::upstream::Upstream;

impl Front {
    /// Sends a call out, or lets it wait for the answer to an equal one.
    pub(super) fn begin(self: &Rc<Self>, call: &Rc<Call>, now: Instant) {
        if let Some(share) = call.share.get() {
            let mut sharing = self.sharing.borrow_mut();
            if let Some(waiting) = sharing.get_mut(&share) {
                call.share.set(None);
                waiting.push(call.clone());
                return;
            }
            sharing.insert(share, Vec::new());
        }
        self.set_out(call, now);
    }

    /// Sends a call to a server, or says that there is none.
    pub(super) fn set_out(self: &Rc<Self>, call: &Rc<Call>, now: Instant) {
        if let Err(why) = self.dispatch(call, now) {
            self.give_up(call, why, End::Unavailable(why), now);
        }
    }

    /// Sends a call to a server that was not tried.
    pub(super) fn dispatch(self: &Rc<Self>, call: &Rc<Call>, now: Instant) -> Result<(), Unavailable> {
        let lease = self.choose(call)?;
        let mut lines = self.lines.borrow_mut();
        let ask = || self.core.shareable(&lease);
        let line = lines.entry(lease.server().id()).or_insert_with(|| Line::new(ask(), now));
        let owner = (!line.shareable(now, ask)).then_some((call.facts.client, call.facts.local));
        if let Some((upstream, id)) = line.pick(owner, now) {
            upstream.send(id, call, Some(lease), now);
            return Ok(());
        }
        let upstream = Upstream::new(lease.server().clone(), self.random.clone(), now);
        let id = upstream.room(u64::MAX).ok_or(Unavailable::Full)?;
        if !line.add(owner, &upstream) {
            return Err(Unavailable::Full);
        }
        upstream.send(id, call, None, now);
        let opener = Opener { id, lease, call: call.clone() };
        self.core.spawn(Box::pin(task::run(self.clone(), upstream, opener)));
        Ok(())
    }

    /// A server for a call that has attempts left.
    pub(crate) fn choose(&self, call: &Call) -> Result<Lease, Unavailable> {
        let attempts = call.attempts.get();
        if attempts > 0 && attempts >= self.core.attempts() {
            return Err(Unavailable::ConnectFailed);
        }
        let chosen = self.core.choose(&call.route.borrow(), &call.facts);
        let lease = chosen.map_err(|why| if attempts > 0 { Unavailable::ConnectFailed } else { why })?;
        call.attempts.set(attempts + 1);
        Ok(lease)
    }

    /// A client's connection has ended, and with it those to servers that were its own.
    pub(crate) fn left(&self, facts: &Facts) {
        for line in self.lines.borrow_mut().values_mut() {
            line.disown((facts.client, facts.local));
        }
    }

    pub(super) fn forget(&self, upstream: &Rc<Upstream>) {
        let mut lines = self.lines.borrow_mut();
        let server = upstream.server.id();
        if lines.get_mut(&server).is_some_and(|line| line.remove(upstream)) {
            lines.remove(&server);
        }
    }
}
