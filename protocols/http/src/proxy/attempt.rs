//! From one server to the next, until one answers.

use http::Response;
use sekisho_api::{Deadline, Failure, Unavailable};

use super::Asked;
use super::reach::{Reached, reach};
use crate::answer::Answer;
use crate::codec::{Broken, Outgoing, Upstream};
use crate::conn::{Phase, UploadFault};
use crate::exchange::Exchange;

/// Why there is no answer of a server.
pub(super) enum Failed {
    /// The client is told.
    Told(Answer),
    /// There is nobody to tell.
    Gone,
}

/// Finds a server that answers.
///
/// # Errors
/// Why there is none.
pub(super) async fn attempt(asked: &mut Asked) -> Result<(Response<()>, Box<Upstream>), Failed> {
    let Asked { exchange, route, request, .. } = asked;
    let conn = exchange.conn().clone();
    let core = &conn.worker.core;
    let mut last = None;
    let mut fresh = false;
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
        let idempotent = request.as_ref().is_some_and(Outgoing::is_idempotent);
        let Reached { mut upstream, reused, since } = match reach(&conn, lease, route.pool, idempotent, fresh).await {
            Ok(reached) => reached,
            Err(failure) => {
                last = Some(failure);
                if exchange.attempts() >= core.attempts() {
                    return Err(Failed::Told(unavailable(Unavailable::ConnectFailed, last)));
                }
                route.exclude.push(lease.server().id());
                continue;
            }
        };
        conn.set_phase(Phase::Waiting);
        conn.touch();
        let moved = upstream.moved();
        let Some(outgoing) = request.take() else { return Err(Failed::Gone) };
        match upstream.send(outgoing, &conn).await {
            Ok(head) => {
                exchange.answered(head.status(), since, moved);
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
        fresh = true;
        exchange.release();
    }
}

/// The request was sent, or part of it, and there will be no answer.
fn give_up(exchange: &Exchange, broken: &Broken) -> Failed {
    let (failure, answer) = match broken {
        Broken::Upload(UploadFault::Malformed) => {
            return Failed::Told(Answer::bad_request("malformed-body"));
        }
        Broken::Unchangeable => return Failed::Told(Answer::UNCHANGEABLE),
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
