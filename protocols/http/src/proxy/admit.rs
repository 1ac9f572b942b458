//! What becomes of a request's head before a server is chosen.

use http::header::{EXPECT, HeaderValue, TRANSFER_ENCODING};
use http::{Method, Response, Version, request};
use sekisho_api::Route;

use crate::answer::Answer;
use crate::codec::{Download, Upload};
use crate::conn::Conn;
use crate::encode::Wish;
use crate::{cookie, forward, hop, target};

/// Why a request goes to no server.
pub(super) enum Refusal {
    /// The gateway cannot serve it.
    Answer(Answer),
    /// A rule has an answer.
    Rule(Box<Response<Download>>),
}

impl From<Answer> for Refusal {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

/// What is known of a request that a server may have.
pub(super) struct Admitted {
    pub(super) route: Route,
    /// The place of the rule that it met.
    pub(super) rule: Option<usize>,
    /// It asks for another protocol.
    pub(super) upgrade: bool,
    /// How its answer may be compressed.
    pub(super) wish: Wish,
}

/// Checks a request and makes it what the server will see.
///
/// # Errors
/// What the client is answered instead.
pub(super) fn admit(head: &mut request::Parts, body: &Upload, conn: &Conn) -> Result<Admitted, Refusal> {
    let worker = &conn.worker;
    let options = &worker.settings.options;
    worker.settings.methods.admit(&head.method, body.is_empty())?;
    target::resolve(head, conn.facts.local).map_err(Answer::target)?;
    let chunked = head.headers.contains_key(TRANSFER_ENCODING);
    if chunked && !hop::only_chunked(&head.headers) {
        return Err(Answer::CODING.into());
    }
    if let (Some(most), Some(length)) = (options.max_body, body.length())
        && length > most
    {
        return Err(Answer::TOO_LARGE.into());
    }
    let settings = &worker.settings;
    if settings.rules.doubt(head) {
        return Err(Answer::bad_request("path-doubtful").into());
    }
    let rule = settings.rules.find(head, conn.facts.client.ip());
    if let Some(answer) = rule.and_then(|(_, rule)| rule.answer(head)) {
        return Err(Refusal::Rule(Box::new(answer)));
    }
    let pool = rule.and_then(|(_, rule)| rule.action().pool(conn.facts.client.ip())).unwrap_or(0);
    let route = settings.sources.route(pool, head, &options.hash_on);
    if head.headers.contains_key(http::header::COOKIE) {
        for cookie in settings.sources.cookies() {
            cookie::remove(&mut head.headers, cookie.name.as_bytes());
        }
    }
    let upgrade = hop::strip_request(&mut head.headers, || {
        let plain = head.method == Method::GET && body.is_empty();
        options.websocket && plain && head.version >= Version::HTTP_11
    });
    if chunked {
        // The length is known to the codec as its own; the field tells it to say so to the server.
        head.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    forward::write(&mut head.headers, options, &conn.facts, conn.own.borrow_mut().get_or_insert_default());
    if head.version < Version::HTTP_11 {
        head.headers.remove(EXPECT);
    }
    let wish = settings.compression.as_ref().map_or(Wish::Off, |compression| compression.wish(head));
    if let Some((_, rule)) = rule {
        rule.edit_request(head);
    }
    Ok(Admitted { route, rule: rule.map(|(place, _)| place), upgrade, wish })
}
