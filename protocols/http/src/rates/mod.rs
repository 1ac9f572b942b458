//! How often may be asked: limits on requests, by client, user or whatever else tells them apart.
//!
//! | module | idea |
//! |---|---|
//! | `rate` | a rate as people write it |
//! | `buckets` | how much of it each key has left, over all workers |
//! | `key` | by what requests are counted |
//! | `kept` | buckets survive a reload that does not change them |
//! | `read` | `rate-limits` in the configuration |

mod buckets;
mod kept;
mod key;
mod rate;
mod read;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{StatusCode, request};
use sekisho_api::Networks;
use siphasher::sip::SipHasher13;

use crate::rules::{Caller, Criteria};
use crate::user::Users;
use buckets::Buckets;
pub(crate) use kept::Kept;
pub(crate) use key::forwarded_for;
use key::{Asker, By};

/// The limits of one VIP, in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct Rates(Box<[Limit]>);

/// A limit.
#[derive(Debug)]
struct Limit {
    name: Arc<str>,
    /// Which requests are counted.
    criteria: Criteria,
    by: By,
    /// Clients that may ask as often as they like.
    exempt: Networks,
    /// What a request beyond it is answered.
    status: StatusCode,
    /// Nothing is refused; what would be is counted and logged.
    log_only: bool,
    buckets: Arc<Buckets>,
}

/// A request beyond a limit.
#[derive(Clone, Debug)]
pub(crate) struct Excess {
    /// The limit's name.
    pub(crate) limit: Arc<str>,
    /// What it is answered; `None`: it passes all the same.
    pub(crate) refusal: Option<TooMany>,
}

/// What a client is told that asks too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany {
    /// The status.
    pub(crate) status: StatusCode,
    /// When to come again, in whole seconds, 1 or more.
    pub(crate) after: u64,
}

impl Rates {
    /// Whether there are none, which is for the caller to ask first: the rest takes the time from the clock.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Counts a request in origin form. A request that one limit refuses is not counted by those behind it.
    pub(crate) fn judge(
        &self,
        head: &request::Parts,
        caller: &Caller<'_>,
        trusted: &Networks,
        users: &Users,
        now: Instant,
    ) -> Option<Excess> {
        let from = Asker { client: key::client(&head.headers, caller.address(), trusted), users };
        let mut passing = None;
        for limit in &self.0 {
            match limit.judge(head, caller, from, now) {
                None => {}
                Some(excess) if excess.refusal.is_some() => return Some(excess),
                Some(excess) => passing = passing.or(Some(excess)),
            }
        }
        passing
    }

    /// The names of the limits that count a request in origin form.
    pub(crate) fn counting(
        &self,
        head: &request::Parts,
        caller: &Caller<'_>,
        trusted: &Networks,
        users: &Users,
    ) -> impl Iterator<Item = &str> {
        let from = Asker { client: key::client(&head.headers, caller.address(), trusted), users };
        let counts = move |limit: &&Limit| limit.key(head, caller, from).is_some();
        self.0.iter().filter(counts).map(|limit| &*limit.name)
    }

    /// Whether limits by path cannot be sure what a request asks for.
    pub(crate) fn doubt(&self, head: &request::Parts) -> bool {
        self.0.iter().any(|limit| limit.criteria.by_path()) && crate::rules::is_doubtful(head.uri.path())
    }

    /// The name of each limit, with the requests that were beyond it, and the keys that it had to forget.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&str, u64, u64)> {
        self.0.iter().map(|limit| {
            let (excess, evicted) = limit.buckets.counts();
            (&*limit.name, excess, evicted)
        })
    }
}

impl Limit {
    /// What a request is counted by; `None`: this limit does not count it.
    fn key(&self, head: &request::Parts, caller: &Caller<'_>, from: Asker<'_>) -> Option<SipHasher13> {
        if self.exempt.contains(from.client) || !self.criteria.mean(head, caller) {
            return None;
        }
        let mut hasher = self.buckets.hasher();
        self.by.hash(head, from, &mut hasher)?;
        Some(hasher)
    }

    fn judge(
        &self,
        head: &request::Parts,
        caller: &Caller<'_>,
        from: Asker<'_>,
        now: Instant,
    ) -> Option<Excess> {
        let key = self.key(head, caller, from)?;
        let wait = self.buckets.take(&key, now).err()?;
        let refusal = TooMany { status: self.status, after: seconds(wait) };
        Some(Excess { limit: self.name.clone(), refusal: (!self.log_only).then_some(refusal) })
    }
}

/// Whole seconds, rounded up, and at least one.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs_f64().ceil().max(1.0) as u64
}
