//! One request, from its head to the head of its answer.

use std::rc::Rc;
use std::time::{Duration, Instant};

use http::header::{EXPECT, HeaderValue, TRANSFER_ENCODING};
use http::{Request, Response, Version, request};
use sekisho_api::{Deadline, Failure, Lease, Route, Unavailable};

use crate::answer::Answer;
use crate::codec::{Aborted, Broken, Download, Outgoing, Upload, Upstream};
use crate::conn::{Conn, Phase, UploadFault};
use crate::exchange::Exchange;
use crate::{cookie, forward, hop, response, target};

/// Serves one request.
///
/// # Errors
/// [`Aborted`] where nobody is left to answer.
pub(crate) async fn handle(conn: Rc<Conn>, request: Request<Upload>) -> Result<Response<Download>, Aborted> {
    conn.begin(request.body().is_empty());
    let (mut head, body) = request.into_parts();
    let mut exchange = Exchange::begin(conn, &head);
    let conn = exchange.conn().clone();
    let (route, known) = match admit(&mut head, &body, &conn) {
        Ok(admitted) => admitted,
        Err(answer) => return Ok(refuse(exchange, answer)),
    };
    let request = Outgoing::new(Request::from_parts(head, body), &conn.worker.buffers);
    match forward(&mut exchange, route, request).await {
        Ok(answered) => Ok(response::relay(exchange, answered, &known)),
        Err(Failed::Told(answer)) => Ok(refuse(exchange, answer)),
        Err(Failed::Gone) => Err(Aborted),
    }
}

/// A server's answer, the connection it comes over, and what is needed to finish it.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) response: Response<()>,
    pub(crate) upstream: Box<Upstream>,
    pub(crate) route: Route,
}

/// What of a request its answer depends on.
#[derive(Debug)]
pub(crate) struct Known {
    /// The token of the cookie that the client brought, if it looked like one.
    pub(crate) prefer: Option<sekisho_api::Prefer>,
    /// Whether the client understands chunks (RFC 9112, section 7.1).
    pub(crate) chunks: bool,
}

enum Failed {
    /// The client is told.
    Told(Answer),
    /// There is nobody to tell.
    Gone,
}

