//! One connection to a server.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use http::header::EXPECT;
use http::{Request, Response};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use sekisho_api::{BoxStream, Deadline};

use super::download::Incoming;
use super::upload::Upload;
use super::upstream_io::{Meter, UpstreamIo};
use crate::conn::{Conn, UploadFault};

/// A connection to a server, driven by whoever uses it: no task of its own, so that a request costs no wake-up of
/// another task and an answer none back.
pub(crate) struct Upstream {
    sender: SendRequest<Upload>,
    wire: Connection<UpstreamIo, Upload>,
    meter: Rc<Meter>,
    ended: bool,
}

/// Why a request got no answer.
pub(crate) enum Broken {
    /// Nothing of it was sent: here it is again.
    Unsent(Box<Request<Upload>>),
    /// The connection ended, and not a byte of an answer had come.
    Silent,
    /// The connection ended in the midst of the answer's head.
    Cut,
    /// What came is not HTTP.
    Malformed,
    /// This deadline passed.
    Expired(Deadline),
    /// The request's own body failed.
    Upload(UploadFault),
}

impl Upstream {
    /// Begins HTTP on a fresh connection. `None`: hyper would not.
    pub(crate) async fn new(stream: BoxStream, max_head: usize) -> Option<Box<Self>> {
        let meter = Rc::new(Meter::default());
        let io = UpstreamIo { stream, meter: meter.clone() };
        let (sender, wire) = Builder::new().max_header_size(max_head).handshake(io).await.ok()?;
        Some(Box::new(Self { sender, wire, meter, ended: false }))
    }

    /// Whether the next request can go over it: idle, and not closed by the server as far as is known.
    ///
    /// Registers no waker, so that an idle connection wakes nobody.
    pub(crate) fn idle(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        !self.ended && self.sender.is_ready()
    }

    /// Lets the connection do what it can.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        if !self.ended && Pin::new(&mut self.wire).poll(cx).is_ready() {
            self.ended = true;
        }
    }

    /// Bytes over it so far, both ways.
    pub(crate) fn moved(&self) -> u64 {
        self.meter.read.get() + self.meter.written.get()
    }

    /// Sends a request and waits for the head of its answer. The body is sent meanwhile, and on while the answer's
    /// body is read.
    pub(crate) async fn send(
        &mut self,
        mut request: Request<Upload>,
        conn: &Conn,
    ) -> Result<Response<Incoming>, Broken> {
        if request.headers().contains_key(EXPECT) && !request.body().is_empty() {
            let asked = request.body_mut().wait_for_server();
            hyper::ext::on_informational(&mut request, move |_| asked.store(true, Ordering::Relaxed));
        }
        let Self { sender, wire, meter, ended } = self;
        let heard = meter.read.get();
        let mut answer = pin!(sender.try_send_request(request));
        poll_fn(|cx| {
            if let Some(deadline) = conn.expired() {
                return Poll::Ready(Err(Broken::Expired(deadline)));
            }
            if !*ended && Pin::new(&mut *wire).poll(cx).is_ready() {
                *ended = true;
            }
            // The answer comes out of the connection that was driven just now: no other waker is needed.
            answer.as_mut().poll(&mut Context::from_waker(Waker::noop())).map_err(|mut error| {
                match error.take_message() {
                    Some(request) => Broken::Unsent(Box::new(request)),
                    None => why(error.error(), meter.read.get() == heard, conn),
                }
            })
        })
        .await
    }
}

fn why(error: &hyper::Error, silent: bool, conn: &Conn) -> Broken {
    if let Some(fault) = conn.upload().fault {
        return Broken::Upload(fault);
    }
    if error.is_parse() {
        return Broken::Malformed;
    }
    if silent { Broken::Silent } else { Broken::Cut }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("ended", &self.ended).finish_non_exhaustive()
    }
}
