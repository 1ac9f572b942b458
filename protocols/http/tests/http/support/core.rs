//! A core of one worker: servers in turn, a table of learned keys, real sockets.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use sekisho_api::{
    BoxStream, Core, End, Facts, Failure, Key, KeyKind, Lease, Local, Observation, Prefer, Record, Route,
    Server, Stream, TlsFacts, Unavailable, Why,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// A server of the pool and everything that was observed of it.
#[derive(Debug)]
pub(crate) struct FakeServer {
    pub(crate) name: Arc<str>,
    pub(crate) address: SocketAddr,
    pub(crate) id: u64,
    pub(crate) token: String,
    pub(crate) usable: AtomicBool,
    pub(crate) active: AtomicI64,
    pub(crate) observed: Mutex<Vec<Observation>>,
}

impl FakeServer {
    pub(crate) fn new(id: u64, address: SocketAddr) -> Arc<Self> {
        Arc::new(Self {
            name: format!("s{id}").into(),
            address,
            id,
            token: format!("token-of-server-{id:06}"),
            usable: AtomicBool::new(true),
            active: AtomicI64::new(0),
            observed: Mutex::default(),
        })
    }

    pub(crate) fn failures(&self) -> Vec<Failure> {
        let observed = self.observed.lock().unwrap();
        let failure = |observation: &Observation| match observation {
            Observation::Failed(failure) => Some(*failure),
            Observation::Regretted(_) => Some(Failure::SaidSo),
            _ => None,
        };
        observed.iter().filter_map(failure).collect()
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
        &self.token
    }
    fn observe(&self, observation: Observation, _: Instant) {
        self.observed.lock().unwrap().push(observation);
    }
    fn reusable(&self) -> bool {
        self.usable.load(Ordering::Relaxed)
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
pub(crate) struct FakeCore {
    pub(crate) servers: Vec<Arc<FakeServer>>,
    pub(crate) turn: Cell<usize>,
    pub(crate) table: RefCell<HashMap<Key, u64>>,
    pub(crate) hashes: RefCell<Vec<Option<u64>>>,
    pub(crate) records: RefCell<Vec<String>>,
    pub(crate) draining: Cell<bool>,
    pub(crate) drained: Rc<Notify>,
    /// How often a connection began to wait for the end of everything, which is when it became idle.
    pub(crate) idled: Cell<usize>,
    pub(crate) full: Cell<bool>,
    pub(crate) room: Rc<Notify>,
    /// Servers are told whom a connection is for.
    pub(crate) telling: Cell<bool>,
    pub(crate) response: Option<Duration>,
    /// The ids of servers that agree on HTTP/2 in TLS.
    pub(crate) two: RefCell<Vec<u64>>,
    /// Who was shown to the operator: the server and the user, and what ends it.
    pub(crate) listed: RefCell<Vec<(String, Rc<Notify>)>>,
    /// Since when the last of them had the server.
    pub(crate) had: Cell<Option<Instant>>,
    /// Where something panics the next time.
    pub(crate) panics: Cell<Option<&'static str>>,
}

impl FakeCore {
    fn panic_in(&self, place: &'static str) {
        if self.panics.get() == Some(place) {
            self.panics.set(None);
            panic!("as the test wants it, in {place}");
        }
    }

    fn lease(server: &Arc<FakeServer>, why: Why) -> Lease {
        server.active.fetch_add(1, Ordering::Relaxed);
        Lease::new(server.clone(), why, None)
    }

    fn pick(&self, route: &Route) -> Result<Lease, Unavailable> {
        self.hashes.borrow_mut().push(route.hash);
        let usable = |s: &&Arc<FakeServer>| s.reusable() && !route.exclude.contains(&s.id);
        if let Some(Prefer::Token(token)) = &route.prefer
            && let Some(server) = self.servers.iter().filter(usable).find(|s| s.token.as_bytes() == &**token)
        {
            return Ok(Self::lease(server, Why::Preferred));
        }
        for key in &route.keys {
            if let Some(id) = self.table.borrow().get(key)
                && let Some(server) = self.servers.iter().filter(usable).find(|s| s.id == *id)
            {
                return Ok(Self::lease(server, Why::Persisted(key.kind())));
            }
        }
        let usable: Vec<_> = self.servers.iter().filter(usable).collect();
        if usable.is_empty() {
            return Err(Unavailable::AllDown);
        }
        let turn = self.turn.get();
        self.turn.set(turn + 1);
        Ok(Self::lease(usable[turn % usable.len()], Why::Method("round-robin")))
    }
}

impl Core for FakeCore {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn choose(&self, route: &Route, _: &Facts) -> Result<Lease, Unavailable> {
        self.panic_in("choose");
        if self.full.get() {
            return Err(Unavailable::Full);
        }
        self.pick(route)
    }

    fn queue<'a>(&'a self, route: &'a Route, _: &'a Facts) -> Local<'a, Result<Lease, Unavailable>> {
        Box::pin(async move {
            self.room.notified().await;
            self.pick(route)
        })
    }

