//! Requests and answers that carry an id: the ids towards the servers are the gateway's own.

use std::cell::{Cell, RefCell};
use std::collections::hash_map::Entry;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sekisho_api::{
    Answer, Asked as Question, Core, DATAGRAM, Deadline, Delivery, End, Exchange, Facts, Failure,
    Fingerprint, Forward, IdPlace, Lease, Observation, Record, Request, Route, Unavailable,
};
use tokio::net::UdpSocket;

use super::flow::{connected, send};
use super::{Path, Port};
use crate::slot::Serving;
use crate::worker::{Served, Worker};

/// Requests in flight to one server from one worker; beyond it the client is refused.
const IN_FLIGHT: usize = 16_384;

/// Draws of a free id before giving up.
const DRAWS: usize = 6;

/// How often requests without an answer are looked for.
const SWEEP: Duration = Duration::from_millis(500);

/// How long a server's socket is kept while nothing is asked: one that a reload removed is never asked again.
const UNUSED: Duration = Duration::from_secs(60);

/// The exchanges of one socket.
#[derive(Debug)]
pub(super) struct Exchanges {
    worker: Rc<Worker>,
    port: Rc<Port>,
    servers: RefCell<std::collections::HashMap<u64, Rc<Upstream>>>,
    random: Cell<u64>,
}

/// One server's socket and what waits for an answer from it.
#[derive(Debug)]
struct Upstream {
    socket: UdpSocket,
    waiting: RefCell<std::collections::HashMap<u32, Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    path: Path,
    id: u32,
    place: IdPlace,
    fingerprint: Fingerprint,
    memo: [u64; 2],
    /// The request, for a refusal or another try.
    request: Box<[u8]>,
    route: Route,
    repeatable: bool,
    attempts: u32,
    serving: Rc<Serving>,
    exchange: Arc<dyn Exchange>,
    lease: Lease,
    began: Instant,
    /// A stopping worker waits for the answer.
    _busy: Served,
}

impl Exchanges {
    pub(super) fn new(worker: &Rc<Worker>, port: &Rc<Port>) -> Self {
        // Only where the kernel has no randomness is the seed a guessable one.
        let random = Cell::new(getrandom::u64().unwrap_or(0x9e37_79b9_7f4a_7c15) | 1);
        Self { worker: worker.clone(), port: port.clone(), servers: RefCell::default(), random }
    }

    /// Takes a client's request.
    pub(super) fn take(
        self: &Rc<Self>,
        serving: &Rc<Serving>,
        exchange: &Arc<dyn Exchange>,
        path: Path,
        datagram: &mut [u8],
    ) {
        let facts = self.port.facts(&path);
        let mut out = vec![0; DATAGRAM];
        match exchange.request(datagram, &facts, Instant::now(), &mut out) {
            Request::Ignore(_) => {}
            Request::Answer(length, _) => {
                _ = out.get(..length).map(|answer| self.port.answer(&path, answer));
            }
            Request::Forward(Forward { route, id: place, fingerprint, memo, repeatable, .. }) => {
                let Some(id) = place.read(datagram) else { return };
                let ask = Asked { path, id, place, fingerprint, memo, repeatable, exchange, serving };
                self.forward(&ask, &facts, route, datagram, 0, Instant::now());
            }
        }
    }

