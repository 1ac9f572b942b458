//! From one server to the next, until one answers.

use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::time::Instant;

use http::Response;
use sekisho_api::{Deadline, Failure, Lease, Route, Unavailable};

use super::Asked;
use super::reach::{Reached, reach};
use crate::answer::Answer;
use crate::codec::{Broken, Outgoing, Upstream};
use crate::conn::{Phase, UploadFault};
use crate::exchange::Exchange;
use crate::gate::NotReached;
use crate::retry::{Again, Cause, Plan};

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
    let Asked { exchange, route, rule, request, again, .. } = asked;
    let conn = exchange.conn().clone();
    let (core, plan) = (&conn.worker.core, conn.worker.settings.plan(*rule));
    let most = plan.and_then(Plan::attempts).unwrap_or_else(|| core.attempts());
    let mut last = None;
    // Why a server that works had no connection for it.
    let mut crowded = None;
    let mut fresh = false;
    // A server is chosen already.
    let mut chosen = false;
    loop {
        conn.set_phase(Phase::Choosing);
        if !chosen {
            let lease = match core.choose(route, &conn.facts) {
                Err(Unavailable::Full) => match conn.in_time(core.queue(route, &conn.facts).as_mut()).await {
                    Ok(waited) => {
                        exchange.queued();
                        waited
                    }
                    Err(_) => return Err(Failed::Told(Answer::OVERDUE)),
                },
                chosen => chosen,
            };
            match lease {
                Ok(lease) => exchange.attempt(lease),
                Err(why) => return Err(Failed::Told(unavailable(crowded.unwrap_or(why), last))),
            }
        }
        let Some(lease) = exchange.lease() else { return Err(Failed::Gone) };
        let idempotent = request.as_ref().is_some_and(Outgoing::is_idempotent);
        let reached = conn.in_time(pin!(reach(&conn, lease, route.pool, idempotent, fresh))).await;
        let Reached { mut upstream, reused, since } = match reached {
            Ok(Ok(reached)) => reached,
            Err(_) => return Err(Failed::Told(Answer::OVERDUE)),
            Ok(Err(NotReached::Unavailable(why))) => {
                if exchange.attempts() >= most {
                    return Err(Failed::Told(unavailable(why, last)));
                }
                crowded = Some(why);
                route.exclude.extend(exchange.lease().map(|lease| lease.server().id()));
                exchange.try_failed(why.name(), false);
                exchange.release();
                chosen = false;
                continue;
            }
            Ok(Err(NotReached::Failed(failure))) => {
                last = Some(failure);
                let server = lease.server().id();
                exchange.try_failed(failure.name(), false);
                if exchange.attempts() >= most {
                    return Err(Failed::Told(unavailable(Unavailable::ConnectFailed, last)));
                }
                conn.worker.settings.retry.replaced();
                route.exclude.push(server);
                chosen = false;
                continue;
            }
        };
        conn.set_phase(Phase::Waiting);
        conn.touch();
        let again = plan.zip(again.as_deref().filter(|_| exchange.attempts() < most));
        if again.is_some() || exchange.attempts() > 1 {
            conn.begin_try(again.and_then(|(plan, _)| plan.per_try()));
        }
        let moved = upstream.moved();
        let Some(outgoing) = request.take() else { return Err(Failed::Gone) };
        let mut sending = upstream.send(outgoing, &conn);
        let sent = poll_fn(|cx| {
            if conn.is_listing_due() {
                exchange.list_waiting(route);
            }
            Pin::new(&mut sending).poll(cx)
        });
        let sent = sent.await;
        drop(sending);
        let broken = match sent {
            Ok(head) => {
                exchange.answered(head.status(), since, moved);
                let cause = Cause::Status(head.status());
                if again.is_some() {
                    exchange.renew();
                }
                let Some((outgoing, lease)) = again.and_then(|again| other(again, cause, exchange, route))
                else {
                    return Ok((head, upstream));
                };
                exchange.discard(upstream);
                exchange.attempt(lease);
                (*request, chosen, fresh) = (Some(outgoing), true, false);
                continue;
            }
            Err(broken) => broken,
        };
        match broken {
            // The connection died of old age, which says nothing about its server: the same one may be tried again,
            // on a new connection. What the server may have seen is not repeated unless it can be said twice.
            Broken::Unsent | Broken::Silent if reused && upstream.may_be_old() => {
                *request = upstream.recall().or_else(|| {
                    let (_, again) = again.filter(|(plan, _)| plan.is_on(Cause::EmptyAnswer))?;
                    again.request(route.pool, exchange)
                });
            }
            // A server that accepts and hangs up is as good as one that refuses.
            Broken::Unsent if exchange.attempts() < most => {
                *request = upstream.recall();
                // What cannot be said again is given up below, and counted there.
                if request.is_some() {
                    last = Some(Failure::Reset);
                    exchange.failed(Failure::Reset);
                    route.exclude.extend(exchange.lease().map(|lease| lease.server().id()));
                }
            }
            _ => {}
        }
        exchange.try_failed(word(&broken), request.is_none());
        if request.is_none() {
            exchange.renew();
            let cause = Cause::of(&broken);
            let failed = give_up(exchange, &broken, since);
            let other = again.zip(cause).and_then(|(again, cause)| other(again, cause, exchange, route));
            let Some((outgoing, lease)) = other else { return Err(failed) };
            // What this server's time was is not the next one's.
            conn.begin_try(None);
            exchange.attempt(lease);
            (*request, chosen, fresh) = (Some(outgoing), true, false);
            continue;
        }
        (chosen, fresh) = (false, true);
        exchange.release();
    }
}

