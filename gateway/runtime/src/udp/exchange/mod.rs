//! Requests and answers that carry an id: the ids towards the servers are the gateway's own.
//!
//! A batch of requests is read from a client-facing socket, each is given an id of its own, and all of one server leave
//! together; answers come back the same way. What is under way stands in a slab; the id tables of the servers' sockets
//! lead to it.

mod answer;
mod ask;
mod budget;
mod fifo;
mod hand;
mod ids;
mod query;
mod random;
mod report;
mod send;
mod servers;
mod share;
mod slab;
mod tick;
mod upstream;

pub(super) use random::Random;

use std::cell::{Cell, RefCell};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sekisho_api::{ByNumber, Core, Exchange};

use super::Port;
use super::batch::BATCH;
use super::workbench::{Tools, Workbench};
use crate::live::LiveVip;
use crate::totals::ExchangeTotals;
use crate::vip::VipCore;
use crate::worker::{Served, Worker};
use budget::Budget;
use fifo::Fifo;
use query::Query;
use servers::Upstreams;
use share::Share;
use slab::{Key, Slab};
use upstream::Upstream;

/// Batches in a row before other sockets of the worker have their turn.
const ROUNDS: usize = 4;

/// Datagrams in a batch that was not full, from which others have their turn on the processor before more are asked
/// for: at such a rate the next batch is then fuller, while with fewer nobody waits for anybody.
const MANY: usize = 6;

/// How long a server may take where neither the VIP nor its protocol says so.
const RESPONSE: Duration = Duration::from_secs(2);

/// Sockets towards each server of each worker that is asked anything: requests are spread over as few workers as can
/// carry them, and one alone must not be easier to forge answers for.
const SOCKETS: usize = 8;

/// Buffers kept to be used again, and how large they may be.
const SPARE: usize = 4096;
const SPARE_SIZE: usize = 2048;

/// One VIP's exchanges in one worker. A reload makes new ones; the old ones go on until all they took is answered.
pub(crate) struct Exchanges {
    worker: Rc<Worker>,
    live: Arc<LiveVip>,
    core: Rc<VipCore>,
    exchange: Arc<dyn Exchange>,
    /// What serves streams beside it.
    service: Option<Rc<dyn sekisho_api::Worker>>,
    /// Which of the VIP's pools are reached over streams alone.
    streams_only: Box<[bool]>,
    /// How long a server may take.
    response: Duration,
    /// Sockets towards each server.
    sockets: usize,
    state: RefCell<State>,
    ticking: Cell<bool>,
    /// A reload has put others in its place.
    retired: Cell<bool>,
}

/// What is under way.
#[derive(Debug, Default)]
struct State {
    queries: Slab<Query>,
    deadlines: Fifo,
    servers: ByNumber<Upstreams>,
    shares: ByNumber<Share>,
    budget: Budget,
    /// Those whose clients wait.
    waiting: usize,
    /// A stopping worker waits as long as a client does.
    busy: Option<Served>,
    /// Bytes kept for all of them, and buffers to be used again.
    weight: usize,
    spare: Vec<Vec<u8>>,
    /// Sockets with something to be sent at the end of the batch.
    touched: Vec<Rc<Upstream>>,
    /// What is to be asked of another server.
    again: Vec<Key>,
    counted: ExchangeTotals,
    /// When the log was last told that there are no sockets.
    complained: Option<Instant>,
}

impl Exchanges {
    /// Exchanges of the VIP that `live` says, beside the `service` of its streams.
    pub(crate) fn new(
        worker: &Rc<Worker>,
        live: &Arc<LiveVip>,
        core: &Rc<VipCore>,
        exchange: &Arc<dyn Exchange>,
        service: Option<Rc<dyn sekisho_api::Worker>>,
    ) -> Rc<Self> {
        let streams_only = worker.with_live(|all| {
            let pools = &all.config.pools;
            let named = live.vip.pools.iter().map(|name| pools.iter().find(|pool| pool.spec.name == *name));
            let streams = named.map(|pool| pool.is_some_and(|pool| pool.streams_only || pool.tls.is_some()));
            streams.collect()
        });
        Rc::new(Self {
            worker: worker.clone(),
            live: live.clone(),
            core: core.clone(),
            exchange: exchange.clone(),
            service,
            streams_only,
            response: core.response().unwrap_or(RESPONSE),
            sockets: SOCKETS,
            state: RefCell::default(),
            ticking: Cell::new(false),
            retired: Cell::new(false),
        })
    }

