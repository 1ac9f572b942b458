//! HTTP in the registration list.

use std::rc::Rc;
use std::sync::Arc;

use sekisho_api::settings::Section;
use sekisho_api::{
    Core, Descriptor, Handler, Metric, Outlook, PoolContext, PoolSettings, ProbeKind, Protocol, Service,
    Sketch, Transport, VipContext, VipMetric, Worker,
};

use crate::deadlines::Deadlines;
use crate::encode::Compression;
use crate::gate::Registry;
use crate::keys::{KEYS, Sources};
use crate::methods::Methods;
use crate::options::Options;
use crate::pages::Pages;
use crate::pool_options::{PoolOptions, Spoken};
use crate::probe::{GrpcProbe, HttpProbe};
use crate::rates::{Kept, Rates};
use crate::retry::Retry;
use crate::rules::Rules;
use crate::tls_fields::TlsFields;
use crate::trace::Tracing;
use crate::user::Users;
use crate::worker::HttpWorker;

/// HTTP/1.1 and HTTP/2, balanced request by request.
#[derive(Clone, Debug, Default)]
pub struct Http {
    /// What limits have let pass survives a reload.
    kept: Arc<Kept>,
    /// So do counts of connections.
    registry: Arc<Registry>,
}

impl Http {
    /// One whose limits have let nothing pass so far.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Protocol for Http {
    fn descriptor(&self) -> Descriptor {
        Descriptor {
            name: "http",
            summary: "HTTP/1.1 and HTTP/2, every request balanced, clients kept by cookie or user",
            transport: Transport::Tcp,
            keys: KEYS,
        }
    }

    fn configure(&self, options: &mut Section<'_>, vip: &VipContext<'_>) -> Option<Handler> {
        let rules = Rules::read(options, vip);
        let users = Users::read(options, vip.identity);
        users.check_rules(options, &rules);
        let sources = Sources::new(vip.persist, vip.pools);
        let cookies = cookies(&sources, &rules);
        let methods = Methods::read(options);
        let compression = Compression::read(options);
        let pages = Pages::read(options);
        let rates = Rates::read(options, vip, &self.kept);
        let tracing = Tracing::read(options);
        let tls_fields = TlsFields::read(options, tracing.field());
        let (retry, deadlines) = (Retry::read(options), Deadlines::read(options));
        let options = Options::read(options, vip.trusted);
        let pools = PoolOptions::of(vip);
        let settings = Settings {
            options,
            pools,
            sources,
            users,
            cookies,
            methods,
            rules,
            rates,
            tracing,
            tls_fields,
            compression,
            pages,
            retry,
            deadlines,
        };
        Some(Handler::Service(Arc::new(HttpService(Arc::new(settings), vip.pools.into()))))
    }

    fn configure_pool(&self, options: &mut Section<'_>, _: &PoolContext<'_>) -> Option<PoolSettings> {
        Some(Arc::new(PoolOptions::read(options, &self.registry)))
    }

    fn server_alpn(&self, settings: &PoolSettings) -> &'static [&'static str] {
        settings.downcast_ref::<PoolOptions>().map_or(&[], |options| options.alpn())
    }

    fn metrics(&self, settings: &PoolSettings, report: &mut dyn FnMut(Metric)) {
        let gates = settings.downcast_ref::<PoolOptions>().and_then(|options| options.gates.as_ref());
        for ((name, help), value) in
            gates.into_iter().flat_map(|gates| CONNECTION_METRICS.into_iter().zip(gates.counts()))
        {
            report(Metric { name, help, value });
        }
    }

    fn probes(&self) -> Vec<Arc<dyn ProbeKind>> {
        vec![Arc::new(HttpProbe), Arc::new(GrpcProbe)]
    }
}

