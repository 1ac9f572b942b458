//! `[vip.NAME]`: a listening address that the outside sees.

mod l4;
mod listen;
mod persist;
mod rules;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;

use sekisho_api::settings::{Found, Problem, Section, Span};
use sekisho_api::{IdentityRules, KeyKind, Networks, Persist, Protocol, Transport, VipContext};

pub(super) use tls::{alpn, mode, read as tls_to_clients};

use super::Names;
use super::context::{Context, Name};
use super::domain;
use crate::model::{Domain, Gateway, TlsMode, Vip};

/// What was read of a VIP, for the checks over all VIPs.
pub(super) struct Read {
    /// The VIP; none where a problem was recorded.
    pub(super) vip: Option<Vip>,
    pub(super) transport: Option<Transport>,
    pub(super) listen: Vec<(SocketAddr, Span)>,
    pub(super) pools: Vec<Arc<str>>,
    /// Where the inserted cookie is asked for.
    pub(super) cookie: Option<Span>,
    /// Whether its protocol can start TLS in mid-stream.
    pub(super) starts_tls: bool,
    /// Where it says that the kernel serves it.
    pub(super) l4: Option<Span>,
}

/// Reads one VIP.
pub(super) fn read(
    name: &Name<'_>,
    mut section: Section<'_>,
    names: &Names<'_>,
    gateway: &Gateway,
    context: &Context<'_>,
) -> Read {
    let protocol = protocol(&mut section, context);
    let transport = protocol.map(|protocol| protocol.descriptor().transport);
    let listen = listen::read(&mut section, context);
    let pools = pools(&mut section, names, context);
    let (persist, cookie) = persist::read(&mut section, protocol, context);
    let domain = domain(&mut section, names, context);
    let tls = tls::read(&mut section, transport, protocol, context);
    let mode = tls.as_ref().and_then(|tls| tls.as_ref()).map(|tls| tls.mode);
    let limits = rules::limits(&mut section, gateway);
    if let (Some(_), Some(list)) = (limits.max_connections_per_user, &persist) {
        users(&section, list, context);
    }
    let timeouts = rules::timeouts(&mut section, protocol.map(Protocol::patience).unwrap_or_default());
    let serves = l4::mode(&mut section, protocol, context);
    if serves.is_l4() {
        l4::check(&section, &listen, persist.as_deref(), context);
    }
    let access_log = section.flag("access-log", true);
    let proxies = proxies(&mut section, gateway);

    let own = protocol.map(|protocol| protocol.descriptor().name);
    let settings = |pool: &Arc<str>| names.settings.get(&**pool)?.get(own?).cloned();
    let pool_settings: Vec<_> = pools.iter().map(settings).collect();
    let default = IdentityRules::default();
    let vip = VipContext {
        name: name.text,
        persist: persist.as_deref().unwrap_or_default(),
        identity: domain.map_or(&default, |domain| &domain.identity),
        tls: section.has("tls") && mode != Some(TlsMode::StartTls),
        start_tls: mode == Some(TlsMode::StartTls),
        pools: &pools,
        pool_settings: &pool_settings,
        trusted: &gateway.trusted,
    };
    let handler = protocol.and_then(|protocol| handler(&mut section, protocol, &vip, context));
    let transport =
        handler.as_ref().zip(transport).map(|(handler, all)| handler.transport(all)).or(transport);
    other_protocols(name, &mut section, protocol, context);
    let mode_place = section.place("mode");
    section.finish();

    let addresses = listen.iter().map(|(address, _)| *address).collect();
    let whole = || {
        Some(Vip {
            name: Arc::from(name.text),
            listen: addresses,
            mode: serves,
            protocol: protocol?.descriptor().name,
            transport: transport?,
            handler: handler?,
            pools: Some(pools.clone()).filter(|pools| !pools.is_empty())?,
            persist: persist?,
            domain: domain?.table.name.clone(),
            tls: tls?,
            limits,
            timeouts,
            access_log,
            proxies,
        })
    };
    Read {
        vip: whole(),
        transport,
        listen,
        pools,
        cookie,
        starts_tls: protocol.is_some_and(Protocol::starts_tls),
        l4: serves.is_l4().then_some(mode_place),
    }
}

/// The proxies that speak for their clients.
fn proxies(section: &mut Section<'_>, gateway: &Gateway) -> Option<Networks> {
    let at = section.place("accept-proxy");
    if !section.flag("accept-proxy", false) {
        return None;
    }
    if gateway.trusted.is_empty() {
        let problem = Problem::new(at, "nobody could connect", "whose word would be taken?");
        section.problem(problem.help("name the proxies in `trusted-networks` of [gateway]"));
    }
    Some(gateway.trusted.clone())
}

