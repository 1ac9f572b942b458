//! The keys of `[vip.NAME.dns]`.

use std::time::Duration;

use sekisho_api::VipContext;
use sekisho_api::settings::{Problem, Section};

use crate::keys::Keys;
use crate::limits::Limits;
use crate::over::{self, Over};
use crate::rules::Rules;

/// What a VIP's streams and queries are held to.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// What clients may speak over.
    pub(crate) over: Vec<Over>,
    /// The path of DNS over HTTPS.
    pub(crate) path: Box<str>,
    /// Whether a second server is asked while the first is silent.
    pub(crate) retry: bool,
    /// How long a server may take to answer, where the VIP's `timeouts` does not say.
    pub(crate) response: Duration,
    /// How long a client's connection without a query on it stays open.
    pub(crate) tcp_idle: Duration,
    /// How long a message may take from its first byte to its last.
    pub(crate) message_timeout: Duration,
    /// Queries of one connection that wait for their answers; further ones are not read.
    pub(crate) tcp_in_flight: usize,
    /// Queries after which a connection is closed.
    pub(crate) tcp_queries: Option<u64>,
}

/// Everything that stands in the table.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) options: Options,
    pub(crate) keys: Keys,
    pub(crate) limits: Limits,
    pub(crate) rules: Rules,
}

impl Table {
    /// Reads it; what is wrong is recorded in the section. `seed` keeps clients from knowing what falls together.
    pub(crate) fn read(section: &mut Section<'_>, vip: &VipContext<'_>, seed: (u64, u64)) -> Option<Self> {
        let options = Options::read(section, vip.tls);
        let keys = Keys::read(section, vip.persist);
        let limits = Limits::read(section, seed);
        let rules = Rules::read(section, vip, seed);
        Some(Self { options: options?, keys, limits, rules })
    }
}

impl Options {
    /// Reads them; `None` where the VIP could not be served at all.
    pub(crate) fn read(section: &mut Section<'_>, tls: bool) -> Option<Self> {
        let over = over::read(section, tls);
        let path = path(section, over.as_deref().unwrap_or_default());
        let in_flight = section.integer("tcp-in-flight", TCP_IN_FLIGHT, 1..=10_000);
        let options = Self {
            over: Vec::new(),
            path,
            retry: section.flag("retry", true),
            response: RESPONSE,
            tcp_idle: section.duration("tcp-idle", TCP_IDLE, SHORTEST..=LONGEST),
            message_timeout: section.duration("message-timeout", MESSAGE_TIMEOUT, SHORTEST..=LONGEST),
            tcp_in_flight: usize::try_from(in_flight).unwrap_or(usize::MAX),
            tcp_queries: section.optional_integer("tcp-queries", 1..=u64::MAX),
        };
        Some(Self { over: over?, ..options })
    }
}

fn path(section: &mut Section<'_>, over: &[Over]) -> Box<str> {
    let Some(path) = section.text("path") else { return PATH.into() };
    let well = path.value.starts_with('/')
        && path.value.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#'));
    if !well {
        section.problem(
            Problem::new(path.span, "`path` is not a path", "it must begin with / and hold no query")
                .help("write something like \"/dns-query\""),
        );
    } else if !over.is_empty() && !over.contains(&Over::Https) {
        section.problem(
            Problem::new(path.span, "`path` has no effect", "this VIP does not speak over HTTPS")
                .help("delete it, or add \"https\" to `over`"),
        );
    }
    path.value.into()
}

/// RFC 8484 names no default; this is what its examples, clients and servers use.
const PATH: &str = "/dns-query";
/// Resolvers wait five seconds and more for their clients; most give up on a server after two.
pub(crate) const RESPONSE: Duration = Duration::from_secs(2);
/// "On the order of a few seconds" (RFC 7766, section 6.2.3), and what others wait.
const TCP_IDLE: Duration = Duration::from_secs(10);
/// A message fits into one segment or a few; who needs longer is broken or an attacker.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(5);
/// More than stubs send at once; resolvers with more open another connection.
const TCP_IN_FLIGHT: u64 = 100;
/// Below this the worker's tick is too coarse to mean anything.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn defaults_are_those_of_the_page() {
        let (options, problems) = testing::read("", |section| Options::read(section, false));
        let options = options.unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(options.over, [Over::Udp, Over::Tcp]);
        assert_eq!((&*options.path, options.retry), ("/dns-query", true));
        assert_eq!((options.tcp_in_flight, options.tcp_queries), (100, None));
        let seconds =
            [options.tcp_idle, options.message_timeout, options.response].map(|time| time.as_secs());
        assert_eq!(seconds, [10, 5, 2]);
    }

    #[test]
    fn values_that_make_no_sense_are_refused() {
        for (text, message) in [
            ("path = \"dns-query\"", "`path` is not a path"),
            ("over = \"https\"\npath = \"/a?b\"", "`path` is not a path"),
            ("path = \"/dns-query\"", "`path` has no effect"),
            ("tcp-idle = \"1ms\"", "`tcp-idle` is out of range"),
            ("tcp-in-flight = 0", "`tcp-in-flight` is out of range"),
            ("tcp-queries = 0", "`tcp-queries` is out of range"),
            ("message-timeout = 5", "`message-timeout` has no unit"),
            ("over = [\"udp\", \"doq\"]", "unknown value `doq` for `over`"),
        ] {
            let (_, problems) = testing::read(text, |section| Options::read(section, false));
            assert_eq!(problems, [message], "{text}");
        }
    }
}
