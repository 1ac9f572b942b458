//! The task that a connection to a server lives in.

use std::cell::{Cell, RefCell};
use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use h2::{Ping, PingPong};
use sekisho_api::{BoxStream, Core, Failure, Local, Observation, Server};
use tokio::io::{AsyncRead, ReadBuf};

use super::pulse::{Found, Pulse};

/// What a connection, the bytes below it and its task tell each other.
#[derive(Debug, Default)]
pub(super) struct Life {
    /// Bytes that came.
    read: Cell<u64>,
    /// Requests under way.
    pub(super) running: Cell<usize>,
    /// A request began after a long silence.
    doubted: Cell<bool>,
    /// Wakes the task.
    waker: RefCell<Option<Waker>>,
}

impl Life {
    /// Has the server asked at once for a sign of life.
    pub(super) fn doubt(&self) {
        self.doubted.set(true);
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }
}

/// What drives a connection.
pub(super) type Connection = h2::client::Connection<Wire, Bytes>;

/// Drives a connection until it ends, or until its server is found gone: then all that is under way on it fails, and the
/// server is known to.
pub(super) async fn drive(
    mut connection: Connection,
    life: Rc<Life>,
    pulse: Option<Pulse>,
    core: Rc<dyn Core>,
    server: Arc<dyn Server>,
) {
    let Some((pulse, pings)) = pulse.zip(connection.ping_pong()) else {
        // Every request hears itself what becomes of it.
        let _ = connection.await;
        return;
    };
    let mut watch = Watch { timer: core.until(core.now()), pulse, pings, life, core };
    let gone = poll_fn(|cx| match Pin::new(&mut connection).poll(cx) {
        Poll::Ready(_) => Poll::Ready(false),
        Poll::Pending => watch.poll(cx).map(|()| true),
    });
    if gone.await {
        server.observe(Observation::Failed(Failure::ResponseTimeout), watch.core.now());
    }
}

/// Watches over a connection beside it.
struct Watch {
    timer: Local<'static, ()>,
    pulse: Pulse,
    pings: PingPong,
    life: Rc<Life>,
    core: Rc<dyn Core>,
}

impl Watch {
    /// Ready when the server is gone.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut waker = self.life.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        drop(waker);
        if let Poll::Ready(Ok(_)) = self.pings.poll_pong(cx) {
            self.pulse.given(self.core.now());
        }
        loop {
            let doubted = self.life.doubted.take();
            if self.timer.as_mut().poll(cx).is_pending() && !doubted {
                return Poll::Pending;
            }
            let (read, owes) = (self.life.read.get(), self.life.running.get() > 0);
            match self.pulse.look(read, owes, doubted, self.core.now()) {
                Found::Rest(until) => self.timer = self.core.until(until),
                Found::Ask(until) => {
                    // Fails only where one is under way already, which does as well.
                    let _ = self.pings.send_ping(Ping::opaque());
                    self.timer = self.core.until(until);
                    cx.waker().wake_by_ref();
                }
                Found::Dead => return Poll::Ready(()),
            }
        }
    }
}

/// A server's stream on the way to the codec: what is read is counted.
#[derive(Debug)]
pub(super) struct Wire {
    stream: BoxStream,
    life: Rc<Life>,
}

impl Wire {
    pub(super) fn new(stream: BoxStream, life: Rc<Life>) -> Self {
        Self { stream, life }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut *self.stream).poll_read(cx, buffer))?;
        self.life.read.set(self.life.read.get() + (buffer.filled().len() - before) as u64);
        Poll::Ready(Ok(()))
    }
}

sekisho_api::write_through!(Wire, stream);