fn protocol<'c>(section: &mut Section<'_>, context: &Context<'c>) -> Option<&'c dyn Protocol> {
    let mut registered: Vec<&str> =
        context.registry.protocols().iter().map(|protocol| protocol.descriptor().name).collect();
    registered.sort_unstable();
    if !section.has("protocol") {
        section.missing("protocol", format!("one of: {}", registered.join(", ")));
    }
    let written = section.text("protocol")?;
    let found = context.registry.protocol(written.value);
    if found.is_none() {
        let label = "no protocol of this name is registered";
        context.unknown("protocol", &written, label, &registered, "registered");
    }
    found.map(|protocol| &**protocol)
}

/// The handler, from the VIP's table of the protocol's name.
fn handler(
    section: &mut Section<'_>,
    protocol: &dyn Protocol,
    vip: &VipContext<'_>,
    context: &Context<'_>,
) -> Option<sekisho_api::Handler> {
    let name = protocol.descriptor().name;
    let written = section.has(name);
    let mut options = match section.table(name) {
        Some(options) => options,
        None if written => return None,
        None => Section::absent(section.span(), context.errors),
    };
    let before = context.errors.len();
    let handler = protocol.configure(&mut options, vip);
    if handler.is_none() && context.errors.len() == before {
        let message = format!("protocol `{name}` cannot serve this VIP");
        options.problem(Problem::new(options.span(), message, "it gave no reason"));
    }
    options.finish();
    handler
}

/// Tables of protocols that the VIP does not speak.
fn other_protocols(
    name: &Name<'_>,
    section: &mut Section<'_>,
    protocol: Option<&dyn Protocol>,
    context: &Context<'_>,
) {
    let spoken = protocol.map(|protocol| protocol.descriptor().name);
    for other in context.registry.protocols().iter().map(|other| other.descriptor().name) {
        // If the VIP's protocol is not known, that is the problem, and not the table.
        if spoken != Some(other)
            && section.has(other)
            && let (Some(node), Some(spoken)) = (section.node(other), spoken)
        {
            let message = format!("VIP `{}` does not speak `{other}`", name.text);
            let problem = Problem::new(node.span.clone(), message, format!("its protocol is `{spoken}`"));
            context
                .error(problem.help(format!("the table of its protocol is `[vip.{}.{spoken}]`", name.text)));
        }
    }
}

/// `pool`, then `pools` without repetition.
fn pools(section: &mut Section<'_>, names: &Names<'_>, context: &Context<'_>) -> Vec<Arc<str>> {
    if !section.has("pool") {
        section.missing("pool", "name the pool that it sends clients to: pool = \"NAME\"");
    }
    let first = section.text("pool");
    let further = section.texts("pools").unwrap_or_default();
    let known = |pool: &Found<&str>| {
        if names.pools.binary_search(&pool.value).is_ok() {
            return true;
        }
        context.unknown("pool", pool, "there is no such `[pool.NAME]`", names.pools, "pools");
        false
    };
    let mut pools: Vec<Arc<str>> = Vec::new();
    let first_known = first.as_ref().is_some_and(known);
    for pool in first.iter().filter(|_| first_known).chain(further.iter().filter(|pool| known(pool))) {
        if !pools.iter().any(|known| **known == *pool.value) {
            pools.push(Arc::from(pool.value));
        }
    }
    pools
}

fn domain<'n>(section: &mut Section<'_>, names: &Names<'n>, context: &Context<'_>) -> Option<&'n Domain> {
    let written = section.has("domain");
    let wanted = match section.text("domain") {
        Some(domain) => domain,
        None if written => return None,
        None => Found { value: domain::DEFAULT, span: section.span() },
    };
    let found = names.domains.iter().find(|domain| &*domain.table.name == wanted.value);
    if found.is_none() {
        let known: Vec<&str> = names.domains.iter().map(|domain| &*domain.table.name).collect();
        let label = "there is no such `[domain.NAME]`";
        context.unknown("persistence domain", &wanted, label, &known, "domains");
    }
    found
}

/// Warns of a limit of connections per user where nobody's user is known.
fn users(section: &Section<'_>, persist: &[Persist], context: &Context<'_>) {
    if persist.iter().any(|entry| matches!(entry, Persist::Key(kind) if *kind == KeyKind::USER)) {
        return;
    }
    let what = "`max-connections-per-user` without \"user\" in `persist`";
    let problem = Problem::new(section.place("limits"), what, "counts nobody");
    context.warn(problem.help("add \"user\" to `persist`, or to that of the protocol's rules"));
}

/// Whether any entry inserts a cookie.
fn inserts_cookie(persist: &Persist) -> bool {
    matches!(persist, Persist::Cookie(_))
}
