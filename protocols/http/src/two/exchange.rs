//! One stream of HTTP/2: a request and its answer.

use std::cell::Cell;
use std::future::ready;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{self, Context, Poll};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::header::{
    CONNECTION, CONTENT_LENGTH, DATE, EXPECT, SEC_WEBSOCKET_ACCEPT, TRANSFER_ENCODING, UPGRADE,
};
use http::{Method, Request, Response, StatusCode, Version, request};
use http_body::Body as _;
use sekisho_api::{Deadline, End, Facts, Local};

use super::account::Running;
use super::body::Streamed;
use super::duplex::Duplex;
use super::nowhere::Nowhere;
use super::pump::Pump;
use super::request::{Behind, behind, normal};
use super::socket::{self, Key};
use crate::answer::Answer;
use crate::codec::{Aborted, Download, Tunnel, Upload};
use crate::conn::{Conn, Due};
use crate::grpc;
use crate::protocol::Settings;
use crate::proxy;
use crate::worker::HttpWorker;

/// A request under way, and then its answer. Dropping it resets the stream, and settles the request's account.
///
/// No async block: one would hold what it was made of, and all that it ever has in hand, side by side.
pub(super) struct Exchange {
    conn: Rc<Conn>,
    running: Running,
    to_head: bool,
    step: Step,
}

/// What is being done.
enum Step {
    Asking(Asking),
    Answering(Pump),
    Relaying(Box<Tunnel>),
    /// Nothing is left to do.
    Over,
}

/// A request that waits for its answer's head.
struct Asking {
    served: Local<'static, Result<Response<Download>, Aborted>>,
    respond: SendResponse<Bytes>,
    /// Raised when the server wants the body that the client holds back until then.
    invited: Option<Rc<Cell<bool>>>,
    /// What the client says, if it asked for a tunnel.
    behind: Option<RecvStream>,
    /// What shows that the server has understood what it was asked for.
    key: Option<Key>,
    /// Nothing was done yet.
    fresh: bool,
}

/// What came of a request; `None`: the client does not want the answer any more.
type Ended = Option<Result<Response<Download>, Aborted>>;

impl Exchange {
    /// Begins with a request that came at `now`. `None`: it was over before it began.
    pub(super) fn new(
        worker: Rc<HttpWorker>,
        facts: Facts,
        (request, mut respond): (Request<RecvStream>, SendResponse<Bytes>),
        running: Running,
        now: Instant,
    ) -> Option<Box<Self>> {
        let begun = catch_unwind(AssertUnwindSafe(|| Begun::new(worker, facts, request, running, now)));
        match begun {
            Ok(begun) => Some(begun.answered_over(respond)),
            Err(_) => {
                report();
                respond.send_reset(Reason::INTERNAL_ERROR);
                None
            }
        }
    }

    /// Does what can be done now. Ready when nothing is left to do.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.guarded(|exchange| exchange.go_on(cx))
    }

    /// Looks at the request's deadlines, and goes on.
    pub(super) fn look(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.guarded(|exchange| {
            exchange.keep_time();
            exchange.go_on(cx)
        })
    }

    /// A panic over one request must not end the others of its connection: it is over, and its stream is reset.
    fn guarded(&mut self, work: impl FnOnce(&mut Self) -> Poll<()>) -> Poll<()> {
        match catch_unwind(AssertUnwindSafe(|| work(self))) {
            Ok(polled) => polled,
            Err(_) => {
                report();
                self.conn.panicked();
                let mut step = mem::replace(&mut self.step, Step::Over);
                match &mut step {
                    Step::Asking(asking) => asking.respond.send_reset(Reason::INTERNAL_ERROR),
                    Step::Answering(pump) => pump.reset(),
                    // Dropping one resets it.
                    Step::Relaying(_) | Step::Over => {}
                }
                if catch_unwind(AssertUnwindSafe(|| drop(step))).is_err() {
                    report();
                }
                Poll::Ready(())
            }
        }
    }

    fn go_on(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut self.step {
                Step::Asking(asking) => {
                    let ended = task::ready!(asking.poll(&self.conn, cx));
                    // It is in its place meanwhile, for the case that it panics.
                    let answering =
                        Answering { conn: &self.conn, running: &self.running, to_head: self.to_head };
                    self.step = answering.asked(asking, ended);
                }
                Step::Answering(pump) => {
                    task::ready!(pump.poll(&self.conn, &self.running, cx));
                    self.step = Step::Over;
                    self.running.ended(|| self.conn.now());
                }
                Step::Relaying(tunnel) => {
                    task::ready!(tunnel.poll(cx));
                    self.step = Step::Over;
                    self.running.ended(|| self.conn.now());
                }
                Step::Over => return Poll::Ready(()),
            }
        }
    }

    fn keep_time(&mut self) {
        // A client that has left resets its streams: nobody has to be looked after. A tunnel has deadlines of its own.
        if matches!(self.step, Step::Relaying(_)) {
            return;
        }
        let (status, end) = match self.conn.due(self.conn.now()) {
            Due::Abort(_) => (StatusCode::GATEWAY_TIMEOUT, End::Expired(Deadline::Idle)),
            Due::Kicked => (StatusCode::SERVICE_UNAVAILABLE, End::Kicked),
            _ => return,
        };
        match &mut self.step {
            Step::Asking(asking) => asking.respond.send_reset(Reason::INTERNAL_ERROR),
            Step::Answering(pump) => pump.cut(status, end),
            Step::Relaying(_) | Step::Over => {}
        }
        self.step = Step::Over;
    }
}

