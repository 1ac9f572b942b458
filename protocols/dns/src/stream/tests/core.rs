//! A core of one worker: servers in turn, and real sockets.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use sekisho_api::{
    BoxStream, Core, End, Facts, Failure, Key, Lease, Local, Observation, Record, Route, Server, Stream,
    TlsFacts, Unavailable, Why,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// A server of the pool and everything that was observed of it.
#[derive(Debug)]
pub(super) struct FakeServer {
    name: Arc<str>,
    address: SocketAddr,
    id: u64,
    pub(super) active: AtomicI64,
    pub(super) observed: Mutex<Vec<Observation>>,
}

impl FakeServer {
    pub(super) fn new(id: u64, address: SocketAddr) -> Arc<Self> {
        let (active, observed) = (AtomicI64::new(0), Mutex::default());
        Arc::new(Self { name: format!("s{id}").into(), address, id, active, observed })
    }

    pub(super) fn saw(&self, wanted: Observation) -> usize {
        self.observed.lock().unwrap().iter().filter(|observation| **observation == wanted).count()
    }

    /// How many requests it left unanswered.
    pub(super) fn unanswered(&self) -> usize {
        let observed = self.observed.lock().unwrap();
        observed.iter().filter(|observation| matches!(observation, Observation::Unanswered(_))).count()
    }
}

impl Server for FakeServer {
    fn name(&self) -> &Arc<str> {
        &self.name
    }
    fn address(&self) -> SocketAddr {
        self.address
    }
    fn id(&self) -> u64 {
        self.id
    }
    fn token(&self) -> &str {
        ""
    }
    fn observe(&self, observation: Observation, _: Instant) {
        self.observed.lock().unwrap().push(observation);
    }
    fn reusable(&self) -> bool {
        true
    }
    fn release(&self, _: Option<Instant>) {
        self.active.fetch_sub(1, Ordering::Relaxed);
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The core.
#[derive(Debug, Default)]
pub(super) struct FakeCore {
    pub(super) servers: Vec<Arc<FakeServer>>,
    pub(super) turn: Cell<usize>,
    pub(super) records: RefCell<Vec<String>>,
    pub(super) draining: Cell<bool>,
    pub(super) drained: Rc<Notify>,
    /// Servers are told whom a connection is for.
    pub(super) telling: Cell<bool>,
    pub(super) response: Option<Duration>,
}

impl FakeCore {
    pub(super) fn drain(&self) {
        self.draining.set(true);
        self.drained.notify_waiters();
    }
}

impl Core for FakeCore {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn choose(&self, route: &Route, _: &Facts) -> Result<Lease, Unavailable> {
        let usable: Vec<_> = self.servers.iter().filter(|s| !route.exclude.contains(&s.id)).collect();
        let turn = self.turn.replace(self.turn.get() + 1);
        let server = *usable.get(turn % usable.len().max(1)).ok_or(Unavailable::AllDown)?;
        server.active.fetch_add(1, Ordering::Relaxed);
        Ok(Lease::new(server.clone(), Why::Method("round-robin"), None))
    }

    fn queue<'a>(&'a self, _: &'a Route, _: &'a Facts) -> Local<'a, Result<Lease, Unavailable>> {
        Box::pin(async { Err(Unavailable::QueueTimeout) })
    }

    fn learn(&self, _: &Route, _: Key, _: &Lease) {}

    fn connect<'a>(&'a self, lease: &'a Lease, _: &'a Facts) -> Local<'a, Result<BoxStream, Failure>> {
        Box::pin(async move {
            let stream = TcpStream::connect(lease.server().address()).await.map_err(|_| Failure::Refused)?;
            Ok(Box::new(Plain(stream)) as BoxStream)
        })
    }

    fn shareable(&self, _: &Lease) -> bool {
        !self.telling.get()
    }

    fn spawn(&self, task: Local<'static, ()>) {
        tokio::task::spawn_local(task);
    }

    fn until(&self, deadline: Instant) -> Local<'static, ()> {
        Box::pin(tokio::time::sleep_until(deadline.into()))
    }

    fn draining(&self) -> bool {
        self.draining.get()
    }

    fn drained(&self) -> Local<'static, ()> {
        let (drained, already) = (self.drained.clone(), self.draining.get());
        Box::pin(async move {
            if !already {
                drained.notified().await;
            }
        })
    }

    fn response(&self) -> Option<Duration> {
        self.response
    }

    fn attempts(&self) -> u32 {
        3
    }

    fn records(&self) -> bool {
        true
    }

    fn record(&self, record: &Record<'_>) {
        let line = record.request.map_or("-".to_owned(), |r| format!("{} {}", r.version, r.host));
        let server = record.server.map_or("-", |server| server.name());
        let end = record.end.name();
        let line = format!("{line} {server} in={} out={} {end}", record.received, record.sent);
        self.records.borrow_mut().push(line);
    }

    fn count(&self, _: u64, _: u64, _: End) {}
}

/// A TCP socket as a stream of the contract.
#[derive(Debug)]
pub(super) struct Plain(pub(super) TcpStream);

impl AsyncRead for Plain {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Plain {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl Stream for Plain {
    fn tls(&self) -> Option<&Arc<TlsFacts>> {
        None
    }
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read_ready(cx)
    }
    fn plain(&mut self) -> Option<&mut TcpStream> {
        Some(&mut self.0)
    }
}
