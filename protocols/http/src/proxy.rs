//! One request, from its head to the head of its answer.

use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::header::{CONNECTION, EXPECT, HeaderValue, TRANSFER_ENCODING};
use http::{Method, Request, Response, Version, request};
use sekisho_api::{Deadline, End, Failure, Lease, Route, Unavailable};

use crate::answer::Answer;
use crate::codec::{Aborted, Broken, Download, Outgoing, Upload, Upstream};
use crate::conn::{Conn, Phase, UploadFault};
use crate::exchange::Exchange;
use crate::{cookie, forward, hop, response, target};

/// Serves one request. What can be done at once is done before the future is made, which is small: the codec moves it.
///
/// # Errors
/// [`Aborted`] where nobody is left to answer.
pub(crate) fn handle(
    conn: Rc<Conn>,
    request: Request<Upload>,
) -> impl Future<Output = Result<Response<Download>, Aborted>> {
    let asked = begin(conn, request);
    async move {
        let mut asked = match asked {
            Ok(asked) => asked,
            Err(refusal) => return Ok(*refusal),
        };
        let answered = forward(&mut asked).await;
        let Asked { exchange, route, rule, chunks, .. } = *asked;
        match answered {
            Ok((head, upstream)) => Ok(response::relay(exchange, head, upstream, &route, rule, chunks)),
            Err(Failed::Told(answer)) => Ok(refuse(exchange, answer)),
            Err(Failed::Gone) => Err(Aborted),
        }
    }
}

/// A request that was admitted.
#[derive(Debug)]
struct Asked {
    exchange: Exchange,
    route: Route,
    /// The place of the rule that it met.
    rule: Option<usize>,
    /// `None` while a server has it.
    request: Option<Outgoing>,
    /// Whether the client understands chunks (RFC 9112, section 7.1).
    chunks: bool,
}

fn begin(conn: Rc<Conn>, request: Request<Upload>) -> Result<Box<Asked>, Box<Response<Download>>> {
    conn.begin(request.body().is_empty());
    let (mut head, body) = request.into_parts();
    let exchange = Exchange::begin(conn, &head);
    let conn = exchange.conn();
    let chunks = head.version >= Version::HTTP_11;
    match admit(&mut head, &body, conn) {
        Ok(Admitted { route, rule, upgrade }) => {
            let mut request = Outgoing::new(&head, body, &conn.worker.buffers);
            if upgrade {
                request.upgrades();
            }
            Ok(Box::new(Asked { exchange, route, rule, request: Some(request), chunks }))
        }
        Err(Refusal::Answer(answer)) => Err(Box::new(refuse(exchange, answer))),
        Err(Refusal::Rule(answer)) => Err(Box::new(answered(exchange, *answer))),
    }
}

/// Why a request goes to no server.
enum Refusal {
    /// The gateway cannot serve it.
    Answer(Answer),
    /// A rule has an answer.
    Rule(Box<Response<Download>>),
}

