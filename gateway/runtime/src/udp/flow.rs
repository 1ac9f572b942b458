//! Conversations over datagrams: one flow for each client address.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use sekisho_api::{
    Blame, Connected, Converse, Core, Deadline, End, Facts, Failure, Lease, Observation, Record, Route, Side,
    Unavailable,
};
use sekisho_engine::{Action, Engine, EngineLimits};
use tokio::sync::Notify;

use super::towards::Towards;
use super::{Path, Port};
use crate::limits::Admission;
use crate::proxy_header::{self, Introduction};
use crate::roster::Listed;
use crate::slot::{Serve, Serving};
use crate::vip::{Waited, wait};
use crate::worker::Worker;

/// Datagrams kept for a flow whose server is not chosen yet; what comes beyond is lost, as datagrams are.
const INBOX: usize = 16;

/// How long a flow beside a stream lives without a datagram: whoever has a stream keeps alive what is beside it, too.
const BESIDE: Duration = Duration::from_secs(120);

/// The flows of one socket.
#[derive(Debug, Default)]
pub(super) struct Flows(RefCell<HashMap<Way, Rc<Flow>>>);

/// What datagrams of one flow have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Way {
    path: Path,
    /// The client that a proxy speaks for, and the address that it reached.
    told: Option<Box<(SocketAddr, SocketAddr)>>,
}

/// One client's flow, as its client's datagrams meet it.
#[derive(Debug)]
struct Flow {
    /// The server, once the conversation relays.
    server: RefCell<Option<Rc<Towards>>>,
    inbox: RefCell<VecDeque<Box<[u8]>>>,
    came: Notify,
    /// A datagram met the word that nobody listens at the server.
    refused: Cell<bool>,
    active: Cell<Instant>,
    received: Cell<u64>,
}

impl Flows {
    /// Takes a client's datagram: into its flow, or into a new one.
    pub(super) fn take(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        serving: &Rc<Serving>,
        converse: &Arc<dyn Converse>,
        port: &Rc<Port>,
        path: Path,
        datagram: &[u8],
    ) {
        let (introduction, datagram) = match &serving.live.vip.proxies {
            None => (Introduction::default(), datagram),
            Some(proxies) => match proxy_header::datagram(proxies, path.client, datagram) {
                Ok(introduced) => introduced,
                // Not worth a line in a log: anybody can send a datagram.
                Err(label) => {
                    let end = End::Fault(Blame::Client, label);
                    return serving.core.count(datagram.len() as u64, 0, end);
                }
            },
        };
        let way = Way { path, told: introduction.told.map(Box::new) };
        let known = self.0.borrow().get(&way).cloned();
        if let Some(flow) = known {
            return flow.take(worker, datagram);
        }
        let mut facts = Facts { id: worker.number(), ..port.facts(&path) };
        introduction.apply(&mut facts);
        let counts = &serving.live.counts;
        let beside = matches!(serving.handler, Serve::Companion(..));
        if beside && !counts.companions.has(facts.client.ip()) {
            // Nothing to follow. Not worth a line in a log: anybody can send a datagram.
            return;
        }
        let (Some(vip), Some(gateway)) = (counts.connections.enter(), serving.core.connections().enter())
        else {
            return;
        };
        let Some(client) = counts.clients.enter(facts.client.ip()) else { return };
        let admission = Admission { _gateway: gateway, _vip: vip, client: Some(client) };
        let flow = Rc::new(Flow {
            server: RefCell::new(None),
            inbox: RefCell::default(),
            came: Notify::new(),
            refused: Cell::new(false),
            active: Cell::new(worker.ticker().coarse()),
            received: Cell::new(0),
        });
        flow.take(worker, datagram);
        self.0.borrow_mut().insert(way.clone(), flow.clone());
        let engine = Engine::new(
            converse.open(&facts),
            &facts,
            EngineLimits { buffer: 65_536, ..EngineLimits::default() },
        );
        let entry = Entry { flows: self.clone(), way, _admission: admission };
        let run = Run {
            worker: worker.clone(),
            serving: serving.clone(),
            port: port.clone(),
            flow,
            facts,
            engine,
            server: None,
            listed: None,
            route: Route::new(),
            attempts: 0,
            sent: 0,
            began: Instant::now(),
            idle: if beside { BESIDE } else { serving.live.vip.timeouts.idle },
            answered: None,
        };
        worker.serve(async move {
            let entry = entry;
            run.run(&entry.way.path).await;
        });
    }
}

/// A flow's place in the table; dropping it gives the place back.
struct Entry {
    flows: Rc<Flows>,
    way: Way,
    _admission: Admission,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.flows.0.borrow_mut().remove(&self.way);
    }
}

