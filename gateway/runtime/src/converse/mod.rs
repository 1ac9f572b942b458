//! Carries out what a conversation decides: reading, writing, choosing, connecting, TLS.

mod connect;
mod issue;
mod read;
mod secure;
mod strike;
mod write;

use std::rc::Rc;
use std::time::Instant;

use bytes::BytesMut;
use sekisho_api::{Conversation, End, Facts, Failure, Lease, Route};
use sekisho_engine::{Action, Engine, EngineLimits};

use crate::connection::Ended;
use crate::io::Io;
use crate::roster::Listed;
use crate::slot::Serving;
use crate::worker::Worker;

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
    /// The client's place in the roster.
    pub(crate) listed: Option<Listed>,
}

/// Runs a conversation until it relays or ends. `facts` learn of TLS that begins in mid-stream.
///
/// What it is given goes into the driver before the future begins: an argument would be held beside it.
pub(crate) fn run<'a>(
    worker: &'a Rc<Worker>,
    serving: &'a Rc<Serving>,
    conversation: Box<dyn Conversation>,
    client: Io,
    facts: &'a mut Facts,
    began: Instant,
) -> impl Future<Output = Front> + use<'a> {
    let limits = EngineLimits { buffer: serving.live.vip.limits.buffer, ..EngineLimits::default() };
    let engine = Engine::new(conversation, facts, limits);
    let mut driver = Driver {
        worker,
        serving,
        facts,
        client,
        server: None,
        listed: None,
        engine,
        route: Route::new(),
        told: false,
        ended: Ended {
            end: End::Done,
            received: 0,
            sent: 0,
            attempts: 0,
            key: None,
            known_by: None,
            answered: None,
        },
        began,
        head: began + serving.live.vip.timeouts.head,
        drain_told: false,
        kept_alive: false,
        owes: None,
        heard: false,
    };
    async move {
        match driver.run().await {
            Ok(first) => driver.relay(first),
            Err(end) => driver.over(end),
        }
    }
}

/// What goes first to the server and to the client when the two belong together.
type First = (BytesMut, BytesMut);

struct Driver<'a> {
    worker: &'a Rc<Worker>,
    serving: &'a Rc<Serving>,
    /// TLS that begins in mid-stream is added.
    facts: &'a mut Facts,
    client: Io,
    server: Option<(Io, Lease)>,
    /// The client's place in the roster, while it has a lease.
    listed: Option<Listed>,
    engine: Engine,
    route: Route,
    /// Whether the server was told anything.
    told: bool,
    ended: Ended,
    began: Instant,
    /// Until when the client has to say what a server is chosen by.
    head: Instant,
    drain_told: bool,
    kept_alive: bool,
    /// Since when the server has been asked, or is connected, and has said nothing.
    owes: Option<Instant>,
    /// Whether the server has said anything.
    heard: bool,
}

impl Driver<'_> {
    /// Carries out one thing after the other, until the client and a server belong together.
    ///
    /// Borrows the driver: one that moved into the future would be held twice.
    ///
    /// # Errors
    /// What the conversation ended for.
    async fn run(&mut self) -> Result<First, End> {
        if self.is_barred() {
            self.engine.barred();
        }
        loop {
            let action = self.engine.next();
            if self.engine.committed() {
                self.blame();
            }
            match action {
                Action::Write(side, bytes) => {
                    if let Err(end) = self.write(side, &bytes).await {
                        // What the conversation ended for already counts more than that nobody heard its last word.
                        return Err(if let Action::Close(own) = self.engine.next() { own } else { end });
                    }
                }
                Action::Read { client, server, need } => {
                    if let Err(end) = self.read(client, server, need).await {
                        return self.leave(end).await;
                    }
                }
                Action::Route(route) => {
                    self.release(None);
                    self.ended.attempts = 0;
                    self.route = *route;
                    self.connect().await?;
                }
                Action::Issue(route) => self.issue(&route).await?,
                Action::Retry => {
                    self.doubt();
                    self.connect().await?;
                }
                Action::ReleaseServer { failed } => self.release(failed.then_some(Failure::Reset)),
                Action::Strike => self.strike().await,
                Action::StartTls(side) => self.secure(side).await?,
                Action::Relay { to_server, to_client } => return Ok((to_server, to_client)),
                Action::Close(end) => return self.leave(end).await,
            }
        }
    }

    /// Ends a conversation once the client has heard what it was told.
    async fn leave(&mut self, end: End) -> Result<First, End> {
        if self.ended.sent > 0 {
            self.linger().await;
        }
        Err(end)
    }

    fn relay(mut self, (to_server, to_client): First) -> Front {
        let Some((server, lease)) = self.server.take() else { return self.over(End::ServerLeft) };
        let (client, answered, listed) = (self.client, self.heard, self.listed);
        let related = Related { client, server, to_server, to_client, answered, listed };
        Front::Relay(self.ended, Box::new((related, lease)))
    }

    fn over(mut self, end: End) -> Front {
        self.ended.end = end;
        let lease = self.server.take().map(|(_, lease)| lease);
        Front::Ended(self.ended, lease)
    }
}
