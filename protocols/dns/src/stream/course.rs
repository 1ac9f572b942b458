//! What becomes of the calls that are under way on a connection to a server.

use std::rc::Rc;
use std::time::Instant;

use sekisho_api::{Answer, Deadline, End, Failure, Observation, Unavailable};

use super::ending::Served;
use super::front::Front;
use super::upstream::{Parted, Upstream};

impl Front {
    /// Takes a message from a server.
    pub(crate) fn heard(self: &Rc<Self>, upstream: &Upstream, message: &mut [u8], now: Instant) {
        let id = message.first_chunk().map(|&id| u16::from_be_bytes(id));
        let Some((id, call)) = id.and_then(|id| Some((id, upstream.call(id)?))) else {
            return upstream.server.observe(Observation::Strayed, now);
        };
        let mut out = self.scratch.take();
        let verdict = self.desk.answer(message, &call.asked(), call.over, now, &mut out);
        let (delivery, good) = match verdict {
            Answer::Stray => return upstream.server.observe(Observation::Strayed, now),
            Answer::Deliver(delivery) => (delivery, true),
            Answer::Another(delivery) => (delivery, false),
        };
        let Some(flight) = upstream.take(id) else { return };
        let bytes = (call.outgoing().len() + message.len()) as u64;
        let answer = match delivery.written {
            Some(length) => out.get_mut(..length).unwrap_or_default(),
            None => message,
        };
        call.restore(delivery.id, answer);
        let took = now.saturating_duration_since(flight.sent);
        call.flights.set(call.flights.get().saturating_sub(1));
        let said = if good { Observation::Answered(took) } else { Observation::Failed(Failure::SaidSo) };
        upstream.server.observe(said, now);
        upstream.server.observe(Observation::Moved(bytes), now);
        if !good && !call.done() {
            call.tried(&*upstream.server);
            if call.flights.get() > 0 || self.dispatch(&call, now).is_ok() {
                call.fallback.replace(Some((&*answer).into()));
                return flight.settle(now);
            }
        }
        self.finish(
            &call,
            answer,
            Some(Served { server: &upstream.server, flight: &flight }),
            End::Done,
            now,
        );
        flight.settle(now);
    }

    /// Looks at the deadlines of what is under way on a connection.
    pub(crate) fn sweep(self: &Rc<Self>, upstream: &Upstream, now: Instant) {
        for flight in upstream.expired(now) {
            let waited = now.saturating_duration_since(flight.sent);
            upstream.server.observe(Observation::Unanswered(waited), now);
            let call = flight.land(now);
            self.give_up(&call, Unavailable::ConnectFailed, End::Expired(Deadline::Response), now);
        }
        let Some(then) = self.patience.and_then(|patience| now.checked_sub(patience)) else { return };
        for call in upstream.silent(then) {
            if !self.budget.left() {
                return;
            }
            call.tried(&*upstream.server);
            if self.dispatch(&call, now).is_ok() {
                self.budget.spend();
                upstream.server.observe(Observation::Repeated, now);
            } else {
                // It is the only one: should its connection end, it is asked again.
                call.untried(&*upstream.server);
            }
        }
    }

    /// A connection could not be made: what waited for it goes elsewhere at once.
    pub(crate) fn unreachable(self: &Rc<Self>, upstream: &Rc<Upstream>, now: Instant) {
        self.forget(upstream);
        for flight in upstream.close() {
            let call = flight.land(now);
            call.tried(&*upstream.server);
            if !call.done() && call.flights.get() == 0 {
                self.set_out(&call, now);
            }
        }
    }

    /// A connection has ended: what was under way on it is sent once more, if it only asks.
    pub(crate) fn parted(self: &Rc<Self>, upstream: &Rc<Upstream>, parted: Parted, now: Instant) {
        let flights = upstream.close();
        let answered = upstream.answered();
        // A server that closes after some answers does nothing wrong, and those it leaves have lost nothing.
        let orderly = parted == Parted::Ended && answered > 0;
        if orderly && !flights.is_empty() {
            if let Some(line) = self.lines.borrow_mut().get_mut(&upstream.server.id()) {
                line.learn(answered, now);
            }
        } else if !flights.is_empty() {
            let failure = if let Parted::Broken(failure) = parted { failure } else { Failure::Reset };
            upstream.server.observe(Observation::Failed(failure), now);
        }
        self.forget(upstream);
        for flight in flights {
            let call = flight.land(now);
            if call.done() || call.flights.get() > 0 {
                continue;
            }
            let resent = call.resent.get();
            if call.only_asks() && resent < if orderly { RESENT_ORDERLY } else { RESENT } {
                call.resent.set(resent + 1);
                call.attempts.set(call.attempts.get().saturating_sub(1));
                self.set_out(&call, now);
            } else {
                self.give_up(&call, Unavailable::ConnectFailed, End::ServerLeft, now);
            }
        }
    }
}

/// How often a query is sent again because its connection broke, or because the server closed it after some answers.
const RESENT: u8 = 1;
const RESENT_ORDERLY: u8 = 8;
