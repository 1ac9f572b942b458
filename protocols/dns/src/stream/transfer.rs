//! Zone transfers: one query, many messages (RFC 5936, RFC 1995).

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use sekisho_api::{Blame, BoxStream, Deadline, End, Failure, Lease, Observation, Unavailable};

use super::alarm::{Alarm, within};
use super::call::Call;
use super::conn::Conn;
use super::front::Front;
use super::inbound::{Inbound, Read, Take};
use super::outbound::Outbound;
use super::record::Ended;
use super::soa;

/// Relays one transfer over a connection of its own to a server. The client's id is kept, and so is every message.
pub(crate) async fn run(front: Rc<Front>, call: Rc<Call>, conn: Rc<Conn>) {
    let mut transfer = Transfer {
        watch: soa::Transfer::new(&call.request),
        front,
        call,
        conn,
        inbound: Inbound::default(),
        messages: 0,
        bytes: 0,
        last: Vec::new(),
    };
    let end = transfer.relay().await;
    transfer.finish(end);
}

struct Transfer {
    front: Rc<Front>,
    call: Rc<Call>,
    conn: Rc<Conn>,
    watch: soa::Transfer,
    inbound: Inbound,
    messages: u64,
    bytes: u64,
    /// The latest message.
    last: Vec<u8>,
}

/// How a transfer ended, and over whose connection.
type Ending = (Option<(Lease, Duration)>, End);

impl Transfer {
    /// Asks one server after the other until one begins to answer, and relays what that one says.
    async fn relay(&mut self) -> Ending {
        loop {
            let lease = match self.front.choose(&self.call) {
                Ok(lease) => lease,
                Err(why) => return (None, End::Unavailable(why)),
            };
            let connected = self.front.core.connect(&lease, &self.call.facts).await;
            if self.conn.gone() {
                return (None, End::ClientLeft);
            }
            let began = self.front.core.now();
            let end = match connected {
                // The core has told the scheduler.
                Err(_) => End::Unavailable(Unavailable::ConnectFailed),
                Ok(stream) => self.over(stream, &lease, began).await,
            };
            if self.messages > 0 || end == End::ClientLeft {
                let took = self.front.core.now().saturating_duration_since(began);
                return (Some((lease, took)), end);
            }
            self.call.tried(&**lease.server());
        }
    }

    async fn over(&mut self, mut stream: BoxStream, lease: &Lease, began: Instant) -> End {
        let core = self.front.core.clone();
        let mut out = Outbound::default();
        out.push(self.call.outgoing());
        let deadline = core.now() + self.front.response;
        let asked = within(&*core, deadline, poll_fn(|cx| out.poll_write(&mut stream, cx))).await;
        if !matches!(asked, Some(Ok(()))) {
            lease.server().observe(Observation::Failed(Failure::Reset), core.now());
            return End::ServerLeft;
        }
        let mut alarm = Alarm::default();
        let mut heard = core.now();
        poll_fn(|cx| {
            loop {
                if self.conn.gone() {
                    return Poll::Ready(End::ClientLeft);
                }
                if self.conn.poll_room(cx).is_ready() {
                    match self.read(&mut stream, cx) {
                        Poll::Ready(Some(end)) => {
                            if self.messages == 0 {
                                lease.server().observe(Observation::Failed(Failure::Reset), core.now());
                            }
                            return Poll::Ready(end);
                        }
                        Poll::Ready(None) => {
                            let now = core.now();
                            if self.messages > 0 && heard <= began {
                                let took = now.saturating_duration_since(began);
                                lease.server().observe(Observation::Answered(took), now);
                            }
                            heard = now;
                            continue;
                        }
                        Poll::Pending => {}
                    }
                } else {
                    // The client is slow, not the server.
                    heard = core.now();
                }
                let silence = if self.messages == 0 { self.front.response } else { SILENCE };
                if alarm.poll(&*core, heard + silence, cx).is_pending() {
                    return Poll::Pending;
                }
                if core.now() >= heard + silence {
                    let failure = Observation::Failed(Failure::ResponseTimeout);
                    lease.server().observe(failure, core.now());
                    return Poll::Ready(End::Expired(Deadline::Response));
                }
            }
        })
        .await
    }

    /// Relays what one read brings; `Some` once the transfer is over.
    fn read(&mut self, stream: &mut BoxStream, cx: &mut Context<'_>) -> Poll<Option<End>> {
        let Self { front, call, conn, watch, inbound, messages, bytes, last } = self;
        let (mut complete, mut foreign) = (false, false);
        let read = inbound.poll(stream, &front.chunks, cx, READ, |message| {
            // Under another id the client would take it for the answer to something that it asked somebody else.
            if !call.is_answer(message) {
                foreign = true;
                return Take::Stop;
            }
            conn.push(message);
            *messages += 1;
            *bytes += message.len() as u64 + 2;
            last.clear();
            last.extend_from_slice(message);
            complete = watch.last(message);
            if complete { Take::Stop } else { Take::More }
        });
        read.map(|read| match read {
            _ if complete => Some(End::Done),
            _ if foreign => Some(End::Fault(Blame::Server, "transfer-id")),
            Read::Messages(_) => None,
            Read::End(_) | Read::Failed => Some(End::ServerLeft),
            Read::Short => Some(End::ServerLeft),
        })
    }

    fn finish(self, (served, end): Ending) {
        let now = self.front.core.now();
        self.conn.transfer_ends(self.messages > 0 && end != End::Done);
        if self.messages == 0 && end != End::ClientLeft {
            let why = match end {
                End::Unavailable(why) => why,
                _ => Unavailable::ConnectFailed,
            };
            return self.front.give_up(&self.call, why, end, now);
        }
        if let Some(sink) = self.call.take() {
            sink.deliver(None);
        }
        let lease = served.as_ref().map(|(lease, _)| lease);
        let ended = Ended {
            request: &self.call.request,
            answer: &self.last,
            before: self.bytes.saturating_sub(self.last.len() as u64 + 2),
            facts: &self.call.facts,
            over: self.call.over,
            began: self.call.began,
            server: lease.map(Lease::server),
            why: lease.map(Lease::why),
            answered: served.as_ref().map(|(_, took)| *took),
            attempts: self.call.attempts.get(),
            end,
        };
        ended.record(&*self.front.core, &self.front.desk, now);
        if let Some((lease, _)) = served {
            lease.server().observe(Observation::Moved(self.bytes), now);
            lease.settle(now);
        }
    }
}

/// The most of a server's bytes that are read at once.
const READ: usize = 64 << 10;
/// How long a server may pause in the midst of a transfer.
const SILENCE: Duration = Duration::from_secs(10);
