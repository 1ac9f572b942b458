//! The keys of `[vip.NAME.http]`.

use std::time::Duration;

use http::HeaderName;
use sekisho_api::Networks;
use sekisho_api::settings::{Problem, Section};

/// The options of one VIP.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// How long a connection may wait for its next request.
    pub(crate) keep_alive_timeout: Duration,
    /// How long a request's head may take, from its first byte.
    pub(crate) request_timeout: Duration,
    /// How long a server may take to answer, from the request's last byte; none: as the VIP's `timeouts` have it.
    pub(crate) response_timeout: Option<Duration>,
    /// How long a body may pause, either way.
    pub(crate) body_timeout: Duration,
    /// The largest request body.
    pub(crate) max_body: Option<u64>,
    /// The largest head.
    pub(crate) max_header_size: usize,
    /// The most header fields of a request.
    pub(crate) max_headers: usize,
    /// How long an idle server connection is kept.
    pub(crate) server_idle: Duration,
    /// Idle connections kept to one server by one worker.
    pub(crate) server_idle_max: usize,
    /// Whether a request may become a WebSocket.
    pub(crate) websocket: bool,
    /// How long a WebSocket may be silent.
    pub(crate) tunnel_timeout: Duration,
    /// What happens to X-Forwarded-*.
    pub(crate) forwarded: Forwarded,
    /// Whether the field of RFC 7239 is written as well.
    pub(crate) forwarded_header: bool,
    /// Networks whose forwarding fields are believed.
    pub(crate) trusted: Networks,
    /// What the hashing methods hash.
    pub(crate) hash_on: HashOn,
    /// Whether HTTP/2 is spoken with clients.
    pub(crate) http2: bool,
    /// The most requests at once on one connection of HTTP/2.
    pub(crate) max_streams: u32,
}

/// What happens to the forwarding fields that a request brings along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forwarded {
    /// The client's address is added behind those that came.
    Append,
    /// What came is dropped, unless it came from a trusted network; then it is appended to.
    Replace,
    /// The fields are none of the gateway's business.
    Off,
}

/// What the hashing methods hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HashOn {
    /// The client's address: the core does it.
    SourceIp,
    /// The path without the query.
    Path,
    /// Path and query.
    Uri,
    /// The host asked for, without regard to case.
    Host,
    /// A header's value.
    Header(HeaderName),
    /// A query parameter's value.
    Query(Box<str>),
}

impl Options {
    /// Reads them; what is wrong is recorded in the section and replaced by the default. `trusted` is believed where
    /// the section has no list of its own.
    pub(crate) fn read(section: &mut Section<'_>, trusted: &Networks) -> Self {
        let timeouts = SHORTEST..=LONGEST;
        let words = [("append", Forwarded::Append), ("replace", Forwarded::Replace), ("off", Forwarded::Off)];
        let unlimited = section.node("max-body").is_none();
        let max_body = section.size("max-body", 0, 0..=u64::MAX);
        Self {
            keep_alive_timeout: section.duration("keep-alive-timeout", KEEP_ALIVE_TIMEOUT, timeouts.clone()),
            request_timeout: section.duration("request-timeout", REQUEST_TIMEOUT, timeouts.clone()),
            response_timeout: section.optional_duration("response-timeout", timeouts.clone()),
            body_timeout: section.duration("body-timeout", BODY_TIMEOUT, timeouts.clone()),
            max_body: (!unlimited).then_some(max_body),
            max_header_size: size(section.size("max-header-size", MAX_HEADER_SIZE, HEADER_SIZES)),
            max_headers: size(section.integer("max-headers", MAX_HEADERS, 16..=1000)),
            server_idle: section.duration("server-idle", SERVER_IDLE, timeouts.clone()),
            server_idle_max: size(section.integer("server-idle-max", SERVER_IDLE_MAX, 0..=65_536)),
            websocket: websocket(section),
            tunnel_timeout: section.duration("tunnel-timeout", TUNNEL_TIMEOUT, timeouts),
            forwarded: section.word("forwarded", &words).unwrap_or(Forwarded::Replace),
            forwarded_header: section.flag("forwarded-header", false),
            trusted: Networks::read(section, "trusted-networks").unwrap_or_else(|| trusted.clone()),
            hash_on: hash_on(section).unwrap_or(HashOn::SourceIp),
            http2: section.flag("http2", true),
            max_streams: section.integer("http2-max-streams", MAX_STREAMS, 1..=10_000) as u32,
        }
    }