impl Flow {
    fn take(&self, worker: &Worker, datagram: &[u8]) {
        self.active.set(worker.ticker().coarse());
        self.received.set(self.received.get() + datagram.len() as u64);
        if let Some(server) = &*self.server.borrow() {
            if server.send(datagram).is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused) {
                self.refused.set(true);
                self.came.notify_one();
            }
            return;
        }
        let mut inbox = self.inbox.borrow_mut();
        if inbox.len() < INBOX {
            inbox.push_back(datagram.into());
            self.came.notify_one();
        }
    }
}

struct Run {
    worker: Rc<Worker>,
    serving: Rc<Serving>,
    port: Rc<Port>,
    flow: Rc<Flow>,
    facts: Facts,
    engine: Engine,
    server: Option<(Rc<Towards>, Lease)>,
    listed: Option<Listed>,
    route: Route,
    attempts: u32,
    sent: u64,
    began: Instant,
    /// How long it lives without a datagram either way.
    idle: Duration,
    answered: Option<Duration>,
}

impl Run {
    async fn run(mut self, path: &Path) {
        let end = self.converse(path).await;
        let now = Instant::now();
        let lease = self.server.take().map(|(_, lease)| lease);
        self.serving.core.record(&Record {
            facts: &self.facts,
            server: lease.as_ref().map(Lease::server),
            why: lease.as_ref().map(Lease::why),
            key: None,
            known_by: None,
            began: self.began,
            answered: self.answered,
            took: now.saturating_duration_since(self.began),
            received: self.flow.received.get(),
            sent: self.sent,
            attempts: self.attempts,
            end,
            request: None,
        });
        if let Some(lease) = lease {
            lease.server().observe(Observation::Moved(self.flow.received.get() + self.sent), now);
            lease.settle(now);
        }
    }

    async fn converse(&mut self, path: &Path) -> End {
        loop {
            match self.engine.next() {
                Action::Write(Side::Client, bytes) => self.answer(path, &bytes),
                Action::Write(Side::Server, bytes) => _ = self.send(&bytes),
                Action::Read { client, .. } => {
                    if let Some(end) = self.read(client).await {
                        return end;
                    }
                }
                Action::Route(route) => {
                    self.release(None);
                    (self.route, self.attempts) = (*route, 0);
                    self.choose().await;
                }
                Action::Retry => {
                    self.release(Some(Failure::Reset));
                    self.choose().await;
                }
                Action::ReleaseServer { failed } => self.release(failed.then_some(Failure::Reset)),
                // An address of a datagram is anybody's to write: it would be somebody else who pays.
                Action::Strike => {}
                Action::Issue(_) => return End::Fault(Blame::Gateway, "token-over-datagrams"),
                Action::StartTls(_) => return End::Fault(Blame::Gateway, "tls-over-datagrams"),
                Action::Relay { to_server, .. } => {
                    if !to_server.is_empty() {
                        _ = self.send(&to_server);
                    }
                    return self.relay(path).await;
                }
                Action::Close(end) => return end,
            }
        }
    }

    fn release(&mut self, failure: Option<Failure>) {
        self.listed = None;
        if let Some((_, lease)) = self.server.take() {
            if let Some(failure) = failure {
                lease.server().observe(Observation::Failed(failure), Instant::now());
                self.route.exclude.push(lease.server().id());
            }
            lease.settle(Instant::now());
        }
    }

    async fn choose(&mut self) {
        self.attempts += 1;
        let lease = match self.serving.core.lease(&self.route, &self.facts).await {
            Ok(lease) => lease,
            Err(why) => return self.engine.unavailable(why),
        };
        let (facts, route) = (&self.facts, &self.route);
        self.listed = Some(self.worker.roster.enter(&self.serving, facts, self.began, route, &lease));
        let towards = match self.serving.core.side(&lease) {
            Some(side) => Towards::new(&side, &self.facts),
            None => Err(io::ErrorKind::NotFound.into()),
        };
        match towards {
            Ok(socket) => {
                let name = lease.server().name().clone();
                self.server = Some((Rc::new(socket), lease));
                self.engine.connected(Connected {
                    name,
                    tls: None,
                    start_tls: false,
                    attempt: self.attempts,
                });
            }
            Err(error) => {
                tracing::error!(server = %lease.server().name(), %error, "No socket for a flow");
                self.engine.unavailable(Unavailable::ConnectFailed);
            }
        }
    }