impl From<Answer> for Refusal {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

enum Failed {
    /// The client is told.
    Told(Answer),
    /// There is nobody to tell.
    Gone,
}

/// What is known of a request that a server may have.
struct Admitted {
    route: Route,
    /// The place of the rule that it met.
    rule: Option<usize>,
    /// It asks for another protocol.
    upgrade: bool,
}

/// Checks a request and makes it what the server will see.
fn admit(head: &mut request::Parts, body: &Upload, conn: &Conn) -> Result<Admitted, Refusal> {
    let worker = &conn.worker;
    let options = &worker.settings.options;
    target::resolve(head, conn.facts.local).map_err(Answer::target)?;
    let chunked = head.headers.contains_key(TRANSFER_ENCODING);
    if chunked && !hop::only_chunked(&head.headers) {
        return Err(Answer::CODING.into());
    }
    if let (Some(most), Some(length)) = (options.max_body, body.length())
        && length > most
    {
        return Err(Answer::TOO_LARGE.into());
    }
    let settings = &worker.settings;
    if settings.rules.doubt(head) {
        return Err(Answer::bad_request("path-doubtful").into());
    }
    let rule = settings.rules.find(head, conn.facts.client.ip());
    if let Some(answer) = rule.and_then(|(_, rule)| rule.answer(head)) {
        return Err(Refusal::Rule(Box::new(answer)));
    }
    let pool = rule.and_then(|(_, rule)| rule.action().pool(conn.facts.client.ip())).unwrap_or(0);
    let route = settings.sources.route(pool, head, &options.hash_on);
    if head.headers.contains_key(http::header::COOKIE) {
        for cookie in settings.sources.cookies() {
            cookie::remove(&mut head.headers, cookie.name.as_bytes());
        }
    }
    let upgrade = hop::strip_request(&mut head.headers, || {
        let plain = head.method == Method::GET && body.is_empty();
        options.websocket && plain && head.version == Version::HTTP_11
    });
    if chunked {
        // The length is known to the codec as its own; the field tells it to say so to the server.
        head.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    forward::write(&mut head.headers, options, &conn.facts, conn.own.borrow_mut().get_or_insert_default());
    if head.version < Version::HTTP_11 {
        head.headers.remove(EXPECT);
    }
    if let Some((_, rule)) = rule {
        rule.edit_request(head);
    }
    Ok(Admitted { route, rule: rule.map(|(place, _)| place), upgrade })
}

/// Finds a server that answers.
async fn forward(asked: &mut Asked) -> Result<(Response<()>, Box<Upstream>), Failed> {
    let Asked { exchange, route, request, .. } = asked;
    let conn = exchange.conn().clone();
    let core = &conn.worker.core;
    let mut last = None;
    let mut kept = true;
    loop {
        conn.set_phase(Phase::Choosing);
        let lease = match core.choose(route, &conn.facts) {
            Err(Unavailable::Full) => core.queue(route, &conn.facts).await,
            chosen => chosen,
        };
        match lease {
            Ok(lease) => exchange.attempt(lease),
            Err(why) => return Err(Failed::Told(unavailable(why, last))),
        }
        let Some(lease) = exchange.lease() else { return Err(Failed::Gone) };
        let mut sent = conn.now();
        let idempotent = request.as_ref().is_some_and(Outgoing::is_idempotent);
        let pooled = if kept { take(&conn, lease, idempotent, sent) } else { None };
        let reused = pooled.is_some();
        let mut upstream = match pooled {
            Some(upstream) => upstream,
            None => match core.connect(lease, &conn.facts).await {
                Ok(stream) => Upstream::new(stream, max_head(&conn), core.shareable(lease)),
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
        let Some(outgoing) = request.take() else { return Err(Failed::Gone) };
        match upstream.send(outgoing, &conn).await {
            Ok(head) => {
                exchange.answered(head.status(), sent, moved);
                return Ok((head, upstream));
            }
            // The connection died of old age, which says nothing about its server: the same one may be tried again,
            // on a new connection. What the server may have seen is not repeated unless it can be said twice.
            Err(Broken::Unsent | Broken::Silent) if reused => *request = upstream.recall(),
            // A server that accepts and hangs up is as good as one that refuses.
            Err(Broken::Unsent) if exchange.attempts() < core.attempts() => {
                last = Some(Failure::Reset);
                exchange.failed(Failure::Reset);
                route.exclude.extend(exchange.lease().map(|lease| lease.server().id()));
                *request = upstream.recall();
            }
            Err(broken) => return Err(give_up(exchange, &broken)),
        }
        if request.is_none() {
            return Err(give_up(exchange, &Broken::Silent));
        }
        kept = false;
        exchange.release();
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
    if let Some(own) = conn.take_kept(server.id()) {
        return Some(own);
    }
    pool.take(server.id(), now, (!idempotent).then_some(FRESH))
}

fn max_head(conn: &Conn) -> usize {
    conn.worker.settings.options.max_header_size.max(ANSWER_HEAD)
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

/// A rule's answer.
fn answered(mut exchange: Exchange, mut answer: Response<Download>) -> Response<Download> {
    exchange.refused(answer.status(), End::Done);
    if !exchange.conn().upload().done || exchange.conn().worker.core.draining() {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// Refuses a request of which nothing else was done.
pub(crate) fn refused(conn: &Rc<Conn>, head: &request::Parts, answer: Answer) -> Response<Download> {
    conn.begin(true);
    refuse(Exchange::begin(conn.clone(), head), answer)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn size<F>(_: impl Fn(Rc<Conn>, Request<Upload>) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn requests_future_is_small_because_the_codec_moves_it() {
        let size = size(handle);
        assert!(size <= 400, "{size} bytes");
    }
}