    /// No request will come any more: sockets close as soon as all answers are there.
    pub(crate) fn retire(&self) {
        self.retired.set(true);
    }

    /// Takes what clients have sent. True if there may be more; false if the socket has been read to its end.
    pub(super) fn take(self: &Rc<Self>, port: &Rc<Port>) -> bool {
        survive(|| self.take_batches(port))
    }

    fn take_batches(self: &Rc<Self>, port: &Rc<Port>) -> bool {
        let Workbench { requests, tools, .. } = &mut *self.worker.workbench.borrow_mut();
        let state = &mut *self.state.borrow_mut();
        let mut more = true;
        for _ in 0..ROUNDS {
            let count = match requests.receive(port.socket.get_ref()) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    more = false;
                    break;
                }
                // An error of an earlier answer: that client is gone, the others are not.
                Err(_) => continue,
            };
            let now = Instant::now();
            for number in 0..count {
                if let (Some(datagram), Some(path)) = (requests.datagram(number), requests.path(number)) {
                    self.request(state, tools, port, path, datagram, now);
                }
            }
            self.end_batch(state, tools, now);
            if count < BATCH {
                more = false;
                give_way(count);
                break;
            }
        }
        self.start_ticking();
        more
    }

    /// Takes what a server has sent, and first the word that it cannot be reached. True if there may be more.
    fn hear(self: &Rc<Self>, socket: &Rc<Upstream>, error: bool) -> bool {
        let Workbench { answers, tools, .. } = &mut *self.worker.workbench.borrow_mut();
        let state = &mut *self.state.borrow_mut();
        if error && socket.unreachable() {
            let now = Instant::now();
            self.unreachable(state, socket, now);
            self.end_batch(state, tools, now);
        }
        for _ in 0..ROUNDS {
            let received = answers.receive(socket.socket.get_ref());
            let now = Instant::now();
            let count = match received {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) => {
                    let gone = error.raw_os_error().is_some_and(upstream::means_unreachable);
                    if socket.unreachable() || gone {
                        self.unreachable(state, socket, now);
                        self.end_batch(state, tools, now);
                    }
                    continue;
                }
            };
            for number in 0..count {
                if let Some(datagram) = answers.datagram(number) {
                    self.answer(state, tools, socket, datagram, now);
                }
            }
            self.end_batch(state, tools, now);
            if count < BATCH {
                give_way(count);
                return false;
            }
        }
        true
    }

    /// Sends everything, asks others where a server cannot be reached, and goes on until nothing is left to be sent.
    fn end_batch(self: &Rc<Self>, state: &mut State, tools: &mut Tools, now: Instant) {
        loop {
            while let Some(socket) = state.touched.pop() {
                self.send(state, tools, &socket, now);
            }
            let Some(key) = state.again.pop() else { break };
            if let Err(why) = self.ask(state, tools, key, now) {
                self.refuse(state, tools, key, why, None, now);
            }
        }
        tools.end_batch();
    }
}

/// A protocol's panic over one datagram must not end the service for everybody. What was received with it is lost.
fn survive(work: impl FnOnce() -> bool) -> bool {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        tracing::error!("A protocol panicked over a datagram");
        true
    })
}

impl State {
    /// Removes a query whose client needs nothing more and that no server is expected to answer.
    pub(super) fn forget(&mut self, key: Key) {
        let Some(query) = self.queries.remove(key) else { return };
        self.weight -= query.weight();
        for mut buffer in [Some(query.request), query.written].into_iter().flatten() {
            if self.spare.len() < SPARE && buffer.capacity() <= SPARE_SIZE {
                buffer.clear();
                self.spare.push(buffer);
            }
        }
    }
}

impl std::fmt::Debug for Exchanges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchanges").field("vip", &self.live.vip.name).finish_non_exhaustive()
    }
}

/// Lets whoever fills the socket go on, if this processor is what it waits for (sched_yield(2)): many small batches cost
/// more than few large ones. Where processors are idle it changes nothing.
fn give_way(taken: usize) {
    if taken >= MANY {
        std::thread::yield_now();
    }
}
