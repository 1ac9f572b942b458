//! How a protocol presents itself to the core.

use std::any::Any;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::conversation::Converse;
use crate::exchange::Exchange;
use crate::identity::IdentityRules;
use crate::key::KeyKind;
use crate::metric::{Metric, VipMetric};
use crate::networks::Networks;
use crate::persist::Persist;
use crate::probe::ProbeKind;
use crate::route::Route;
use crate::service::{Outlook, Service, Sketch};
use crate::settings::{Problem, Section, Span, Value, nearest};

/// A protocol: the value that stands in the registration list.
pub trait Protocol: fmt::Debug + Send + Sync {
    /// What it is; constant.
    fn descriptor(&self) -> Descriptor;

    /// Reads the keys of its own in a VIP's `[vip.NAME.PROTOCOL]` table, which may be empty, and makes the handler
    /// of that VIP. What is wrong is recorded in the section; `None` if no handler can be made.
    fn configure(&self, options: &mut Section<'_>, vip: &VipContext<'_>) -> Option<Handler>;

    /// Reads the protocol's keys of a pool, the table `[pool.NAME.PROTOCOL]`, where the file has one. What is wrong
    /// is recorded in the section. What it gives comes back in [`VipContext::pool_settings`] of every VIP of this
    /// protocol that may route to the pool. A protocol without such keys leaves them all unread, which reports them.
    fn configure_pool(&self, options: &mut Section<'_>, pool: &PoolContext<'_>) -> Option<PoolSettings> {
        let _ = (options, pool);
        None
    }

    /// The application protocols (RFC 7301) that a pool's servers are offered, most wanted first, by the settings that
    /// [`Protocol::configure_pool`] made of it. They count where the pool has TLS and its `tls` names none; what was
    /// agreed on is in the facts of [`crate::Stream::tls`].
    fn server_alpn(&self, settings: &PoolSettings) -> &'static [&'static str] {
        let _ = settings;
        &[]
    }

    /// Tells what it has counted for a pool, by the settings that [`Protocol::configure_pool`] made of it. Called
    /// whenever somebody reads the metrics, beside all workers: it must neither wait nor hold them up.
    fn metrics(&self, settings: &PoolSettings, report: &mut dyn FnMut(Metric)) {
        let _ = (settings, report);
    }

    /// Whether it can start TLS in mid-stream, on either side.
    fn starts_tls(&self) -> bool {
        false
    }

    /// Deadlines that suit it better than those of all protocols, where the file says nothing.
    fn patience(&self) -> Patience {
        Patience::default()
    }

    /// The probes it brings, usually one of its own name.
    fn probes(&self) -> Vec<Arc<dyn ProbeKind>> {
        Vec::new()
    }
}

/// What a protocol is.
#[derive(Clone, Copy, Debug)]
pub struct Descriptor {
    /// Its name in the configuration.
    pub name: &'static str,
    /// One sentence for `sekisho --help` and error messages.
    pub summary: &'static str,
    /// How its bytes travel.
    pub transport: Transport,
    /// The kinds of key that it can find. `source-ip` is the core's and need not be named.
    pub keys: &'static [KeyKind],
}

/// A protocol's own defaults of a VIP's `timeouts`; none: what holds for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Patience {
    /// For what the protocol needs to choose a server.
    pub head: Option<Duration>,
    /// For what a server has to say before anything is committed to it, each time; after that another one is tried.
    pub greeting: Option<Duration>,
    /// For the first byte of a server's answer.
    pub response: Option<Duration>,
    /// Without a byte either way.
    pub idle: Option<Duration>,
}

/// A protocol's own settings of a pool, as its [`Protocol::configure_pool`] made them.
pub type PoolSettings = Arc<dyn Any + Send + Sync>;

/// What a protocol may know of a pool that it has keys in.
#[derive(Clone, Copy, Debug)]
pub struct PoolContext<'a> {
    /// The pool's name.
    pub name: &'a str,
}

/// How a protocol's bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP, with TLS where the VIP has it.
    Tcp,
    /// UDP.
    Udp,
    /// Both, on the same addresses.
    Both,
}

impl Transport {
    /// Whether it listens on TCP.
    pub const fn tcp(self) -> bool {
        matches!(self, Self::Tcp | Self::Both)
    }

    /// Whether it listens on UDP.
    pub const fn udp(self) -> bool {
        matches!(self, Self::Udp | Self::Both)
    }
}

