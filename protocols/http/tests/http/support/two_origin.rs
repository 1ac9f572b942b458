//! An origin that speaks HTTP/2, and does with each request what a test says.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use tokio::net::TcpListener;

/// A running origin.
#[derive(Debug)]
pub(crate) struct TwoOrigin {
    pub(crate) address: SocketAddr,
    /// Connections made to it.
    pub(crate) connections: Rc<Cell<usize>>,
    /// Connections that are open.
    pub(crate) open: Rc<Cell<usize>>,
    /// The heads of all requests, each with the number of its connection, from 1.
    pub(crate) seen: Rc<RefCell<Vec<Seen>>>,
    /// Asks whoever is connected to finish, once it is raised.
    pub(crate) parting: Rc<Cell<bool>>,
}

/// The number of a connection, from 1, and the head of a request that came over it.
type Seen = (usize, Request<()>);

/// One request, and the way back.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) head: Request<()>,
    pub(crate) body: RecvStream,
    pub(crate) respond: SendResponse<Bytes>,
    /// The number of the request at this origin, from 1.
    pub(crate) turn: usize,
}

impl TwoOrigin {
    /// One that does this with each request.
    pub(crate) async fn new<F: Future<Output = ()> + 'static>(serve: impl Fn(Asked) -> F + 'static) -> Self {
        Self::with(Builder::new(), serve).await
    }

    /// One that answers every request with 200 and its own name.
    pub(crate) async fn named(name: &'static str) -> Self {
        Self::new(move |asked| async move { asked.ok(name) }).await
    }

    pub(crate) async fn with<F: Future<Output = ()> + 'static>(
        settings: Builder,
        serve: impl Fn(Asked) -> F + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, open) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let (seen, parting) = (Rc::<RefCell<Vec<Seen>>>::default(), Rc::new(Cell::new(false)));
        let (count, live, log, part) = (connections.clone(), open.clone(), seen.clone(), parting.clone());
        let serve = Rc::new(serve);
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                count.set(count.get() + 1);
                live.set(live.get() + 1);
                let (number, settings) = (count.get(), settings.clone());
                let (live, log, part, serve) = (live.clone(), log.clone(), part.clone(), serve.clone());
                tokio::task::spawn_local(async move {
                    if let Ok(mut connection) = settings.handshake::<_, Bytes>(stream).await {
                        while let Some(Ok((request, respond))) = connection.accept().await {
                            let (head, body) = request.into_parts();
                            let head = Request::from_parts(head, ());
                            log.borrow_mut().push((number, copy(&head)));
                            let turn = log.borrow().len();
                            tokio::task::spawn_local(serve(Asked { head, body, respond, turn }));
                            if part.take() {
                                connection.graceful_shutdown();
                            }
                        }
                    }
                    live.set(live.get() - 1);
                });
            }
        });
        Self { address, connections, open, seen, parting }
    }
}

fn copy(head: &Request<()>) -> Request<()> {
    let mut copied = Request::new(());
    copied.method_mut().clone_from(head.method());
    copied.uri_mut().clone_from(head.uri());
    copied.headers_mut().clone_from(head.headers());
    copied
}

impl Asked {
    /// Answers with 200 and this text.
    pub(crate) fn ok(self, text: &'static str) {
        let mut body = self.say(Response::new(()));
        body.send_data(Bytes::from_static(text.as_bytes()), true).unwrap();
    }

    /// Sends a head and gives the way of the body.
    pub(crate) fn say(mut self, head: Response<()>) -> SendStream<Bytes> {
        self.respond.send_response(head, false).unwrap()
    }

    /// Refuses the request, or breaks its answer off.
    pub(crate) fn reset(mut self, reason: Reason) {
        self.respond.send_reset(reason);
    }

    /// The body and what stands behind it, taken as they come.
    pub(crate) async fn whole(&mut self) -> (Vec<u8>, Option<HeaderMap>) {
        let mut whole = Vec::new();
        while let Some(Ok(data)) = self.body.data().await {
            self.body.flow_control().release_capacity(data.len()).unwrap();
            whole.extend_from_slice(&data);
        }
        (whole, self.body.trailers().await.ok().flatten())
    }
}
