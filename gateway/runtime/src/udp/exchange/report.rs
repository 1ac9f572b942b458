//! What the access log and the totals are told.

use std::time::{Duration, Instant};

use sekisho_api::{Core, Described, End, Facts, Lease, Marks, Record, RequestLine, Why};

use super::Exchanges;
use super::query::Query;

impl Exchanges {
    /// Tells of a query whose client got `answer`, from the lease's server after so long if one is given.
    pub(super) fn tell(
        &self,
        query: &Query,
        answer: &[u8],
        end: End,
        served: Option<(&Lease, Duration)>,
        now: Instant,
    ) {
        if !self.core.records() {
            let took = now.saturating_duration_since(query.began);
            self.core.count(query.request.len() as u64, answer.len() as u64, end);
            let server = served.map(|(lease, _)| lease.server());
            return self.core.measure(server, served.map(|_| took), took, 0);
        }
        let facts = query.facts();
        let why = served.map(|(lease, _)| lease.why());
        let record = Record {
            server: served.map(|(lease, _)| lease.server()),
            why,
            key: match why {
                Some(Why::Persisted(kind)) => Some(kind),
                _ => None,
            },
            began: query.began,
            answered: served.map(|_| now.saturating_duration_since(query.began)),
            took: now.saturating_duration_since(query.began),
            attempts: query.attempts,
            ..blank(&facts, &query.request, answer, end, now)
        };
        self.write(&record, &query.request, answer);
    }

    /// Tells of a request that the gateway answered itself.
    pub(super) fn tell_own(&self, facts: &Facts, request: &[u8], answer: &[u8], now: Instant) {
        self.tell_at_once(facts, request, answer, End::Done, now);
    }

    /// Tells of a request that was never under way.
    pub(super) fn tell_at_once(&self, facts: &Facts, request: &[u8], answer: &[u8], end: End, now: Instant) {
        if self.core.records() {
            self.write(&blank(facts, request, answer, end, now), request, answer);
        } else {
            self.core.count(request.len() as u64, answer.len() as u64, end);
            self.core.measure(None, None, Duration::ZERO, 0);
        }
    }

    fn write(&self, record: &Record<'_>, request: &[u8], answer: &[u8]) {
        let described = self.exchange.describe(request, answer);
        let line = described.as_ref().map(|Described { method, host, status }| RequestLine {
            method,
            host,
            target: "",
            version: "",
            rule: None,
            status: *status,
            marks: Marks::default(),
        });
        self.core.record(&Record { request: line, ..record.clone() });
    }
}

fn blank<'a>(facts: &'a Facts, request: &[u8], answer: &[u8], end: End, now: Instant) -> Record<'a> {
    Record {
        facts,
        server: None,
        why: None,
        key: None,
        known_by: None,
        began: now,
        answered: None,
        took: Duration::ZERO,
        received: request.len() as u64,
        sent: answer.len() as u64,
        attempts: 0,
        end,
        request: None,
    }
}
