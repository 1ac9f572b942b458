//! A protocol that owns the client's stream and asks for servers as often as it needs.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::facts::{Facts, TlsFacts};
use crate::key::{Key, KeyKind};
use crate::metric::VipMetric;
use crate::refusal::{End, Unavailable};
use crate::route::Route;
use crate::server::{Failure, Lease, Server, Why};
use crate::settings::Span;

/// A future of one worker: workers are single-threaded, nothing in them needs `Send`.
pub type Local<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A protocol that multiplexes several requests, perhaps to several servers, over one client connection.
///
/// One value per VIP serves all workers; what a worker keeps (pools of server connections, buffers) lives in the
/// [`Worker`] that each of them makes for itself, so that nothing on the path of a request is shared.
pub trait Service: fmt::Debug + Send + Sync {
    /// The part that lives in one worker.
    fn worker(&self, core: Rc<dyn Core>) -> Rc<dyn Worker>;

    /// The application protocols offered to TLS clients (RFC 7301), most wanted first, where the configuration names
    /// none.
    fn alpn(&self) -> &'static [&'static str] {
        &[]
    }

    /// Tells what it has counted for its VIP. Called whenever somebody reads the metrics, beside all workers: it must
    /// neither wait nor hold them up.
    fn metrics(&self, report: &mut dyn FnMut(VipMetric<'_>)) {
        let _ = report;
    }

    /// The route of a client that an operator describes (`sekisho explain`): its address, and by kind what it says, in
    /// the words that people use. `None`: its keys are those words as they stand, and more is not known of the route.
    ///
    /// # Errors
    /// A phrase: which word is wrong, or why such a client gets no server.
    fn described(&self, client: IpAddr, said: &[(KeyKind, &str)]) -> Result<Option<Route>, String> {
        let _ = (client, said);
        Ok(None)
    }

    /// What becomes of a request that an operator describes (`sekisho explain --request`). `None`: this protocol has no
    /// requests that can be told apart.
    ///
    /// # Errors
    /// A phrase: what is wrong with the request as it was described.
    fn outlook(&self, request: &Sketch<'_>) -> Result<Option<Outlook>, String> {
        let _ = request;
        Ok(None)
    }
}

/// A request that an operator describes.
#[derive(Clone, Copy, Debug)]
pub struct Sketch<'a> {
    /// The client's address.
    pub client: IpAddr,
    /// What else the client says, by kind.
    pub said: &'a [(KeyKind, &'a str)],
    /// The method.
    pub method: &'a str,
    /// A URL, or path and query alone.
    pub target: &'a str,
    /// Header fields.
    pub fields: &'a [(String, String)],
}

/// What becomes of a request, for people to read.
#[derive(Clone, Debug, Default)]
pub struct Outlook {
    /// The question that is put to the scheduler; none where the gateway answers itself.
    pub route: Option<Route>,
    /// What decides it and what is done, in order.
    pub notes: Vec<Note>,
    /// What was looked at before and did not count.
    pub passed: Vec<Note>,
}

/// One line of an [`Outlook`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// A lower-case phrase.
    pub text: String,
    /// Where in the configuration its reason stands.
    pub place: Option<Span>,
}

/// One worker's part of a [`Service`].
#[async_trait(?Send)]
pub trait Worker: fmt::Debug {
    /// Serves one client connection to its end and says why it ended.
    async fn serve(self: Rc<Self>, client: BoxStream, facts: Facts) -> End;

    /// Takes a datagram that the [`crate::Exchange`] beside this service has let pass, and whose servers are reached
    /// over streams alone. `reply` sends one datagram back; dropping it is silence. Must not wait: what takes time is
    /// spawned.
    fn datagram(self: Rc<Self>, datagram: &[u8], facts: &Facts, reply: Reply) {
        let _ = (datagram, facts, reply);
    }
}

/// Sends a datagram to the client that asked, from the address that was asked.
pub type Reply = Box<dyn FnOnce(&[u8])>;

/// A stream of bytes, plain or TLS, that can also say when it would be worth reading.
///
/// The last three methods are what lets an idle connection hold nothing: a service drops its buffers, waits with
/// [`Stream::poll_readable`], and builds them again.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + fmt::Debug {
    /// The TLS on this stream.
    fn tls(&self) -> Option<&Arc<TlsFacts>>;
    /// Ready when a read would give bytes, the end or an error; reads nothing into any buffer of its own making.
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// The plain TCP socket below, for `splice(2)`; `None` where bytes pass through TLS.
    fn plain(&mut self) -> Option<&mut tokio::net::TcpStream>;
}

/// Any [`Stream`].
pub type BoxStream = Box<dyn Stream>;

/// The core as one worker of one VIP sees it.
pub trait Core: fmt::Debug {
    /// The time, read once per turn of the worker's loop: cheap, and a few milliseconds old at the most.
    fn now(&self) -> Instant;

    /// Chooses a server. Never waits: `Full` says that [`Core::queue`] may help.
    ///
    /// # Errors
    /// Why there is no server.
    fn choose(&self, route: &Route, facts: &Facts) -> Result<Lease, Unavailable>;

