//! Datagrams for servers that are reached over streams.

use std::rc::Rc;
use std::time::Instant;

use sekisho_api::{End, Facts, Unavailable};

use super::{Exchanges, State};
use crate::udp::workbench::Tools;
use crate::udp::{Path, Port};

impl Exchanges {
    /// Hands a datagram whose pool is reached over streams alone to the service that does so.
    pub(super) fn over_streams(
        &self,
        state: &mut State,
        tools: &mut Tools,
        port: &Rc<Port>,
        path: Path,
        (datagram, facts): (&[u8], &Facts),
        now: Instant,
    ) {
        state.counted.handed += 1;
        match &self.service {
            Some(service) => self.hand(service, port, path, datagram, facts),
            // No handler of streams, no way to such servers.
            None => self.refuse_at_once(tools, (port, path, facts), datagram, Unavailable::AllDown, now),
        }
    }

    /// Hands a datagram over, with the way back.
    pub(super) fn hand(
        &self,
        service: &Rc<dyn sekisho_api::Worker>,
        port: &Rc<Port>,
        path: Path,
        datagram: &[u8],
        facts: &Facts,
    ) {
        let (port, busy) = (port.clone(), self.worker.busy());
        let reply = move |answer: &[u8]| {
            port.answer(&path, answer);
            drop(busy);
        };
        service.clone().datagram(datagram, facts, Box::new(reply));
    }

    /// Refuses a request that is not kept.
    pub(super) fn refuse_at_once(
        &self,
        tools: &mut Tools,
        (port, path, facts): (&Rc<Port>, Path, &Facts),
        datagram: &[u8],
        why: Unavailable,
        now: Instant,
    ) {
        let length = self.exchange.refuse(datagram, facts, why, now, &mut tools.out);
        let range = tools.put_written(length.unwrap_or(0));
        self.tell_at_once(facts, datagram, tools.kept(&range), End::Unavailable(why), now);
        if length.is_some() {
            tools.reply(port, path, range);
        }
    }
}
