//! One request, from its head to the head of its answer.
//!
//! | module | idea |
//! |---|---|
//! | `admit` | what becomes of its head before a server is chosen |
//! | `attempt` | from one server to the next, until one answers |
//! | `reach`, `room` | a connection to the server that was chosen, also where it may have only so many |

mod admit;
mod attempt;
mod reach;
mod room;

use std::future::Future;
use std::rc::Rc;

use http::header::{CONNECTION, HeaderValue, RETRY_AFTER};
use http::{Request, Response, StatusCode, Version, request};
use sekisho_api::{End, Route};

use self::admit::{Admitted, Refusal, admit};
use self::attempt::{Failed, attempt};
use crate::answer::Answer;
use crate::codec::{Aborted, Download, Outgoing, Upload};
use crate::conn::Conn;
use crate::encode::Wish;
use crate::exchange::Exchange;
use crate::forward::{self, Told};
use crate::grpc;
use crate::pool_options::Spoken;
use crate::rates::TooMany;
use crate::response;
use crate::retry::Again;

/// Serves one request. What can be done at once is done before the future is made, which is small: the codec moves it.
///
/// # Errors
/// [`Aborted`] where nobody is left to answer.
pub(crate) fn handle(
    conn: Rc<Conn>,
    request: Request<Upload>,
) -> impl Future<Output = Result<Response<Download>, Aborted>> {
    let asked = begin(conn, request);
    async move {
        let mut asked = match asked {
            Ok(asked) => asked,
            Err(refusal) => return Ok(*refusal),
        };
        let answered = attempt(&mut asked).await;
        let Asked { exchange, route, rule, chunks, wish, .. } = *asked;
        match answered {
            Ok((head, upstream)) => Ok(response::relay(exchange, head, upstream, route, rule, chunks, wish)),
            Err(Failed::Told(answer)) => Ok(refuse(exchange, answer)),
            Err(Failed::Gone) => Err(Aborted),
        }
    }
}

/// A request that was admitted.
#[derive(Debug)]
struct Asked {
    exchange: Exchange,
    route: Route,
    /// The place of the rule that it met.
    rule: Option<usize>,
    /// `None` while a server has it.
    request: Option<Outgoing>,
    /// `None`: what a server may have seen of it is said to no other.
    again: Option<Box<Again>>,
    /// Whether the client understands chunks (RFC 9112, section 7.1).
    chunks: bool,
    /// How the answer may be compressed.
    wish: Wish,
}

fn begin(conn: Rc<Conn>, request: Request<Upload>) -> Result<Box<Asked>, Box<Response<Download>>> {
    conn.begin(request.body().is_empty());
    let (mut head, mut body) = request.into_parts();
    let mut exchange = Exchange::begin(conn, &head);
    let conn = exchange.conn().clone();
    let chunks = head.version >= Version::HTTP_11;
    match admit(&mut head, &mut body, &conn, &mut exchange) {
        Ok(Admitted { route, rule, upgrade, told, wish }) => {
            exchange.met(rule);
            let plan = conn.worker.settings.plan(rule);
            let again = Again::keep(plan, &head, &mut body, (upgrade, told), &conn);
            let request = Some(outgoing(head, body, (upgrade, told), route.pool, &conn));
            Ok(Box::new(Asked { exchange, route, rule, request, again, chunks, wish }))
        }
        Err(Refusal::Answer(answer)) => Err(Box::new(refuse(exchange, answer))),
        Err(Refusal::TooMany(TooMany { status, after })) => {
            let mut answer = refuse(exchange, Answer::too_often(status));
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after));
            Err(Box::new(answer))
        }
        Err(Refusal::Last(answer)) => Err(Box::new(answered(exchange, *answer))),
        Err(Refusal::Rule(rule, answer)) => {
            exchange.met(Some(rule));
            Err(Box::new(answered(exchange, *answer)))
        }
    }
}

/// A request as the servers of the pool of this place are told it: whether it asks for another protocol, and whether its
/// head says who the client is.
pub(crate) fn outgoing(
    mut head: request::Parts,
    body: Upload,
    (upgrade, told): (bool, Told),
    pool: usize,
    conn: &Conn,
) -> Outgoing {
    let worker = &conn.worker;
    let own = conn.own();
    let mut request = match worker.settings.spoken(pool) {
        Spoken::One => {
            let lines = (told == Told::Apart).then(|| own.lines(&conn.facts));
            Outgoing::new(&head, body, &worker.buffers, lines)
        }
        Spoken::Two | Spoken::Agreed => {
            if told == Told::Apart {
                forward::write(&mut head.headers, &worker.settings.options, &conn.facts, &own);
            }
            Outgoing::open(head, body)
        }
    };
    if upgrade {
        request.upgrades();
    }
    request
}

/// A rule's answer.
fn answered(mut exchange: Exchange, mut answer: Response<Download>) -> Response<Download> {
    if exchange.is_call() && !answer.status().is_success() {
        exchange.refused(StatusCode::OK, End::Done);
        return grpc::answer(answer.status(), End::Done);
    }
    exchange.refused(answer.status(), End::Done);
    exchange.echo(answer.headers_mut());
    if !exchange.conn().upload().done || exchange.conn().worker.core.draining() {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// Refuses a request of which nothing else was done.
pub(crate) fn refused(conn: &Rc<Conn>, head: &request::Parts, answer: Answer) -> Response<Download> {
    conn.begin(true);
    refuse(Exchange::begin(conn.clone(), head), answer)
}

fn refuse(mut exchange: Exchange, answer: Answer) -> Response<Download> {
    if exchange.is_call() {
        exchange.refused(StatusCode::OK, answer.end);
        return grpc::answer(answer.status(), answer.end);
    }
    exchange.refused(answer.status(), answer.end);
    let unread = !exchange.conn().upload().done || exchange.conn().worker.core.draining();
    let pages = exchange.conn().worker.settings.pages.as_deref();
    let mut answer = answer.into_response(unread, pages, exchange.request_id());
    exchange.echo(answer.headers_mut());
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<F>(_: impl Fn(Rc<Conn>, Request<Upload>) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn requests_future_is_small_because_the_codec_moves_it() {
        let size = size(handle);
        assert!(size <= 400, "{size} bytes");
    }
}
