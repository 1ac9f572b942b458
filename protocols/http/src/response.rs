//! A server's answer, made what the client will see.

use http::header::{CONNECTION, HeaderValue};
use http::{Response, StatusCode, Version};
use sekisho_api::{Key, KeyKind, Prefer, Route, Server};

use crate::codec::{Download, Opened, Upstream};
use crate::conn::Phase;
use crate::encode::Wish;
use crate::exchange::Exchange;
use crate::rules::Scene;
use crate::{cookie, hop};

/// Turns an answer into the client's. `rule`: the place of the rule that the request met; `chunks`: the client understands
/// them; `wish`: how it may be compressed.
pub(crate) fn relay(
    mut exchange: Exchange,
    head: Response<()>,
    upstream: Box<Upstream>,
    route: Route,
    rule: Option<usize>,
    chunks: bool,
    wish: Wish,
) -> Response<Download> {
    let conn = exchange.conn().clone();
    let (mut head, ()) = head.into_parts();
    hop::strip_response(&mut head.headers);
    let worker = &conn.worker;
    let met = rule.and_then(|place| worker.settings.rules.get(place));
    if let Some(lease) = exchange.lease() {
        let sources = worker.settings.sources(met);
        for name in sources.app_cookies() {
            for value in cookie::set_values(&head.headers, name) {
                if let Some(key) = Key::new(KeyKind::APP_COOKIE, value) {
                    worker.core.learn(&route, key, lease);
                }
            }
        }
        if let Some(settings) = sources.cookie(route.pool)
            && !names(route.prefer.as_ref(), &**lease.server())
            && !is_lent(&route)
        {
            worker.jar.set(&mut head.headers, settings, &**lease.server(), conn.facts.tls.is_some());
        }
    }
    let switches =
        head.status == StatusCode::SWITCHING_PROTOCOLS || head.extensions.get::<Opened>().is_some();
    let pages = worker.settings.pages.as_ref().filter(|_| !switches);
    let page = pages.and_then(|pages| pages.replace(&mut head, exchange.request_id()));
    let compression = worker.settings.compression.as_ref().filter(|_| !switches && page.is_none());
    let encoder = compression.and_then(|compression| compression.begin(wish, &mut head, &worker.slots));
    if let Some(rule) = met {
        let server = exchange.lease().map(|lease| &**lease.server().name());
        rule.edit_response(&mut head.headers, &Scene { server, ..Scene::new(&conn.facts, "") });
    }
    exchange.keep_route(route);
    exchange.echo(&mut head.headers);
    if switches {
        conn.unlimit();
        return Response::from_parts(head, Download::tunnel(upstream, exchange));
    }
    if !conn.upload().done || worker.core.draining() {
        head.headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    head.version = Version::HTTP_11;
    conn.close_delimited(!chunks && page.is_none() && upstream.length().is_none());
    conn.set_phase(Phase::Answering);
    let body = match page {
        Some(text) => Download::instead(upstream, exchange, text),
        None => Download::relay(upstream, exchange, encoder),
    };
    Response::from_parts(head, body)
}

/// Whether a client that has a server was served by another this time, for what may have been the request's own doing.
fn is_lent(route: &Route) -> bool {
    route.prefer.is_some() && !route.doubted.is_empty()
}

/// Whether the cookie that the client brought names this server.
fn names(prefer: Option<&Prefer>, server: &dyn Server) -> bool {
    matches!(prefer, Some(Prefer::Token(token)) if **token == *server.token().as_bytes())
}
