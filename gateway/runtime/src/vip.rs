//! What the core offers to a protocol, for one VIP in one worker.

use std::cell::OnceCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use sekisho_api::{
    BoxStream, Core, End, Facts, Failure, Key, Lease, Local, Record, Route, Server, Unavailable,
};
use sekisho_config::Vip;
use sekisho_scheduler::{Ask, Explanation, Pool, Table};

use crate::access::Place;
use crate::decisions::Decision;
use crate::dial::{dial, within};
use crate::io::Io;
use crate::latency::PoolTimes;
use crate::limits::Gauge;
use crate::live::{LiveVip, ServerSide};
use crate::slot::{Drain, Serving};
use crate::totals::Tally;
use crate::worker::Worker;

/// The core as one worker's part of a VIP sees it.
///
/// A reload does not end what runs: a VIP's handler, limits and deadlines stay those it began under, while each
/// choice is made among the servers that are configured at that moment.
pub(crate) struct VipCore {
    worker: Rc<Worker>,
    live: Arc<LiveVip>,
    connections: Arc<Gauge>,
    tally: Arc<Tally>,
    times: PoolTimes,
    drain: Rc<Drain>,
    /// What it is part of.
    serving: OnceCell<Weak<Serving>>,
}

impl VipCore {
    pub(crate) fn new(worker: Rc<Worker>, live: Arc<LiveVip>, drain: Rc<Drain>) -> Self {
        let connections = worker.with_live(|live| live.connections.clone());
        let tally = live.counts.tallies.of(worker.index);
        let times = tally.times(live.pools.iter().map(|pool| pool.name()));
        Self { worker, live, connections, tally, times, drain, serving: OnceCell::new() }
    }

    /// It is part of this from now on.
    pub(crate) fn belongs(&self, serving: &Rc<Serving>) {
        let _ = self.serving.set(Rc::downgrade(serving));
    }

    pub(crate) fn drain(&self) -> &Rc<Drain> {
        &self.drain
    }

    pub(crate) fn connections(&self) -> &Arc<Gauge> {
        &self.connections
    }

    /// Runs `look` on the pool that `index` means now, and on the table.
    fn with_pool<T>(&self, index: usize, look: impl FnOnce(&Arc<Pool>, &Arc<Table>) -> T) -> Option<T> {
        let own = self.live.pools.get(index).or_else(|| self.live.pools.first())?;
        self.worker.with_live(|live| {
            if live.epoch == self.live.epoch {
                return Some(look(own, &self.live.table));
            }
            // None: a reload removed the pool, and nobody in it serves any more.
            let pool = live.scheduler.pool(own.name())?;
            let table = live.scheduler.table(&self.live.vip.domain).unwrap_or(&self.live.table);
            Some(look(pool, table))
        })
    }

    /// As [`Core::choose`], at a time that the caller has read.
    pub(crate) fn choose_at(&self, route: &Route, facts: &Facts, now: Instant) -> Result<Lease, Unavailable> {
        if self.live.counts.decisions.watched() {
            return self.choose_watched(route, facts, now);
        }
        self.with_pool(route.pool, |pool, table| pool.choose(&self.ask(route, facts, table), now))
            .unwrap_or(Err(Unavailable::AllDown))
    }

    /// As [`choose_at`](Self::choose_at), with somebody watching.
    #[cold]
    fn choose_watched(&self, route: &Route, facts: &Facts, now: Instant) -> Result<Lease, Unavailable> {
        let decisions = &self.live.counts.decisions;
        let wanted = decisions.wanted(now);
        let chosen = self.with_pool(route.pool, |pool, table| {
            let ask = self.ask(route, facts, table);
            // Before the choice changes what it is based on.
            let explanation = wanted.then(|| pool.explain(&ask, now));
            (explanation, pool.choose(&ask, now))
        });
        let (explanation, lease) = chosen.unwrap_or((None, Err(Unavailable::AllDown)));
        if let Some(explanation) = explanation {
            self.keep(route, facts, &lease, explanation, None);
        }
        lease
    }

    /// Keeps a choice for whoever watches.
    fn keep(
        &self,
        route: &Route,
        facts: &Facts,
        lease: &Result<Lease, Unavailable>,
        explanation: Explanation,
        waited: Option<Duration>,
    ) {
        let outcome = lease.as_ref().map(|lease| (lease.server().name().clone(), lease.why()));
        self.live.counts.decisions.keep(Decision {
            number: 0,
            at: SystemTime::now(),
            id: facts.id,
            client: facts.client,
            keys: route.keys.to_vec(),
            outcome: outcome.map_err(|why| *why),
            waited,
            explanation,
        });
    }