    fn forward(
        self: &Rc<Self>,
        asked: &Asked<'_>,
        facts: &Facts,
        mut route: Route,
        request: &mut [u8],
        mut attempts: u32,
        began: Instant,
    ) {
        let core = &asked.serving.core;
        let why = loop {
            if attempts >= core.attempts() {
                break Unavailable::ConnectFailed;
            }
            let lease = match core.choose(&route, facts) {
                Ok(lease) => lease,
                Err(_) if attempts > 0 => break Unavailable::ConnectFailed,
                Err(why) => break why,
            };
            attempts += 1;
            let server = lease.server().id();
            let Some(upstream) = self.upstream(&lease) else { break Unavailable::ConnectFailed };
            let mut waiting = upstream.waiting.borrow_mut();
            let Some(own) = self.free_id(&waiting, asked.place) else { break Unavailable::Full };
            if !asked.place.write(request, own) {
                return;
            }
            if send(&upstream.socket, request).is_err() {
                // A closed port says so on the next send: at once to another server.
                lease.server().observe(Observation::Failed(Failure::Refused), Instant::now());
                route.exclude.push(server);
                continue;
            }
            asked.place.write(request, asked.id);
            waiting.insert(
                own,
                Waiting {
                    path: asked.path,
                    id: asked.id,
                    place: asked.place,
                    fingerprint: asked.fingerprint,
                    memo: asked.memo,
                    request: (&*request).into(),
                    route,
                    repeatable: asked.repeatable,
                    attempts,
                    serving: asked.serving.clone(),
                    exchange: asked.exchange.clone(),
                    lease,
                    began,
                    _busy: self.worker.busy(),
                },
            );
            return;
        };
        asked.place.write(request, asked.id);
        let sent = self.refuse(asked.exchange, &asked.path, request, why);
        let bytes = (request.len(), sent);
        record(asked.serving, facts, began, attempts, End::Unavailable(why), bytes, None);
    }

    /// Says to the client, in its protocol, that there is no server; the bytes of that.
    fn refuse(&self, exchange: &Arc<dyn Exchange>, path: &Path, request: &[u8], why: Unavailable) -> usize {
        let mut out = [0; 1232];
        let facts = self.port.facts(path);
        match exchange.refuse(request, &facts, why, Instant::now(), &mut out).and_then(|n| out.get(..n)) {
            Some(answer) if self.port.answer(path, answer) => answer.len(),
            _ => 0,
        }
    }

    fn free_id(&self, taken: &std::collections::HashMap<u32, Waiting>, place: IdPlace) -> Option<u32> {
        let mask = u32::MAX.checked_shr(32 - 8 * u32::try_from(place.width).ok()?).unwrap_or(0);
        if taken.len() >= IN_FLIGHT {
            return None;
        }
        (0..DRAWS).map(|_| self.draw() & mask).find(|id| !taken.contains_key(id))
    }