/// The request once more and another server for it, if what went wrong with this one is worth that.
fn other(
    (plan, again): (&Plan, &Again),
    cause: Cause,
    exchange: &Exchange,
    route: &mut Route,
) -> Option<(Outgoing, Lease)> {
    let lease = exchange.lease()?;
    again.elsewhere(plan, cause, &**lease.server(), route, exchange)
}

/// Why a server gave no answer.
fn word(broken: &Broken) -> &'static str {
    match broken {
        Broken::Unsent | Broken::Silent | Broken::Cut => Failure::Reset.name(),
        Broken::Malformed => Failure::Malformed.name(),
        Broken::Expired(deadline) => deadline.name(),
        Broken::Upload(_) => "request-body",
        Broken::Unchangeable => "protocol-unchangeable",
    }
}

/// The request was sent, or part of it, and there will be no answer. `since`: from when on there could have been one.
fn give_up(exchange: &Exchange, broken: &Broken, since: Instant) -> Failed {
    let (failure, answer) = match broken {
        Broken::Upload(UploadFault::Malformed) => {
            return Failed::Told(Answer::bad_request("malformed-body"));
        }
        Broken::Unchangeable => return Failed::Told(Answer::UNCHANGEABLE),
        Broken::Upload(UploadFault::TooLarge) => return Failed::Told(Answer::TOO_LARGE),
        Broken::Upload(UploadFault::Left) => return Failed::Gone,
        Broken::Expired(Deadline::Idle) => return Failed::Told(Answer::STALLED_UPLOAD),
        Broken::Expired(Deadline::Total) if !had_the_time(exchange, since) => {
            return Failed::Told(Answer::OVERDUE);
        }
        Broken::Expired(Deadline::Total) => (Failure::ResponseTimeout, Answer::OVERDUE),
        Broken::Expired(_) => (Failure::ResponseTimeout, Answer::SLOW_SERVER),
        Broken::Malformed => (Failure::Malformed, Answer::MALFORMED),
        Broken::Unsent | Broken::Silent | Broken::Cut => (Failure::Reset, Answer::SERVER_LEFT),
    };
    exchange.failed(failure);
    Failed::Told(answer)
}

/// Whether most of a request's time was its server's, and not the queue's, another server's or that of a client that
/// takes its time with a body.
fn had_the_time(exchange: &Exchange, since: Instant) -> bool {
    let conn = exchange.conn();
    let upload = conn.upload();
    let most = conn.worker.settings.deadlines.total().map(|total| total / 2);
    let had = conn.now().saturating_duration_since(since);
    upload.done && upload.bytes == 0 && most.is_some_and(|most| had >= most)
}

/// Why nobody serves: `last` is how the server that was tried last failed.
fn unavailable(why: Unavailable, last: Option<Failure>) -> Answer {
    match last {
        Some(Failure::ConnectTimeout) => Answer::CONNECT_TIMEOUT,
        Some(_) => Answer::unavailable(Unavailable::ConnectFailed),
        None => Answer::unavailable(why),
    }
}
