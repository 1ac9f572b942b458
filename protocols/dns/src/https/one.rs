//! A client connection of HTTP/1.1: one request after another.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use bytes::{BufMut as _, Bytes, BytesMut};
use httpdate::HttpDate;
use sekisho_api::{Blame, BoxStream, Core, Deadline, End, Facts, Rewound};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::answer::answer;
use super::body::Body;
use super::head::{Framing, Head, head};
use super::reply::{Refusal, Reply};
use super::request::Wanted;
use super::{Resolver, keep_alive};
use crate::stream::within;

/// How a connection of HTTP/1.1 came to its end.
#[derive(Debug)]
pub(super) enum Finished {
    /// It is over.
    Ended(End),
    /// It never was one: these are HTTP/2's first bytes (RFC 9113, section 3.4).
    Preface(BoxStream),
}

/// Serves a connection until it ends or turns out to be HTTP/2.
pub(super) async fn serve<R: Resolver>(front: &Rc<R>, stream: BoxStream, facts: &Rc<Facts>) -> Finished {
    let mut client = Client { core: front.core().clone(), stream, read: BytesMut::new() };
    if let Some(end) = client.idle(keep_alive(&**front)).await {
        return Finished::Ended(end);
    }
    match client.preface().await {
        Ok(true) => return Finished::Preface(Rewound::wrap(&client.read, client.stream)),
        Ok(false) => {}
        Err(stop) => return Finished::Ended(Box::pin(client.stop(stop)).await),
    }
    loop {
        // Boxed: what a request needs is given back while the connection is idle.
        if let Err(stop) = Box::pin(client.request(front, facts)).await {
            return Finished::Ended(Box::pin(client.stop(stop)).await);
        }
        if let Some(end) = client.idle(keep_alive(&**front)).await {
            return Finished::Ended(end);
        }
    }
}

/// A client's stream, and what was read from it and not taken yet.
#[derive(Debug)]
struct Client {
    core: Rc<dyn Core>,
    stream: BoxStream,
    read: BytesMut,
}

/// Why a connection takes no further request.
#[derive(Debug)]
enum Stop {
    /// There is nothing left to say.
    Silent(End),
    /// The client has been told something, and may be sending still.
    Told(End),
    /// The client must be told this first.
    Tell(Refusal, End),
}

impl From<End> for Stop {
    fn from(end: End) -> Self {
        Self::Silent(end)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Tell(refusal, End::Fault(Blame::Client, "malformed-request"))
    }
}

