//! Carries out what a conversation decides: reading, writing, choosing, connecting, TLS.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use sekisho_api::{
    Connected, Conversation, Deadline, End, Facts, Failure, Lease, Observation, Route, Side, Stream,
    Unavailable,
};
use sekisho_engine::{Action, Engine, EngineLimits, Need};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::connection::Ended;
use crate::dial::within;
use crate::io::Io;
use crate::slot::Serving;
use crate::vip::{Waited, wait};
use crate::worker::Worker;

/// How long a client that was refused is listened to after the last word, so that it reads the word and not a reset.
const LINGER: Duration = Duration::from_secs(2);

/// How much of what it still sends is discarded meanwhile.
const LINGER_BYTES: usize = 256 * 1024;

/// Where a conversation has led.
#[derive(Debug)]
pub(crate) enum Front {
    /// To its end; the lease is that of the last server, if it had one.
    Ended(Ended, Option<Lease>),
    /// To two streams that belong together.
    Relay(Ended, Box<(Related, Lease)>),
}

/// Two streams that belong together.
#[derive(Debug)]
pub(crate) struct Related {
    pub(crate) client: Io,
    pub(crate) server: Io,
    pub(crate) to_server: BytesMut,
    pub(crate) to_client: BytesMut,
    /// Whether the server has answered already.
    pub(crate) answered: bool,
}

/// Runs a conversation until it relays or ends.
pub(crate) async fn run(
    worker: &Rc<Worker>,
    serving: &Rc<Serving>,
    conversation: Box<dyn Conversation>,
    client: Io,
    facts: &Facts,
    began: Instant,
) -> Front {
    let limits = EngineLimits { buffer: serving.live.vip.limits.buffer, ..EngineLimits::default() };
    let driver = Driver {
        worker,
        serving,
        facts,
        client,
        server: None,
        engine: Engine::new(conversation, facts, limits),
        route: Route::new(),
        ended: Ended { end: End::Done, received: 0, sent: 0, attempts: 0, key: None, answered: None },
        began,
        drain_told: false,
        kept_alive: false,
        owes: None,
        heard: false,
    };
    driver.run().await
}

struct Driver<'a> {
    worker: &'a Rc<Worker>,
    serving: &'a Rc<Serving>,
    facts: &'a Facts,
    client: Io,
    server: Option<(Io, Lease)>,
    engine: Engine,
    route: Route,
    ended: Ended,
    began: Instant,
    drain_told: bool,
    kept_alive: bool,
    /// Since when the server has been asked, or is connected, and has said nothing.
    owes: Option<Instant>,
    /// Whether the server has said anything.
    heard: bool,
}

/// What reading brought.
enum Came {
    Bytes,
    Failed(Side),
}

