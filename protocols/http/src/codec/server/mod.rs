//! The client's side of a connection, for as long as it is busy.
//!
//! | module | idea |
//! |---|---|
//! | `head`, `framing` | a request from bytes, as functions without I/O; where it ends is decided once |
//! | `inbound` | what a client sent and nobody has taken yet: heads are taken here, bodies by [`Upload`] |
//! | `words` | what a client is told before its answer |
//! | `form`, `reply` | an answer as bytes, and the writing of it |
//! | `desk` | what the connections of a worker share for an instant |
//!
//! All is one task without a channel, and between two requests it owns no buffer.

mod desk;
mod form;
mod framing;
mod head;
mod inbound;
mod oracle;
mod reply;
#[cfg(test)]
mod tests;
mod words;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use http::{Request, Response, StatusCode};
use sekisho_api::{End, Local};

pub(crate) use desk::Desk;
pub(crate) use form::may_stand_behind;
use form::{SWITCHED, write_informational};
use framing::Wants;
use head::Refused;
use inbound::Ended;
pub(crate) use inbound::Inbound;
pub(super) use oracle::oracle;
use reply::Reply;

use super::chunks::Limits;
use super::download::Download;
use super::reason::Reason;
use super::tunnel::Tunnel;
use super::upload::{Aborted, Upload};
use crate::answer::Answer;
use crate::conn::{Conn, Due, UploadFault};

/// How a busy connection stopped being busy.
#[derive(Debug)]
pub(crate) enum Finished {
    /// It is idle, and nothing of it is left here.
    Rested,
    /// Both sides are done with it.
    Closed,
    /// It ends although the client may still be sending: what was said is worth nothing unless the client's bytes
    /// are read until it has heard it.
    Parting(End),
    /// It is another protocol's from here on.
    Switched(Box<Tunnel>),
    /// It breaks off here, visibly.
    Broken(End),
    /// The client speaks HTTP/2. What it said is still there.
    Preface,
    /// What came is no request, or not all of one in time. Nothing has been said about it.
    Refused(Answer),
}

/// Serves requests until the connection is idle, over or broken.
pub(crate) async fn serve<H, F>(conn: &Rc<Conn>, handler: H) -> Finished
where
    H: Fn(Request<Upload>) -> F,
    F: Future<Output = Result<Response<Download>, Aborted>>,
{
    let mut watch = Watch { tick: conn.worker.tick() };
    loop {
        let (request, wants) = match poll_fn(|cx| watch.or(conn, cx, |cx| poll_request(conn, cx))).await {
            Ok(request) => request,
            Err(finished) => return finished,
        };
        let mut answer = {
            let mut served = pin!(handler(request));
            let served = poll_fn(|cx| watch.or(conn, cx, |cx| served.as_mut().poll(cx).map(Ok)));
            match served.await {
                Ok(Ok(response)) if matches!(response.body(), Download::Tunnel(_)) => {
                    return switched(conn, response);
                }
                Ok(Ok(response)) => Reply::new(conn, response, wants),
                Ok(Err(Aborted)) if conn.upload().fault == Some(UploadFault::Left) => {
                    return Finished::Broken(End::ClientLeft);
                }
                Ok(Err(Aborted)) => return Finished::Broken(End::ServerLeft),
                Err(finished) => return finished,
            }
        };
        let written = poll_fn(|cx| watch.or(conn, cx, |cx| answer.poll(conn, cx).map_err(Finished::Broken)));
        if let Err(finished) = written.await {
            return finished;
        }
        let inbound = conn.inbound.borrow();
        if answer.closes() || !inbound.is_done() {
            return match inbound.is_done() && inbound.is_empty() {
                true => Finished::Closed,
                false => Finished::Parting(End::Done),
            };
        }
        if !inbound.is_empty() {
            conn.heard();
        }
    }
}

/// The server has changed the protocol, or opened a tunnel: the client is told, and what it has said already is no
/// HTTP.
fn switched(conn: &Conn, response: Response<Download>) -> Finished {
    let (head, body) = response.into_parts();
    let Download::Tunnel(mut tunnel) = body else { return Finished::Broken(End::ServerLeft) };
    let mut inbound = conn.inbound.take();
    let mut told = Vec::new();
    inbound.withdraw(&mut told);
    let reason = head.extensions.get::<Reason>().map(Reason::as_bytes);
    let switched = if head.status == StatusCode::SWITCHING_PROTOCOLS { SWITCHED } else { b"" };
    write_informational(&mut told, &head, reason, switched);
    tunnel.begin(&told, inbound.into_bytes());
    Finished::Switched(tunnel)
}

fn poll_request(conn: &Rc<Conn>, cx: &mut Context<'_>) -> Poll<Result<(Request<Upload>, Wants), Finished>> {
    let options = &conn.worker.settings.options;
    let limits = Limits { size: options.max_header_size, fields: options.max_headers };
    let head = conn.inbound.borrow_mut().poll_head(
        &mut conn.stream.borrow_mut(),
        &mut conn.worker.desk.worktop.borrow_mut(),
        limits,
        cx,
        || conn.heard(),
    );
    head.map(|head| match head {
        Ok(Some(head)) => Ok((head.request.map(|()| Upload::new(conn.clone())), head.framing.wants)),
        Ok(None) if conn.inbound.borrow().is_empty() => Err(Finished::Closed),
        Ok(None) => Err(Finished::Broken(End::ClientLeft)),
        Err(Ended::Preface) => Err(Finished::Preface),
        Err(Ended::Stream(_)) => Err(Finished::Broken(End::ClientLeft)),
        Err(Ended::Refused(refused)) => Err(Finished::Refused(match refused {
            Refused::Malformed => Answer::bad_request("malformed-head"),
            Refused::TooLarge => Answer::HEAD_TOO_LARGE,
            Refused::TargetTooLong => Answer::TARGET_TOO_LONG,
        })),
    })
}

/// Looks at the deadlines at every tick, whatever the connection waits for.
struct Watch {
    tick: Local<'static, ()>,
}

impl Watch {
    /// Polls, unless a deadline says that it is no use.
    fn or<T>(
        &mut self,
        conn: &Conn,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<Result<T, Finished>>,
    ) -> Poll<Result<T, Finished>> {
        while self.tick.as_mut().poll(cx).is_ready() {
            self.tick = conn.worker.tick();
            if let Some(finished) = due(conn, cx) {
                return Poll::Ready(Err(finished));
            }
        }
        poll(cx)
    }
}

/// `Some`: the connection's time is over, or its rest.
fn due(conn: &Conn, cx: &mut Context<'_>) -> Option<Finished> {
    match conn.due(conn.now()) {
        Due::Nothing | Due::Expired => None,
        Due::Rest => Some(Finished::Rested),
        Due::Head => Some(Finished::Refused(Answer::SLOW_CLIENT)),
        Due::Abort(deadline) => Some(Finished::Broken(End::Expired(deadline))),
        Due::Kicked => Some(Finished::Broken(End::Kicked)),
        Due::Suspect => look(conn, cx),
    }
}

/// Looks whether the client is still there. Only while nobody else reads from it.
fn look(conn: &Conn, cx: &mut Context<'_>) -> Option<Finished> {
    let mut inbound = conn.inbound.borrow_mut();
    if !inbound.is_empty() {
        return None;
    }
    match inbound.poll_look(&mut conn.stream.borrow_mut(), cx) {
        Poll::Pending | Poll::Ready(Ok(true)) => None,
        Poll::Ready(Ok(false)) => {
            conn.half_closed();
            None
        }
        Poll::Ready(Err(_)) => Some(Finished::Broken(End::ClientLeft)),
    }
}