/// One VIP, configured.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) options: Options,
    /// How the servers of the pools are spoken to, by the pools' places.
    pub(crate) pools: Box<[PoolOptions]>,
    pub(crate) sources: Sources,
    /// Who asks.
    pub(crate) users: Users,
    /// The names of all cookies that the gateway inserts: servers see none of them.
    pub(crate) cookies: Box<[Box<str>]>,
    pub(crate) methods: Methods,
    pub(crate) rules: Rules,
    /// How often may be asked.
    pub(crate) rates: Rates,
    /// Numbers that a request is found by.
    pub(crate) tracing: Tracing,
    /// What the server is told of the client's TLS.
    pub(crate) tls_fields: TlsFields,
    /// `None`: answers stay as the servers have them.
    pub(crate) compression: Option<Box<Compression>>,
    /// `None`: errors are told in a line.
    pub(crate) pages: Option<Box<Pages>>,
    /// Whether a request that failed is tried on another server.
    pub(crate) retry: Retry,
    pub(crate) deadlines: Deadlines,
}

/// The names of the cookies that a VIP and its rules insert.
fn cookies(sources: &Sources, rules: &Rules) -> Box<[Box<str>]> {
    let own = rules.iter().filter_map(|rule| rule.own().persist.as_ref());
    let all = own.map(|(_, sources)| sources).chain([sources]).flat_map(Sources::cookies);
    let mut names: Vec<Box<str>> = all.map(|cookie| cookie.name.clone()).collect();
    names.sort_unstable();
    names.dedup();
    names.into()
}

impl Settings {
    /// How the servers of the pool of this place are spoken to.
    pub(crate) fn pool(&self, place: usize) -> Option<&PoolOptions> {
        self.pools.get(place)
    }

    /// Which version they speak.
    pub(crate) fn spoken(&self, place: usize) -> Spoken {
        self.pool(place).map_or(Spoken::One, |options| options.version)
    }
}

#[derive(Debug)]
struct HttpService(Arc<Settings>, Box<[Arc<str>]>);

impl Service for HttpService {
    fn worker(&self, core: Rc<dyn Core>) -> Rc<dyn Worker> {
        HttpWorker::start(core, self.0.clone())
    }

    fn outlook(&self, request: &Sketch<'_>) -> Result<Option<Outlook>, String> {
        self.0.outlook(request, &self.1).map(Some)
    }

    fn metrics(&self, report: &mut dyn FnMut(VipMetric<'_>)) {
        for (name, excess, evicted) in self.0.rates.counts() {
            let [(beyond, beyond_help), (forgotten, forgotten_help)] = RATE_METRICS;
            report(VipMetric { metric: beyond, help: beyond_help, name, value: excess });
            report(VipMetric { metric: forgotten, help: forgotten_help, name, value: evicted });
        }
        for (name, value) in self.0.rules.counts() {
            let (metric, help) = RULE_METRIC;
            report(VipMetric { metric, help, name, value });
        }
        for (name, made, denied) in self.0.retry.counts().read() {
            let [(again, again_help), (never, never_help)] = RETRY_METRICS;
            report(VipMetric { metric: again, help: again_help, name, value: made });
            report(VipMetric { metric: never, help: never_help, name, value: denied });
        }
    }

    fn alpn(&self) -> &'static [&'static str] {
        if self.0.options.http2 { &["h2", "http/1.1"] } else { &["http/1.1"] }
    }
}

/// What is counted of rules.
const RULE_METRIC: (&str, &str) =
    ("rule_requests_total", "Requests that met a rule, of those rules that have a name.");

/// What is counted of a pool's connections, where they are limited.
const CONNECTION_METRICS: [(&str, &str); 3] = [
    (
        "server_connections",
        "Connections that are open to the servers of a pool, where `max-connections` limits them.",
    ),
    ("server_connection_waits_total", "Requests that had to wait for a connection to their server."),
    (
        "server_connection_refusals_total",
        "Requests that were refused a connection, or waited for it for too long.",
    ),
];

/// What is counted of further tries, by their causes.
const RETRY_METRICS: [(&str, &str); 2] = [
    ("retries_total", "Further tries of a request on another server, by why the one before failed."),
    ("retries_denied_total", "Further tries that the budget did not allow, by why the one before failed."),
];

/// What limits on requests count.
const RATE_METRICS: [(&str, &str); 2] = [
    ("rate_limit_excess_total", "Requests beyond a rate limit: refused, or passed where it only logs."),
    (
        "rate_limit_evictions_total",
        "Keys that a rate limit forgot before their time, to make room for others.",
    ),
];
