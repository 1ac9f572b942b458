//! `mode` of a VIP, and what it can have where the kernel serves it.

use std::net::SocketAddr;

use sekisho_api::settings::{Problem, Section, Span};
use sekisho_api::{Persist, Protocol};

use super::super::context::Context;
use crate::model::{OnStop, VipMode};

/// Who serves the VIP.
pub(super) fn mode(
    section: &mut Section<'_>,
    protocol: Option<&dyn Protocol>,
    context: &Context<'_>,
) -> VipMode {
    let l4 = section.word("mode", &[("proxy", false), ("l4", true)]).unwrap_or_default();
    let at = section.place("on-stop");
    let on_stop = section.word("on-stop", &[("remove", OnStop::Remove), ("keep", OnStop::Keep)]);
    if !l4 {
        if on_stop.is_some() {
            let problem =
                Problem::new(at, "`on-stop` says nothing here", "the gateway itself serves this VIP");
            context.error(problem.help("write mode = \"l4\", or take it out"));
        }
        return VipMode::Proxy;
    }
    if let Some(name) = protocol.map(|protocol| protocol.descriptor().name) {
        if !SPOKEN.contains(&name) {
            let message = format!("the kernel does not speak `{name}`");
            let problem = Problem::new(section.place("protocol"), message, "mode = \"l4\" forwards packets");
            context.error(problem.help("write protocol = \"tcp\" or \"udp\", or take out `mode`"));
        }
        without(section, name, context);
    }
    UNHEARD.iter().for_each(|key| without(section, key, context));
    VipMode::L4(on_stop.unwrap_or_default())
}

/// Looks at what else was read of a VIP that the kernel serves.
pub(super) fn check(
    section: &Section<'_>,
    listen: &[(SocketAddr, Span)],
    persist: Option<&[Persist]>,
    context: &Context<'_>,
) {
    for (address, span) in listen {
        if address.ip().is_unspecified() || address.port() == 0 {
            let message = format!("`{address}` is no address that the kernel could forward");
            let problem =
                Problem::new(span.clone(), message, "with mode = \"l4\" packets are known by where they go");
            context.error(problem.help("write the VIP's own addresses and ports"));
            break;
        }
    }
    if persist
        .is_some_and(|list| list.iter().any(|one| !matches!(one, Persist::SourceIp { .. })) || list.len() > 1)
    {
        let place = section.place("persist");
        let problem =
            Problem::new(place, "the kernel sees of a client its address alone", "nothing else keeps it");
        context.error(problem.help("write persist = [\"source-ip\"], or take out `mode`"));
    }
}

fn without(section: &Section<'_>, key: &str, context: &Context<'_>) {
    if section.has(key) {
        let message = format!("`{key}` has no effect where the kernel serves");
        let problem =
            Problem::new(section.place(key), message, "mode = \"l4\" forwards packets as they come");
        context.error(problem.help("take it out, or `mode`"));
    }
}

/// The protocols whose names are those of their transports.
const SPOKEN: [&str; 2] = ["tcp", "udp"];
/// What needs somebody who reads what clients say.
const UNHEARD: [&str; 7] = ["pools", "domain", "tls", "limits", "timeouts", "access-log", "accept-proxy"];
