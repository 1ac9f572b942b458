//! The account of one request: what it cost, whom it kept busy, and how it ended.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version};
use sekisho_api::{
    Blame, End, Failure, Key, KeyKind, Lease, Local, Marks, Observation, Record, RequestLine, Route, Why,
};

use crate::codec::Upstream;
use crate::conn::{Conn, Phase, UploadFault};
use crate::grpc;
use crate::rates;
use crate::rules::Rule;
use crate::trace::Marked;

/// The account of one request. Dropping it settles everything, so that a client that leaves in the midst of it
/// leaks nothing.
#[derive(Debug)]
pub(crate) struct Exchange {
    conn: Rc<Conn>,
    began: Instant,
    line: Option<Box<Line>>,
    /// By what it is found; `None` where nobody asks.
    marked: Option<Box<Marked>>,
    status: u16,
    lease: Option<Lease>,
    answered: Option<Duration>,
    attempts: u32,
    sent: u64,
    /// Bytes that the server's connection had moved before this request.
    moved: u64,
    /// When its last byte had been read from the server.
    ended: Option<Instant>,
    /// It is one of gRPC.
    call: bool,
    /// Which of the VIP's pools its server is one of, and whose it is: known once it is answered.
    pool: u32,
    user: Option<Box<Key>>,
    /// Milliseconds after it began it got its server, but for the moment that choosing takes.
    waited: u32,
    /// What it is until something else is known: only a client that leaves makes the codec drop a request.
    end: End,
}

/// The request line for the access log; kept only where somebody reads it.
#[derive(Debug)]
struct Line {
    method: Method,
    host: Option<HeaderValue>,
    target: Uri,
    version: Version,
    /// The place of the rule that it met.
    rule: Option<usize>,
    /// The client that trusted proxies name.
    forwarded_for: Option<IpAddr>,
}

impl Exchange {
    /// A request begins.
    pub(crate) fn begin(conn: Rc<Conn>, head: &http::request::Parts) -> Self {
        let line = conn.worker.core.records().then(|| {
            Box::new(Line {
                method: head.method.clone(),
                host: head.headers.get(http::header::HOST).cloned(),
                target: head.uri.clone(),
                version: head.version,
                rule: None,
                forwarded_for: rates::forwarded_for(
                    &head.headers,
                    conn.facts.client.ip(),
                    &conn.worker.settings.options.trusted,
                ),
            })
        });
        let worker = &conn.worker;
        let trusted = || worker.settings.options.trusted.contains(conn.facts.client.ip());
        let marked = worker.settings.tracing.mark(&head.headers, trusted, &worker.ids);
        let began = conn.now();
        Self {
            conn,
            began,
            line,
            marked,
            status: 0,
            lease: None,
            answered: None,
            attempts: 0,
            sent: 0,
            moved: 0,
            ended: None,
            call: grpc::is_call(head),
            pool: 0,
            user: None,
            waited: 0,
            end: End::ClientLeft,
        }
    }

    /// Whether it is one of gRPC, whose client understands no other errors.
    pub(crate) fn is_call(&self) -> bool {
        self.call
    }

    /// The client's connection.
    pub(crate) fn conn(&self) -> &Rc<Conn> {
        &self.conn
    }

    /// The place of the rule that it met.
    pub(crate) fn met(&mut self, rule: Option<usize>) {
        if let Some(line) = &mut self.line {
            line.rule = rule;
        }
    }

    /// By what it is found.
    pub(crate) fn marked(&self) -> Option<&Marked> {
        self.marked.as_deref()
    }

    /// Its number, if it has one.
    pub(crate) fn request_id(&self) -> Option<&HeaderValue> {
        self.marked()?.request_id.as_ref()
    }

    /// It was beyond this rate limit.
    pub(crate) fn exceeded(&mut self, limit: Arc<str>) {
        self.marked.get_or_insert_default().limit = Some(limit);
    }

    /// Tells the client by what the request is found, where it is to know.
    pub(crate) fn echo(&self, headers: &mut HeaderMap) {
        self.conn.worker.settings.tracing.echo(headers, self.marked());
    }

    /// Servers tried so far.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// A server is tried; the one before it is released.
    pub(crate) fn attempt(&mut self, lease: Lease) {
        self.attempts += 1;
        if self.attempts > 1 {
            self.conn.unlist();
            self.queued();
        }
        if let Some(marked) = self.marked.as_mut().filter(|marked| marked.reports()) {
            let began = self.conn.now().saturating_duration_since(self.began);
            marked.end_try(began, self.status, None);
            marked.begin_try(lease.server().name().clone(), began);
        }
        self.lease = Some(lease);
    }

