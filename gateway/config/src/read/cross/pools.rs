//! Whether pools suit the VIPs that send clients to them.

use std::collections::HashMap;

use sekisho_api::settings::{Problem, Span};
use sekisho_api::{Handler, Transport};

use super::super::context::{Context, Name};
use super::super::{pool, vip};

/// A VIP and its name.
type User<'a> = (&'a str, &'a vip::Read);

/// Checks every pool against its users.
pub(super) fn check(vips: &[(Name<'_>, vip::Read)], pools: &[(Name<'_>, pool::Read)], context: &Context<'_>) {
    let mut users: HashMap<&str, Vec<User<'_>>> = HashMap::new();
    for (name, vip) in vips {
        for pool in &vip.pools {
            users.entry(pool).or_default().push((name.text, vip));
        }
    }
    for (name, pool) in pools {
        let Some(users) = users.get(name.text) else {
            let message = format!("no VIP uses pool `{}`", name.text);
            let problem =
                Problem::new(name.span.clone(), message, "its servers are probed, nobody gets them");
            context.warn(problem.help("name it in a VIP's `pool` or `pools`, or delete it"));
            continue;
        };
        tables(name, pool, users, context);
        match &pool.start_tls {
            Some(place) => start_tls(place, users, context),
            None => wants_start_tls(name, users, context),
        }
        if let (Some(place), None) = (&pool.client_source, &pool.streams_only) {
            client_source(place, users, context);
        }
        if let Some(place) = &pool.streams_only {
            streams(place, users, context);
        } else if let Some(place) = &pool.text_header {
            header(place, users, context);
        }
    }
}

/// Tables of protocols that nobody speaks to the pool.
fn tables(name: &Name<'_>, pool: &pool::Read, users: &[User<'_>], context: &Context<'_>) {
    let speaks =
        |protocol| users.iter().any(|(_, vip)| vip.vip.as_ref().is_some_and(|vip| vip.protocol == protocol));
    for (protocol, place) in pool.tables.iter().filter(|(protocol, _)| !speaks(*protocol)) {
        let message = format!("no VIP speaks `{protocol}` to pool `{}`", name.text);
        let problem = Problem::new(place.clone(), message, "this table has no effect");
        context.warn(problem.help("delete it, or name the pool in a VIP of that protocol"));
    }
}

/// Datagrams for servers that are reached over streams alone: only a protocol that has both can carry them over.
fn streams(place: &Span, users: &[User<'_>], context: &Context<'_>) {
    let stuck = users.iter().find(|(_, vip)| {
        let datagrams = vip.transport.is_some_and(Transport::udp);
        let handler = vip.vip.as_ref().map(|vip| &vip.handler);
        datagrams && matches!(handler, Some(Handler::Conversation(_) | Handler::Exchange(_)))
    });
    if let Some((user, _)) = stuck {
        let message = "datagrams cannot reach this pool's servers";
        let label = format!("VIP `{user}` sends them as they come");
        let problem = Problem::new(place.clone(), message, label);
        context.error(problem.help("give that VIP a pool without `tls` and `over = \"tcp\"`"));
    }
}

/// TLS that begins in mid-stream: only a protocol that knows when can begin it.
fn start_tls(place: &Span, users: &[User<'_>], context: &Context<'_>) {
    if let Some((user, _)) = users.iter().find(|(_, vip)| !vip.starts_tls) {
        let message = "TLS to this pool's servers would never begin";
        let label = format!("the protocol of VIP `{user}` does not start TLS in mid-stream");
        let problem = Problem::new(place.clone(), message, label);
        context.error(problem.help("delete `mode`: TLS begins with the first byte"));
    }
}

/// The other way round: a protocol that speaks to no server before it has started TLS.
fn wants_start_tls(name: &Name<'_>, users: &[User<'_>], context: &Context<'_>) {
    let wants = |handler: &Handler| match handler {
        Handler::Conversation(converse) | Handler::Companion(converse) => converse.wants_start_tls(),
        Handler::Exchange(_) | Handler::Service(_) | Handler::Pair(..) => false,
    };
    if let Some((user, _)) =
        users.iter().find(|(_, vip)| vip.vip.as_ref().is_some_and(|vip| wants(&vip.handler)))
    {
        let message = format!("VIP `{user}` starts TLS to its servers in mid-stream");
        let problem = Problem::new(name.span.clone(), message, "this pool's servers are reached otherwise");
        context.error(problem.help(
            "add tls = { mode = \"starttls\", pin = [\"sha256/...\"] }, or verify = false in place of the pins",
        ));
    }
}

/// Datagrams for servers that expect a header of text, which is for streams.
fn header(place: &Span, users: &[User<'_>], context: &Context<'_>) {
    let datagrams = users.iter().find(|(_, vip)| vip.transport.is_some_and(Transport::udp));
    if let Some((user, _)) = datagrams {
        let message = "version 1 of the PROXY protocol has no header for datagrams";
        let label = format!("VIP `{user}` sends datagrams to this pool");
        let problem = Problem::new(place.clone(), message, label);
        context.error(problem.help("write proxy-protocol = \"v2\""));
    }
}

/// The clients' addresses for what shares sockets: datagrams of all clients leave from a few ports.
fn client_source(place: &Span, users: &[User<'_>], context: &Context<'_>) {
    let shares = |handler: &Handler| matches!(handler, Handler::Exchange(_) | Handler::Pair(..));
    let shared = users.iter().find(|(_, vip)| vip.vip.as_ref().is_some_and(|vip| shares(&vip.handler)));
    if let Some((user, _)) = shared {
        let message = "datagrams to this pool's servers cannot come from the clients' addresses";
        let label = format!("VIP `{user}` sends requests of all clients over the same sockets");
        let problem = Problem::new(place.clone(), message, label);
        context.error(problem.help(
            "write proxy-protocol = \"v2\" instead, or, for DNS, let the protocol tell the client's subnet",
        ));
    }
}