/// What a protocol may know of the VIP it is configured for.
#[derive(Clone, Copy, Debug)]
pub struct VipContext<'a> {
    /// The VIP's name.
    pub name: &'a str,
    /// Its persistence list, checked against [`Descriptor::keys`].
    pub persist: &'a [Persist],
    /// How user names become identities in its persistence domain.
    pub identity: &'a IdentityRules,
    /// Whether TLS ends at this VIP, from the first byte.
    pub tls: bool,
    /// Whether clients may start TLS in mid-stream ([`crate::Step::StartTls`]).
    pub start_tls: bool,
    /// The pools it may route to, by name: index 0 is its `pool`.
    pub pools: &'a [Arc<str>],
    /// The protocol's own settings of those pools, by the same index; none where the file has no such table.
    pub pool_settings: &'a [Option<PoolSettings>],
    /// Networks whose word is taken for who the client is (`trusted-networks` of `[gateway]`): other proxies.
    pub trusted: &'a Networks,
}

/// A protocol configured for one VIP: one of the three ways to be a protocol, or two of them side by side.
///
/// Only the core matches on it, so that the compiler finds every place when a fourth way comes.
#[derive(Clone, Debug)]
pub enum Handler {
    /// A state machine over a stream, or over the datagrams of one client.
    Conversation(Arc<dyn Converse>),
    /// A state machine over streams, and beside it datagrams of the same clients on the same addresses: they go to the
    /// server of the client's newest stream as they come, and nowhere while it has none.
    Companion(Arc<dyn Converse>),
    /// Datagrams that carry a transaction id.
    Exchange(Arc<dyn Exchange>),
    /// The owner of the client's stream.
    Service(Arc<dyn Service>),
    /// Datagrams and streams on the same addresses, as DNS has it. Datagrams for servers that are reached over
    /// streams alone are handed to the service ([`crate::Worker::datagram`]).
    Pair(Arc<dyn Exchange>, Arc<dyn Service>),
}

impl VipContext<'_> {
    /// The pool that `name`, written at `place`, means, by its index; where the VIP has no such pool that is recorded in
    /// `section`, with the remedy.
    pub fn pool(&self, section: &Section<'_>, name: &str, place: Span) -> Option<usize> {
        let found = self.pools.iter().position(|known| **known == *name);
        if found.is_none() {
            let help = match nearest(name, self.pools.iter().map(|pool| &**pool)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("add it to `pools` of this VIP: {}", self.pools.join(", ")),
            };
            let message = format!("pool `{name}` is not one of this VIP's");
            section.problem(Problem::new(place, message, "not known here").help(help));
        }
        found
    }

    /// Reads a table of names, each with the pool that it leads to: the name, its place and the pool's index.
    pub fn routes<'s>(&self, section: &mut Section<'s>, key: &'static str) -> Vec<(&'s str, Span, usize)> {
        let mut routes = Vec::new();
        let Some(table) = section.table(key) else { return routes };
        for (name, span, node) in table.entries() {
            match &node.value {
                Value::Text(pool) => {
                    routes.extend(self.pool(&table, pool, node.span.clone()).map(|pool| (name, span, pool)));
                }
                other => {
                    let label = format!("this is {}", other.kind());
                    table.problem(Problem::new(node.span.clone(), "a route must name a pool", label));
                }
            }
        }
        routes
    }
}

impl Handler {
    /// How this VIP's bytes travel, where the protocol as a whole travels as `protocol` says.
    pub const fn transport(&self, protocol: Transport) -> Transport {
        match self {
            Self::Conversation(_) => protocol,
            Self::Exchange(_) => Transport::Udp,
            Self::Service(_) => Transport::Tcp,
            Self::Companion(_) | Self::Pair(..) => Transport::Both,
        }
    }

    /// As [`Service::described`].
    ///
    /// # Errors
    /// A phrase: which word is wrong, or why such a client gets no server.
    pub fn described(&self, client: IpAddr, said: &[(KeyKind, &str)]) -> Result<Option<Route>, String> {
        match self {
            Self::Conversation(converse) | Self::Companion(converse) => converse.described(client, said),
            Self::Exchange(exchange) | Self::Pair(exchange, _) => exchange.described(client, said),
            Self::Service(service) => service.described(client, said),
        }
    }

    /// As [`Service::metrics`].
    pub fn metrics(&self, report: &mut dyn FnMut(VipMetric<'_>)) {
        match self {
            Self::Conversation(_) | Self::Companion(_) | Self::Exchange(_) => {}
            Self::Service(service) | Self::Pair(_, service) => service.metrics(report),
        }
    }

    /// As [`Service::outlook`].
    ///
    /// # Errors
    /// A phrase: what is wrong with the request as it was described.
    pub fn outlook(&self, request: &Sketch<'_>) -> Result<Option<Outlook>, String> {
        match self {
            Self::Conversation(_) | Self::Companion(_) | Self::Exchange(_) => Ok(None),
            Self::Service(service) | Self::Pair(_, service) => service.outlook(request),
        }
    }
}
