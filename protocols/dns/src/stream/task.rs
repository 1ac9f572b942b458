//! The task of a connection to a server.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use sekisho_api::{BoxStream, Failure, Lease};

use super::alarm::{Alarm, within};
use super::call::Call;
use super::front::Front;
use super::inbound::{CHUNK, Inbound, Read, Take};
use super::upstream::{Parted, Upstream};

/// The task of a connection: makes it, with the lease of the query that opened it, and serves it to its end.
pub(crate) async fn run(front: Rc<Front>, upstream: Rc<Upstream>, opener: Opener) {
    let connected = connect(&front, &upstream, &opener).await;
    let now = front.core.now();
    let stream = match connected {
        Ok(stream) => stream,
        Err(_) => return front.unreachable(&upstream, now),
    };
    upstream.connected(opener.id, opener.lease, now);
    let (inbound, alarm, parted) = (Inbound::default(), Alarm::default(), None);
    let mut task = Task { front, upstream, stream, inbound, alarm, parted };
    let parted = poll_fn(|cx| task.poll(cx)).await;
    task.part(parted);
    if task.stream.tls().is_some() {
        let core = task.front.core.clone();
        let farewell = poll_fn(|cx| Pin::new(&mut *task.stream).poll_shutdown(cx));
        let _ = within(&*core, core.now() + FAREWELL, farewell).await;
    }
}

/// The query that a connection was opened for.
#[derive(Debug)]
pub(crate) struct Opener {
    pub(crate) id: u16,
    pub(crate) lease: Lease,
    pub(crate) call: Rc<Call>,
}

/// Connects; the deadlines of what waits for it go on.
async fn connect(front: &Rc<Front>, upstream: &Rc<Upstream>, opener: &Opener) -> Result<BoxStream, Failure> {
    let mut connecting = front.core.connect(&opener.lease, &opener.call.facts);
    let mut alarm = Alarm::default();
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(connected) = connecting.as_mut().poll(cx) {
                return Poll::Ready(connected);
            }
            let now = front.core.now();
            if alarm.poll(&*front.core, now + TICK, cx).is_pending() {
                return Poll::Pending;
            }
            front.sweep(upstream, now);
        }
    })
    .await
}

struct Task {
    front: Rc<Front>,
    upstream: Rc<Upstream>,
    stream: BoxStream,
    inbound: Inbound,
    alarm: Alarm,
    /// How it ended.
    parted: Option<Parted>,
}

impl Drop for Task {
    fn drop(&mut self) {
        // Something panicked over a message: those who wait for others must not wait for ever.
        if self.parted.is_none() && std::thread::panicking() {
            self.part(Parted::Broken(Failure::Malformed));
        }
    }
}

impl Task {
    fn part(&mut self, parted: Parted) {
        self.parted = Some(parted);
        self.front.parted(&self.upstream, parted, self.front.core.now());
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Parted> {
        self.upstream.bell.begin(cx);
        let polled = self.turn(cx);
        self.upstream.bell.end();
        polled
    }

    /// Looks at the time, reads all there is, and writes what has gathered.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<Parted> {
        let now = self.front.core.now();
        if let Poll::Ready(parted) = self.time(now, cx) {
            return Poll::Ready(parted);
        }
        let mut rounds = ROUNDS;
        while let Poll::Ready(read) = self.read(now, cx) {
            if let Err(parted) = read {
                return Poll::Ready(parted);
            }
            rounds -= 1;
            if rounds == 0 {
                cx.waker().wake_by_ref();
                break;
            }
        }
        self.upstream.write(&mut self.stream, cx).map_or(Poll::Pending, Poll::Ready)
    }

    fn time(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<Parted> {
        loop {
            let next = match self.upstream.idle() {
                Some(since) if now >= since + IDLE => return Poll::Ready(Parted::Unused),
                Some(since) => since + IDLE,
                None => now + TICK,
            };
            if self.alarm.poll(&*self.front.core, next, cx).is_pending() {
                return Poll::Pending;
            }
            self.front.sweep(&self.upstream, now);
            if !self.upstream.server.reusable() {
                self.upstream.retire();
            }
        }
    }

    fn read(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<Result<(), Parted>> {
        let Self { front, upstream, stream, inbound, .. } = self;
        let read = ready!(inbound.poll(stream, &front.chunks, cx, CHUNK, |message| {
            front.heard(upstream, message, now);
            Take::More
        }));
        upstream.heard(now);
        Poll::Ready(match read {
            Read::Messages(_) => Ok(()),
            Read::End(false) => Err(Parted::Ended),
            Read::End(true) | Read::Failed => Err(Parted::Broken(Failure::Reset)),
            Read::Short => Err(Parted::Broken(Failure::Malformed)),
        })
    }
}

/// How often the deadlines of what is under way are looked at.
const TICK: Duration = Duration::from_millis(100);
/// How long a connection without queries stays. Servers close theirs after ten seconds to a few minutes (RFC 7766,
/// section 6.2.3); whichever side is first does no harm.
const IDLE: Duration = Duration::from_secs(20);
/// How long a server may take to hear that TLS ends: one that reads nothing would keep the connection for ever.
const FAREWELL: Duration = Duration::from_secs(1);
/// Reads in a row, before those who were answered have their turn.
const ROUNDS: u32 = 4;
