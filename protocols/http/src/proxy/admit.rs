//! What becomes of a request's head before a server is chosen.

use http::header::{EXPECT, HeaderValue, TRANSFER_ENCODING};
use http::{Method, Response, Version, request};
use sekisho_api::Route;

use crate::answer::Answer;
use crate::codec::{Download, Upload};
use crate::conn::Conn;
use crate::encode::Wish;
use crate::exchange::Exchange;
use crate::forward::Told;
use crate::present::Present;
use crate::rates::{Excess, TooMany};
use crate::rules::{Caller, Scene};
use crate::{cookie, forward, hop, last_hop, target};

/// Why a request goes to no server.
pub(super) enum Refusal {
    /// The gateway cannot serve it.
    Answer(Answer),
    /// It is beyond a rate limit.
    TooMany(TooMany),
    /// It may go no further than here.
    Last(Box<Response<Download>>),
    /// The rule at this place has an answer.
    Rule(usize, Box<Response<Download>>),
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
    /// Whether it says who the client is.
    pub(super) told: Told,
    /// How its answer may be compressed.
    pub(super) wish: Wish,
}

/// Checks a request and makes it what the server will see.
///
/// # Errors
/// What the client is answered instead.
pub(super) fn admit(
    head: &mut request::Parts,
    body: &mut Upload,
    conn: &Conn,
    exchange: &mut Exchange,
) -> Result<Admitted, Refusal> {
    let worker = &conn.worker;
    let options = &worker.settings.options;
    worker.settings.methods.admit(&head.method, body.is_empty())?;
    target::resolve(head, conn.facts.local).map_err(Answer::target)?;
    let present = Present::of(&head.headers);
    let chunked = present.has(Present::TRANSFER_ENCODING);
    if chunked && !hop::only_chunked(&head.headers) {
        return Err(Answer::CODING.into());
    }
    let settings = &worker.settings;
    if settings.rules.doubt(head) || settings.rates.doubt(head) {
        return Err(Answer::bad_request("path-doubtful").into());
    }
    let caller = Caller::of(&conn.facts, &options.trusted);
    if !settings.rates.is_empty()
        && let Some(Excess { limit, refusal }) =
            settings.rates.judge(head, &caller, &options.trusted, &settings.users, conn.now())
    {
        exchange.exceeded(limit);
        if let Some(refusal) = refusal {
            return Err(Refusal::TooMany(refusal));
        }
    }
    let rule = settings.rules.find(head, &caller);
    if let Some((place, rule)) = rule {
        rule.count();
        if let Some(answer) = rule.answer(head, &Scene::new(&conn.facts, caller.scheme(&head.headers))) {
            return Err(Refusal::Rule(place, Box::new(answer)));
        }
    }
    if let Some(answer) = last_hop::count(head) {
        return Err(Refusal::Last(Box::new(answer)));
    }
    if let Some(most) = rule.and_then(|(_, rule)| rule.own().max_body) {
        body.limit(most);
    }
    if body.is_too_large() {
        return Err(Answer::TOO_LARGE.into());
    }
    let route = settings.route(rule.map(|(_, rule)| rule), head, &conn.facts).map_err(Answer::token)?;
    if present.has(Present::COOKIE) {
        for cookie in &settings.cookies {
            cookie::remove(&mut head.headers, cookie.as_bytes());
        }
    }
    let upgrade = hop::strip_request(&mut head.headers, present, || {
        let plain = head.method == Method::GET && body.is_empty();
        options.websocket && plain && head.version >= Version::HTTP_11
    });
    if chunked {
        // The length is known to the codec as its own; the field tells it to say so to the server.
        head.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    let own = conn.own();
    // A rule may have its own idea of these fields.
    let told = match forward::suffices(present, options) && rule.is_none_or(|(_, rule)| !rule.edits()) {
        true => Told::Apart,
        false => {
            forward::write(&mut head.headers, options, &conn.facts, &own);
            Told::InHead
        }
    };
    settings.tls_fields.write(&mut head.headers, &conn.facts, &own);
    settings.tracing.write(&mut head.headers, exchange.marked());
    if head.version < Version::HTTP_11 {
        head.headers.remove(EXPECT);
    }
    let wish = settings.compression.as_ref().map_or(Wish::Off, |compression| compression.wish(head));
    if let Some((_, rule)) = rule {
        let scene = Scene {
            request_id: exchange.request_id(),
            ..Scene::new(&conn.facts, caller.scheme(&head.headers))
        };
        rule.edit_request(head, &scene);
    }
    Ok(Admitted { route, rule: rule.map(|(place, _)| place), upgrade, told, wish })
}
