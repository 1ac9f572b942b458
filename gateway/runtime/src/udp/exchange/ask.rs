//! Requests, on their way to servers.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sekisho_api::{Core, Facts, Forward, Request, Server, Unavailable};

use super::query::{Query, Ticket, Try};
use super::servers::Upstreams;
use super::slab::Key;
use super::upstream::Upstream;
use super::{Exchanges, State};
use crate::proxy_header;
use crate::udp::workbench::Tools;
use crate::udp::{Path, Port};

/// Requests under way in one worker's part of a VIP; beyond it clients are refused.
const MOST: usize = 65_536;

/// Bytes kept for them.
const HEAVIEST: usize = 64 << 20;

/// How long the log is spared a complaint that it has already.
const QUIET: Duration = Duration::from_secs(10);

impl Exchanges {
    /// Takes one request.
    pub(super) fn request(
        self: &Rc<Self>,
        state: &mut State,
        tools: &mut Tools,
        port: &Rc<Port>,
        path: Path,
        datagram: &[u8],
        now: Instant,
    ) {
        let mut facts = port.facts(&path);
        let datagram = match &self.live.vip.proxies {
            None => datagram,
            Some(proxies) => match proxy_header::datagram(proxies, facts.client, datagram) {
                Ok((introduction, datagram)) => {
                    introduction.apply(&mut facts);
                    datagram
                }
                Err(label) => {
                    *state.counted.ignored.entry(label).or_default() += 1;
                    return;
                }
            },
        };
        match self.exchange.request(datagram, &facts, now, &mut tools.out) {
            Request::Ignore(label) => *state.counted.ignored.entry(label).or_default() += 1,
            Request::Answer(length, label) => {
                *state.counted.answered.entry(label).or_default() += 1;
                let range = tools.put_written(length);
                self.tell_own(&facts, datagram, tools.kept(&range), now);
                tools.reply(port, path, range);
            }
            Request::Forward(forward) => {
                state.budget.earn();
                if self.streams_only.get(forward.route.pool).is_some_and(|streams| *streams) {
                    return self.over_streams(state, tools, port, path, (datagram, &facts), now);
                }
                self.forward(state, tools, (port, path, &facts), forward, datagram, now);
            }
        }
    }

    fn forward(
        self: &Rc<Self>,
        state: &mut State,
        tools: &mut Tools,
        (port, path, facts): (&Rc<Port>, Path, &Facts),
        forward: Forward,
        datagram: &[u8],
        now: Instant,
    ) {
        let Forward { route, id: place, fingerprint, memo, written, repeatable, share } = forward;
        let Some(id) = place.read(datagram) else { return };
        if state.queries.len() >= MOST || state.weight > HEAVIEST {
            state.counted.overloads += 1;
            return self.refuse_at_once(tools, (port, path, facts), datagram, Unavailable::Full, now);
        }
        let mut copy = |bytes: &[u8]| {
            let mut buffer = state.spare.pop().unwrap_or_default();
            buffer.extend_from_slice(bytes);
            buffer
        };
        let query = Query {
            port: port.clone(),
            path,
            told: facts.proxy.is_some().then(|| Box::new(facts.clone())),
            id,
            place,
            fingerprint,
            memo,
            request: copy(datagram),
            written: written.and_then(|length| tools.out.get(..length)).map(&mut copy),
            route,
            repeatable,
            share: None,
            attempts: 0,
            began: now,
            tries: [None, None],
            done: false,
        };
        state.weight += query.weight();
        let key = state.queries.insert(query);
        state.deadlines.push(key, now + self.response);
        state.waiting += 1;
        if state.busy.is_none() {
            state.busy = Some(self.worker.busy());
        }
        if share.is_some_and(|number| state.share(key, number)) {
            return;
        }
        if let Err(why) = self.ask(state, tools, key, now) {
            self.refuse(state, tools, key, why, None, now);
        }
    }

