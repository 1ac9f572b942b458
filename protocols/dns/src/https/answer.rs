//! One query through the desk and back, dressed for HTTP.

use std::rc::Rc;

use bytes::Bytes;
use sekisho_api::Facts;

use super::reply::{Refusal, Reply};
use super::{Resolver, padding};
use crate::wire::{self, Header, Rcode, Summary, Unreadable};

/// Answers one message.
///
/// Whatever a DNS server says is a success to HTTP, SERVFAIL and REFUSED too (RFC 8484, section 4.2.1). What is no
/// query at all is not: over HTTP there is a word for it. Silence, which HTTP does not have, becomes status 429.
pub(super) async fn answer<R: Resolver>(front: &Rc<R>, facts: &Rc<Facts>, message: Bytes) -> Reply {
    let pads = match wire::query(&message) {
        Ok(query) => {
            facts.tls.is_some() && query.edns.as_ref().is_some_and(|edns| padding::present(&message, edns))
        }
        Err(Unreadable::Silence(_) | Unreadable::Tell(Rcode::FORMERR, _)) => {
            return Refusal::NoMessage.into();
        }
        Err(Unreadable::Tell(..)) => false,
    };
    let Some(answer) = front.ask(message, facts).await else { return Refusal::Silenced.into() };
    let Some(summary) = wire::ttls(&answer, |_, _| {}) else { return Reply::message(answer, 0) };
    let max_age = freshness(&answer, &summary);
    let padded = summary
        .edns
        .filter(|_| pads && !summary.signed)
        .and_then(|edns| padding::padded(&answer, &edns))
        .unwrap_or(answer);
    Reply::message(padded, max_age)
}

/// For how many seconds caches may keep an answer: never longer than any of its records, nor than the absence that
/// it tells of; failures not at all (RFC 8484, section 5.1).
fn freshness(answer: &[u8], summary: &Summary) -> u32 {
    let Some(header) = Header::read(answer).filter(|header| !header.tc()) else { return 0 };
    let ttl = summary.ttl.unwrap_or(0);
    match header.rcode() {
        Rcode::NOERROR if summary.has_data => ttl,
        Rcode::NOERROR | Rcode::NXDOMAIN => summary.negative.map_or(0, |negative| negative.min(ttl)),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::https::tests::messages::{self, answer, negative};

    fn age(answer: &[u8]) -> u32 {
        freshness(answer, &wire::ttls(answer, |_, _| {}).unwrap())
    }

    #[test]
    fn caches_may_keep_an_answer_as_long_as_its_smallest_ttl() {
        let query = messages::query("a.example", true);
        assert_eq!(age(&answer(&query, 300, 4)), 300);
        assert_eq!(age(&answer(&query, 0, 4)), 0);
        assert_eq!(age(&answer(&query, u32::MAX, 4)), 0);
    }

    #[test]
    fn caches_may_keep_an_absence_as_long_as_its_soa_says() {
        let query = messages::query("a.example", false);
        assert_eq!(age(&negative(&query, Rcode::NXDOMAIN.0, 600, 60)), 60);
        assert_eq!(age(&negative(&query, Rcode::NXDOMAIN.0, 30, 60)), 30);
        assert_eq!(age(&negative(&query, Rcode::NOERROR.0, 600, 60)), 60);
    }

    #[test]
    fn caches_never_keep_failures_and_cut_answers() {
        let query = messages::query("a.example", false);
        assert_eq!(age(&negative(&query, Rcode::SERVFAIL.0, 600, 60)), 0);
        let mut cut = answer(&query, 300, 4).to_vec();
        cut[2] |= 2;
        assert_eq!(age(&cut), 0);
        let mut bare = query.to_vec();
        bare[2] |= 0x80;
        assert_eq!(age(&bare), 0);
    }
}
