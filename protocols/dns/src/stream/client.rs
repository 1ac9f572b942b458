//! One client's connection over TCP or TLS (RFC 7766, RFC 7858).

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use sekisho_api::{Blame, BoxStream, Deadline, End, Facts, Local};
use tokio::io::ReadBuf;

use super::alarm::{Alarm, within};
use super::call::{Asker, Sink};
use super::conn::Conn;
use super::front::Front;
use super::inbound::{Inbound, Read, Take};
use super::record;
use crate::over::Over;

/// Serves one client connection to its end.
pub(crate) async fn serve(front: Rc<Front>, stream: BoxStream, facts: Facts, over: Over) -> End {
    let now = front.core.now();
    let mut serving = Serving {
        drained: front.core.drained(),
        front,
        conn: Rc::default(),
        facts: Rc::new(facts),
        over,
        stream,
        inbound: Inbound::default(),
        alarm: Alarm::default(),
        queries: 0,
        moved: now,
        begun: None,
        written: 0,
        closing: None,
    };
    let end = poll_fn(|cx| serving.poll(cx)).await;
    serving.conn.leave();
    serving.front.left(&serving.facts);
    if !matches!(end, End::Done | End::ClientLeft | End::Drained | End::Expired(Deadline::Idle)) {
        let core = &*serving.front.core;
        record::broken(core, &serving.facts, now, core.now(), end);
    }
    if end != End::ClientLeft {
        Box::pin(part(&serving.front, &mut serving.stream)).await;
    }
    end
}

struct Serving {
    front: Rc<Front>,
    conn: Rc<Conn>,
    facts: Rc<Facts>,
    over: Over,
    stream: BoxStream,
    inbound: Inbound,
    alarm: Alarm,
    drained: Local<'static, ()>,
    queries: u64,
    /// When a byte last moved.
    moved: Instant,
    /// When the message began whose end has not come.
    begun: Option<Instant>,
    written: u64,
    /// Nothing more is read, and this is why; what was asked is still answered.
    closing: Option<End>,
}

