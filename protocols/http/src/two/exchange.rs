//! One stream of HTTP/2: a request and its answer.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::header::{
    CONNECTION, CONTENT_LENGTH, DATE, EXPECT, SEC_WEBSOCKET_ACCEPT, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version, request, response};
use http_body::Body as _;
use sekisho_api::{Deadline, End, Facts, Local};

use super::account::Running;
use super::body::Streamed;
use super::duplex::Duplex;
use super::nowhere::Nowhere;
use super::request::{Behind, behind, normal};
use super::socket;
use crate::answer::Answer;
use crate::codec::{Download, Tunnel, Upload, may_stand_behind};
use crate::conn::{Conn, Due};
use crate::grpc;
use crate::protocol::Settings;
use crate::proxy;
use crate::worker::HttpWorker;

/// Serves one request, unless the client withdraws it.
pub(super) async fn exchange(
    worker: Rc<HttpWorker>,
    facts: Facts,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    running: Running,
) {
    let conn = Rc::new(Conn::new(worker, Box::new(Nowhere), facts));
    conn.inbound.borrow_mut().keep_interim();
    conn.own.replace(Some(running.account().own.clone()));
    let mut tick = conn.worker.tick();
    let (mut head, body) = request.into_parts();
    let to_head = head.method == Method::HEAD;
    let bodiless = body.is_end_stream();
    let expects =
        head.headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(CONTINUE));
    let (mut key, mut behind) = (None, None);
    let response = match checked(&conn, &mut head, bodiless) {
        Ok(asked) => {
            let mut invited = None;
            let body = match asked {
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
            let mut served = pin!(proxy::handle(conn.clone(), Request::from_parts(head, body)));
            let served = poll_fn(|cx| {
                if respond.poll_reset(cx).is_ready() {
                    return Poll::Ready(Ended::Withdrawn);
                }
                if late(&conn, &mut tick, cx) {
                    return Poll::Ready(Ended::Late);
                }
                let served = served.as_mut().poll(cx).map(Ended::Served);
                for interim in conn.inbound.borrow_mut().interim() {
                    let _ = respond.send_informational(interim);
                }
                if served.is_pending() && invited.take_if(|wanted| wanted.get()).is_some() {
                    let mut invitation = Response::new(());
                    *invitation.status_mut() = StatusCode::CONTINUE;
                    let _ = respond.send_informational(invitation);
                }
                served
            });
            match served.await {
                Ended::Served(Ok(response)) => response,
                Ended::Served(Err(_)) | Ended::Late => return respond.send_reset(Reason::INTERNAL_ERROR),
                Ended::Withdrawn => return running.withdrawn(),
            }
        }
        Err(answer) => proxy::refused(&conn, &head, answer),
    };
    running.answered();
    let (head, body) = response.into_parts();
    match body {
        Download::Tunnel(tunnel) if key.is_none_or(|key| key.is_accepted(&head.headers)) => {
            if let Some(client) = behind {
                relay(&conn, &running, respond, head, tunnel, client).await;
            }
        }
        // What the server speaks is no WebSocket (RFC 6455, section 4.1).
        Download::Tunnel(tunnel) => {
            answer(&conn, &running, respond, tunnel.refuse(Answer::MALFORMED), to_head, tick).await;
        }
        body => answer(&conn, &running, respond, Response::from_parts(head, body), to_head, tick).await,
    }
    running.ended(conn.now());
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

/// Bytes that nobody can guess.
fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    // Where the system has none, the key is one that everybody knows, and still tells what it is for.
    let _ = getrandom::fill(&mut bytes);
    bytes
}

/// Tells the client that its tunnel is open, and is it from then on.
async fn relay(
    conn: &Conn,
    running: &Running,
    mut respond: SendResponse<Bytes>,
    mut head: response::Parts,
    mut tunnel: Box<Tunnel>,
    client: RecvStream,
) {
    head.version = Version::HTTP_2;
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        // RFC 8441, section 5.1: nothing is switched, and nothing proved.
        head.status = StatusCode::OK;
        head.headers.remove(SEC_WEBSOCKET_ACCEPT);
    }
    for name in [CONNECTION, UPGRADE, CONTENT_LENGTH, TRANSFER_ENCODING] {
        head.headers.remove(name);
    }
    let Ok(stream) = respond.send_response(Response::from_parts(head, ()), false) else { return };
    conn.stream.replace(Box::new(Duplex::new(client, stream).counted(running.account().clone())));
    tunnel.begin(b"", BytesMut::new());
    poll_fn(|cx| tunnel.poll(cx)).await;
}

