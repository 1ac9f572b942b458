//! Answers, on their way back.

use std::rc::Rc;
use std::time::Instant;

use sekisho_api::{Answer, Delivery, End, Failure, Observation};

use super::query::{Ticket, Try};
use super::upstream::Upstream;
use super::{Exchanges, State};
use crate::udp::workbench::Tools;

impl Exchanges {
    /// Takes one datagram of a server. What answers nobody's question is dropped, and whoever waits goes on waiting
    /// for the true answer.
    pub(super) fn answer(
        self: &Rc<Self>,
        state: &mut State,
        tools: &mut Tools,
        socket: &Rc<Upstream>,
        datagram: &[u8],
        now: Instant,
    ) {
        let ticket = self.exchange.id(datagram).and_then(|id| socket.ids.borrow().get(id));
        let query = ticket.and_then(|ticket: Ticket| Some((ticket, state.queries.get_mut(ticket.key)?)));
        let Some((Ticket { key, which }, query)) = query else {
            return self.stray(state, socket, now);
        };
        let (answer, delivery) = match self.exchange.answer(datagram, &query.asked(), now, &mut tools.out) {
            Answer::Stray => return self.mismatch(state, socket, now),
            Answer::Deliver(delivery) => (datagram, delivery),
            Answer::Another(delivery) => {
                let Some(one) = query.take(which) else { return };
                let server = one.lease.server();
                server.observe(Observation::Failed(Failure::SaidSo), now);
                query.exclude(server.id());
                if query.done {
                    one.lease.settle(now);
                    if query.idle() {
                        state.forget(key);
                    }
                } else if !query.idle() || self.ask(state, tools, key, now).is_ok() {
                    one.lease.settle(now);
                } else {
                    self.deliver(state, tools, (Ticket { key, which }, one), (datagram, delivery), now);
                }
                return;
            }
        };
        let Some(one) = query.take(which) else { return };
        let took = now.saturating_duration_since(one.sent);
        socket.answered(took);
        one.lease.server().observe(Observation::Answered(took), now);
        if !query.done {
            return self.deliver(state, tools, (Ticket { key, which }, one), (answer, delivery), now);
        }
        // Another server was quicker; this one is only slow.
        state.counted.late += 1;
        one.lease.settle(now);
        if query.idle() {
            state.forget(key);
        }
    }

    fn deliver(
        self: &Rc<Self>,
        state: &mut State,
        tools: &mut Tools,
        (ticket, one): (Ticket, Try),
        (datagram, Delivery { id: place, written }): (&[u8], Delivery),
        now: Instant,
    ) {
        let Some(query) = state.queries.get(ticket.key) else { return };
        let range = match written {
            Some(length) => tools.put_written(length),
            None => tools.put(datagram),
        };
        let restored = tools.bytes.get_mut(range.clone()).is_some_and(|answer| place.write(answer, query.id));
        let took = now.saturating_duration_since(one.sent);
        one.lease.server().observe(Observation::Moved((query.request.len() + datagram.len()) as u64), now);
        self.tell(query, tools.kept(&range), End::Done, Some((&one.lease, took)), now);
        if restored {
            tools.reply(&query.port, query.path, range);
        }
        one.lease.settle(now);
        self.close(state, tools, ticket.key, now);
    }

    /// Nobody waits for it: late, doubled or forged.
    fn stray(&self, state: &mut State, socket: &Upstream, now: Instant) {
        state.counted.strays += 1;
        socket.server.observe(Observation::Strayed, now);
    }

    /// Somebody waits under its id, and it is no answer to what was asked.
    fn mismatch(&self, state: &mut State, socket: &Upstream, now: Instant) {
        self.stray(state, socket, now);
        let upstreams = state.servers.get_mut(&socket.server.id());
        if upstreams.is_some_and(|upstreams| upstreams.mismatch(now)) {
            tracing::warn!(
                server = %socket.server.name(),
                streams = self.service.is_some(),
                "Many answers under ids in use that match no question: somebody may be guessing"
            );
        }
    }
}