    /// How the servers stand for a client that begins to wait, if somebody watches.
    #[cold]
    fn explain_waiting(&self, route: &Route, facts: &Facts, now: Instant) -> Option<Box<Explanation>> {
        let wanted = self.live.counts.decisions.wanted(now);
        let explain = |pool: &Arc<Pool>, table: &Arc<Table>| {
            // Where there is no queue, the choice that found no server has said everything.
            (pool.spec().queue.capacity > 0).then(|| pool.explain(&self.ask(route, facts, table), now))
        };
        wanted.then(|| self.with_pool(route.pool, explain)).flatten().flatten().map(Box::new)
    }

    /// Waits in the pool's queue.
    async fn wait_in_queue(&self, route: &Route, facts: &Facts) -> Result<Lease, Unavailable> {
        let found = self.with_pool(route.pool, |pool, table| (pool.enqueue(Instant::now()), table.clone()));
        let (waiting, table) = found.ok_or(Unavailable::AllDown)?;
        let mut waiting = waiting?;
        let deadline = waiting.deadline();
        let leased = pin!(poll_fn(|cx| {
            // A reload may have brought other servers, or taken the pool.
            let stays = self.with_pool(route.pool, |pool, _| waiting.follow(pool));
            match stays {
                Some(true) => waiting.poll(cx, &self.ask(route, facts, &table), Instant::now()),
                Some(false) | None => Poll::Ready(Err(Unavailable::AllDown)),
            }
        }));
        within(self.worker.ticker(), deadline, leased).await.unwrap_or(Err(Unavailable::QueueTimeout))
    }

    fn ask<'a>(&'a self, route: &'a Route, facts: &Facts, table: &'a Arc<Table>) -> Ask<'a> {
        let Vip { persist, limits, .. } = &*self.live.vip;
        let user_limit = limits.max_connections_per_user;
        let persist = route.persist.as_deref().unwrap_or(persist);
        Ask { route, client: facts.client.ip(), persist, table, user_limit }
    }

    /// As [`Core::choose`], and in the pool's queue where all servers are full.
    pub(crate) async fn lease(&self, route: &Route, facts: &Facts) -> Result<Lease, Unavailable> {
        match self.choose(route, facts) {
            Err(Unavailable::Full) => self.queue(route, facts).await,
            other => other,
        }
    }

    /// A token that leads the client of the lease, which was chosen for this route, back to its server.
    pub(crate) fn issue(
        &self,
        route: &Route,
        facts: &Facts,
        lease: &Lease,
        life: Duration,
        now: Instant,
    ) -> Option<String> {
        self.with_pool(route.pool, |pool, table| pool.issue(&self.ask(route, facts, table), lease, life, now))
            .flatten()
    }

    /// How to reach the lease's server: by the configuration in force, or by that under which it was chosen.
    pub(crate) fn side(&self, lease: &Lease) -> Option<ServerSide> {
        self.worker.with_live(|live| live.server(lease.server().id()).cloned())
    }

    /// As [`Core::connect`]; whoever calls it turns keepalive on when it is worth it.
    pub(crate) async fn dial(
        &self,
        lease: &Lease,
        facts: &Facts,
        keepalive: Option<Duration>,
    ) -> Result<Io, Failure> {
        let Some(side) = self.side(lease) else { return Err(Failure::Refused) };
        let timeouts = &self.live.vip.timeouts;
        let began = Instant::now();
        let dialled = dial(&side, facts, timeouts.connect, keepalive, self.worker.ticker()).await;
        if dialled.is_ok() {
            self.times.of(Some(lease.server())).connect.count(began.elapsed());
        }
        dialled
    }

    /// Whether TLS to the lease's server begins when the protocol says so.
    pub(crate) fn starts_tls(&self, lease: &Lease) -> bool {
        self.side(lease).is_some_and(|side| side.start_tls)
    }

    /// Starts TLS on a connection to a server that was made in clear.
    pub(crate) async fn start_tls(&self, io: Io, lease: &Lease, deadline: Instant) -> Result<Io, Failure> {
        let side = self.side(lease).ok_or(Failure::Refused)?;
        let (Some(connector), Io::Plain(plain)) = (&side.connector, io) else { return Err(Failure::Tls) };
        let handshake =
            Box::pin(connector.connect(plain.into_inner(), lease.server().name(), lease.server().address()));
        match within(self.worker.ticker(), deadline, handshake).await {
            Some(Ok(stream)) => Ok(Io::Tls(Box::new(stream))),
            Some(Err(_)) => Err(Failure::Tls),
            None => Err(Failure::ConnectTimeout),
        }
    }
}

impl Core for VipCore {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn choose(&self, route: &Route, facts: &Facts) -> Result<Lease, Unavailable> {
        self.choose_at(route, facts, Instant::now())
    }