    fn learn(&self, _: &Route, key: Key, lease: &Lease) {
        self.table.borrow_mut().insert(key, lease.server().id());
    }

    fn connect<'a>(&'a self, lease: &'a Lease, _: &'a Facts) -> Local<'a, Result<BoxStream, Failure>> {
        Box::pin(async move {
            match TcpStream::connect(lease.server().address()).await {
                Ok(stream) => {
                    let _ = stream.set_nodelay(true);
                    let two = self.two.borrow().contains(&lease.server().id());
                    let agreed = two.then(|| TlsFacts { alpn: Some((*b"h2").into()), ..TlsFacts::default() });
                    Ok(Box::new(Plain(stream, agreed.map(Arc::new))) as BoxStream)
                }
                Err(_) => {
                    lease.server().observe(Observation::Failed(Failure::Refused), Instant::now());
                    Err(Failure::Refused)
                }
            }
        })
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
        self.idled.set(self.idled.get() + 1);
        let drained = self.drained.clone();
        let already = self.draining.get();
        Box::pin(async move {
            if !already {
                drained.notified().await;
            }
        })
    }

    fn shareable(&self, _: &Lease) -> bool {
        !self.telling.get()
    }

    fn response(&self) -> Option<Duration> {
        self.response
    }

    fn list(&self, _: &Facts, since: Instant, route: &Route, server: &Arc<dyn Server>) -> Local<'static, ()> {
        self.had.set(Some(since));
        let user = route.key(KeyKind::USER).map_or(&b"-"[..], Key::expose);
        let (who, kicked) =
            (format!("{} {}", server.name(), String::from_utf8_lossy(user)), Rc::<Notify>::default());
        self.listed.borrow_mut().push((who, kicked.clone()));
        Box::pin(async move { kicked.notified().await })
    }

    fn attempts(&self) -> u32 {
        3
    }

    fn records(&self) -> bool {
        self.panic_in("records");
        true
    }

    fn record(&self, record: &Record<'_>) {
        let line = record.request.map_or("-".to_owned(), |r| {
            format!("{} {}{} {} {}", r.method, r.host, r.target, r.version, r.status)
        });
        let marks = record.request.map(|r| r.marks).unwrap_or_default();
        let marks = [("id", marks.request_id), ("trace", marks.trace_id), ("limit", marks.rate_limit)];
        let marks: String =
            marks.iter().filter_map(|(name, mark)| Some(format!(" {name}={}", (*mark)?))).collect();
        let tries = record.request.map_or(&[][..], |r| r.marks.tries).iter().map(|one| {
            let id = String::from_utf8_lossy(&one.id);
            format!(" try={}:{}:{}:{id}", one.server, one.status, one.failure.unwrap_or("-"))
        });
        let marks = marks + &tries.collect::<String>();
        let server = record.server.map_or("-", |s| s.name());
        let why = record.why.map_or("-", Why::name);
        self.records.borrow_mut().push(
            format!(
                "{line} {server} {why} in={} out={} tries={} {}",
                record.received,
                record.sent,
                record.attempts,
                record.end.name()
            ) + &marks,
        );
    }

    fn count(&self, _: u64, _: u64, _: End) {}
}

/// A TCP socket as a stream of the contract, and what was agreed on as if it spoke TLS. It counts the reads and writes
/// that came to something, as these are the system calls of a request.
#[derive(Debug)]
pub(crate) struct Plain(pub(crate) TcpStream, pub(crate) Option<Arc<TlsFacts>>);

thread_local! {
    /// Reads and writes of all streams of this thread.
    pub(crate) static CALLS: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
    /// Bytes that were read from one side and not written to another.
    pub(crate) static HELD: Cell<i64> = const { Cell::new(0) };
}

fn written(written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
    if let Poll::Ready(Ok(n)) = &written {
        HELD.set(HELD.get() - *n as i64);
    }
    written
}

fn count<T>(poll: Poll<T>, reads: usize, writes: usize) -> Poll<T> {
    if poll.is_ready() {
        CALLS.with(|calls| calls.set((calls.get().0 + reads, calls.get().1 + writes)));
    }
    poll
}

impl AsyncRead for Plain {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = count(Pin::new(&mut self.0).poll_read(cx, buffer), 1, 0);
        HELD.set(HELD.get() + (buffer.filled().len() - before) as i64);
        read
    }
}

impl AsyncWrite for Plain {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        written(count(Pin::new(&mut self.0).poll_write(cx, bytes), 0, 1))
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        written(count(Pin::new(&mut self.0).poll_write_vectored(cx, bytes), 0, 1))
    }
    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}

impl Stream for Plain {
    fn tls(&self) -> Option<&Arc<TlsFacts>> {
        self.1.as_ref()
    }
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.0.poll_read_ready(cx))?;
        Poll::Ready(Ok(()))
    }
    fn plain(&mut self) -> Option<&mut TcpStream> {
        Some(&mut self.0)
    }
}
