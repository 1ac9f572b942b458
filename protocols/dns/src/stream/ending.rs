//! How calls end.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use sekisho_api::{End, Lease, Server, Unavailable};

use super::call::{Call, Flight};
use super::front::Front;
use super::record::Ended;

/// Who served a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served<'a> {
    pub(crate) server: &'a Arc<dyn Server>,
    pub(crate) flight: &'a Flight,
}

impl Front {
    /// Ends a call that no server will answer, unless one is still at it.
    pub(crate) fn give_up(self: &Rc<Self>, call: &Rc<Call>, why: Unavailable, end: End, now: Instant) {
        if call.done() || call.flights.get() > 0 {
            return;
        }
        let fallback = call.fallback.take();
        if let Some(answer) = fallback {
            return self.finish(call, &answer, None, End::Done, now);
        }
        let mut out = self.scratch.take();
        let length = self.desk.refuse(&call.request, &call.facts, why, call.over, now, &mut out);
        let answer = length.and_then(|length| out.get(..length)).unwrap_or_default();
        self.finish(call, answer, None, end, now);
    }

    /// Delivers a call's answer, the first one that comes, and serves those that waited for it.
    pub(super) fn finish(
        self: &Rc<Self>,
        call: &Rc<Call>,
        answer: &[u8],
        served: Option<Served<'_>>,
        end: End,
        now: Instant,
    ) {
        let Some(sink) = call.take() else { return };
        sink.deliver(Some(answer).filter(|answer| !answer.is_empty()));
        let ended = Ended {
            request: &call.request,
            answer,
            before: 0,
            facts: &call.facts,
            over: call.over,
            began: call.began,
            server: served.map(|served| served.server),
            why: served.and_then(|served| served.flight.lease.as_ref()).map(Lease::why),
            answered: served.map(|served| now.saturating_duration_since(served.flight.sent)),
            attempts: call.attempts.get(),
            end,
        };
        ended.record(&*self.core, &self.desk, now);
        let Some(share) = call.share.take() else { return };
        let waiting = self.sharing.borrow_mut().remove(&share).unwrap_or_default();
        for waiting in waiting {
            match end {
                End::Done => self.share(&waiting, now),
                _ => self.give_up(&waiting, Unavailable::ConnectFailed, end, now),
            }
        }
    }

    /// Answers a call that waited from what is known since, or sends it out itself.
    fn share(self: &Rc<Self>, call: &Rc<Call>, now: Instant) {
        let mut out = self.scratch.take();
        let length = self.desk.known(&call.request, &call.facts, call.over, now, &mut out);
        if let Some(answer) = length.and_then(|length| out.get(..length)) {
            return self.finish(call, answer, None, End::Done, now);
        }
        drop(out);
        call.deadline.set(now + self.response);
        self.set_out(call, now);
    }
}
