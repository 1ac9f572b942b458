//! One worker's part of a VIP, and the life of a client connection in it.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use sekisho_api::{BoxStream, Core, Deadline, End, Facts, Local, Record, Worker};
use tokio::io::ReadBuf;

use crate::answer::Answer;
use crate::codec::{self, Buffers, Desk, Finished};
use crate::conn::Conn;
use crate::cookie::Jar;
use crate::encode::Slots;
use crate::pool::Pool;
use crate::protocol::Settings;
use crate::proxy;
use crate::retry::{Budget, Plan};
use crate::trace::Ids;
use crate::two;

/// One worker's part of a VIP.
#[derive(Debug)]
pub(crate) struct HttpWorker {
    pub(crate) core: Rc<dyn Core>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) pool: Pool,
    pub(crate) buffers: Buffers,
    pub(crate) jar: Jar,
    pub(crate) desk: Desk,
    /// Numbers for requests.
    pub(crate) ids: Ids,
    /// Answers being compressed.
    pub(crate) slots: Slots,
    /// How many requests may be tried again.
    pub(crate) budget: Budget,
    /// How long a server may take to answer, from the request's last byte.
    pub(crate) response_timeout: Duration,
    /// How often a busy connection looks at its deadlines.
    pub(crate) tick: Duration,
}

impl HttpWorker {
    /// Begins sweeping its pool, for as long as somebody holds the worker.
    pub(crate) fn start(core: Rc<dyn Core>, settings: Arc<Settings>) -> Rc<Self> {
        let options = &settings.options;
        let pool = Pool::new(options.server_idle_max, options.server_idle);
        let response_timeout = options.response_timeout.or(core.response()).unwrap_or(RESPONSE_TIMEOUT);
        let plans = settings.rules.iter().filter_map(|rule| rule.own().retry.as_deref());
        let tries = plans.chain(settings.retry.plan()).filter_map(Plan::per_try);
        let shortest = settings.deadlines.shortest().into_iter().chain(tries).min();
        let tick = options.tick(response_timeout).min(shortest.unwrap_or(Duration::MAX));
        let every = SWEEP.min(options.server_idle);
        let (buffers, desk, jar) = (Buffers::default(), Desk::default(), Jar::default());
        let (slots, ids, budget) = (Slots::default(), Ids::default(), Budget::default());
        let worker = Rc::new(Self {
            core,
            settings,
            pool,
            buffers,
            jar,
            desk,
            ids,
            slots,
            budget,
            response_timeout,
            tick,
        });
        let weak = Rc::downgrade(&worker);
        worker.core.spawn(Box::pin(async move {
            while let Some(worker) = weak.upgrade() {
                worker.pool.sweep(worker.core.now());
                let next = worker.core.until(worker.core.now() + every);
                drop(worker);
                next.await;
            }
        }));
        worker
    }

    /// Ready when a busy connection should look at its deadlines.
    pub(crate) fn tick(&self) -> Local<'static, ()> {
        self.core.until(self.core.now() + self.tick)
    }
}

#[async_trait(?Send)]
impl Worker for HttpWorker {
    async fn serve(self: Rc<Self>, client: BoxStream, facts: Facts) -> End {
        if facts.tls.as_ref().is_some_and(|tls| tls.alpn.as_deref() == Some(b"h2")) {
            return Box::pin(two::serve(self, client, facts)).await;
        }
        let conn = Rc::new(Conn::new(self, client, facts));
        loop {
            if let Some(end) = idle(&conn).await {
                return end;
            }
            // Boxed: what serving needs is given back while the connection is idle.
            let end = match Box::pin(busy(&conn)).await {
                Finished::Rested => {
                    conn.rest();
                    continue;
                }
                Finished::Closed => {
                    close(&conn).await;
                    End::Done
                }
                Finished::Parting(end) => {
                    Box::pin(part(&conn)).await;
                    end
                }
                Finished::Preface if conn.worker.settings.options.http2 && conn.may_change() => {
                    let stream = conn.rewind();
                    return Box::pin(two::serve(conn.worker.clone(), stream, conn.facts.clone())).await;
                }
                Finished::Preface => {
                    let answer = Answer::bad_request("http2-preface");
                    Box::pin(dismiss(&conn, answer)).await;
                    answer.end
                }
                Finished::Switched(mut tunnel) => {
                    let end = poll_fn(|cx| tunnel.poll(cx)).await;
                    if end == End::Kicked {
                        close(&conn).await;
                    }
                    end
                }
                Finished::Broken(end) => {
                    conn.break_off();
                    end
                }
                Finished::Refused(answer) => {
                    Box::pin(dismiss(&conn, answer)).await;
                    answer.end
                }
            };
            if !matches!(end, End::Done | End::ClientLeft) {
                refused(&conn, end);
            }
            return end;
        }
    }
}

