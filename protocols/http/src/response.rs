//! A server's answer, made what the client will see.

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use http::{Response, StatusCode, Version};
use http_body::Body as _;
use sekisho_api::{Failure, Key, KeyKind, Prefer, Server};

use crate::answer::Answer;
use crate::codec::Download;
use crate::conn::Phase;
use crate::exchange::Exchange;
use crate::proxy::{Answered, Known};
use crate::{cookie, hop};

/// Turns an answer into the client's.
pub(crate) fn relay(mut exchange: Exchange, answered: Answered, known: &Known) -> Response<Download> {
    let Answered { response, upstream, route } = answered;
    let conn = exchange.conn().clone();
    let (mut head, body) = response.into_parts();
    if unusable(head.status, &head.headers) {
        exchange.failed(Failure::Malformed);
        exchange.refused(Answer::MALFORMED.status(), Answer::MALFORMED.end);
        return Answer::MALFORMED.into_response(!conn.upload().done);
    }
    if let Some(length) = body.size_hint().exact().filter(|length| *length > 0) {
        one_length(&mut head.headers, length);
    } else if head.headers.contains_key(TRANSFER_ENCODING) {
        head.headers.remove(CONTENT_LENGTH);
    }
    hop::strip_response(&mut head.headers);
    let worker = &conn.worker;
    if let Some(lease) = exchange.lease() {
        for name in worker.settings.sources.app_cookies() {
            for value in cookie::set_values(&head.headers, name) {
                if let Some(key) = Key::new(KeyKind::APP_COOKIE, value) {
                    worker.core.learn(&route, key, lease);
                }
            }
        }
        if let Some(settings) = worker.settings.sources.cookie()
            && !names(known.prefer.as_ref(), &**lease.server())
        {
            worker.jar.set(&mut head.headers, settings, &**lease.server(), conn.facts.tls.is_some());
        }
    }
    if !conn.upload().done || worker.core.draining() {
        head.headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    head.version = Version::HTTP_11;
    conn.close_delimited(!known.chunks && body.size_hint().exact().is_none());
    conn.set_phase(Phase::Answering);
    Response::from_parts(head, Download::relay(body, upstream, exchange))
}

/// An upgrade nobody asked for, or a transfer coding that the gateway cannot decode.
fn unusable(status: StatusCode, headers: &HeaderMap) -> bool {
    status.is_informational() || (headers.contains_key(TRANSFER_ENCODING) && !hop::only_chunked(headers))
}

/// One Content-Length with one number: repeated ones that agree are legal to receive, not to send.
fn one_length(headers: &mut HeaderMap, length: u64) {
    let mut lines = headers.get_all(CONTENT_LENGTH).iter();
    let (first, more) = (lines.next(), lines.next());
    if more.is_some() || first.is_some_and(|value| !value.as_bytes().iter().all(u8::is_ascii_digit)) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}

/// Whether the cookie that the client brought names this server.
fn names(prefer: Option<&Prefer>, server: &dyn Server) -> bool {
    matches!(prefer, Some(Prefer::Token(token)) if **token == *server.token().as_bytes())
}