    /// xorshift64*: spreads ids. What must not be guessed asks the kernel.
    fn draw(&self) -> u32 {
        if let Ok(random) = getrandom::u32() {
            return random;
        }
        let mut x = self.random.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.random.set(x);
        (x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    fn upstream(self: &Rc<Self>, lease: &Lease) -> Option<Rc<Upstream>> {
        let id = lease.server().id();
        if let Some(upstream) = self.servers.borrow().get(&id) {
            return Some(upstream.clone());
        }
        let socket = connected(lease.server().address())
            .inspect_err(
                |error| tracing::error!(server = %lease.server().name(), %error, "No socket for a server"),
            )
            .ok()?;
        let upstream = Rc::new(Upstream { socket, waiting: RefCell::default() });
        self.servers.borrow_mut().insert(id, upstream.clone());
        let (all, one) = (self.clone(), upstream.clone());
        tokio::task::spawn_local(async move {
            let mut used = all.worker.ticker().coarse();
            loop {
                let now = all.worker.ticker().coarse();
                let closed = all.port.closed.on();
                if !one.waiting.borrow().is_empty() {
                    used = now;
                } else if closed || now.saturating_duration_since(used) >= UNUSED {
                    break;
                }
                tokio::select! {
                    () = super::heard(&one.socket) => all.answers(&one),
                    () = all.port.closed.begun(), if !closed => {}
                    () = all.worker.ticker().until(now + SWEEP) => all.expire(&one),
                }
                tokio::task::coop::consume_budget().await;
            }
            all.servers.borrow_mut().remove(&id);
        });
        Some(upstream)
    }

    fn answers(self: &Rc<Self>, upstream: &Upstream) {
        if super::refused(&upstream.socket) {
            return self.fail(upstream, |_| true, Failure::Refused);
        }
        let mut buffer = self.worker.shared.buffers.take();
        for _ in 0..super::TURN {
            let length = match upstream.socket.try_recv(&mut buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                // Nobody listens there: everything that waits goes to another server.
                Err(_) => return self.fail(upstream, |_| true, Failure::Refused),
            };
            if let Some(datagram) = buffer.get_mut(..length) {
                self.answer(upstream, datagram);
            }
        }
    }

    fn answer(&self, upstream: &Upstream, datagram: &mut [u8]) {
        let mut waiting = upstream.waiting.borrow_mut();
        let now = Instant::now();
        // An answer to nobody's question is dropped, and whoever waits goes on waiting for the true one.
        let own = waiting.values().next().and_then(|any| any.exchange.id(datagram));
        let Some(Entry::Occupied(entry)) = own.map(|own| waiting.entry(own)) else { return };
        let one = entry.get();
        let asked = Question { request: &one.request, fingerprint: one.fingerprint, memo: one.memo };
        let mut out = vec![0; DATAGRAM];
        let (Answer::Deliver(delivery) | Answer::Another(delivery)) =
            one.exchange.answer(datagram, &asked, now, &mut out)
        else {
            return;
        };
        let Delivery { id: place, written } = delivery;
        let done = entry.remove();
        let answer = match written.and_then(|written| out.get_mut(..written)) {
            Some(answer) => answer,
            None => &mut *datagram,
        };
        if place.write(answer, done.id) {
            self.port.answer(&done.path, answer);
        }
        let took = now.saturating_duration_since(done.began);
        done.lease.server().observe(Observation::Answered(took), now);
        let facts = self.port.facts(&done.path);
        let bytes = (done.request.len(), datagram.len());
        record(&done.serving, &facts, done.began, done.attempts, End::Done, bytes, Some((&done.lease, took)));
        done.lease.settle(now);
    }

    fn expire(self: &Rc<Self>, upstream: &Upstream) {
        let now = Instant::now();
        let late = |waiting: &Waiting| now >= waiting.began + waiting.serving.live.vip.timeouts.connect;
        self.fail(upstream, late, Failure::ResponseTimeout);
    }

    /// Tries another server for those that `which` names and that may be repeated, and refuses the rest.
    fn fail(self: &Rc<Self>, upstream: &Upstream, which: impl Fn(&Waiting) -> bool, failure: Failure) {
        let failed: Vec<Waiting> = {
            let mut waiting = upstream.waiting.borrow_mut();
            let ids: Vec<u32> = waiting.iter().filter(|(_, w)| which(w)).map(|(id, _)| *id).collect();
            ids.iter().filter_map(|id| waiting.remove(id)).collect()
        };
        for mut one in failed {
            let now = Instant::now();
            one.lease.server().observe(Observation::Failed(failure), now);
            one.route.exclude.push(one.lease.server().id());
            let facts = self.port.facts(&one.path);
            if failure == Failure::Refused && one.repeatable {
                let asked = Asked {
                    path: one.path,
                    id: one.id,
                    place: one.place,
                    fingerprint: one.fingerprint,
                    memo: one.memo,
                    repeatable: one.repeatable,
                    exchange: &one.exchange,
                    serving: &one.serving,
                };
                one.lease.settle(now);
                self.forward(&asked, &facts, one.route, &mut one.request, one.attempts, one.began);
                continue;
            }
            let sent = self.refuse(&one.exchange, &one.path, &one.request, Unavailable::ConnectFailed);
            let end = match failure {
                Failure::Refused => End::Unavailable(Unavailable::ConnectFailed),
                _ => End::Expired(Deadline::Response),
            };
            record(&one.serving, &facts, one.began, one.attempts, end, (one.request.len(), sent), None);
        }
    }
}

/// A client's request on its way.
struct Asked<'a> {
    path: Path,
    id: u32,
    place: IdPlace,
    fingerprint: Fingerprint,
    memo: [u64; 2],
    repeatable: bool,
    exchange: &'a Arc<dyn Exchange>,
    serving: &'a Rc<Serving>,
}

fn record(
    serving: &Serving,
    facts: &Facts,
    began: Instant,
    attempts: u32,
    end: End,
    (received, sent): (usize, usize),
    served: Option<(&Lease, Duration)>,
) {
    let (received, sent) = (received as u64, sent as u64);
    if !serving.core.records() {
        return serving.core.moved(received, sent);
    }
    serving.core.record(&Record {
        facts,
        server: served.map(|(lease, _)| lease.server()),
        why: served.map(|(lease, _)| lease.why()),
        key: None,
        began,
        answered: served.map(|(_, took)| took),
        took: began.elapsed(),
        received,
        sent,
        attempts,
        end,
        request: None,
    });
}