/// An exchange without the way back.
struct Begun {
    conn: Rc<Conn>,
    running: Running,
    to_head: bool,
    served: Local<'static, Result<Response<Download>, Aborted>>,
    invited: Option<Rc<Cell<bool>>>,
    behind: Option<RecvStream>,
    key: Option<Key>,
}

impl Begun {
    fn new(
        worker: Rc<HttpWorker>,
        facts: Facts,
        request: Request<RecvStream>,
        running: Running,
        now: Instant,
    ) -> Self {
        let conn = Rc::new(Conn::begun(worker, Box::new(Nowhere), facts, now));
        conn.inbound.borrow_mut().keep_interim();
        conn.own.replace(Some(running.account().own.clone()));
        let (mut head, body) = request.into_parts();
        let to_head = head.method == Method::HEAD;
        let bodiless = body.is_end_stream();
        let expects =
            head.headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(CONTINUE));
        let (mut invited, mut key, mut behind) = (None, None, None);
        let served: Local<'static, _> = match checked(&conn, &mut head, bodiless) {
            Ok(asked) => {
                let body = match asked {
                    Behind::Body if bodiless => Upload::nothing(conn.clone()),
                    Behind::Body => {
                        let body = Streamed::new(body, &head.headers, running.account().clone());
                        invited = expects.then(|| body.wanted());
                        Upload::streamed(conn.clone(), body)
                    }
                    Behind::Tunnel | Behind::Socket => {
                        behind = Some(body);
                        Upload::new(conn.clone())
                    }
                };
                if asked == Behind::Socket {
                    key = Some(socket::ask(&mut head, random()));
                }
                Box::pin(proxy::handle(conn.clone(), Request::from_parts(head, body)))
            }
            Err(answer) => Box::pin(ready(Ok(proxy::refused(&conn, &head, answer)))),
        };
        Self { conn, running, to_head, served, invited, behind, key }
    }

    fn answered_over(self, respond: SendResponse<Bytes>) -> Box<Exchange> {
        let Self { conn, running, to_head, served, invited, behind, key } = self;
        let asking = Asking { served, respond, invited, behind, key, fresh: true };
        Box::new(Exchange { conn, running, to_head, step: Step::Asking(asking) })
    }
}

/// From an answer to its way to the client.
struct Answering<'a> {
    conn: &'a Conn,
    running: &'a Running,
    to_head: bool,
}

