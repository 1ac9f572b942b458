//! Two streams that belong together, byte for byte.

mod buffers;
mod direction;
mod pipes;

pub(crate) use buffers::Buffers;
pub(crate) use pipes::Pipes;

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use sekisho_api::{Deadline, End, Failure, Observation, Server, Side, Stream};
use socket2::SockRef;

use crate::io::Io;
use crate::roster::Listed;
use crate::ticker::{Ticker, Until};
use direction::{Direction, Failed};

/// What relays of one worker share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) ticker: Rc<Ticker>,
    pub(crate) buffers: Buffers,
    pub(crate) pipes: Pipes,
}

/// The deadlines of a relay; all count from the last byte either way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// While both sides are open.
    pub(crate) idle: Duration,
    /// Instead of the others while a server that was asked has said nothing yet.
    pub(crate) response: Option<Duration>,
    /// Once one side has ended.
    pub(crate) half_closed: Duration,
    /// Between TCP keepalive probes of the server.
    pub(crate) keepalive: Duration,
}

/// Bytes that a bulk transfer moves between two reports to the scheduler.
const REPORT: u64 = 256 * 1024;

/// How long a side that does not read is given to hear that the operator has ended it.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long a relay lives before keepalive is turned on towards its server, for which short ones have no use.
const SETTLED: Duration = Duration::from_secs(1);

/// Relays until both sides have ended, one fails, or nothing moves any more. Holds no buffer while nothing moves.
#[derive(Debug)]
pub(crate) struct Relay {
    client: Io,
    server: Io,
    up: Direction,
    down: Direction,
    shared: Rc<Shared>,
    target: Arc<dyn Server>,
    patience: Patience,
    active: Instant,
    deadline: Until,
    reported: u64,
    answer: Answer,
    kept_alive: bool,
    half: bool,
    listed: Option<Listed>,
    /// The operator has ended it, and both sides are being told.
    kicked: bool,
}

/// How long the server took for its first byte.
#[derive(Clone, Copy, Debug)]
enum Answer {
    /// Nothing was sent to it yet, and it has not spoken first.
    Unasked {
        since: Instant,
    },
    /// It was sent something.
    Asked {
        at: Instant,
    },
    Came(Duration),
}

/// How a relay ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    /// The reason.
    pub(crate) end: End,
    /// Bytes from the client to the server.
    pub(crate) received: u64,
    /// Bytes from the server to the client.
    pub(crate) sent: u64,
    /// How long the server took for its first byte, if it sent one.
    pub(crate) answered: Option<Duration>,
}

impl Relay {
    /// A relay of two connected streams. `to_server` and `to_client` are sent first.
    pub(crate) fn new(
        shared: Rc<Shared>,
        (client, server): (Io, Io),
        (to_server, to_client): (BytesMut, BytesMut),
        target: Arc<dyn Server>,
        patience: Patience,
    ) -> Self {
        let active = shared.ticker.coarse();
        let deadline = shared.ticker.until(active + SETTLED.min(patience.idle));
        let answer = Answer::Unasked { since: Instant::now() };
        let (up, down) = (Direction::new(to_server), Direction::new(to_client));
        Self {
            client,
            server,
            up,
            down,
            shared,
            target,
            patience,
            active,
            deadline,
            reported: 0,
            answer,
            kept_alive: false,
            half: false,
            listed: None,
            kicked: false,
        }
    }

    /// The same, which ends when its client's place in the roster says so.
    pub(crate) fn listed(self, listed: Option<Listed>) -> Self {
        Self { listed, ..self }
    }

    /// Whether the operator has ended it. What is held for either side is forgotten then, and both hear the end.
    fn is_kicked(&mut self, cx: &Context<'_>) -> bool {
        if !self.kicked && self.listed.as_ref().is_some_and(|listed| listed.kicked(cx)) {
            self.kicked = true;
            self.active = self.shared.ticker.coarse();
            self.up.end();
            self.down.end();
        }
        self.kicked
    }

