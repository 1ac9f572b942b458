//! What becomes of a client's message.

use std::net::IpAddr;
use std::time::Instant;

use sekisho_api::{DATAGRAM, Facts, Fingerprint, Forward, Request};

use super::memo::{self, Memo};
use super::{Desk, ID, Over};
use crate::limits::{Excess, Verdict};
use crate::pool::{PoolRules, Told};
use crate::rules::Action;
use crate::wire::{self, Query, Rcode, Unreadable, opcode};

/// A query that goes to a server, or to a pool's cache.
pub(super) struct Placed<'d> {
    pub(super) pool: &'d PoolRules,
    index: usize,
    /// What the server is told of the client's network.
    pub(super) told: Told,
    /// What the answer is kept under; none: it is not kept.
    pub(super) key: Option<u64>,
}

impl Desk {
    /// Reads a client's message and says what becomes of it.
    pub(crate) fn request(
        &self,
        message: &[u8],
        facts: &Facts,
        over: Over,
        now: Instant,
        out: &mut [u8],
    ) -> Request {
        let query = wire::query(message);
        if let Err(Unreadable::Silence(label)) = query {
            return Request::Ignore(label);
        }
        match self.limits.judge(facts.client.ip(), now) {
            Verdict::Denied => tell(message, Rcode::REFUSED, Some((PROHIBITED, "")), DENIED, out),
            Verdict::Excess(excess) => match excess {
                Excess::Truncate if over == Over::Udp => {
                    let written = wire::truncated(message, &[], SMALLEST, out);
                    written.map_or(Request::Ignore(EXCESS), |length| Request::Answer(length, EXCESS))
                }
                Excess::Truncate => self.decide(message, query, facts, over, now, out),
                Excess::Refuse => tell(message, Rcode::REFUSED, Some((OTHER, "rate limit")), EXCESS, out),
                Excess::Drop => Request::Ignore(EXCESS),
            },
            Verdict::Pass => self.decide(message, query, facts, over, now, out),
        }
    }

    /// As [`Desk::request`], of a message that it has let pass before: no limit counts it again.
    pub(crate) fn handed(
        &self,
        message: &[u8],
        facts: &Facts,
        over: Over,
        now: Instant,
        out: &mut [u8],
    ) -> Request {
        self.decide(message, wire::query(message), facts, over, now, out)
    }

    fn decide(
        &self,
        message: &[u8],
        query: Result<Query<'_>, Unreadable>,
        facts: &Facts,
        over: Over,
        now: Instant,
        out: &mut [u8],
    ) -> Request {
        let query = match query {
            Ok(query) => query,
            Err(Unreadable::Silence(label)) => return Request::Ignore(label),
            Err(Unreadable::Tell(rcode, label)) => return tell(message, rcode, None, label, out),
        };
        let client = facts.client.ip();
        let placed = match self.place(&query, client) {
            Ok(placed) => placed,
            Err(Action::Drop) => return Request::Ignore(BLOCKED),
            Err(Action::NxDomain(reason)) => {
                return tell(message, Rcode::NXDOMAIN, Some((reason.code(), "")), BLOCKED, out);
            }
            Err(Action::Refuse(reason)) => {
                return tell(message, Rcode::REFUSED, Some((reason.code(), "")), BLOCKED, out);
            }
            // The configuration names no such pool.
            Err(Action::Pool(_)) => return tell(message, Rcode::SERVFAIL, None, BLOCKED, out),
        };
        let limit = memo::limit(&query, over);
        if let Some(length) = placed.fresh(&query, now, out) {
            return Request::Answer(fit(message, length, limit, out), "cached");
        }
        self.forward(&query, &placed, client, limit, out)
    }

    fn forward(
        &self,
        query: &Query<'_>,
        placed: &Placed<'_>,
        client: IpAddr,
        limit: usize,
        out: &mut [u8],
    ) -> Request {
        let Told { subnet, rewritten } = placed.told;
        let written = if rewritten { wire::with_subnet(query, subnet, out) } else { None };
        // A query that goes as it came, for lack of room, gets an answer that is not for the others.
        let key = placed.key.filter(|_| rewritten == written.is_some());
        let memo = Memo {
            key,
            limit,
            own_opt: written.is_some() && query.edns.is_none(),
            own_subnet: written.is_some(),
            pool: placed.index,
        };
        Request::Forward(Forward {
            route: self.keys.route(query, client, placed.index),
            id: ID,
            fingerprint: Fingerprint(wire::fingerprint(self.seed, query)),
            memo: memo.pack(),
            written,
            repeatable: self.options.retry && query.header.opcode() == opcode::QUERY,
            share: key,
        })
    }

    /// Where a query goes; else the gateway's own answer to it.
    pub(super) fn place(&self, query: &Query<'_>, client: IpAddr) -> Result<Placed<'_>, Action> {
        let index = match self.rules.find(query.question.as_ref(), client) {
            None => 0,
            Some(Action::Pool(index)) => index,
            Some(own) => return Err(own),
        };
        let pool = self.pools.get(index).ok_or(Action::Pool(index))?;
        let told = pool.subnet.of(query, client);
        Ok(Placed { pool, index, told, key: pool.key(query, told) })
    }
}

impl Placed<'_> {
    /// Writes what the pool's cache has.
    pub(super) fn fresh(&self, query: &Query<'_>, now: Instant, out: &mut [u8]) -> Option<usize> {
        self.pool.cache.as_ref()?.find(self.key?, query, self.told.subnet, now, out)
    }

    /// Writes what the pool's cache has, however old it is.
    pub(super) fn stale(&self, query: &Query<'_>, now: Instant, out: &mut [u8]) -> Option<usize> {
        self.pool.cache.as_ref()?.find_stale(self.key?, query, self.told.subnet, now, out)
    }
}

/// The gateway's own answer.
fn tell(
    message: &[u8],
    rcode: Rcode,
    error: Option<(u16, &str)>,
    label: &'static str,
    out: &mut [u8],
) -> Request {
    match wire::error(message, rcode, error, out) {
        Some(length) => Request::Answer(length, label),
        None => Request::Ignore(label),
    }
}

/// Makes the answer in the first `length` bytes of `out` no longer than `limit`; the new length.
pub(super) fn fit(request: &[u8], length: usize, limit: usize, out: &mut [u8]) -> usize {
    if length <= limit {
        return length;
    }
    if let Some((answer, room)) = out.split_at_mut_checked(length)
        && let Some(cut) = wire::truncated(request, answer, limit, room)
    {
        out.copy_within(length..length + cut, 0);
        return cut;
    }
    // No room beside it: the gateway itself sends the client to TCP.
    wire::truncated(request, &[], limit.min(DATAGRAM), out).unwrap_or(0)
}

/// What every client takes over UDP (RFC 1035, section 2.3.4).
const SMALLEST: usize = 512;
/// Extended errors (RFC 8914, sections 4.1 and 4.19).
const OTHER: u16 = 0;
const PROHIBITED: u16 = 18;
/// Labels of the metric.
const DENIED: &str = "denied";
const EXCESS: &str = "rate-limited";
const BLOCKED: &str = "blocked";