impl Client {
    /// Waits for a client that says nothing, holding nothing. `Some`: there is nothing to wait for.
    async fn idle(&mut self, longest: Duration) -> Option<End> {
        if !self.read.is_empty() {
            return None;
        }
        self.read = BytesMut::new();
        let mut expired = self.core.until(self.core.now() + longest);
        let mut drained = self.core.drained();
        let stream = &mut self.stream;
        poll_fn(|cx| {
            if stream.poll_readable(cx).is_ready() {
                return Poll::Ready(None);
            }
            if drained.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Some(End::Drained));
            }
            expired.as_mut().poll(cx).map(|()| Some(End::Expired(Deadline::Idle)))
        })
        .await
    }

    /// Whether the client's first bytes are HTTP/2's preface.
    async fn preface(&mut self) -> Result<bool, Stop> {
        let deadline = self.core.now() + HEAD_TIME;
        loop {
            if self.read.starts_with(PREFACE) {
                return Ok(true);
            }
            if !PREFACE.starts_with(&self.read) {
                return Ok(false);
            }
            self.fill(deadline, Deadline::Head).await?;
        }
    }

    /// Serves one request. An error ends the connection.
    async fn request<R: Resolver>(&mut self, front: &Rc<R>, facts: &Rc<Facts>) -> Result<(), Stop> {
        let Head { length, wanted, framing, expects, bodiless, keep } = self.head(front.path()).await?;
        drop(self.read.split_to(length));
        let keep = keep && !self.core.draining();
        let message = match wanted {
            Ok(Wanted::Answer(message)) => message,
            Ok(Wanted::Body) => self.body(framing, expects).await?,
            Err(refusal) => {
                // Whether the body of a refused request still comes is for the client to decide.
                let keep = keep && framing == Framing::Length(0);
                self.write(&refusal.into(), keep, bodiless).await?;
                return if keep { Ok(()) } else { Err(Stop::Told(End::Done)) };
            }
        };
        let reply = answer(front, facts, message).await;
        let keep = keep && !self.core.draining();
        self.write(&reply, keep, bodiless).await?;
        if keep { Ok(()) } else { Err(Stop::Told(End::Done)) }
    }

    async fn head(&mut self, path: &str) -> Result<Head, Stop> {
        let deadline = self.core.now() + HEAD_TIME;
        loop {
            if !self.read.is_empty()
                && let Some(head) = head(&self.read, path.as_bytes())?
            {
                return Ok(head);
            }
            self.fill(deadline, Deadline::Head).await?;
        }
    }

    async fn body(&mut self, framing: Framing, expects: bool) -> Result<Bytes, Stop> {
        let deadline = self.core.now() + BODY_TIME;
        let mut body = Body::new(framing);
        if expects && self.read.is_empty() {
            self.put(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        loop {
            match body.take(&mut self.read) {
                Ok(Some(message)) => return Ok(message),
                Ok(None) => self.fill(deadline, Deadline::Head).await?,
                Err(refusal) => return Err(refusal.into()),
            }
        }
    }

    /// Reads more of what the client sends.
    async fn fill(&mut self, deadline: Instant, which: Deadline) -> Result<(), Stop> {
        self.read.reserve(PIECE);
        let got = within(&*self.core, deadline, self.stream.read_buf(&mut self.read)).await;
        match got.map(|read| read.unwrap_or(0)) {
            Some(0) if self.read.is_empty() => Err(Stop::Silent(End::Done)),
            Some(0) => Err(Stop::Silent(End::ClientLeft)),
            Some(_) => Ok(()),
            None => Err(Stop::Tell(Refusal::Slow, End::Expired(which))),
        }
    }

    /// Writes an answer in one piece.
    async fn write(&mut self, reply: &Reply, keep: bool, bodiless: bool) -> Result<(), End> {
        self.put(&message(reply, keep, bodiless)).await
    }

    async fn put(&mut self, bytes: &[u8]) -> Result<(), End> {
        let stream = &mut self.stream;
        let put = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        match within(&*self.core, self.core.now() + WRITE_TIME, put).await {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) => Err(End::ClientLeft),
            None => Err(End::Expired(Deadline::Idle)),
        }
    }

    /// Ends the connection as its last request has it.
    async fn stop(&mut self, stop: Stop) -> End {
        let end = match stop {
            Stop::Silent(end) => return end,
            Stop::Told(end) => end,
            Stop::Tell(refusal, end) => match self.write(&refusal.into(), false, false).await {
                Ok(()) => end,
                Err(_) => return end,
            },
        };
        self.part().await;
        end
    }

    /// Ends the own side and reads what the client still sends, within bounds: a socket closed with unread bytes
    /// resets the connection, and the client would read that instead of the answer.
    async fn part(&mut self) {
        let stream = &mut self.stream;
        let parted = async {
            let (mut left, mut bytes) = (LINGER_BYTES, [0; 2048]);
            let mut read = match stream.shutdown().await {
                Ok(()) => stream.read(&mut bytes).await,
                Err(_) => return,
            };
            while let Ok(1..) = read
                && left > 0
            {
                left = left.saturating_sub(bytes.len());
                read = stream.read(&mut bytes).await;
            }
        };
        within(&*self.core, self.core.now() + LINGER, parted).await;
    }
}

/// An answer as HTTP/1.1 has it.
fn message(reply: &Reply, keep: bool, bodiless: bool) -> BytesMut {
    use std::fmt::Write as _;

    let body = if bodiless { &[][..] } else { &reply.body };
    let mut out = BytesMut::with_capacity(224 + body.len());
    // Writing to memory that grows cannot fail.
    let _ = write!(
        out,
        "HTTP/1.1 {} {}\r\ndate: {}\r\ncontent-type: {}\r\ncontent-length: {}\r\n",
        reply.status,
        reply.reason(),
        HttpDate::from(SystemTime::now()),
        reply.kind,
        reply.body.len(),
    );
    match reply.max_age {
        Some(max_age) => drop(write!(out, "cache-control: max-age={max_age}\r\n")),
        None => out.put_slice(b"cache-control: no-store\r\n"),
    }
    if let Some(allow) = reply.allow {
        let _ = write!(out, "allow: {allow}\r\n");
    }
    out.put_slice(if keep { b"\r\n" } else { b"connection: close\r\n\r\n" });
    out.put_slice(body);
    out
}

/// What a client that speaks HTTP/2 says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How much is read at once: more than a request with a query in it.
const PIECE: usize = 4096;
/// From the first byte of a head to its last.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// From a head to the last byte of its body.
const BODY_TIME: Duration = Duration::from_secs(5);
/// For how long a client may take nothing of its answer.
const WRITE_TIME: Duration = Duration::from_secs(10);
/// How long, and for how many bytes, a client is heard out that must be told something first.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 256 * 1024;
