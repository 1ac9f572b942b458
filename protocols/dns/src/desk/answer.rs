//! What becomes of a server's message, and what a client is told without one.

use std::time::Instant;

use sekisho_api::{Answer, Asked, Delivery, Facts, Unavailable};

use super::memo::{self, Memo};
use super::request::fit;
use super::{Desk, ID, Over};
use crate::wire::{self, Header, Rcode};

impl Desk {
    /// Whether a server's message answers what was asked, and what becomes of it: it is kept in the pool's cache,
    /// loses what the client did not ask for, and is cut to what the client takes over UDP, with TC.
    pub(crate) fn answer(
        &self,
        message: &[u8],
        asked: &Asked<'_>,
        over: Over,
        now: Instant,
        out: &mut [u8],
    ) -> Answer {
        let Some(opcode) = Header::read(asked.request).map(Header::opcode) else { return Answer::Stray };
        if !wire::answers(message, opcode, asked.fingerprint.0, self.seed) {
            return Answer::Stray;
        }
        let memo = Memo::unpack(asked.memo);
        let pool = self.pools.get(memo.pool);
        let mut written = None;
        if memo.own_opt || memo.own_subnet {
            written = wire::answer_without(message, memo.own_opt, memo.own_subnet, out);
        }
        let failed =
            Header::read(message).is_some_and(|header| pool.is_some_and(|pool| pool.retries(header.rcode())));
        if !failed
            && let Some(key) = memo.key
            && let Some(cache) = pool.and_then(|pool| pool.cache.as_ref())
            && let Ok(request) = wire::query(asked.request)
        {
            let given = written.and_then(|length| out.get(..length)).unwrap_or(message);
            cache.store(key, &request, message, given, now);
        }
        let length = written.unwrap_or(message.len());
        if over == Over::Udp && length > memo.limit {
            written = match written {
                Some(length) => Some(fit(asked.request, length, memo.limit, out)),
                None => wire::truncated(asked.request, message, memo.limit, out),
            };
        }
        let delivery = Delivery { id: ID, written };
        if failed { Answer::Another(delivery) } else { Answer::Deliver(delivery) }
    }

    /// Answers a request from what is known since it was first read; none where that is nothing.
    pub(crate) fn known(
        &self,
        request: &[u8],
        facts: &Facts,
        over: Over,
        now: Instant,
        out: &mut [u8],
    ) -> Option<usize> {
        let query = wire::query(request).ok()?;
        let placed = self.place(&query, facts.client.ip()).ok()?;
        let length = placed.fresh(&query, now, out)?;
        Some(fit(request, length, memo::limit(&query, over), out))
    }

    /// What a client is told when no server answers: what the pool's cache still has, however old, else SERVFAIL with
    /// the reason.
    pub(crate) fn refuse(
        &self,
        request: &[u8],
        facts: &Facts,
        why: Unavailable,
        over: Over,
        now: Instant,
        out: &mut [u8],
    ) -> Option<usize> {
        if let Ok(query) = wire::query(request)
            && let Ok(placed) = self.place(&query, facts.client.ip())
            && let Some(length) = placed.stale(&query, now, out)
        {
            return Some(fit(request, length, memo::limit(&query, over), out));
        }
        let error = match why {
            Unavailable::AllDown => (NO_REACHABLE_AUTHORITY, ""),
            Unavailable::Full | Unavailable::QueueTimeout => (OTHER, "overloaded"),
            _ => (NETWORK_ERROR, ""),
        };
        wire::error(request, Rcode::SERVFAIL, Some(error), out)
    }
}

/// Extended errors (RFC 8914, sections 4.1, 4.23 and 4.24).
const OTHER: u16 = 0;
const NO_REACHABLE_AUTHORITY: u16 = 22;
const NETWORK_ERROR: u16 = 23;