impl Serving {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        self.conn.bell.begin(cx);
        let polled = self.turn(cx);
        self.conn.bell.end();
        polled
    }

    /// Reads all there is, writes what has gathered, and looks at the time.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let now = self.front.core.now();
        if self.closing.is_none() && self.drained.as_mut().poll(cx).is_ready() {
            self.closing = Some(End::Drained);
        }
        let mut rounds = ROUNDS;
        loop {
            let full = !self.read(now, &mut rounds, cx);
            if !self.write(now, cx) {
                return Poll::Ready(End::ClientLeft);
            }
            // What was not read for lack of room may be read now.
            if !full || !self.room() {
                break;
            }
            if rounds == 0 {
                cx.waker().wake_by_ref();
                break;
            }
        }
        let written = self.conn.out.borrow().is_empty();
        if written && self.conn.broken.get() {
            return Poll::Ready(End::ServerLeft);
        }
        if written && self.conn.in_flight.get() == 0 {
            self.conn.out.borrow_mut().rest();
            if let Some(end) = self.closing {
                return Poll::Ready(end);
            }
        }
        self.time(now, cx)
    }

    /// Whether one more query may be taken.
    fn room(&self) -> bool {
        self.closing.is_none()
            && !self.conn.broken.get()
            && self.conn.in_flight.get() < self.front.desk.options.tcp_in_flight
            && !self.conn.full()
    }

    /// Reads and hands on what there is; false if there was more than there is room for, or than there are `rounds`.
    fn read(&mut self, now: Instant, rounds: &mut u32, cx: &mut Context<'_>) -> bool {
        while self.room() && *rounds > 0 {
            *rounds -= 1;
            let Self { front, conn, facts, over, stream, inbound, queries, .. } = self;
            let options = &front.desk.options;
            let most = options.tcp_queries.unwrap_or(u64::MAX);
            let read = inbound.poll(stream, &front.chunks, cx, READ, |message| {
                conn.in_flight.set(conn.in_flight.get() + 1);
                *queries += 1;
                front.put(message, Asker { facts, over: *over, sink: Sink::Stream(conn.clone()) }, now);
                let full = conn.in_flight.get() >= options.tcp_in_flight || conn.full();
                if full || *queries >= most { Take::Stop } else { Take::More }
            });
            let Poll::Ready(read) = read else { return true };
            if self.queries >= most {
                self.closing = Some(End::Limited("tcp-queries"));
            }
            self.closing = match read {
                Read::Messages(taken) => {
                    self.moved = now;
                    let begun = self.begun.filter(|_| taken == 0).or(Some(now));
                    self.begun = begun.filter(|_| self.inbound.partial());
                    continue;
                }
                Read::End(false) => Some(End::Done),
                Read::End(true) | Read::Failed => Some(End::ClientLeft),
                Read::Short => Some(End::Fault(Blame::Client, "message-too-short")),
            };
        }
        self.closing.is_some()
    }

    /// Writes what has gathered; false if the client does not take it any more.
    fn write(&mut self, now: Instant, cx: &mut Context<'_>) -> bool {
        let mut out = self.conn.out.borrow_mut();
        let written = out.poll_write(&mut self.stream, cx);
        if out.total() != self.written {
            (self.written, self.moved) = (out.total(), now);
        }
        drop(out);
        if !self.conn.full() {
            self.conn.make_room();
        }
        !matches!(written, Poll::Ready(Err(_)))
    }

    fn time(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<End> {
        let options = &self.front.desk.options;
        let stuck = !self.conn.out.borrow().is_empty();
        let head = self.begun.map(|begun| begun + options.message_timeout);
        let idle = (stuck || self.conn.in_flight.get() == 0).then(|| self.moved + options.tcp_idle);
        let deadline = [head, idle].into_iter().flatten().min();
        match deadline {
            Some(deadline) if now >= deadline => Poll::Ready(End::Expired(match head {
                Some(head) if now >= head => Deadline::Head,
                _ => Deadline::Idle,
            })),
            // Not before what is under way has ended, and that wakes.
            None => Poll::Pending,
            Some(deadline) => {
                while self.alarm.poll(&*self.front.core, deadline, cx).is_ready() {}
                Poll::Pending
            }
        }
    }
}

/// Ends the own side and reads what the client still sends, within bounds: a socket closed with unread bytes resets
/// the connection, and the client would read that instead of its last answers.
async fn part(front: &Front, stream: &mut BoxStream) {
    let deadline = front.core.now() + LINGER;
    let mut left = LINGER_BYTES;
    let parted = poll_fn(|cx| {
        if Pin::new(&mut **stream).poll_shutdown(cx)?.is_pending() {
            return Poll::Pending;
        }
        loop {
            let mut chunk = front.chunks.take();
            let mut buffer = ReadBuf::new(&mut chunk);
            match Pin::new(&mut **stream).poll_read(cx, &mut buffer)? {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) if buffer.filled().is_empty() || buffer.filled().len() >= left => {
                    return Poll::Ready(std::io::Result::Ok(()));
                }
                Poll::Ready(()) => left -= buffer.filled().len(),
            }
        }
    });
    let _ = within(&*front.core, deadline, parted).await;
}

/// The most of a client's bytes that are read at once.
const READ: usize = 16 << 10;
/// Reads of one turn, before others have theirs: what is answered at once could go on for ever.
const ROUNDS: u32 = 4;
/// How long, and for how many bytes, a client is heard out.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of the future that an async function gives.
    fn size<A, B, C, D, Fut>(_: fn(A, B, C, D) -> Fut) -> usize {
        size_of::<Fut>()
    }

    #[test]
    fn idle_connection_is_a_small_task_without_buffers() {
        let (task, conn) = (size(serve), size_of::<Conn>());
        assert!(task <= 400, "the task has {task} bytes");
        assert!(conn <= 240, "what answers go through has {conn} bytes");
    }
}