    fn outcome(&mut self, end: End) -> Poll<Outcome> {
        self.report(0);
        let answered = match self.answer {
            Answer::Came(took) => Some(took),
            Answer::Unasked { .. } | Answer::Asked { .. } => {
                // One that resets many connections later is no worse a server for it; one that never answers is.
                let failure = match end {
                    End::ServerLeft => Some(Failure::Reset),
                    End::Expired(Deadline::Response) => Some(Failure::ResponseTimeout),
                    _ => None,
                };
                if let Some(failure) = failure {
                    self.target.observe(Observation::Failed(failure), self.shared.ticker.coarse());
                }
                None
            }
        };
        Poll::Ready(Outcome { end, received: self.up.moved(), sent: self.down.moved(), answered })
    }

    fn report(&mut self, at_least: u64) {
        let moved = self.up.moved() + self.down.moved() - self.reported;
        if moved > at_least {
            self.reported += moved;
            self.target.observe(Observation::Moved(moved), self.shared.ticker.coarse());
        }
    }

    /// Times the server's first byte from the client's first, or from the beginning where the server speaks first.
    fn time_answer(&mut self) {
        match self.answer {
            Answer::Unasked { since } | Answer::Asked { at: since } if self.down.moved() > 0 => {
                let now = Instant::now();
                let took = now.saturating_duration_since(since);
                self.answer = Answer::Came(took);
                self.target.observe(Observation::Answered(took), now);
            }
            Answer::Unasked { .. } if self.up.moved() > 0 => {
                self.answer = Answer::Asked { at: Instant::now() }
            }
            _ => {}
        }
    }

    /// A reset of one side becomes a reset of the other, so that it does not take a cut for a clean end.
    fn pass_reset_on(&mut self, failed: &Failed) {
        let other = match failed.side {
            Side::Client => &mut self.server,
            Side::Server => &mut self.client,
        };
        if let Some(socket) = other.plain() {
            let _ = SockRef::from(&*socket).set_linger(Some(Duration::ZERO));
        }
    }
}

impl Future for Relay {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let this = self.get_mut();
        let kicked = this.is_kicked(cx);
        let before = this.up.moved() + this.down.moved();
        // A client that is sent away is told so in its own words, whatever it still says.
        let last = this.down.ended() && !kicked;
        let up = this.up.poll(cx, &mut this.client, &mut this.server, Side::Client, last, &this.shared);
        let last = this.up.ended() && !kicked;
        let down = this.down.poll(cx, &mut this.server, &mut this.client, Side::Server, last, &this.shared);
        this.time_answer();
        for failed in [&up, &down] {
            if let Poll::Ready(Err(failed)) = failed {
                if kicked {
                    return this.outcome(End::Kicked);
                }
                this.pass_reset_on(failed);
                return this.outcome(match failed.side {
                    Side::Client => End::ClientLeft,
                    Side::Server => End::ServerLeft,
                });
            }
        }
        if up.is_ready() && down.is_ready() {
            return this.outcome(if kicked { End::Kicked } else { End::Done });
        }
        if this.up.moved() + this.down.moved() != before {
            this.active = this.shared.ticker.coarse();
            this.report(REPORT);
        }
        if !this.half && (up.is_ready() || down.is_ready()) {
            // The other side's time counts from the end of this one, however long both were silent before.
            this.half = true;
            this.active = this.shared.ticker.coarse();
        }
        let (patience, name) = match (&this.answer, this.patience.response) {
            _ if kicked => (FAREWELL, Deadline::HalfClosed),
            (Answer::Asked { .. }, Some(response)) => (response, Deadline::Response),
            _ if up.is_ready() || down.is_ready() => (this.patience.half_closed, Deadline::HalfClosed),
            _ => (this.patience.idle, Deadline::Idle),
        };
        let at = this.active + patience;
        // A deadline that only moved away needs no new place in the ticker: it is looked at again when it fires.
        if at < this.deadline.deadline() {
            this.deadline.reset(at);
        }
        while Pin::new(&mut this.deadline).poll(cx).is_ready() {
            if !std::mem::replace(&mut this.kept_alive, true) {
                this.server.keep_alive(this.patience.keepalive);
            }
            if this.shared.ticker.coarse() >= at {
                return this.outcome(if kicked { End::Kicked } else { End::Expired(name) });
            }
            this.deadline.reset(at);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests;