    /// Waits in the pool's queue until a server has room, for as long as the configuration allows.
    fn queue<'a>(&'a self, route: &'a Route, facts: &'a Facts) -> Local<'a, Result<Lease, Unavailable>>;

    /// Remembers that this client's key belongs to the lease's server, for a key learned after the choice
    /// (a cookie of the application in a server's answer).
    fn learn(&self, route: &Route, key: Key, lease: &Lease);

    /// Connects to the lease's server: TCP, the PROXY header, TLS as its pool is configured. Reports the outcome to
    /// the scheduler itself.
    fn connect<'a>(&'a self, lease: &'a Lease, facts: &'a Facts) -> Local<'a, Result<BoxStream, Failure>>;

    /// Whether connections to the lease's server may serve several clients; false where they begin with one client's
    /// address (PROXY protocol).
    fn shareable(&self, lease: &Lease) -> bool {
        let _ = lease;
        true
    }

    /// Runs a task beside this one in the same worker; it ends with the worker at the latest.
    fn spawn(&self, task: Local<'static, ()>);

    /// Ready at `deadline`, to within the worker's tick (about 100 ms); costs no timer of its own.
    fn until(&self, deadline: Instant) -> Local<'static, ()>;

    /// Whether the gateway, or this VIP, is draining: finish what runs, begin nothing.
    fn draining(&self) -> bool;

    /// Ready once [`Core::draining`] is true.
    fn drained(&self) -> Local<'static, ()>;

    /// How long a server may take to answer, where the VIP's configuration says so.
    fn response(&self) -> Option<Duration> {
        None
    }

    /// The most servers to try for one request or connection.
    fn attempts(&self) -> u32;

    /// Lists a client among those that an operator sees and ends, for as long as what this gives is kept: one whose request
    /// goes on for longer than a moment, or whose connection is its user's alone. `route` says of which pool the server is
    /// and who the client is. Ready once the operator has ended it, which he may have done since `since`.
    fn list(
        &self,
        facts: &Facts,
        since: Instant,
        route: &Route,
        server: &Arc<dyn Server>,
    ) -> Local<'static, ()> {
        let _ = (facts, since, route, server);
        Box::pin(std::future::pending())
    }
    /// Whether anybody reads access records; false saves building them.
    fn records(&self) -> bool;

    /// Writes one line of the access log and counts the request.
    fn record(&self, record: &Record<'_>);

    /// Counts the request as [`Core::record`] does, with the bytes from and to its client and how it ended, and writes
    /// no line.
    fn count(&self, received: u64, sent: u64, end: End);

    /// Counts how long a request took and how it was answered, beside [`Core::count`]; [`Core::record`] does it by
    /// itself. `server`: the one that served it; `answered`: until its first byte; `status`: as in
    /// [`RequestLine::status`].
    fn measure(
        &self,
        server: Option<&Arc<dyn Server>>,
        answered: Option<Duration>,
        took: Duration,
        status: u16,
    ) {
        let _ = (server, answered, took, status);
    }
}

/// One line of the access log: who, where, why there, how long, how many bytes, how it ended.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// The client and the address it reached.
    pub facts: &'a Facts,
    /// The server that served it.
    pub server: Option<&'a Arc<dyn Server>>,
    /// Why that server.
    pub why: Option<Why>,
    /// The kind of key that the client was known by; never the key.
    pub key: Option<KeyKind>,
    /// How the client became known: [`crate::Route::by`].
    pub known_by: Option<&'static str>,
    /// When the connection or request began.
    pub began: Instant,
    /// How long until the server's first byte.
    pub answered: Option<Duration>,
    /// How long in all.
    pub took: Duration,
    /// Bytes from the client.
    pub received: u64,
    /// Bytes to the client.
    pub sent: u64,
    /// Servers tried.
    pub attempts: u32,
    /// How it ended.
    pub end: End,
    /// The request line, for protocols that have one.
    pub request: Option<RequestLine<'a>>,
}

/// The request line of a [`Record`].
#[derive(Clone, Copy, Debug)]
pub struct RequestLine<'a> {
    /// The method.
    pub method: &'a str,
    /// The host asked for.
    pub host: &'a str,
    /// Path and query as they came.
    pub target: &'a str,
    /// `HTTP/1.1` and the like.
    pub version: &'a str,
    /// The rule of the configuration that it met, by its name, or by its number from 1 on.
    pub rule: Option<&'a str>,
    /// The status answered; 0 if none was.
    pub status: u16,
    /// What else it can be found by.
    pub marks: Marks<'a>,
}

/// By what a request can be found elsewhere, and what was remarked about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks<'a> {
    /// Its number, which the server was told: visible ASCII.
    pub request_id: Option<&'a str>,
    /// The number of the trace that it belongs to: 32 hexadecimal digits.
    pub trace_id: Option<&'a str>,
    /// The rate limit that it was beyond, by its name, whether or not it was refused.
    pub rate_limit: Option<&'a str>,
    /// The client that trusted proxies name in the request, where they name one.
    pub forwarded_for: Option<IpAddr>,
    /// The span of that trace that the request is here, where it is to be reported.
    pub span: Option<SpanMark<'a>>,
    /// The servers that it was tried on, in order, where that is to be reported: spans below its own.
    pub tries: &'a [Try],
}

/// A server that a request was tried on, as a span of its trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    /// Its number, 16 hexadecimal digits: what the server was told as that of its parent, if it was told anything.
    pub id: [u8; 16],
    /// The server.
    pub server: Arc<str>,
    /// How long after the request began it did.
    pub began: Duration,
    /// How long after the request began it ended.
    pub ended: Duration,
    /// The status that the server answered; 0 if it answered none.
    pub status: u16,
    /// Why there is no answer: [`Failure::name`], or how the request ended.
    pub failure: Option<&'static str>,
}

/// A request as a span of a trace (W3C *Trace Context*): 16 hexadecimal digits each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanMark<'a> {
    /// Its number, which its server was told as that of its parent.
    pub id: &'a str,
    /// That of its parent, where it has one.
    pub parent: Option<&'a str>,
}
