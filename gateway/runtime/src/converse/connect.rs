//! Choosing and connecting, one server after the other.

use std::task::Poll;
use std::time::Instant;

use sekisho_api::{Connected, Core, End, Failure, Key, Observation, Server, Side, Stream, Unavailable, Why};
use sekisho_engine::Engine;

use super::Driver;
use super::read::fill;
use crate::connection::Ended;
use crate::io::Io;

impl Driver<'_> {
    /// Gives the server up; a failure is put down to it, and it is not tried again for this client.
    pub(super) fn release(&mut self, failure: Option<Failure>) {
        self.listed = None;
        if let Some((_, lease)) = self.server.take() {
            let now = Instant::now();
            if let Some(failure) = failure {
                lease.server().observe(Observation::Failed(failure), now);
                self.route.exclude.push(lease.server().id());
            }
            lease.settle(now);
        }
    }

    /// Gives up a server that failed before the client heard of it. If it was told anything, that may be the client's
    /// doing: whoever names another's user, and says what no server takes, must neither take servers out nor move that
    /// user. It counts as failing once another server has taken the same client.
    pub(super) fn doubt(&mut self) {
        if let Some((_, lease)) = self.server.as_ref().filter(|_| self.told) {
            self.route.doubted.push(lease.server().id());
            self.route.exclude.push(lease.server().id());
            return self.release(None);
        }
        self.release(Some(Failure::Reset));
    }

    /// Another server has taken the client that these failed: it was not the client's doing, and it moves there.
    pub(super) fn blame(&mut self) {
        let doubted = std::mem::take(&mut self.route.doubted);
        if doubted.is_empty() {
            return;
        }
        self.worker.with_live(|live| {
            for side in doubted.into_iter().filter_map(|id| live.server(id)) {
                side.state.observe(Observation::Failed(Failure::Reset), Instant::now());
            }
        });
        let Some((_, lease)) = &self.server else { return };
        let persist = self.route.persist.as_deref().unwrap_or(&self.serving.live.vip.persist);
        for key in self.route.keys.iter().filter(|key| persist.iter().any(|it| it.kind() == key.kind())) {
            self.serving.core.learn(&self.route, key.clone(), lease);
        }
    }

    /// Chooses and connects, one server after the other, as often as the VIP allows.
    ///
    /// # Errors
    /// That the client left meanwhile.
    pub(super) async fn connect(&mut self) -> Result<(), End> {
        self.ended.key = self.route.keys.first().map(Key::kind);
        self.ended.known_by = self.route.by;
        let core = &self.serving.core;
        while self.ended.attempts < core.attempts() {
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
            if let Why::Persisted(kind) = lease.why() {
                self.ended.key = Some(kind);
            }
            self.listed =
                Some(self.worker.roster.enter(self.serving, self.facts, self.began, &self.route, &lease));
            self.ended.attempts += 1;
            match core.dial(&lease, self.facts, None).await {
                Ok(io) => {
                    let name = lease.server().name().clone();
                    let tls = io.tls().cloned();
                    let start_tls = self.serving.core.starts_tls(&lease);
                    self.server = Some((io, lease));
                    (self.kept_alive, self.told) = (false, false);
                    (self.owes, self.heard) = (Some(Instant::now()), false);
                    self.engine.connected(Connected { name, tls, start_tls, attempt: self.ended.attempts });
                    return Ok(());
                }
                Err(_) => {
                    self.listed = None;
                    self.route.exclude.push(lease.server().id());
                    lease.settle(Instant::now());
                }
            }
        }
        self.engine.unavailable(Unavailable::ConnectFailed);
        Ok(())
    }
}

/// The future's output, unless the client resets before. What it says meanwhile is kept; that it has ended is no
/// reason to give up, for it may have said all.
pub(super) async fn unless_gone<T>(
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