    /// How often a connection looks at its deadlines.
    pub(crate) fn tick(&self, response_timeout: Duration) -> Duration {
        [self.keep_alive_timeout, self.request_timeout, response_timeout, self.body_timeout, SLOWEST_TICK]
            .into_iter()
            .min()
            .unwrap_or(SLOWEST_TICK)
    }
}

fn size(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// Whether the protocols that a request may change to are this one; there is no other.
fn websocket(section: &mut Section<'_>) -> bool {
    let Some(upgrades) = section.texts("upgrades") else { return true };
    for upgrade in upgrades.iter().filter(|upgrade| upgrade.value != "websocket") {
        let message = format!("unknown value `{}` in `upgrades`", upgrade.value);
        section
            .problem(Problem::new(upgrade.span.clone(), message, "not known here").help("one of: websocket"));
    }
    !upgrades.is_empty()
}

/// Reads `hash-on`.
pub(crate) fn hash_on(section: &mut Section<'_>) -> Option<HashOn> {
    let text = section.text("hash-on")?;
    let hash_on = match text.value.split_once(':') {
        None => match text.value {
            "source-ip" => Some(HashOn::SourceIp),
            "path" => Some(HashOn::Path),
            "uri" => Some(HashOn::Uri),
            "host" => Some(HashOn::Host),
            _ => None,
        },
        Some(("header", name)) => HeaderName::from_bytes(name.as_bytes()).ok().map(HashOn::Header),
        Some(("query", name)) if !name.is_empty() => Some(HashOn::Query(name.into())),
        Some(_) => None,
    };
    if hash_on.is_none() {
        let message = format!("unknown value `{}` for `hash-on`", text.value);
        section.problem(
            Problem::new(text.span, message, "not known here")
                .help("one of: source-ip, path, uri, host, header:NAME, query:NAME"),
        );
    }
    hash_on
}

/// As HAProxy's and nginx's examples have it; longer than browsers keep a connection that they do not use.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(60);
/// A head fits into one packet or a few; who needs longer is broken or an attacker.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two pieces of a body: long enough for a phone that changes its network.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Kerberos tickets and piles of cookies reach 32 KiB; twice that is ample.
const MAX_HEADER_SIZE: u64 = 64 * 1024;
/// The codec needs 8 KiB at least; more than 256 KiB in no field has a purpose.
const HEADER_SIZES: std::ops::RangeInclusive<u64> = 8 * 1024..=256 * 1024;
/// Up to this number the codec parses on the stack; a larger one costs an allocation a request.
const MAX_HEADERS: u64 = 100;
/// As nginx and HAProxy, and at least what RFC 9113 recommends (section 6.5.2).
const MAX_STREAMS: u64 = 100;
/// Servers close idle connections themselves, many after 60 or 75 seconds: be first.
const SERVER_IDLE: Duration = Duration::from_secs(30);
/// One worker has rarely more requests in flight to one server.
const SERVER_IDLE_MAX: u64 = 128;
/// As HAProxy's and nginx's examples for WebSockets have it: applications send pings more often.
const TUNNEL_TIMEOUT: Duration = Duration::from_secs(3600);
/// Below this the worker's tick is too coarse to mean anything.
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// How often a serving connection looks at its deadlines when they are long.
const SLOWEST_TICK: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use sekisho_api::settings::{Node, Problems, Table, Value};

    use super::*;

    /// Whether WebSockets are allowed where `upgrades` lists these, and what is said against it.
    fn upgrades(words: &[&str]) -> (bool, Vec<String>) {
        let text = |word: &&str| Node { span: 0..0, value: Value::Text((*word).to_owned()) };
        let list = Node { span: 0..0, value: Value::List(words.iter().map(text).collect()) };
        let (table, problems) =
            (Table { entries: vec![("upgrades".to_owned(), 0..0, list)] }, Problems::new());
        let allowed = websocket(&mut Section::new(&table, 0..0, &problems));
        (allowed, problems.into_vec().into_iter().map(|problem| problem.message).collect())
    }

    #[test]
    fn upgrades_are_to_a_websocket_or_none() {
        assert_eq!(upgrades(&["websocket"]), (true, vec![]));
        assert_eq!(upgrades(&[]), (false, vec![]));
        let (_, problems) = upgrades(&["websocket", "h2c"]);
        assert_eq!(problems, ["unknown value `h2c` in `upgrades`"]);
        let (table, problems) = (Table::default(), Problems::new());
        assert!(websocket(&mut Section::new(&table, 0..0, &problems)), "they are allowed unless it is said");
    }
}