    /// Chooses a server for a query and has it asked at the end of the batch.
    ///
    /// # Errors
    /// Why there is none; nothing about the query has changed.
    pub(super) fn ask(
        self: &Rc<Self>,
        state: &mut State,
        tools: &mut Tools,
        key: Key,
        now: Instant,
    ) -> Result<(), Unavailable> {
        let Some(query) = state.queries.get_mut(key) else { return Ok(()) };
        let which = match &query.tries {
            [None, _] => 0,
            [_, None] => 1,
            _ => return Ok(()),
        };
        if query.attempts >= self.core.attempts() {
            return Err(Unavailable::ConnectFailed);
        }
        let facts = query.facts();
        let lease = self.core.choose_at(&query.route, &facts, now).map_err(|why| match query.attempts {
            0 => why,
            _ => Unavailable::ConnectFailed,
        })?;
        let server = lease.server();
        let upstreams = state.servers.entry(server.id()).or_insert_with(|| self.upstreams(server, now));
        if upstreams.avoided(now)
            && let Some(service) = &self.service
        {
            lease.settle(now);
            self.hand(service, &query.port, query.path, &query.request, &facts);
            self.close(state, tools, key, now);
            return Ok(());
        }
        let mut claimed = None;
        for another in [false, true] {
            let open = |server: &Arc<dyn Server>| self.open(server, &mut state.complained, now);
            let choice = (tools.batch, another);
            let Some(socket) = upstreams.pick(choice, now, &mut tools.random, open) else {
                return Err(Unavailable::ConnectFailed);
            };
            let draw = || tools.random.draw();
            let id = socket.ids.borrow_mut().claim(query.place.width, Ticket { key, which }, draw);
            if let Some(id) = id {
                claimed = Some((socket, id));
                break;
            }
        }
        let Some((socket, id)) = claimed else {
            state.counted.overloads += 1;
            return Err(Unavailable::Full);
        };
        let from = tools.bytes.len();
        if upstreams.proxied {
            let mut header = [0; proxy_header::DATAGRAM_HEADER];
            let length = proxy_header::v2_datagram(facts.client, facts.local, &mut header);
            tools.bytes.extend_from_slice(length.and_then(|length| header.get(..length)).unwrap_or_default());
        }
        let datagram = tools.bytes.len();
        tools.bytes.extend_from_slice(query.written.as_ref().unwrap_or(&query.request));
        query.place.write(tools.bytes.get_mut(datagram..).unwrap_or_default(), id);
        let mut outgoing = socket.outgoing.borrow_mut();
        if outgoing.is_empty() {
            state.touched.push(socket.clone());
        }
        outgoing.push((from..tools.bytes.len(), key));
        drop(outgoing);
        socket.count();
        if query.repeatable && which == 0 {
            upstreams.patience.push(key, now);
        }
        query.attempts += 1;
        state.counted.asked += 1;
        if let Some(place) = query.tries.get_mut(which) {
            *place = Some(Try { lease, socket, id, sent: now });
        }
        Ok(())
    }

    fn upstreams(&self, server: &Arc<dyn Server>, now: Instant) -> Upstreams {
        let proxied = self
            .worker
            .with_live(|live| live.server(server.id()).is_some_and(|side| side.proxy_protocol.is_some()));
        Upstreams::new(server, proxied, self.sockets, now)
    }

    fn open(
        self: &Rc<Self>,
        server: &Arc<dyn Server>,
        complained: &mut Option<Instant>,
        now: Instant,
    ) -> Option<Rc<Upstream>> {
        match Upstream::open(server, now) {
            Ok(socket) => {
                let socket = Rc::new(socket);
                socket.listen(self);
                Some(socket)
            }
            Err(error) => {
                if complained.is_none_or(|last| now.saturating_duration_since(last) >= QUIET) {
                    *complained = Some(now);
                    tracing::error!(server = %server.name(), %error, "No socket for a server");
                }
                None
            }
        }
    }
}