/// Waits for a client that says nothing, holding nothing. `Some`: there is nothing to wait for.
async fn idle(conn: &Conn) -> Option<End> {
    if !conn.inbound.borrow().is_empty() {
        return None;
    }
    let core = &conn.worker.core;
    let mut expired = core.until(conn.now() + conn.worker.settings.options.keep_alive_timeout);
    let mut drained = core.drained();
    let mut kicked = conn.list_idle();
    let end = poll_fn(|cx| {
        if conn.stream.borrow_mut().poll_readable(cx).is_ready() {
            return Poll::Ready(None);
        }
        if drained.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(End::Drained));
        }
        if kicked.as_mut().is_some_and(|kicked| kicked.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Some(End::Kicked));
        }
        expired.as_mut().poll(cx).map(|()| Some(End::Expired(Deadline::Idle)))
    })
    .await;
    if end == Some(End::Kicked) {
        close(conn).await;
    }
    end
}

async fn busy(conn: &Rc<Conn>) -> Finished {
    let owner = conn.clone();
    codec::serve(conn, move |request| proxy::handle(owner.clone(), request)).await
}

/// Closes a connection on which neither side has anything left to say.
async fn close(conn: &Conn) {
    // A plain socket says so by being dropped; TLS has a word for it.
    if conn.stream.borrow().tls().is_some() {
        let _ = poll_fn(|cx| Pin::new(&mut **conn.stream.borrow_mut()).poll_shutdown(cx)).await;
    }
}

/// Tells a client that what it sent is no request.
async fn dismiss(conn: &Conn, answer: Answer) {
    let text = answer.into_bytes(conn.worker.settings.pages.as_deref());
    let mut rest = &text[..];
    let written = poll_fn(|cx| {
        while !rest.is_empty() {
            match Pin::new(&mut **conn.stream.borrow_mut()).poll_write(cx, rest) {
                // A client that does not even take a few bytes is not worth waiting for.
                Poll::Pending | Poll::Ready(Err(_) | Ok(0)) => return Poll::Ready(false),
                Poll::Ready(Ok(n)) => rest = rest.get(n..).unwrap_or_default(),
            }
        }
        Pin::new(&mut **conn.stream.borrow_mut()).poll_flush(cx).map(|flushed| flushed.is_ok())
    });
    if written.await {
        part(conn).await;
    }
}

/// Ends the own side and reads what the client still sends, within bounds: a socket closed with unread bytes resets
/// the connection, and the client would read that instead of the answer.
async fn part(conn: &Conn) {
    let mut expired = conn.worker.core.until(conn.now() + LINGER);
    let mut left = LINGER_BYTES;
    let mut shut = false;
    poll_fn(|cx| {
        let mut stream = conn.stream.borrow_mut();
        if !shut {
            shut = match Pin::new(&mut **stream).poll_shutdown(cx) {
                Poll::Ready(Ok(())) => true,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => false,
            };
        }
        loop {
            match discard(&mut stream, cx) {
                Poll::Ready(0) => return Poll::Ready(()),
                Poll::Ready(n) if n >= left => return Poll::Ready(()),
                Poll::Ready(n) => left -= n,
                Poll::Pending => return expired.as_mut().poll(cx),
            }
        }
    })
    .await;
}

fn discard(stream: &mut BoxStream, cx: &mut Context<'_>) -> Poll<usize> {
    let mut bytes = [std::mem::MaybeUninit::uninit(); 4096];
    let mut buffer = ReadBuf::uninit(&mut bytes);
    Pin::new(&mut **stream).poll_read(cx, &mut buffer).map(|read| match read {
        Ok(()) => buffer.filled().len(),
        Err(_) => 0,
    })
}

/// Books a connection whose last request never became one.
fn refused(conn: &Conn, end: End) {
    if conn.unbooked() {
        book(&conn.worker, &conn.facts, end);
    }
}

/// Books what no request is to blame for.
pub(crate) fn book(worker: &HttpWorker, facts: &Facts, end: End) {
    let core = &worker.core;
    if !core.records() {
        core.count(0, 0, end);
        return core.measure(None, None, Duration::ZERO, 0);
    }
    let now = core.now();
    core.record(&Record {
        facts,
        server: None,
        why: None,
        key: None,
        known_by: None,
        began: now,
        answered: None,
        took: Duration::ZERO,
        received: 0,
        sent: 0,
        attempts: 0,
        end,
        request: None,
    });
}

/// How long, and for how many bytes, a client is heard out that must be told something first.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 1 << 20;
/// The default of nginx (`proxy_read_timeout`); slow reports need more and say so.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);
/// How often idle server connections are looked at.
const SWEEP: Duration = Duration::from_secs(1);
