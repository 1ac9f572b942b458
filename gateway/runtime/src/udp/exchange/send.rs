//! The end of a batch: what leaves for one server, and what is done where that cannot be reached.

use std::rc::Rc;
use std::time::Instant;

use sekisho_api::{Failure, Observation};

use super::query::{Ticket, Try};
use super::slab::Key;
use super::upstream::{Upstream, means_unreachable};
use super::{Exchanges, State};
use crate::udp::batch::BATCH;
use crate::udp::workbench::Tools;

impl Exchanges {
    /// Sends what a batch has for one server.
    pub(super) fn send(&self, state: &mut State, tools: &mut Tools, socket: &Rc<Upstream>, now: Instant) {
        let outgoing = socket.outgoing.take();
        let mut rest = &outgoing[..];
        let mut unreachable = false;
        let mut too_long = false;
        while !rest.is_empty() && !unreachable {
            let datagrams = rest.iter().take(BATCH);
            let datagrams =
                datagrams.map(|(range, _)| (tools.bytes.get(range.clone()).unwrap_or_default(), None));
            let sent = match tools.outbox.send(socket.socket.get_ref(), datagrams) {
                Ok(sent) => {
                    // The error that cut it short may be one that the kernel has told nobody.
                    unreachable = sent < rest.len().min(BATCH) && socket.unreachable();
                    too_long = false;
                    sent
                }
                Err(error) => match error.raw_os_error() {
                    // The kernel has no room: lost, as datagrams are. Silence will be noticed.
                    Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) => break,
                    // The word of a router about an earlier one, or, if it comes again, about this one.
                    Some(libc::EMSGSIZE) if !too_long => {
                        too_long = true;
                        0
                    }
                    Some(libc::EMSGSIZE) => {
                        too_long = false;
                        rest.iter().take(1).for_each(|(_, key)| self.unsent(state, *key, socket, now));
                        1
                    }
                    Some(errno) => {
                        unreachable = socket.unreachable() || means_unreachable(errno);
                        0
                    }
                    None => break,
                },
            };
            rest = rest.get(sent..).unwrap_or_default();
        }
        if unreachable {
            self.unreachable(state, socket, now);
        }
        // Its memory is used again.
        let mut outgoing = outgoing;
        outgoing.clear();
        socket.outgoing.replace(outgoing);
    }

    /// A datagram is too long for the way to this server, which is not to blame.
    fn unsent(&self, state: &mut State, key: Key, socket: &Rc<Upstream>, now: Instant) {
        let Some(query) = state.queries.get_mut(key) else { return };
        let here = |one: &Option<Try>| one.as_ref().is_some_and(|one| Rc::ptr_eq(&one.socket, socket));
        let Some(one) = query.tries.iter().position(here).and_then(|which| query.take(which)) else { return };
        query.exclude(one.lease.server().id());
        one.lease.settle(now);
        if query.idle() {
            state.again.push(key);
        }
    }

    /// The server cannot be reached: it has not seen what is under way on this socket, which goes to another at once.
    pub(super) fn unreachable(&self, state: &mut State, socket: &Rc<Upstream>, now: Instant) {
        let tickets = socket.ids.borrow_mut().clear();
        for Ticket { key, which } in tickets {
            let Some(query) = state.queries.get_mut(key) else { continue };
            let Some(one) = query.take(which) else { continue };
            let server = one.lease.server();
            server.observe(Observation::Failed(Failure::Refused), now);
            query.exclude(server.id());
            one.lease.settle(now);
            state.counted.refused += 1;
            if query.idle() {
                match query.done {
                    true => state.forget(key),
                    false => state.again.push(key),
                }
            }
        }
    }
}