    /// It has waited in the queue: what the operator ended meanwhile was not it.
    pub(crate) fn queued(&mut self) {
        let waited = self.conn.now().saturating_duration_since(self.began).as_millis() + 1;
        self.waited = u32::try_from(waited).unwrap_or(u32::MAX);
    }

    fn since(&self) -> Instant {
        self.began + Duration::from_millis(self.waited.into())
    }

    /// It is answered: what is still needed of its route is kept.
    pub(crate) fn keep_route(&mut self, route: Route) {
        self.pool = u32::try_from(route.pool).unwrap_or(0);
        self.user = route.keys.into_iter().find(|key| key.kind() == KeyKind::USER).map(Box::new);
    }

    /// Shows it to the operator: ready when he has ended it.
    fn listing(&self, pool: usize, user: Option<&Key>) -> Option<Local<'static, ()>> {
        let lease = self.lease.as_ref()?;
        let user = lease.key(KeyKind::USER).or(user).cloned();
        let route = Route { pool, ..Route::new() }.with_key(user);
        Some(self.conn.worker.core.list(&self.conn.facts, self.since(), &route, lease.server()))
    }

    /// Shows it to the operator as long as it goes on; it is not answered yet.
    pub(crate) fn list_waiting(&self, route: &Route) {
        self.listing(route.pool, route.key(KeyKind::USER))
            .into_iter()
            .for_each(|kicked| self.conn.list(kicked));
    }

    /// The same of one that is being answered.
    pub(crate) fn list_answering(&self) {
        self.listing(self.pool as usize, self.user.as_deref())
            .into_iter()
            .for_each(|kicked| self.conn.list(kicked));
    }

    /// Shows the tunnel that it became to the operator: ready when he has ended it.
    pub(crate) fn list_tunnel(&self) -> Local<'static, ()> {
        let listing = self.listing(self.pool as usize, self.user.as_deref());
        listing.unwrap_or_else(|| Box::pin(std::future::pending()))
    }

    /// The server that is tried gives no answer. `told`: what it may have heard goes to no other.
    pub(crate) fn try_failed(&mut self, why: &'static str, told: bool) {
        if let Some(marked) = self.marked.as_mut().filter(|marked| marked.reports()) {
            let ended = self.conn.now().saturating_duration_since(self.began);
            marked.end_try(ended, 0, Some(why));
            if !told {
                marked.hand_on(&self.conn.worker.ids);
            }
        }
    }

    /// The request may be written again, for another server.
    pub(crate) fn renew(&mut self) {
        if let Some(marked) = self.marked.as_mut().filter(|marked| marked.reports()) {
            marked.renew(&self.conn.worker.ids);
        }
    }

    /// The server is given up without blame.
    pub(crate) fn release(&mut self) {
        self.lease = None;
    }

    /// The lease held.
    pub(crate) fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    /// The server failed.
    pub(crate) fn failed(&self, failure: Failure) {
        self.observe(Observation::Failed(failure), self.conn.now());
    }

    /// The head of the server's answer is there, for a request that was sent at `sent` over a connection that had
    /// moved `moved` bytes before.
    pub(crate) fn answered(&mut self, status: StatusCode, sent: Instant, moved: u64) {
        let now = self.conn.now();
        let took = now.saturating_duration_since(sent);
        self.moved = moved;
        self.answered = Some(took);
        self.status = status.as_u16();
        // What a method or a version that is not served gets is for any client to provoke: no failure of the server's.
        let provoked =
            [StatusCode::NOT_IMPLEMENTED, StatusCode::HTTP_VERSION_NOT_SUPPORTED].contains(&status);
        let failed = status.is_server_error() && !provoked;
        let observation = if failed { Observation::Regretted } else { Observation::Answered };
        self.observe(observation(took), now);
    }

    /// The gateway answers itself.
    pub(crate) fn refused(&mut self, status: StatusCode, end: End) {
        self.status = status.as_u16();
        self.end = end;
    }

    /// Bytes of the answer's body went to the client.
    pub(crate) fn sent(&mut self, bytes: u64) {
        self.sent += bytes;
        self.conn.touch();
    }

    /// Bytes went through a tunnel, to the server and to the client.
    pub(crate) fn relayed(&mut self, received: u64, sent: u64) {
        self.conn.update_upload(|upload| upload.bytes += received);
        self.sent += sent;
        self.observe(Observation::Moved(received + sent), self.conn.now());
    }

    /// The server's connection has no more to deliver: it serves the next request, if both sides are done with it.
    pub(crate) fn keep(&mut self, mut upstream: Box<Upstream>) {
        let now = self.conn.now();
        self.ended = Some(now);
        self.observe(Observation::Moved(upstream.moved().saturating_sub(self.moved)), now);
        let Some(lease) = &self.lease else { return };
        let worker = &self.conn.worker;
        if upstream.rest(&worker.buffers) && self.conn.upload().done && lease.server().reusable() {
            match upstream.shareable() {
                true => worker.pool.put(lease.server().id(), upstream, now),
                // Nobody else can have it: whoever waits for one is served only by its end.
                false if worker.pool.is_wanted(lease.server().id()) => {}
                false => self.conn.keep(lease.server().id(), upstream),
            }
        }
    }

    /// The answer is not the client's: another server is asked. The connection serves the next request, if nothing of
    /// the answer is to come.
    pub(crate) fn discard(&mut self, mut upstream: Box<Upstream>) {
        let now = self.conn.now();
        self.observe(Observation::Moved(upstream.moved().saturating_sub(self.moved)), now);
        let worker = &self.conn.worker;
        let Some(lease) = &self.lease else { return };
        if upstream.drain(&worker.buffers) && upstream.shareable() && upstream.rest(&worker.buffers) {
            worker.pool.put(lease.server().id(), upstream, now);
        }
    }

    /// The answer broke off.
    pub(crate) fn cut(&mut self) {
        self.end = match self.conn.upload().fault {
            Some(UploadFault::Malformed) => End::Fault(Blame::Client, "malformed-body"),
            Some(UploadFault::TooLarge) => End::Limited("max-body"),
            Some(UploadFault::Left) => End::ClientLeft,
            None => {
                self.failed(Failure::Reset);
                End::ServerLeft
            }
        };
    }

    /// It ended like this.
    pub(crate) fn end(&mut self, end: End) {
        self.end = end;
    }

    fn observe(&self, observation: Observation, now: Instant) {
        if let Some(lease) = &self.lease {
            lease.server().observe(observation, now);
        }
    }

    fn record(&self, now: Instant) {
        let core = &self.conn.worker.core;
        let received = self.conn.upload().bytes;
        let Some(line) = &self.line else {
            core.count(received, self.sent, self.end);
            let server = self.lease.as_ref().map(Lease::server);
            core.measure(server, self.answered, now.saturating_duration_since(self.began), self.status);
            return;
        };
        let why = self.lease.as_ref().map(Lease::why);
        core.record(&Record {
            facts: &self.conn.facts,
            server: self.lease.as_ref().map(Lease::server),
            why,
            known_by: None,
            key: match why {
                Some(Why::Preferred) => Some(KeyKind::COOKIE),
                Some(Why::Persisted(kind)) => Some(kind),
                _ => None,
            },
            began: self.began,
            answered: self.answered,
            took: now.saturating_duration_since(self.began),
            received,
            sent: self.sent,
            attempts: self.attempts,
            end: self.end,
            request: Some(RequestLine {
                method: line.method.as_str(),
                host: line.host.as_ref().and_then(|host| host.to_str().ok()).unwrap_or_default(),
                target: line.target.path_and_query().map_or("", |target| target.as_str()),
                version: match line.version {
                    Version::HTTP_10 => "HTTP/1.0",
                    Version::HTTP_2 => "HTTP/2",
                    _ => "HTTP/1.1",
                },
                rule: line.rule.and_then(|place| self.conn.worker.settings.rules.get(place)).map(Rule::label),
                status: self.status,
                marks: Marks {
                    forwarded_for: line.forwarded_for,
                    ..self.marked().map(Marked::marks).unwrap_or_default()
                },
            }),
        });
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let now = self.ended.unwrap_or_else(|| self.conn.now());
        if self.end == End::ClientLeft {
            if self.conn.is_kicked() {
                self.end = End::Kicked;
            } else if self.conn.has_panicked() {
                self.end = End::Fault(Blame::Gateway, "panic");
            }
        }
        if let Some(marked) = self.marked.as_mut().filter(|marked| marked.reports()) {
            let ended = now.saturating_duration_since(self.began);
            match self.answered {
                Some(_) => marked.end_try(ended, self.status, None),
                None => marked.end_try(ended, 0, Some(self.end.name())),
            }
        }
        self.record(now);
        self.conn.unlist();
        if let (Some(user), Some(lease)) = (self.user.take(), &self.lease) {
            self.conn.remember(*user, self.pool as usize, lease.server(), self.since());
        } else {
            self.conn.forget_user();
        }
        if let Some(lease) = self.lease.take() {
            lease.settle(now);
        }
        self.conn.set_phase(Phase::Idle(now));
    }
}
