//! The keys of `[pool.NAME.http]`.

use std::sync::Arc;
use std::time::Duration;

use sekisho_api::settings::{Problem, Section};
use sekisho_api::{PoolSettings, VipContext};

use crate::codec::Rhythm;
use crate::gate::{Gates, Registry};

/// How a pool's servers are spoken to.
#[derive(Clone, Debug)]
pub(crate) struct PoolOptions {
    pub(crate) version: Spoken,
    /// The most requests at once on one connection of HTTP/2; a server may allow fewer.
    pub(crate) max_streams: u32,
    /// How servers of HTTP/2 are asked for signs of life.
    pub(crate) rhythm: Rhythm,
    /// How many connections a server may have; `None`: as many as it takes.
    pub(crate) gates: Option<Arc<Gates>>,
}

/// The version that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    /// HTTP/1.1.
    One,
    /// HTTP/2, or nothing.
    Two,
    /// What TLS agrees on; HTTP/1.1 without TLS.
    Agreed,
}

impl Spoken {
    /// How it is written.
    pub(crate) const WORDS: [(&'static str, Self); 3] =
        [("1.1", Self::One), ("2", Self::Two), ("auto", Self::Agreed)];
}

impl PoolOptions {
    /// Reads them; what is wrong is recorded in the section and replaced by the default.
    pub(crate) fn read(section: &mut Section<'_>, registry: &Arc<Registry>) -> Self {
        Self {
            version: section.word("version", &Spoken::WORDS).unwrap_or(Spoken::One),
            max_streams: section.integer("max-streams", MAX_STREAMS, 1..=10_000) as u32,
            rhythm: Rhythm {
                interval: section.duration("ping-interval", PING.interval, Duration::ZERO..=LONGEST),
                timeout: section.duration("ping-timeout", PING.timeout, SHORTEST..=LONGEST),
                repeat: section.duration("ping-repeat", PING.repeat, SHORTEST..=LONGEST),
            },
            gates: gates(section, registry),
        }
    }

    /// Those of the pools that a VIP may route to, by their place.
    pub(crate) fn of(vip: &VipContext<'_>) -> Box<[Self]> {
        let of = |settings: &Option<PoolSettings>| {
            settings
                .as_ref()
                .and_then(|settings| settings.downcast_ref::<Self>())
                .cloned()
                .unwrap_or_default()
        };
        vip.pool_settings.iter().map(of).collect()
    }

    /// The application protocols that servers are offered.
    pub(crate) const fn alpn(&self) -> &'static [&'static str] {
        match self.version {
            Spoken::One => &[],
            Spoken::Two => &["h2"],
            Spoken::Agreed => &["h2", "http/1.1"],
        }
    }
}

/// `max-connections` and what belongs to it.
fn gates(section: &mut Section<'_>, registry: &Arc<Registry>) -> Option<Arc<Gates>> {
    let most = section.optional_integer("max-connections", 1..=1_000_000);
    let pending = section.integer("max-pending", PENDING, 0..=1_000_000);
    let patience = section.duration("pending-timeout", PATIENCE, SHORTEST..=LONGEST);
    for key in ["max-pending", "pending-timeout"].into_iter().filter(|key| most.is_none() && section.has(key))
    {
        let message = format!("`{key}` has no effect without `max-connections`");
        let problem = Problem::new(section.place(key), message, "nobody waits for a connection");
        section.problem(problem.help("add `max-connections`, or set the pool's `queue` for requests"));
    }
    let number = |number| usize::try_from(number).unwrap_or(usize::MAX);
    most.map(|most| Gates::new(registry, number(most), number(pending), patience))
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self { version: Spoken::One, max_streams: MAX_STREAMS as u32, rhythm: PING, gates: None }
    }
}

/// As the gateway itself allows its clients, and what most servers allow.
const MAX_STREAMS: u64 = 100;
/// A server that owes an answer and says nothing for ten seconds may be gone; servers of gRPC end connections whose
/// clients ask more than thrice within five minutes of silence.
const PING: Rhythm = Rhythm {
    interval: Duration::from_secs(10),
    timeout: Duration::from_secs(20),
    repeat: Duration::from_secs(300),
};
/// As Envoy's `max_pending_requests`.
const PENDING: u64 = 1024;
/// As the scheduler's queue: who waits for longer has left.
const PATIENCE: Duration = Duration::from_secs(5);
/// As the VIP's timeouts.
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use sekisho_api::settings::{Node, Problems, Table, Value};

    use super::*;

    fn read(entries: &[(&str, Value)]) -> (PoolOptions, usize) {
        let node = |value: &Value| Node { span: 0..0, value: value.clone() };
        let entries = entries.iter().map(|(key, value)| ((*key).to_owned(), 0..0, node(value))).collect();
        let (table, problems) = (Table { entries }, Problems::new());
        let options = PoolOptions::read(&mut Section::new(&table, 0..0, &problems), &Arc::default());
        (options, problems.into_vec().len())
    }

    #[test]
    fn version_decides_what_servers_are_offered_and_is_1_1_unless_it_is_said() {
        let version = |word: &str| read(&[("version", Value::Text(word.to_owned()))]);
        assert_eq!((read(&[]).0.version, read(&[]).1), (Spoken::One, 0));
        for (word, spoken, alpn) in [
            ("1.1", Spoken::One, &[][..]),
            ("2", Spoken::Two, &["h2"]),
            ("auto", Spoken::Agreed, &["h2", "http/1.1"]),
        ] {
            let (options, problems) = version(word);
            assert_eq!((options.version, options.alpn(), problems), (spoken, alpn, 0), "{word}");
        }
        assert_eq!(version("3").1, 1);
    }

    #[test]
    fn line_for_connections_is_there_where_they_are_limited() {
        let number = Value::Integer(3);
        assert!(read(&[]).0.gates.is_none());
        let (options, problems) =
            read(&[("max-connections", number.clone()), ("max-pending", number.clone())]);
        assert!(options.gates.is_some() && problems == 0);
        assert_eq!(read(&[("max-pending", number)]).1, 1);
    }
}