    fn queue<'a>(&'a self, route: &'a Route, facts: &'a Facts) -> Local<'a, Result<Lease, Unavailable>> {
        if !self.live.counts.decisions.watched() {
            return Box::pin(self.wait_in_queue(route, facts));
        }
        Box::pin(async move {
            let began = Instant::now();
            let explanation = self.explain_waiting(route, facts, began);
            let lease = self.wait_in_queue(route, facts).await;
            if let Some(explanation) = explanation {
                self.keep(route, facts, &lease, *explanation, Some(began.elapsed()));
            }
            lease
        })
    }

    fn learn(&self, route: &Route, key: Key, lease: &Lease) {
        self.with_pool(route.pool, |pool, table| pool.learn(&key, lease, table, Instant::now()));
    }

    fn connect<'a>(&'a self, lease: &'a Lease, facts: &'a Facts) -> Local<'a, Result<BoxStream, Failure>> {
        let keepalive = Some(self.live.vip.timeouts.keepalive);
        Box::pin(async move { self.dial(lease, facts, keepalive).await.map(|io| Box::new(io) as BoxStream) })
    }

    fn spawn(&self, task: Local<'static, ()>) {
        tokio::task::spawn_local(task);
    }

    fn until(&self, deadline: Instant) -> Local<'static, ()> {
        Box::pin(self.worker.ticker().until(deadline))
    }

    fn draining(&self) -> bool {
        self.drain.on()
    }

    fn drained(&self) -> Local<'static, ()> {
        let drain = self.drain.clone();
        Box::pin(async move { drain.begun().await })
    }

    fn shareable(&self, lease: &Lease) -> bool {
        self.worker.with_live(|live| live.server(lease.server().id()).is_none_or(ServerSide::shareable))
    }

    fn response(&self) -> Option<Duration> {
        self.live.vip.timeouts.response
    }

    fn attempts(&self) -> u32 {
        self.live.vip.limits.attempts
    }

    fn list(
        &self,
        facts: &Facts,
        since: Instant,
        route: &Route,
        server: &Arc<dyn Server>,
    ) -> Local<'static, ()> {
        let Some(serving) = self.serving.get().and_then(Weak::upgrade) else {
            return Box::pin(std::future::pending());
        };
        let listed = self.worker.roster.enter_late(&serving, facts, since, route, server);
        Box::pin(poll_fn(move |cx| if listed.kicked(cx) { Poll::Ready(()) } else { Poll::Pending }))
    }

    fn records(&self) -> bool {
        self.live.vip.access_log && self.worker.access.borrow().enabled()
    }

    fn record(&self, record: &Record<'_>) {
        self.tally.count(record.received, record.sent, record.end);
        let status = record.request.as_ref().map_or(0, |request| request.status);
        self.measure(record.server, record.answered, record.took, status);
        if let Some(word) = record.known_by {
            self.tally.known(word);
        }
        if !self.records() {
            return;
        }
        self.worker.with_live(|live| {
            let side = record.server.and_then(|server| live.server(server.id()));
            let pool = side.map(|side| &*side.pool);
            let place = Place { vip: &self.live.vip.name, pool };
            self.worker.access.borrow_mut().write(&place, record);
        });
    }

    fn count(&self, received: u64, sent: u64, end: End) {
        self.tally.count(received, sent, end);
    }

    fn measure(
        &self,
        server: Option<&Arc<dyn Server>>,
        answered: Option<Duration>,
        took: Duration,
        status: u16,
    ) {
        self.tally.answered(status);
        let times = self.times.of(server);
        if let Some(answered) = answered {
            times.answer.count(answered);
        }
        times.total.count(took);
    }
}

/// Waits until `poll` is ready, the VIP drains (once) or `deadline` passes.
pub(crate) enum Waited<T> {
    Done(T),
    Draining,
    Expired,
}

/// Waits for `poll`, for `deadline`, and for `draining`.
pub(crate) async fn wait<T>(
    worker: &Worker,
    draining: impl Future<Output = ()>,
    deadline: Instant,
    mut poll: impl FnMut(&mut std::task::Context<'_>) -> Poll<T>,
) -> Waited<T> {
    let mut until = pin!(worker.ticker().until(deadline));
    let mut draining = pin!(draining);
    poll_fn(|cx| {
        if let Poll::Ready(done) = poll(cx) {
            return Poll::Ready(Waited::Done(done));
        }
        if draining.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Waited::Draining);
        }
        until.as_mut().poll(cx).map(|()| Waited::Expired)
    })
    .await
}

impl fmt::Debug for VipCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VipCore").field("vip", &self.live.vip.name).finish_non_exhaustive()
    }
}
