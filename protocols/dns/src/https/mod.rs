//! DNS over HTTPS in front (RFC 8484): HTTP/2 and HTTP/1.1, GET and POST.
//!
//! HTTP/2 is spoken by the crate `h2` itself, without hyper above it: a request is one small message, and the layer
//! that would turn it into a service call costs more than the rules of this folder. HTTP/1.1 is httparse and a loop.
//!
//! | module | idea |
//! |---|---|
//! | `request`, `reply` | the rules of RFC 8484 on what is asked and told, as pure functions |
//! | `answer` | one query through the desk and back, with its freshness and its padding |
//! | `padding` | answers all look alike in length (RFC 8467) |
//! | `head`, `body` | HTTP/1.1 messages as bytes, pure |
//! | `one`, `two` | a client connection of either version |

mod answer;
mod body;
mod head;
mod one;
mod padding;
mod reply;
mod request;
mod two;

#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use sekisho_api::{BoxStream, Core, End, Facts, Local};

/// What answers the queries that come over HTTPS: one worker's part of a VIP.
pub(crate) trait Resolver: 'static {
    /// Answers one message, its id restored; `None` is silence.
    fn ask(self: &Rc<Self>, message: Bytes, facts: &Rc<Facts>) -> Local<'static, Option<Bytes>>;
    /// The core.
    fn core(&self) -> &Rc<dyn Core>;
    /// The path that is served.
    fn path(&self) -> &str;
    /// How long a connection of DNS may be idle; one of HTTPS may be for [`KEEP_ALIVE`] at least.
    fn idle(&self) -> Duration;
    /// The most queries of one connection at a time.
    fn in_flight(&self) -> usize;
}

/// Serves one client connection to its end.
///
/// `h2` says that the client chose HTTP/2 in its TLS handshake. Without that word (a proxy in front, no TLS) the
/// first bytes decide: HTTP/2's preface or a request line.
pub(crate) async fn serve<R: Resolver>(front: Rc<R>, client: BoxStream, facts: Facts, h2: bool) -> End {
    let facts = Rc::new(facts);
    if h2 {
        return two::serve(front, client, facts).await;
    }
    match one::serve(&front, client, &facts).await {
        one::Finished::Ended(end) => end,
        one::Finished::Preface(client) => two::serve(front, client, facts).await,
    }
}

/// How long a connection without a request on it stays open, be plain DNS shorter: a handshake of TLS and HTTP costs
/// far more than an idle connection, and clients come back with the next page.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// How long a connection of this VIP may be idle.
fn keep_alive<R: Resolver>(front: &R) -> Duration {
    front.idle().max(KEEP_ALIVE)
}
