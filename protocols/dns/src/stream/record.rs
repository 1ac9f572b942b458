//! What the access log tells of a query.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sekisho_api::{Core, End, Facts, Marks, Record, RequestLine, Server, Why};

use crate::desk::Desk;
use crate::over::Over;

/// A query that has ended.
#[derive(Debug)]
pub(crate) struct Ended<'a> {
    pub(crate) request: &'a [u8],
    /// Empty: silence.
    pub(crate) answer: &'a [u8],
    /// Bytes to the client before the answer's last message.
    pub(crate) before: u64,
    pub(crate) facts: &'a Facts,
    pub(crate) over: Over,
    pub(crate) began: Instant,
    pub(crate) server: Option<&'a Arc<dyn Server>>,
    pub(crate) why: Option<Why>,
    pub(crate) answered: Option<Duration>,
    pub(crate) attempts: u32,
    pub(crate) end: End,
}

impl Ended<'_> {
    /// Counts it, and writes its line where somebody reads them.
    pub(crate) fn record(&self, core: &dyn Core, desk: &Desk, now: Instant) {
        let framing = if self.over == Over::Udp { 0 } else { 2 };
        let size = |message: &[u8]| if message.is_empty() { 0 } else { message.len() as u64 + framing };
        let (received, sent) = (size(self.request), self.before + size(self.answer));
        if !core.records() {
            core.count(received, sent, self.end);
            return core.measure(self.server, self.answered, now.saturating_duration_since(self.began), 0);
        }
        let described = desk.describe(self.request, self.answer);
        core.record(&Record {
            facts: self.facts,
            server: self.server,
            why: self.why,
            key: match self.why {
                Some(Why::Persisted(kind)) => Some(kind),
                _ => None,
            },
            began: self.began,
            answered: self.answered,
            took: now.saturating_duration_since(self.began),
            received,
            sent,
            known_by: None,
            attempts: self.attempts,
            end: self.end,
            request: described.as_ref().map(|described| RequestLine {
                method: &described.method,
                host: &described.host,
                target: "",
                version: match self.over {
                    Over::Udp => "",
                    Over::Tcp => "tcp",
                    Over::Tls => "dot",
                    Over::Https => "doh",
                },
                rule: None,
                status: described.status,
                marks: Marks::default(),
            }),
        });
    }
}

/// Books a connection that ended for a reason which is no query's.
pub(crate) fn broken(core: &dyn Core, facts: &Facts, began: Instant, now: Instant, end: End) {
    core.record(&Record {
        facts,
        server: None,
        why: None,
        key: None,
        began,
        answered: None,
        took: now.saturating_duration_since(began),
        received: 0,
        sent: 0,
        known_by: None,
        attempts: 0,
        end,
        request: None,
    });
}