/// Checks a request and makes it what the server will see.
fn admit(head: &mut request::Parts, body: &Upload, conn: &Conn) -> Result<(Route, Known), Answer> {
    let worker = &conn.worker;
    let options = &worker.settings.options;
    target::resolve(head, conn.facts.local).map_err(Answer::target)?;
    let chunked = head.headers.contains_key(TRANSFER_ENCODING);
    if chunked && !hop::only_chunked(&head.headers) {
        return Err(Answer::CODING);
    }
    if let (Some(most), Some(length)) = (options.max_body, body.length())
        && length > most
    {
        return Err(Answer::TOO_LARGE);
    }
    let route = worker.settings.sources.route(head, &options.hash_on);
    if let Some(cookie) = worker.settings.sources.cookie()
        && head.headers.contains_key(http::header::COOKIE)
    {
        cookie::remove(&mut head.headers, cookie.name.as_bytes());
    }
    hop::strip_request(&mut head.headers);
    if chunked {
        // The length is known to the codec as its own; the field tells it to say so to the server.
        head.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    forward::write(&mut head.headers, options, &conn.facts, conn.own.borrow_mut().get_or_insert_default());
    let known = Known { prefer: route.prefer.clone(), chunks: head.version >= Version::HTTP_11 };
    if !known.chunks {
        head.headers.remove(EXPECT);
    }
    head.version = Version::HTTP_11;
    Ok((route, known))
}

/// Finds a server that answers.
async fn forward(
    exchange: &mut Exchange,
    mut route: Route,
    mut request: Outgoing,
) -> Result<Answered, Failed> {
    let conn = exchange.conn().clone();
    let core = &conn.worker.core;
    let mut last = None;
    let mut kept = true;
    loop {
        conn.set_phase(Phase::Choosing);
        let lease = match choose(&conn, &route).await {
            Ok(lease) => lease,
            Err(why) => return Err(Failed::Told(unavailable(why, last))),
        };
        exchange.attempt(lease);
        let Some(lease) = exchange.lease() else { return Err(Failed::Gone) };
        let mut sent = conn.now();
        let pooled = if kept { take(&conn, lease, request.is_idempotent(), sent) } else { None };
        let reused = pooled.is_some();
        let mut upstream = match pooled {
            Some(upstream) => upstream,
            None => match connect(&conn, lease).await {
                Ok(upstream) => upstream,
                Err(failure) => {
                    last = Some(failure);
                    if exchange.attempts() >= core.attempts() {
                        return Err(Failed::Told(unavailable(Unavailable::ConnectFailed, last)));
                    }
                    route.exclude.push(lease.server().id());
                    continue;
                }
            },
        };
        conn.set_phase(Phase::Waiting);
        conn.touch();
        if !reused {
            sent = conn.now();
        }
        let moved = upstream.moved();
        match upstream.send(request, &conn).await {
            Ok(response) => {
                exchange.answered(response.status(), sent, moved);
                return Ok(Answered { response, upstream, route });
            }
            // The connection died of old age, which says nothing about its server: the same one may be tried again,
            // on a new connection. What the server may have seen is not repeated unless it can be said twice.
            Err(Broken::Unsent | Broken::Silent) if reused => match upstream.recall() {
                Some(unanswered) => request = unanswered,
                None => return Err(give_up(exchange, &Broken::Silent)),
            },
            Err(broken) => return Err(give_up(exchange, &broken)),
        }
        kept = false;
        exchange.release();
    }
}

async fn choose(conn: &Conn, route: &Route) -> Result<Lease, Unavailable> {
    match conn.worker.core.choose(route, &conn.facts) {
        Err(Unavailable::Full) => conn.worker.core.queue(route, &conn.facts).await,
        chosen => chosen,
    }
}

/// A kept connection to the lease's server. What must not be said twice goes over one that was busy a moment ago,
/// because those that servers close for being idle are older.
fn take(conn: &Conn, lease: &Lease, idempotent: bool, now: Instant) -> Option<Box<Upstream>> {
    let (pool, server) = (&conn.worker.pool, lease.server());
    if !server.reusable() {
        pool.forget(server.id());
        return None;
    }
    pool.take(server.id(), now, (!idempotent).then_some(FRESH))
}

async fn connect(conn: &Conn, lease: &Lease) -> Result<Box<Upstream>, Failure> {
    let stream = conn.worker.core.connect(lease, &conn.facts).await?;
    let max_head = conn.worker.settings.options.max_header_size.max(ANSWER_HEAD);
    Ok(Upstream::new(stream, max_head))
}

/// The request was sent, or part of it, and there will be no answer.
fn give_up(exchange: &Exchange, broken: &Broken) -> Failed {
    let (failure, answer) = match broken {
        Broken::Upload(UploadFault::Malformed) => {
            return Failed::Told(Answer::bad_request("malformed-body"));
        }
        Broken::Upload(UploadFault::TooLarge) => return Failed::Told(Answer::TOO_LARGE),
        Broken::Upload(UploadFault::Left) => return Failed::Gone,
        Broken::Expired(Deadline::Idle) => return Failed::Told(Answer::STALLED_UPLOAD),
        Broken::Expired(_) => (Failure::ResponseTimeout, Answer::SLOW_SERVER),
        Broken::Malformed => (Failure::Malformed, Answer::MALFORMED),
        Broken::Unsent | Broken::Silent | Broken::Cut => (Failure::Reset, Answer::SERVER_LEFT),
    };
    exchange.failed(failure);
    Failed::Told(answer)
}

/// Why nobody serves: `last` is how the server that was tried last failed.
fn unavailable(why: Unavailable, last: Option<Failure>) -> Answer {
    match last {
        Some(Failure::ConnectTimeout) => Answer::CONNECT_TIMEOUT,
        Some(_) => Answer::unavailable(Unavailable::ConnectFailed),
        None => Answer::unavailable(why),
    }
}

fn refuse(mut exchange: Exchange, answer: Answer) -> Response<Download> {
    exchange.refused(answer.status(), answer.end);
    let unread = !exchange.conn().upload().done || exchange.conn().worker.core.draining();
    answer.into_response(unread)
}

/// Servers close idle connections after five seconds at the earliest, as far as is known.
const FRESH: Duration = Duration::from_secs(3);
/// The largest head of an answer, whatever requests are held to.
const ANSWER_HEAD: usize = 64 * 1024;
