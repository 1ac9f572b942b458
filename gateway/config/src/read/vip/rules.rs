//! `limits` and `timeouts` of a VIP.

use sekisho_api::Patience;
use sekisho_api::settings::{Problem, Section};

use crate::defaults;
use crate::model::{Gateway, Limits, Timeouts};

pub(super) fn limits(vip: &mut Section<'_>, gateway: &Gateway) -> Limits {
    let mut section = inner(vip, "limits");
    let connections = section.optional_integer("max-connections", defaults::CONNECTIONS);
    if let (Some(connections), Some(most)) = (connections, gateway.max_connections)
        && connections > most as u64
    {
        let problem = Problem::new(
            section.place("max-connections"),
            "`max-connections` of a VIP is more than the gateway takes",
            format!("the gateway takes {most}"),
        );
        section.problem(problem.help("raise `max-connections` of `[gateway]`, or lower this"));
    }
    // One address may be a whole office behind a NAT: there is no limit that fits all.
    let per_client = section.optional_integer("max-connections-per-client", defaults::CONNECTIONS);
    let per_user = section.optional_integer("max-connections-per-user", defaults::CONNECTIONS);
    let strikes = section.optional_integer("max-strikes", defaults::STRIKES);
    let limits = Limits {
        max_connections: connections.map(|n| n as usize),
        max_connections_per_client: per_client.map(|n| n as usize),
        max_connections_per_user: per_user.and_then(|n| n.try_into().ok()),
        max_strikes: strikes.and_then(|n| n.try_into().ok()),
        strike_memory: section.duration("strike-memory", defaults::STRIKE_MEMORY, defaults::DEADLINE),
        buffer: section.size("buffer", defaults::BUFFER, defaults::BUFFERS) as usize,
        attempts: section.integer("attempts", defaults::ATTEMPTS, defaults::ATTEMPTS_ALLOWED) as u32,
    };
    section.finish();
    limits
}

pub(super) fn timeouts(vip: &mut Section<'_>, protocol: Patience) -> Timeouts {
    let mut section = inner(vip, "timeouts");
    let timeouts = Timeouts {
        handshake: section.duration("handshake", defaults::HANDSHAKE, defaults::DEADLINE),
        head: section.duration("head", protocol.head.unwrap_or(defaults::HEAD), defaults::DEADLINE),
        connect: section.duration("connect", defaults::CONNECT, defaults::DEADLINE),
        greeting: section.optional_duration("greeting", defaults::DEADLINE).or(protocol.greeting),
        response: section.optional_duration("response", defaults::DEADLINE).or(protocol.response),
        idle: section.duration("idle", protocol.idle.unwrap_or(defaults::IDLE), defaults::DEADLINE),
        half_closed: section.duration("half-closed", defaults::HALF_CLOSED, defaults::DEADLINE),
        keepalive: section.duration("keepalive", defaults::KEEPALIVE, defaults::DEADLINE),
    };
    section.finish();
    timeouts
}

/// The table `key` of `section`, or an empty one.
fn inner<'a>(section: &mut Section<'a>, key: &'static str) -> Section<'a> {
    let place = section.place(key);
    let problems = section.problems();
    section.table(key).unwrap_or_else(|| Section::absent(place, problems))
}