impl Answering<'_> {
    /// What is done next when waiting for an answer has ended.
    fn asked(&self, asking: &mut Asking, ended: Ended) -> Step {
        let Asking { respond, behind, key, .. } = asking;
        let response = match ended {
            Some(Ok(response)) => response,
            Some(Err(Aborted)) => {
                respond.send_reset(Reason::INTERNAL_ERROR);
                return Step::Over;
            }
            None => {
                self.running.withdrawn();
                return Step::Over;
            }
        };
        self.running.answered();
        let (head, body) = response.into_parts();
        let step = match body {
            Download::Tunnel(tunnel) if key.is_none_or(|key| key.is_accepted(&head.headers)) => behind
                .take()
                .and_then(|client| self.relay(respond, Response::from_parts(head, ()), tunnel, client)),
            // What the server speaks is no WebSocket (RFC 6455, section 4.1).
            Download::Tunnel(tunnel) => self.answer(respond, tunnel.refuse(Answer::MALFORMED)),
            body => self.answer(respond, Response::from_parts(head, body)),
        };
        step.unwrap_or_else(|| {
            self.running.ended(|| self.conn.now());
            Step::Over
        })
    }

    /// Tells the client that its tunnel is open, and makes it so.
    fn relay(
        &self,
        respond: &mut SendResponse<Bytes>,
        mut head: Response<()>,
        mut tunnel: Box<Tunnel>,
        client: RecvStream,
    ) -> Option<Step> {
        *head.version_mut() = Version::HTTP_2;
        if head.status() == StatusCode::SWITCHING_PROTOCOLS {
            // RFC 8441, section 5.1: nothing is switched, and nothing proved.
            *head.status_mut() = StatusCode::OK;
            head.headers_mut().remove(SEC_WEBSOCKET_ACCEPT);
        }
        for name in [CONNECTION, UPGRADE, CONTENT_LENGTH, TRANSFER_ENCODING] {
            head.headers_mut().remove(name);
        }
        let stream = respond.send_response(head, false).ok()?;
        let duplex = Duplex::new(client, stream).counted(self.running.account().clone());
        self.conn.stream.replace(Box::new(duplex));
        tunnel.begin(b"", BytesMut::new());
        Some(Step::Relaying(tunnel))
    }

    /// Sends an answer's head. Only a client that withdrew the request or left makes it fail, and the connection sees that
    /// itself.
    fn answer(&self, respond: &mut SendResponse<Bytes>, response: Response<Download>) -> Option<Step> {
        let (mut head, body) = response.into_parts();
        head.version = Version::HTTP_2;
        head.headers.remove(CONNECTION);
        if head.status == StatusCode::NO_CONTENT {
            head.headers.remove(CONTENT_LENGTH);
        }
        if !head.headers.contains_key(DATE) {
            head.headers.insert(DATE, self.conn.worker.desk.date_value(self.conn.now()));
        }
        let empty = self.to_head || body.is_end_stream();
        let call = grpc::is_grpc(&head.headers);
        let stream = respond.send_response(Response::from_parts(head, ()), empty).ok()?;
        (!empty).then(|| Step::Answering(Pump::new(stream, body, call)))
    }
}

impl Asking {
    fn poll(&mut self, conn: &Conn, cx: &mut Context<'_>) -> Poll<Ended> {
        // What came and was withdrawn together is begun for nobody.
        if mem::take(&mut self.fresh) && self.respond.poll_reset(cx).is_ready() {
            return Poll::Ready(None);
        }
        let served = self.served.as_mut().poll(cx);
        for interim in conn.inbound.borrow_mut().interim() {
            let _ = self.respond.send_informational(interim);
        }
        if served.is_ready() {
            return served.map(Some);
        }
        if self.invited.take_if(|wanted| wanted.get()).is_some() {
            let mut invitation = Response::new(());
            *invitation.status_mut() = StatusCode::CONTINUE;
            let _ = self.respond.send_informational(invitation);
        }
        self.respond.poll_reset(cx).map(|_| None)
    }
}

/// Makes a request one of HTTP/1.1, and holds it to the limits of one. Gives what stands behind its head.
fn checked(conn: &Conn, head: &mut request::Parts, bodiless: bool) -> Result<Behind, Answer> {
    let Settings { options, methods, .. } = &*conn.worker.settings;
    let behind = behind(head, options.websocket)?;
    if behind == Behind::Tunnel {
        methods.admit(&head.method, true)?;
    }
    normal(head, bodiless || behind != Behind::Body).map_err(Answer::target)?;
    // What the client's cookies are cut into does not count.
    match head.headers.len() > options.max_headers {
        true => Err(Answer::HEAD_TOO_LARGE),
        false => Ok(behind),
    }
}

/// The panic itself has been printed.
fn report() {
    tracing::error!("A request of HTTP/2 panicked");
}

/// Bytes that nobody can guess.
fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    // Where the system has none, the key is one that everybody knows, and still tells what it is for.
    let _ = getrandom::fill(&mut bytes);
    bytes
}

/// What a client says in `Expect` that waits with its body.
const CONTINUE: &[u8] = b"100-continue";