    /// Waits for a datagram of either side and offers it whole: the next one comes after it was dealt with.
    async fn read(&mut self, client: bool) -> Option<End> {
        let idle = self.idle;
        let buffers = &self.worker.shared.buffers;
        let (flow, server, listed) = (&self.flow, &self.server, &self.listed);
        let mut came = std::pin::pin!(flow.came.notified());
        let hear = || async {
            match server {
                Some((socket, _)) => super::heard(socket).await,
                None => std::future::pending().await,
            }
        };
        let mut heard = std::pin::pin!(hear());
        let ending = ending(&self.serving, &self.port);
        let waited = wait(&self.worker, ending, Instant::now() + idle, |cx| {
            if listed.as_ref().is_some_and(|listed| listed.kicked(cx)) {
                return Poll::Ready(Came::Kicked);
            }
            if client {
                if let Some(datagram) = flow.inbox.borrow_mut().pop_front() {
                    return Poll::Ready(Came::Client(datagram));
                }
                if came.as_mut().poll(cx).is_ready() {
                    came.set(flow.came.notified());
                    cx.waker().wake_by_ref();
                }
            }
            let Some((socket, _)) = server else { return Poll::Pending };
            // Lent only for this look: a flow that waits holds no buffer.
            let mut buffer = buffers.take();
            let mut into = tokio::io::ReadBuf::new(&mut buffer);
            match socket.poll_recv(cx, &mut into) {
                Poll::Ready(Ok(())) => Poll::Ready(Came::Server(into.filled().into())),
                Poll::Ready(Err(_)) => Poll::Ready(Came::Failed),
                Poll::Pending if heard.as_mut().poll(cx).is_ready() => {
                    heard.set(hear());
                    cx.waker().wake_by_ref();
                    if super::refused(socket) { Poll::Ready(Came::Failed) } else { Poll::Pending }
                }
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
        match waited {
            Waited::Done(Came::Client(datagram)) => _ = self.engine.offer(Side::Client, &datagram),
            Waited::Done(Came::Server(datagram)) => _ = self.engine.offer(Side::Server, &datagram),
            Waited::Done(Came::Failed) => _ = self.engine.server_failed(),
            Waited::Done(Came::Kicked) => return Some(End::Kicked),
            Waited::Draining => return Some(End::Drained),
            Waited::Expired => return Some(End::Expired(Deadline::Idle)),
        }
        None
    }

    /// Relays datagrams until nothing moves any more. A flow has no end of its own.
    async fn relay(&mut self, path: &Path) -> End {
        let Some(socket) = self.server.as_ref().map(|(socket, _)| socket.clone()) else {
            return End::ServerLeft;
        };
        loop {
            let datagram = self.flow.inbox.borrow_mut().pop_front();
            let Some(datagram) = datagram else { break };
            _ = socket.send(&datagram);
        }
        *self.flow.server.borrow_mut() = Some(socket.clone());
        let idle = self.idle;
        loop {
            let deadline = self.flow.active.get() + idle;
            let heard = async {
                tokio::select! {
                    () = super::heard(&socket) => {}
                    () = self.flow.came.notified() => {}
                }
            };
            let mut heard = std::pin::pin!(heard);
            let ending = ending(&self.serving, &self.port);
            let listed = &self.listed;
            let waited = wait(&self.worker, ending, deadline, |cx| {
                let kicked = listed.as_ref().is_some_and(|listed| listed.kicked(cx));
                if kicked { Poll::Ready(true) } else { heard.as_mut().poll(cx).map(|()| false) }
            });
            match waited.await {
                Waited::Done(true) => return End::Kicked,
                Waited::Done(false) if self.flow.refused.get() || super::refused(&socket) => {
                    return self.left();
                }
                Waited::Done(false) => {}
                Waited::Draining => return End::Drained,
                Waited::Expired if self.flow.active.get() + idle > self.worker.ticker().coarse() => continue,
                Waited::Expired => return End::Expired(Deadline::Idle),
            }
            let mut buffer = self.worker.shared.buffers.take();
            for _ in 0..super::TURN {
                match socket.try_recv(&mut buffer) {
                    Ok(n) => {
                        if self.answered.is_none() {
                            let now = Instant::now();
                            let took = now.saturating_duration_since(self.began);
                            self.answered = Some(took);
                            if let Some((_, lease)) = &self.server {
                                lease.server().observe(Observation::Answered(took), now);
                            }
                        }
                        self.flow.active.set(self.worker.ticker().coarse());
                        let datagram = buffer.get(..n).unwrap_or_default();
                        self.sent += n as u64;
                        self.port.answer(path, datagram);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(_) => return self.left(),
                }
            }
        }
    }

    /// Nobody listens at the server: the client's next datagram begins a flow with another one.
    fn left(&self) -> End {
        if let Some((_, lease)) = &self.server {
            lease.server().observe(Observation::Failed(Failure::Refused), Instant::now());
        }
        End::ServerLeft
    }

    fn answer(&mut self, path: &Path, datagram: &[u8]) {
        self.sent += datagram.len() as u64;
        self.port.answer(path, datagram);
    }

    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        match &self.server {
            Some((socket, _)) => socket.send(datagram),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

/// Ready when the VIP's conversations are asked to end, or the client can no longer be heard.
async fn ending(serving: &Serving, port: &Port) {
    tokio::select! {
        () = serving.core.drain().begun() => {}
        () = port.closed.begun() => {}
    }
}

/// What a flow that is not yet relaying waited for.
enum Came {
    Client(Box<[u8]>),
    Server(Box<[u8]>),
    /// Nobody listens at the server.
    Failed,
    Kicked,
}
