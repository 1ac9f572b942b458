//! A resolver that does as the name says, a core whose clock is moved by hand, and a stream in memory.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sekisho_api::{
    BoxStream, Core, End, Facts, Failure, Key, Lease, Local, Record, Route, Stream, TlsFacts, Unavailable,
};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, LocalSet};

use super::messages;
use crate::https::{Resolver, serve};

/// Runs a test as a worker runs its tasks.
pub(super) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    LocalSet::new().block_on(&runtime, test);
}

/// Lets everything happen that can happen without the clock moving.
pub(super) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// A connection, its client's end and what stands behind it.
#[derive(Debug)]
pub(super) struct Rig {
    pub(super) script: Rc<Script>,
    pub(super) client: DuplexStream,
    pub(super) served: JoinHandle<End>,
}

impl Rig {
    /// Without TLS; `h2` as [`serve`] is told.
    pub(super) fn plain(h2: bool) -> Self {
        Self::new(h2, None)
    }

    pub(super) fn tls(h2: bool) -> Self {
        Self::new(h2, Some(Arc::new(TlsFacts::default())))
    }

    fn new(h2: bool, tls: Option<Arc<TlsFacts>>) -> Self {
        let script = Script::new();
        let (client, far) = tokio::io::duplex(1 << 20);
        let mut facts = Facts::plain("192.0.2.1:5000".parse().unwrap(), "192.0.2.80:443".parse().unwrap());
        facts.tls = tls;
        let stream: BoxStream = Box::new(Pipe { far, peeked: None });
        let served = tokio::task::spawn_local(serve(script.clone(), stream, facts, h2));
        Self { script, client, served }
    }
}

/// Answers by the first label of the name: `silent` never, `slow` once [`Script::release`] is called, `gone` that
/// there is nothing, `large` with 60,000 bytes, everything else with a text that lives for 300 seconds.
#[derive(Debug)]
pub(super) struct Script {
    core: Rc<dyn Core>,
    pub(super) clock: Rc<Clock>,
    pub(super) asked: RefCell<Vec<Bytes>>,
    pub(super) under_way: Cell<usize>,
    pub(super) release: Notify,
}

impl Script {
    fn new() -> Rc<Self> {
        let clock = Rc::new(Clock {
            now: Cell::new(Instant::now()),
            waiting: RefCell::default(),
            draining: Cell::new(false),
        });
        Rc::new(Self {
            core: Rc::new(FakeCore(clock.clone())),
            clock,
            asked: RefCell::default(),
            under_way: Cell::default(),
            release: Notify::new(),
        })
    }
}

struct UnderWay(Rc<Script>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.set(self.0.under_way.get() - 1);
    }
}

impl Resolver for Script {
    fn ask(self: &Rc<Self>, message: Bytes, _: &Rc<Facts>) -> Local<'static, Option<Bytes>> {
        self.asked.borrow_mut().push(message.clone());
        self.under_way.set(self.under_way.get() + 1);
        let here = UnderWay(self.clone());
        Box::pin(async move {
            let label = message.get(13..).unwrap_or_default();
            match label {
                _ if label.starts_with(b"silent") => None,
                _ if label.starts_with(b"slow") => {
                    here.0.release.notified().await;
                    Some(messages::answer(&message, 300, 4))
                }
                _ if label.starts_with(b"gone") => Some(messages::negative(&message, 3, 600, 60)),
                _ if label.starts_with(b"large") => Some(messages::answer(&message, 300, 60_000)),
                _ => Some(messages::answer(&message, 300, 4)),
            }
        })
    }

    fn core(&self) -> &Rc<dyn Core> {
        &self.core
    }

    fn path(&self) -> &'static str {
        "/dns-query"
    }

    fn idle(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn in_flight(&self) -> usize {
        100
    }
}

/// A clock that is moved by hand, and whether the gateway drains.
#[derive(Debug)]
pub(super) struct Clock {
    now: Cell<Instant>,
    waiting: RefCell<Vec<Waker>>,
    draining: Cell<bool>,
}

impl Clock {
    /// Moves the clock once all is quiet, and lets follow what follows.
    pub(super) async fn advance(&self, seconds: u64) {
        settle().await;
        self.now.set(self.now.get() + Duration::from_secs(seconds));
        self.wake().await;
    }

    pub(super) async fn drain(&self) {
        settle().await;
        self.draining.set(true);
        self.wake().await;
    }

    async fn wake(&self) {
        self.waiting.take().into_iter().for_each(Waker::wake);
        settle().await;
    }

    fn wait(self: &Rc<Self>, until: impl Fn(&Self) -> bool + 'static) -> Local<'static, ()> {
        let clock = self.clone();
        Box::pin(std::future::poll_fn(move |cx| {
            if until(&clock) {
                return Poll::Ready(());
            }
            clock.waiting.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        }))
    }
}

/// A core without servers.
#[derive(Debug)]
struct FakeCore(Rc<Clock>);

impl Core for FakeCore {
    fn now(&self) -> Instant {
        self.0.now.get()
    }
    fn choose(&self, _: &Route, _: &Facts) -> Result<Lease, Unavailable> {
        Err(Unavailable::AllDown)
    }
    fn queue<'a>(&'a self, _: &'a Route, _: &'a Facts) -> Local<'a, Result<Lease, Unavailable>> {
        Box::pin(std::future::ready(Err(Unavailable::AllDown)))
    }
    fn learn(&self, _: &Route, _: Key, _: &Lease) {}
    fn connect<'a>(&'a self, _: &'a Lease, _: &'a Facts) -> Local<'a, Result<BoxStream, Failure>> {
        Box::pin(std::future::ready(Err(Failure::Refused)))
    }
    fn spawn(&self, task: Local<'static, ()>) {
        tokio::task::spawn_local(task);
    }
    fn until(&self, deadline: Instant) -> Local<'static, ()> {
        self.0.wait(move |clock| clock.now.get() >= deadline)
    }
    fn draining(&self) -> bool {
        self.0.draining.get()
    }
    fn drained(&self) -> Local<'static, ()> {
        self.0.wait(|clock| clock.draining.get())
    }
    fn attempts(&self) -> u32 {
        1
    }
    fn records(&self) -> bool {
        false
    }
    fn record(&self, _: &Record<'_>) {}
    fn count(&self, _: u64, _: u64, _: End) {}
}

/// The gateway's end of a stream in memory. What shows that there is something to read is read and kept.
#[derive(Debug)]
struct Pipe {
    far: DuplexStream,
    peeked: Option<Vec<u8>>,
}

impl Stream for Pipe {
    fn tls(&self) -> Option<&Arc<TlsFacts>> {
        None
    }

    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.peeked.is_none() {
            let mut byte = [0];
            let mut buffer = ReadBuf::new(&mut byte);
            ready!(Pin::new(&mut self.far).poll_read(cx, &mut buffer))?;
            self.peeked = Some(buffer.filled().to_vec());
        }
        Poll::Ready(Ok(()))
    }

    fn plain(&mut self) -> Option<&mut tokio::net::TcpStream> {
        None
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(peeked) = self.peeked.take() {
            buffer.put_slice(&peeked);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.far).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.far).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.far).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.far).poll_shutdown(cx)
    }
}
