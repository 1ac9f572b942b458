//! The client's side of a connection, for as long as it is busy.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1::{Builder, Connection};
use hyper::service::{HttpService, service_fn};
use sekisho_api::{Blame, Deadline, End};

use super::download::Download;
use super::server_io::{ServerIo, look};
use super::upload::{Aborted, Upload};
use crate::conn::{Conn, Due, Phase, UploadFault};
use crate::options::MAX_HEADERS;

/// How a busy connection stopped being busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finished {
    /// It is idle, and the codec and its buffers are gone.
    Rested,
    /// Both sides are done with it.
    Closed,
    /// It ends although the client may still be sending: what was said is worth nothing unless the client's bytes
    /// are read until it has heard it.
    Parting(End),
    /// It breaks off here, visibly.
    Broken(End),
    /// The head of a request did not arrive in time, and nothing has been said about it.
    HeadExpired,
}

/// Serves requests until the connection is idle, over or broken.
pub(crate) async fn serve<H, F>(conn: &Rc<Conn>, handler: H) -> Finished
where
    H: Fn(Request<Upload>) -> F,
    F: Future<Output = Result<Response<Download>, Aborted>>,
{
    let options = &conn.worker.settings.options;
    let mut builder = Builder::new();
    // Head deadlines are the connection's own, on the worker's tick.
    builder.half_close(true).header_read_timeout(None).max_header_size(options.max_header_size);
    if options.max_headers as u64 != MAX_HEADERS {
        builder.max_headers(options.max_headers);
    }
    let owner = conn.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        handler(request.map(|body| Upload::new(body, owner.clone())))
    });
    let mut wire = builder.serve_connection(ServerIo(conn.clone()), service);
    let mut watch = Watch { resting: None };
    let mut tick = conn.worker.tick();
    let outcome = poll_fn(|cx| {
        while tick.as_mut().poll(cx).is_ready() {
            tick = conn.worker.tick();
            if let Some(finished) = watch.look(conn, &mut wire, cx) {
                return Poll::Ready(Err(finished));
            }
        }
        Pin::new(&mut wire).poll(cx).map(Ok)
    })
    .await;
    match outcome {
        Err(finished) => finished,
        Ok(Ok(())) => watch.over(conn, wire),
        Ok(Err(error)) => failed(conn, &error),
    }
}

/// What the ticks of a busy connection remember.
struct Watch {
    /// The requests served when the codec was asked to rest.
    resting: Option<u32>,
}

impl Watch {
    /// Looks at the deadlines. `Some`: the codec has no more to say.
    fn look<S>(
        &mut self,
        conn: &Conn,
        wire: &mut Connection<ServerIo, S>,
        cx: &mut Context<'_>,
    ) -> Option<Finished>
    where
        S: HttpService<Incoming, ResBody = Download>,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let now = conn.now();
        match conn.due(now) {
            Due::Nothing | Due::Expired => {}
            Due::Rest if self.resting == Some(conn.served()) => {
                // It was asked already. What keeps it is the beginning of a head that came with the last request,
                // or an answer that the client does not take; either has to end some time.
                conn.set_phase(Phase::Head(Some(now)));
            }
            Due::Rest => {
                self.resting = Some(conn.served());
                Pin::new(wire).graceful_shutdown();
            }
            Due::Head if conn.blocked() => return Some(Finished::Broken(End::Expired(Deadline::Idle))),
            Due::Head => return Some(Finished::HeadExpired),
            Due::Abort(deadline) => return Some(Finished::Broken(End::Expired(deadline))),
            Due::Suspect => {
                if look(conn, cx).is_err() {
                    return Some(Finished::Broken(End::ClientLeft));
                }
            }
        }
        None
    }

    /// The codec has nothing more to do.
    fn over<S>(self, conn: &Conn, wire: Connection<ServerIo, S>) -> Finished
    where
        S: HttpService<Incoming, ResBody = Download>,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let ahead = wire.into_parts().read_buf;
        if conn.ended() {
            return Finished::Closed;
        }
        if self.resting == Some(conn.served()) {
            if conn.worker.core.draining() && ahead.is_empty() {
                return Finished::Closed;
            }
            // The beginning of a head that came with the last request. An empty rest is not kept: it would keep the
            // whole read buffer that it is an empty part of.
            if !ahead.is_empty() {
                *conn.ahead.borrow_mut() = ahead;
            }
            return Finished::Rested;
        }
        if conn.upload().done && ahead.is_empty() {
            return Finished::Closed;
        }
        Finished::Parting(End::Done)
    }
}

/// hyper has said what it could say; the rest is naming it.
fn failed(conn: &Conn, error: &hyper::Error) -> Finished {
    if error.is_parse_too_large() {
        return Finished::Parting(End::Limited("max-header-size"));
    }
    if error.is_parse() {
        return Finished::Parting(End::Fault(Blame::Client, "malformed-head"));
    }
    if error.is_user() {
        let left = conn.upload().fault == Some(UploadFault::Left);
        return Finished::Broken(if left { End::ClientLeft } else { End::ServerLeft });
    }
    let io = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    if conn.ended() || io.is_some() || error.is_incomplete_message() {
        return Finished::Broken(End::ClientLeft);
    }
    Finished::Broken(End::Done)
}