/// How waiting for an answer has ended.
enum Ended<T> {
    Served(T),
    /// The client does not want it any more.
    Withdrawn,
    /// A deadline passed about which nothing can be said.
    Late,
}

/// Looks at the request's deadlines whenever it is time. True: there is nothing to wait for.
fn late(conn: &Conn, tick: &mut Local<'static, ()>, cx: &mut Context<'_>) -> bool {
    while tick.as_mut().poll(cx).is_ready() {
        *tick = conn.worker.tick();
        // A client that has left resets its streams: nobody has to be looked after.
        if let Due::Abort(_) = conn.due(conn.now()) {
            return true;
        }
    }
    false
}

/// Sends an answer. Only a client that withdrew the request or left makes it fail, and the connection sees that itself.
async fn answer(
    conn: &Conn,
    running: &Running,
    mut respond: SendResponse<Bytes>,
    response: Response<Download>,
    to_head: bool,
    tick: Local<'static, ()>,
) {
    let (mut head, body) = response.into_parts();
    head.version = Version::HTTP_2;
    head.headers.remove(CONNECTION);
    if head.status == StatusCode::NO_CONTENT {
        head.headers.remove(CONTENT_LENGTH);
    }
    if !head.headers.contains_key(DATE) {
        head.headers.insert(DATE, conn.worker.desk.date_value(conn.now()));
    }
    let empty = to_head || body.is_end_stream();
    let call = grpc::is_grpc(&head.headers);
    let Ok(stream) = respond.send_response(Response::from_parts(head, ()), empty) else { return };
    if !empty {
        pump(conn, running, stream, body, call, tick).await;
    }
}

/// Sends a body, as fast as the client takes it.
async fn pump(
    conn: &Conn,
    running: &Running,
    mut stream: SendStream<Bytes>,
    mut body: Download,
    call: bool,
    mut tick: Local<'static, ()>,
) {
    let mut waiting = Bytes::new();
    let mut over = false;
    poll_fn(|cx| {
        if stream.poll_reset(cx).is_ready() {
            return Poll::Ready(());
        }
        if late(conn, &mut tick, cx) {
            let late = End::Expired(Deadline::Idle);
            cut(&mut stream, call.then(|| grpc::trailers(StatusCode::GATEWAY_TIMEOUT, late)));
            return Poll::Ready(());
        }
        loop {
            while !waiting.is_empty() {
                stream.reserve_capacity(waiting.len().min(PIECE));
                match stream.poll_capacity(cx) {
                    Poll::Ready(Some(Ok(room))) if room > 0 => {
                        let part = waiting.split_to(room.min(waiting.len()));
                        let last = over && waiting.is_empty();
                        running.account().carried(part.len());
                        if stream.send_data(part, last).is_err() || last {
                            return Poll::Ready(());
                        }
                        conn.touch();
                    }
                    Poll::Ready(Some(Ok(_))) => {}
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => {
                        body.poll_upload(cx);
                        return Poll::Pending;
                    }
                }
            }
            body.be_modest(running.is_crowded());
            match Pin::new(&mut body).poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => {
                    let _ = stream.send_data(Bytes::new(), true);
                    return Poll::Ready(());
                }
                Poll::Ready(Some(Err(_))) => {
                    cut(&mut stream, call.then(|| grpc::trailers(StatusCode::BAD_GATEWAY, End::ServerLeft)));
                    return Poll::Ready(());
                }
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => {
                        over = body.is_end_stream();
                        if over && data.is_empty() {
                            let _ = stream.send_data(Bytes::new(), true);
                            return Poll::Ready(());
                        }
                        waiting = data;
                    }
                    Err(frame) => {
                        let fields = frame.into_trailers().unwrap_or_default();
                        let passing = fields.iter().filter(|(name, _)| may_stand_behind(name));
                        let passing: HeaderMap =
                            passing.map(|(name, value)| (name.clone(), value.clone())).collect();
                        let _ = match passing.is_empty() {
                            true => stream.send_data(Bytes::new(), true),
                            false => stream.send_trailers(passing),
                        };
                        return Poll::Ready(());
                    }
                },
            }
        }
    })
    .await;
}

/// Breaks an answer off: what was sent must not pass for the whole (RFC 9113, section 8.1). `fields` say so to who looks
/// for an end there.
fn cut(stream: &mut SendStream<Bytes>, fields: Option<HeaderMap>) {
    if fields.is_none_or(|fields| stream.send_trailers(fields).is_err()) {
        stream.send_reset(Reason::INTERNAL_ERROR);
    }
}

/// What a client says in `Expect` that waits with its body.
const CONTINUE: &[u8] = b"100-continue";
/// The most that is asked room for at once.
const PIECE: usize = 64 * 1024;