impl Driver<'_> {
    async fn run(mut self) -> Front {
        loop {
            match self.engine.next() {
                Action::Write(side, bytes) => {
                    if let Err(end) = self.write(side, &bytes).await {
                        // What the conversation ended for already counts more than that nobody heard its last word.
                        let end = if let Action::Close(own) = self.engine.next() { own } else { end };
                        return self.over(end);
                    }
                }
                Action::Read { client, server, need } => self.read(client, server, need).await,
                Action::Route(route) => {
                    self.release(None);
                    self.ended.attempts = 0;
                    self.route = *route;
                    if let Err(end) = self.connect().await {
                        return self.over(end);
                    }
                }
                Action::Retry => {
                    self.release(Some(Failure::Reset));
                    if let Err(end) = self.connect().await {
                        return self.over(end);
                    }
                }
                Action::ReleaseServer => self.release(None),
                Action::StartTls(side) => {
                    if let Err(end) = self.secure(side).await {
                        return self.over(end);
                    }
                }
                Action::Relay { to_server, to_client } => match self.server.take() {
                    Some((server, lease)) => {
                        let related = Related {
                            client: self.client,
                            server,
                            to_server,
                            to_client,
                            answered: self.heard,
                        };
                        return Front::Relay(self.ended, Box::new((related, lease)));
                    }
                    None => return self.over(End::ServerLeft),
                },
                Action::Close(end) => {
                    if self.ended.sent > 0 {
                        self.linger().await;
                    }
                    return self.over(end);
                }
            }
        }
    }

    fn over(mut self, end: End) -> Front {
        self.ended.end = end;
        let lease = self.server.take().map(|(_, lease)| lease);
        Front::Ended(self.ended, lease)
    }

    /// Gives the server up; a failure is put down to it, and it is not tried again for this client.
    fn release(&mut self, failure: Option<Failure>) {
        if let Some((_, lease)) = self.server.take() {
            let now = Instant::now();
            if let Some(failure) = failure {
                lease.server().observe(Observation::Failed(failure), now);
                self.route.exclude.push(lease.server().id());
            }
            lease.settle(now);
        }
    }

    /// Chooses and connects, one server after the other, as often as the VIP allows.
    ///
    /// # Errors
    /// That the client left meanwhile.
    async fn connect(&mut self) -> Result<(), End> {
        self.ended.key = self.route.keys.first().map(sekisho_api::Key::kind);
        let core = &self.serving.core;
        while self.ended.attempts < sekisho_api::Core::attempts(&**core) {
            let (client, engine, ended) = (&mut self.client, &mut self.engine, &mut self.ended);
            let leasing = core.lease(&self.route, self.facts);
            let lease = match unless_gone(leasing, client, engine, ended).await? {
                Ok(lease) => lease,
                Err(_) if self.ended.attempts > 0 => break,
                Err(why) => {
                    self.engine.unavailable(why);
                    return Ok(());
                }
            };
            if let sekisho_api::Why::Persisted(kind) = lease.why() {
                self.ended.key = Some(kind);
            }
            self.ended.attempts += 1;
            match core.dial(&lease, self.facts, None).await {
                Ok(io) => {
                    let name = lease.server().name().clone();
                    let tls = io.tls().cloned();
                    let start_tls = self.serving.core.starts_tls(&lease);
                    self.server = Some((io, lease));
                    self.kept_alive = false;
                    (self.owes, self.heard) = (Some(Instant::now()), false);
                    self.engine.connected(Connected { name, tls, start_tls, attempt: self.ended.attempts });
                    return Ok(());
                }
                Err(_) => {
                    self.route.exclude.push(lease.server().id());
                    lease.settle(Instant::now());
                }
            }
        }
        self.engine.unavailable(Unavailable::ConnectFailed);
        Ok(())
    }

    /// Writes to a side.
    ///
    /// # Errors
    /// Why nothing more can be said to the client.
    async fn write(&mut self, side: Side, bytes: &[u8]) -> Result<(), End> {
        let idle = Instant::now() + self.serving.live.vip.timeouts.idle;
        let io = match side {
            Side::Client => &mut self.client,
            Side::Server => match &mut self.server {
                Some((io, _)) => io,
                None => return Ok(()),
            },
        };
        let written = within(self.worker.ticker(), idle, Box::pin(write_all(io, bytes))).await;
        match (written, side) {
            (Some(Ok(())), Side::Client) => self.ended.sent += bytes.len() as u64,
            (Some(Ok(())), Side::Server) => self.owes = self.owes.or_else(|| Some(Instant::now())),
            (Some(Err(_)), Side::Client) => return Err(End::ClientLeft),
            (None, Side::Client) => return Err(End::Expired(Deadline::Idle)),
            (_, Side::Server) => _ = self.engine.server_failed(),
        }
        Ok(())
    }

    async fn read(&mut self, client: bool, server: bool, need: Need) {
        let timeouts = &self.serving.live.vip.timeouts;
        if let Some((io, _)) = self.server.as_mut().filter(|_| !std::mem::replace(&mut self.kept_alive, true))
        {
            io.keep_alive(timeouts.keepalive);
        }
        // Once the client has heard of this server, its silence is only a fault where the configuration says when.
        let due = !self.engine.committed() || timeouts.response.is_some();
        let owes = self.owes.filter(|_| self.server.is_some() && due);
        let (deadline, name) = match (need, owes) {
            (Need::NeedMore, _) if self.server.is_none() => (self.began + timeouts.head, Deadline::Head),
            // Whatever the client says meanwhile.
            (_, Some(since)) => (since + timeouts.response.unwrap_or(timeouts.idle), Deadline::Response),
            _ => (Instant::now() + timeouts.idle, Deadline::Idle),
        };
        let told = self.drain_told;
        let drain = self.serving.core.drain();
        let draining = async move { if told { std::future::pending().await } else { drain.begun().await } };
        let (engine, ended, owes) = (&mut self.engine, &mut self.ended, &mut self.owes);
        let heard = &mut self.heard;
        let (from_client, from_server) = (&mut self.client, &mut self.server);
        let waited = wait(self.worker, draining, deadline, |cx| {
            let mut came = false;
            if client {
                match fill(cx, from_client, engine, Side::Client) {
                    Poll::Ready(Ok(n)) => {
                        ended.received += n as u64;
                        came = true;
                    }
                    Poll::Ready(Err(_)) => return Poll::Ready(Came::Failed(Side::Client)),
                    Poll::Pending => {}
                }
            }
            if let Some((io, _)) = from_server.as_mut().filter(|_| server) {
                match fill(cx, io, engine, Side::Server) {
                    Poll::Ready(Ok(_)) => {
                        (*owes, *heard) = (None, true);
                        came = true;
                    }
                    Poll::Ready(Err(_)) => return Poll::Ready(Came::Failed(Side::Server)),
                    Poll::Pending => {}
                }
            }
            if came { Poll::Ready(Came::Bytes) } else { Poll::Pending }
        })
        .await;
        match waited {
            Waited::Done(Came::Bytes) => {}
            Waited::Done(Came::Failed(Side::Client)) => self.engine.ended(Side::Client),
            Waited::Done(Came::Failed(Side::Server)) => _ = self.engine.server_failed(),
            Waited::Draining => {
                self.drain_told = true;
                self.engine.draining();
            }
            // A server that stays silent before anything was committed is replaced, as one that refuses is.
            Waited::Expired if name == Deadline::Response && !self.engine.committed() => {
                self.release(Some(Failure::ResponseTimeout));
                _ = self.engine.server_failed();
            }
            Waited::Expired => {
                if let Some((_, lease)) = self.server.as_ref().filter(|_| name == Deadline::Response) {
                    lease.server().observe(Observation::Failed(Failure::ResponseTimeout), Instant::now());
                }
                self.engine.expired(name);
            }
        }
    }

    async fn secure(&mut self, side: Side) -> Result<(), End> {
        let timeouts = &self.serving.live.vip.timeouts;
        let deadline = Instant::now() + timeouts.handshake;
        let facts = match side {
            Side::Client => {
                let Some(acceptor) =
                    self.serving.live.acceptor.as_ref().filter(|_| self.client.plain().is_some())
                else {
                    return Err(End::Fault(sekisho_api::Blame::Gateway, "starttls-without-certificate"));
                };
                flush(&mut self.client).await;
                let stream = take_plain(&mut self.client)?;
                let handshake = Box::pin(acceptor.accept(stream));
                match within(self.worker.ticker(), deadline, handshake).await {
                    Some(Ok(stream)) => self.client = Io::Tls(Box::new(stream)),
                    Some(Err(error)) => return Err(error.end()),
                    None => return Err(End::Expired(Deadline::Handshake)),
                }
                self.client.tls().cloned()
            }
            Side::Server => {
                let Some((io, lease)) = self.server.take() else { return Err(End::ServerLeft) };
                match self.serving.core.start_tls(io, &lease, deadline).await {
                    Ok(io) => {
                        let facts = io.tls().cloned();
                        self.server = Some((io, lease));
                        facts
                    }
                    Err(failure) => {
                        lease.server().observe(Observation::Failed(failure), Instant::now());
                        self.route.exclude.push(lease.server().id());
                        _ = self.engine.server_failed();
                        return Ok(());
                    }
                }
            }
        };
        self.engine.secured(side, facts.unwrap_or_default());
        Ok(())
    }

    /// Ends a conversation whose client was told something: it hears the end of the stream, and what it still sends
    /// is discarded for a while, for a socket closed with unread input makes a reset that destroys the last word.
    async fn linger(&mut self) {
        let client = &mut self.client;
        let goodbye = async {
            let _ = client.shutdown().await;
            let mut left = LINGER_BYTES;
            let mut scrap = [0; 512];
            while left > 0 {
                match tokio::io::AsyncReadExt::read(client, &mut scrap).await {
                    Ok(n) if n > 0 => left = left.saturating_sub(n),
                    _ => break,
                }
            }
        };
        within(self.worker.ticker(), Instant::now() + LINGER, Box::pin(goodbye)).await;
    }
}

