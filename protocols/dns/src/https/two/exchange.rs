//! One request of HTTP/2.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use h2::RecvStream;
use h2::server::SendResponse;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, DATE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use httpdate::HttpDate;
use sekisho_api::Facts;

use super::account::Running;
use crate::https::Resolver;
use crate::https::answer::answer;
use crate::https::reply::{Refusal, Reply};
use crate::https::request::{MESSAGE, Said, Wanted, wanted};
use crate::stream::within;

/// A request that has come, and the way back.
pub(super) type Accepted = (Request<RecvStream>, SendResponse<Bytes>);

/// Serves one request, unless the client withdraws it first.
pub(super) async fn exchange<R: Resolver>(
    front: Rc<R>,
    facts: Rc<Facts>,
    (request, mut respond): Accepted,
    running: Running,
) {
    let bodiless = request.method() == Method::HEAD;
    let mut replying = pin!(reply(&front, &facts, request));
    let replied = poll_fn(|cx| match replying.as_mut().poll(cx) {
        Poll::Ready(reply) => Poll::Ready(Some(reply)),
        Poll::Pending => respond.poll_reset(cx).map(|_| None),
    });
    let account = &running.0;
    let Some(reply) = replied.await else {
        return account.withdrawn.set(account.withdrawn.get() + 1);
    };
    account.answered.set(account.answered.get() + 1);
    account.moved.set(front.core().now());
    // Only a client that withdrew the request or left makes these fail, and the connection sees that itself.
    if let Ok(mut stream) = respond.send_response(head(&reply), bodiless)
        && !bodiless
    {
        let _ = stream.send_data(reply.body, true);
    }
}

async fn reply<R: Resolver>(front: &Rc<R>, facts: &Rc<Facts>, request: Request<RecvStream>) -> Reply {
    let (head, body) = request.into_parts();
    let field = |name| head.headers.get(name).map(HeaderValue::as_bytes);
    let said = Said {
        method: head.method.as_str().as_bytes(),
        path: head.uri.path().as_bytes(),
        query: head.uri.query().map(str::as_bytes),
        content_type: field(CONTENT_TYPE),
        length: field(CONTENT_LENGTH).and_then(|length| str::from_utf8(length).ok()?.parse().ok()),
    };
    let core = &**front.core();
    let message = match wanted(&said, front.path().as_bytes()) {
        Ok(Wanted::Answer(message)) => message,
        Ok(Wanted::Body) => match within(core, core.now() + BODY_TIME, whole(body)).await {
            Some(Ok(message)) => message,
            Some(Err(refusal)) => return refusal.into(),
            None => return Refusal::Slow.into(),
        },
        Err(refusal) => {
            // Not all clients look at an answer that comes before the end of what they send.
            if refusal != Refusal::TooLarge {
                let _ = within(core, core.now() + BODY_TIME, whole(body)).await;
            }
            return refusal.into();
        }
    };
    drop(head);
    answer(front, facts, message).await
}

/// Reads a body: one message.
async fn whole(mut body: RecvStream) -> Result<Bytes, Refusal> {
    let Some(first) = piece(&mut body).await? else { return Ok(Bytes::new()) };
    if body.is_end_stream() {
        return Ok(first);
    }
    let mut message = BytesMut::from(first);
    while let Some(piece) = piece(&mut body).await? {
        if piece.len() > MESSAGE - message.len() {
            return Err(Refusal::TooLarge);
        }
        message.extend_from_slice(&piece);
    }
    Ok(message.freeze())
}

/// The next piece of a body; no piece is longer than a message.
async fn piece(body: &mut RecvStream) -> Result<Option<Bytes>, Refusal> {
    let piece = body.data().await.transpose().map_err(|_| Refusal::Malformed)?;
    // Fails only on a stream that is closed, which the next look at the body tells.
    let _ = body.flow_control().release_capacity(piece.as_ref().map_or(0, Bytes::len));
    Ok(piece)
}

/// The head of an answer.
fn head(reply: &Reply) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let fields = response.headers_mut();
    fields.reserve(5);
    if let Ok(date) = HeaderValue::try_from(HttpDate::from(SystemTime::now()).to_string()) {
        fields.insert(DATE, date);
    }
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(reply.kind));
    fields.insert(CONTENT_LENGTH, HeaderValue::from(reply.body.len()));
    let cache = match reply.max_age {
        Some(max_age) => HeaderValue::try_from(format!("max-age={max_age}")),
        None => Ok(HeaderValue::from_static("no-store")),
    };
    if let Ok(cache) = cache {
        fields.insert(CACHE_CONTROL, cache);
    }
    if let Some(allow) = reply.allow {
        fields.insert(ALLOW, HeaderValue::from_static(allow));
    }
    response
}

/// From a request's head to the last byte of its body.
const BODY_TIME: Duration = Duration::from_secs(5);