/// Reads what is there into the engine; 0 for the end, which the engine is told.
fn fill(cx: &mut Context<'_>, io: &mut Io, engine: &mut Engine, side: Side) -> Poll<io::Result<usize>> {
    // Memory is reserved only once there is something to read.
    std::task::ready!(io.poll_readable(cx))?;
    let mut room = [std::mem::MaybeUninit::uninit(); 4096];
    let wanted = engine.room(side).min(room.len());
    let Some(room) = room.get_mut(..wanted).filter(|room| !room.is_empty()) else { return Poll::Pending };
    let mut into = ReadBuf::uninit(room);
    std::task::ready!(Pin::new(io).poll_read(cx, &mut into))?;
    let read = into.filled();
    if read.is_empty() {
        engine.ended(side);
    }
    Poll::Ready(Ok(engine.offer(side, read)))
}

/// The future's output, unless the client resets before. What it says meanwhile is kept; that it has ended is no
/// reason to give up, for it may have said all.
async fn unless_gone<T>(
    future: impl Future<Output = T>,
    client: &mut Io,
    engine: &mut Engine,
    ended: &mut Ended,
) -> Result<T, End> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        while engine.room(Side::Client) > 0 {
            match std::task::ready!(fill(cx, client, engine, Side::Client)) {
                Ok(n) => ended.received += n as u64,
                Err(_) => return Poll::Ready(Err(End::ClientLeft)),
            }
        }
        Poll::Pending
    })
    .await
}

async fn write_all(io: &mut Io, bytes: &[u8]) -> io::Result<()> {
    io.write_all(bytes).await?;
    io.flush().await
}

async fn flush(io: &mut Io) {
    let _ = std::future::poll_fn(|cx| Pin::new(&mut *io).poll_flush(cx)).await;
}

/// The plain socket of a side that is about to speak TLS.
pub(crate) fn take_plain(io: &mut Io) -> Result<tokio::net::TcpStream, End> {
    match std::mem::replace(io, Io::Closed) {
        Io::Plain(plain) => Ok(plain.into_inner()),
        other => {
            *io = other;
            Err(End::Fault(sekisho_api::Blame::Gateway, "tls-inside-tls"))
        }
    }
}
